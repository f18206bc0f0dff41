"""What happened in a migration, for an auditor and for the team: facts -> `Report` -> one HTML file, or JSON."""
