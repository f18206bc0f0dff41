"""How the sandbox behaves: accounts, how long things take."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE_ACCOUNT = "111111111111"
TARGET_ACCOUNT = "222222222222"
MANAGEMENT_ACCOUNT = "999999999999"
"""Manages the organization that both accounts belong to."""

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

    backup: float = 0.2
    """A backup job's time in RUNNING; `copy_job` and `restore` are those of AWS Backup's other two kinds of jobs."""

    copy_job: float = 0.2
    restore: float = 0.2

    provision: float = 0.2
    """Until Glue, EMR and EMR Serverless have the machines for a run, which then takes the time that it takes."""
