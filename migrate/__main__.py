"""`python -m migrate` is the command line."""

from migrate.cli.main import run

run()
