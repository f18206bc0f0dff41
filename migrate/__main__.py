"""`python -m migrate` is the command line."""

from migrate.cli.main import run

if __name__ == "__main__":  # worker processes import this module again
    run()
