"""Why a run of the Spark job ended badly: the engine's words and the end of its log, with what to do."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping

from migrate.aws import logs, objects
from migrate.aws.session import Account
from migrate.core.errors import StepError

LINES = 5
"""How much of a log is shown."""

_ENDS = 64 * 1024
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        "assumerole",
        "the source role's trust policy must name the job's role, and the job's role needs sts:AssumeRole on it; "
        "`migrate plan` shows both",
    ),
    (
        "no module named",
        "the engine's Python lacks a module: boto3 is needed; see `migrate.spark` for what a release must have",
    ),
    ("has no boto3", "the engine's Python lacks boto3: choose a newer release"),
    ("belongs to other work", "the source table was made anew, or the manifest changed: remove that folder, and apply"),
    ("nosuchbucket", "the bucket is gone: migrate plan   shows what is needed"),
    ("outofmemory", "use larger workers (worker_type, or instance_type)"),
    ("accessdenied", "the job's role lacks a permission: `migrate plan` shows what it needs"),
    ("access denied", "the job's role lacks a permission: `migrate plan` shows what it needs"),
    ("not authorized", "the job's role lacks a permission: `migrate plan` shows what it needs"),
    ("cannot be assumed", "the role's trust policy must name the service that runs the job; `migrate plan` shows it"),
    ("quota", "ask for fewer workers, wait until others have ended, or ask AWS for a higher quota (Service Quotas)"),
    ("limit", "ask for fewer workers, wait until others have ended, or ask AWS for a higher quota (Service Quotas)"),
    ("capacity", "no capacity for these workers now: try again later, or with another instance or worker type"),
    (
        "refuses too many items",
        "check the target's keys and local indexes, or the transform; dead-letters/ in the work folder has them",
    ),
)
_GOES_ON = "the same command again goes on where the job stopped"
_BY_STATE: Mapping[str, str] = {
    "TIMEOUT": f"raise `timeout_minutes`, or the number of workers; {_GOES_ON}",
    "STOPPED": f"somebody stopped it; {_GOES_ON}",
    "CANCELLED": f"somebody stopped it; {_GOES_ON}",
    "USER_REQUEST": f"somebody stopped it; {_GOES_ON}",
    "EXPIRED": f"it did not get its workers in time (execution class FLEX may wait for long); {_GOES_ON}",
    "INTERRUPTED": f"its cluster ended; {_GOES_ON}",
}


def ended(table: str, engine: str, state: str, message: str, log: Iterable[str] = (), where: str = "") -> StepError:
    """A run that is not a success. `log` is the end of its log, which is found at `where`."""
    lines = [line.strip() for line in log if line.strip()]
    ours = next((line for line in reversed(lines) if line.startswith("migrate: ")), "")
    text = " | ".join(part for part in (message.strip() or "the engine gave no reason", ours) if part)
    known = next((advice for words, advice in _ADVICE if words in text.lower().replace("(", "")), None)
    tail = f"\nthe end of its log ({where}):\n  " + "\n  ".join(lines[-LINES:]) if lines else ""
    advice = known if state not in ("TIMEOUT",) and known else _BY_STATE.get(state)
    return StepError(
        f"the {engine} job for {table} ended as {state}",
        f"{text}{tail}",
        advice or f"mend the cause; {_GOES_ON}",
        kind=state,
    )


def log_in_cloudwatch(account: Account, groups: Iterable[str], stream: str) -> list[str]:
    """The last lines of the first of these log groups that has any."""
    return next((found for group in groups if (found := logs.tail(account, group, stream, 20))), [])


def log_in_s3(account: Account, places: Iterable[str]) -> list[str]:
    """The last lines of the first of these gzipped objects (`s3://bucket/key`) that is there."""
    for place in places:
        bucket, key = place.removeprefix("s3://").split("/", 1)
        content = objects.read(account, bucket, key)
        if content:
            try:
                text = gzip.decompress(content)
            except (OSError, EOFError, zlib.error):
                text = content  # not (or not wholly) packed: some engines write plain text
            return text[-_ENDS:].decode(errors="replace").splitlines()[-20:]
    return []
