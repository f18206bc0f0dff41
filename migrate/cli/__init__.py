"""The human edge: one file per command. Commands import what they need when they run, so that `--help` stays fast."""
