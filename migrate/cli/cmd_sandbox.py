"""`migrate sandbox`: embedded AWS with two accounts on loopback."""

from __future__ import annotations

import os
import sys

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "sandbox", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
    )
    def sandbox(context: typer.Context) -> int:
        """Start an embedded AWS with two accounts on 127.0.0.1; prints one JSON line when it is ready."""
        require_sandbox()
        # A process of its own: nothing of the sandbox is ever imported by the tool itself.
        os.execv(sys.executable, [sys.executable, "-m", "migrate.sandbox", *context.args])


def require_sandbox() -> None:
    """Raise `Refused` when the extra that the sandbox needs is not installed."""
    from importlib.util import find_spec

    from migrate.core.errors import Refused

    if find_spec("moto") is None or find_spec("flask") is None:
        raise Refused("the sandbox is not installed", hint="pip install 'dynamodb-migrate[sandbox]'")
