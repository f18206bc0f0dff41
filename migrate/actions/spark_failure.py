"""Why a run of the Spark job ended badly: the engine's words and the end of its log, with what to do."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from migrate.aws import logs, objects
from migrate.aws.session import Account
from migrate.core.errors import AccessDenied, Invalid, StepError

LINES = 5
"""How much of a log is shown."""

_READ_LINES = 20
_ENDS = 64 * 1024
_OURS = "migrate: "
"""How the job's own last words begin."""

_TRUST = "the role's trust policy must name the service that runs the job; `migrate plan` shows it"
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        "assumerole",
        "the source role's trust policy must name the job's role (and `source_external_id` be what it asks for), and "
        "the job's role needs sts:AssumeRole on it; `migrate plan` shows both",
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
    ("cannot be assumed", _TRUST),
    ("assume role permissions", _TRUST),
    ("could not assume runtime role", _TRUST),
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


@dataclass(frozen=True)
class Log:
    """The end of one log of a run, and where it is."""

    where: str
    lines: tuple[str, ...]

    @property
    def last_words(self) -> str:
        """What our job said when it ended: `migrate: what | why | what next`; '' when it says nothing of its own."""
        return next((line for line in reversed(self.lines) if line.startswith(_OURS)), "")


def ended(table: str, engine: str, state: str, message: str, found: Iterable[Log] = (), where: str = "") -> StepError:
    """A run that is not a success. `found` are the ends of its logs; `where` is where they come to."""
    found = [log for log in found if log.lines]
    log = next((one for one in found if one.last_words), found[0] if found else None)
    ours = log.last_words if log else ""
    said = [message.strip() or "the engine gave no reason", *([ours] if ours and ours not in message else [])]
    text = " | ".join(said)
    tail = f"\nits log comes to {where}" if where else ""
    if log is not None:
        more = [line for line in log.lines[-LINES:] if line != ours]
        tail = f"\nthe end of its log ({log.where}):\n  " + "\n  ".join(more) if more else f"\nits log: {log.where}"
    return StepError(
        f"the {engine} job for {table} ended as {state}", f"{text}{tail}", _advice(state, text), kind=state
    )


def _advice(state: str, text: str) -> str:
    """By the state where that says all, else by known words, else what our job itself has said."""
    known = next((advice for words, advice in _ADVICE if words in text.lower().replace("(", "")), None)
    own = text.rpartition(_OURS)[2].split(" | ")[2:] if _OURS in text else []
    return _BY_STATE.get(state) or known or f"{own[-1] if own else 'mend the cause'}; {_GOES_ON}"


def logs_in_cloudwatch(account: Account, groups: Iterable[str], stream: str) -> Iterator[Log]:
    """The ends of the logs of a run in these log groups."""
    for group in groups:
        try:
            lines = logs.tail(account, group, stream, _READ_LINES)
        except (AccessDenied, Invalid) as error:
            lines = [_unread(error)]
        yield _log(f"log group {group}, stream {stream}", lines)


def logs_in_s3(account: Account, places: Iterable[str]) -> Iterator[Log]:
    """The ends of gzipped logs (`s3://bucket/key`) of which some may not be there."""
    for place in places:
        try:
            yield _log(place, text_in_s3(account, place).splitlines()[-_READ_LINES:])
        except (AccessDenied, Invalid) as error:
            yield _log(place, [_unread(error)])


def text_in_s3(account: Account, place: str) -> str:
    """The end of a gzipped log; '' when it is not there."""
    bucket, key = place.removeprefix("s3://").split("/", 1)
    content = objects.read(account, bucket, key) or b""
    with contextlib.suppress(OSError, EOFError, zlib.error):  # not (or not wholly) packed: some write plain text
        content = gzip.decompress(content)
    return content[-_ENDS:].decode(errors="replace")


def _log(where: str, lines: Iterable[str]) -> Log:
    return Log(where, tuple(line.strip() for line in lines if line.strip()))


def _unread(error: AccessDenied | Invalid) -> str:
    """A log that may not be read must not hide why the run failed."""
    return f"({error.summary})"
