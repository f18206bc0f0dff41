"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic
from migrate.core.errors import MigrateError
from migrate.render.diagnostics import diagnostics_text, error_document, error_text
from migrate.render.document import json_text
from migrate.render.style import Style


class Console:
    """The two output streams and the common options."""

    def __init__(self) -> None:
        self.state_url = "state/"
        self.verbose = False
        self.is_error_json = False
        """The command was asked for JSON: an error that ends it is printed so, too."""

        self._colour = True

    def configure(self, *, state: str, colour: bool, verbose: bool) -> None:
        """Take over the common options."""
        self.state_url, self._colour, self.verbose = state, colour, verbose

    @property
    def style(self) -> Style:
        """The style for stdout."""
        return Style(self._colour and sys.stdout.isatty())

    @property
    def error_style(self) -> Style:
        """The style for stderr."""
        return Style(self._colour and sys.stderr.isatty())

    def result(self, text: str) -> None:
        """A result: stdout."""
        _print(self.style.safe(text), sys.stdout)

    def json(self, value: Json) -> None:
        """A result as JSON: stdout."""
        _print(json_text(value), sys.stdout)

    def say(self, text: str = "") -> None:
        """Something about the run: stderr."""
        _print(self.error_style.safe(text), sys.stderr)

    def diagnostics(self, found: Sequence[Diagnostic]) -> None:
        """Diagnostics: stderr."""
        if found:
            self.say(diagnostics_text(found, self.error_style))

    def error(self, error: MigrateError) -> None:
        """An error that ends the command: stderr."""
        self.say(error_text(error, self.error_style))

    def error_json(self, error: MigrateError, exit_code: int) -> None:
        """The same as JSON, where JSON was asked for: stdout."""
        if self.is_error_json:
            self.json(error_document(error, exit_code))


def _print(text: str, stream: TextIO) -> None:
    """`migrate plan | head` is no failure: when the reader has gone, the command goes on to its own end in silence."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


console = Console()
"""The one console of this process."""
