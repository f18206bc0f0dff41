"""What Glue, EMR and EMR Serverless keep in one account and Region.

It hangs on moto's backends, so that a reset drops it and the state file keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.glue.models import glue_backends

from migrate.sandbox.jobs import Tokens


@dataclass
class Shelf:
    """All of one account and Region, oldest first."""

    jobs: dict[str, Any] = field(default_factory=dict)
    clusters: dict[str, Any] = field(default_factory=dict)
    applications: dict[str, Any] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)


def shelf(account: str, region: str) -> Shelf:
    """The shelf of an account and Region."""
    backend: Any = glue_backends[account][region]
    if not hasattr(backend, "sandbox_engines"):
        backend.sandbox_engines = Shelf()
    kept: Shelf = backend.sandbox_engines
    return kept
