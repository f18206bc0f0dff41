"""The option `--transport`, which several commands have."""

from __future__ import annotations

import enum
from typing import Any

import typer


class TransportName(str, enum.Enum):
    """The names of `aws/items.py`, which is not imported for them: `--help` must be quick."""

    LEAN = "lean"
    BOTO3 = "boto3"


TRANSPORT: Any = typer.Option(
    None,
    "--transport",
    show_default=False,
    help="What carries items: boto3 is slower, for proxies and odd endpoints. Default: as the manifest says.",
)
