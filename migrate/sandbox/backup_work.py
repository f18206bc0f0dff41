"""What the three kinds of jobs of AWS Backup have in common: states, waiting for their turn, tokens, lists.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupJob.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html

Of one resource one backup or copy job runs at a time; the next ones wait. A fault rule (`faults.py`) can decide how a
job ends before it has begun. Not emulated: other quotas, retries of copy jobs, CompleteWindowMinutes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from migrate.sandbox import clock
from migrate.sandbox.backup_store import Shelf, shelf
from migrate.sandbox.jobs import Tokens
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call

RESOURCE_TYPE = "DynamoDB"
ENDED = ("COMPLETED", "ABORTED", "FAILED", "EXPIRED", "PARTIAL")


@dataclass(eq=False)
class Job:
    """One job; `seconds` is how long it runs, `doom` the state and message in which it must end."""

    account: str
    region: str
    resource_arn: str
    role_arn: str
    seconds: float
    doom: tuple[str, str] | None = None
    created_by: dict[str, str] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    created: datetime = field(default_factory=clock.moment)
    state: str = "CREATED"
    message: str = ""
    began: float | None = None
    completed: datetime | None = None

    @property
    def shelf(self) -> Shelf:
        """Where the job is kept."""
        return shelf(self.account, self.region)

    @property
    def percent(self) -> dict[str, str]:
        """PercentDone, a string; absent until the job runs."""
        if self.state == "COMPLETED":
            return {"PercentDone": "100.0"}
        if self.began is None or self.state in ENDED:
            return {}
        return {"PercentDone": f"{min(99.0, 100 * (clock.now() - self.began) / max(self.seconds, 0.001)):.1f}"}

    def run(self) -> None:
        """The job is RUNNING from now on."""
        self.state, self.began = "RUNNING", clock.now()

    def end(self, state: str, message: str = "") -> None:
        """The job has ended."""
        self.state, self.message, self.completed = state, message, clock.moment()

    def common(self) -> dict[str, Any]:
        """What every description has."""
        optional = {
            "CompletionDate": self.completed,
            "StatusMessage": self.message,
            "CreatedBy": self.created_by,
        }
        return {
            "AccountId": self.account,
            "CreationDate": self.created,
            "IamRoleArn": self.role_arn,
            "ResourceType": RESOURCE_TYPE,
            **{name: value for name, value in optional.items() if value},
        }


def doom_of(call: Call) -> tuple[str, str] | None:
    """How a fault rule wants the job of this request to end."""
    found: tuple[str, str] | None = call.request.notes.get("job")
    return found


J = TypeVar("J", bound="Job")


def once(call: Call, start: Callable[[Call], J]) -> J:
    """The job of a Start call: a new one, or for a known IdempotencyToken the one that it started."""
    request = dict(call.body)
    token = str(request.pop("IdempotencyToken", None) or uuid.uuid4())
    kept = shelf(call.account, call.region)
    tokens = kept.tokens.setdefault(call.request.operation, Tokens())
    known, differs = tokens.find(token, request)
    if differs:
        raise Refused("InvalidParameterValueException", "The idempotency token belongs to another request.")
    if known:
        earlier: J = kept.jobs[known]
        return earlier
    job = start(call)
    kept.jobs[job.id] = job
    tokens.keep(token, request, job.id)
    return job


def line_up(job: Job, begin: Callable[[Any], None]) -> None:
    """Begins the job now, or when the jobs before it of the same resource have ended."""
    lane = job.shelf.lanes.setdefault(job.resource_arn, [])
    lane.append((job, begin))
    if len(lane) == 1:
        begin(job)


def leave(job: Job) -> None:
    """The job does not stand in its resource's line any more; the next one begins."""
    lane = job.shelf.lanes[job.resource_arn]
    was_first = lane[0][0] is job
    lane[:] = [entry for entry in lane if entry[0] is not job]
    if lane and was_first:
        following, begin = lane[0]
        begin(following)


def find(call: Call, kind: type, name: str) -> Any:
    """The job that a Describe call names. Raises ResourceNotFoundException."""
    job = shelf(call.account, call.region).jobs.get(call.body[name])
    if not isinstance(job, kind):
        raise Refused("ResourceNotFoundException", f"{name} {call.body[name]} does not exist.")
    return job


def select(call: Call, kind: type, more: dict[str, str]) -> list[Any]:
    """The jobs that a List call asks for, newest first. `more`: parameter -> the attribute that it must equal."""
    wanted = call.body

    def fits(job: Any) -> bool:
        ended = job.completed
        return (
            all(name not in wanted or getattr(job, attribute) == wanted[name] for name, attribute in more.items())
            and wanted.get("ByResourceType") in (None, RESOURCE_TYPE)
            and ("ByCreatedAfter" not in wanted or job.created >= wanted["ByCreatedAfter"])
            and ("ByCreatedBefore" not in wanted or job.created <= wanted["ByCreatedBefore"])
            and ("ByCompleteAfter" not in wanted or (ended is not None and ended >= wanted["ByCompleteAfter"]))
            and ("ByCompleteBefore" not in wanted or (ended is not None and ended <= wanted["ByCompleteBefore"]))
        )

    return [job for job in shelf(call.account, call.region).jobs_of(kind) if fits(job)]
