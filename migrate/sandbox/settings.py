"""How the sandbox behaves: accounts, how long things take."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE_ACCOUNT = "111111111111"
TARGET_ACCOUNT = "222222222222"
ROLE_NAME = "MigrateSandbox"
REGION = "eu-west-1"


@dataclass(frozen=True)
class Timing:
    """Seconds that an operation stays in its transient state. 0 means that it is final at the next look."""

    create: float = 0.2
    update: float = 0.2
    export: float = 1.0
    load: float = 1.0
    """An import's time in IN_PROGRESS (`import` is a reserved word)."""

    settings: float = 0.2
    """TTL, contributor insights, Kinesis destination: ENABLING -> ENABLED."""
