"""CreateJob, GetJob, GetJobs, UpdateJob, DeleteJob, ListJobs and their tags.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html
https://docs.aws.amazon.com/glue/latest/dg/add-job.html   (worker types, execution class)

Not emulated: kinds of jobs other than Spark (`glueetl`) in Python, MaxRetries, connections, security configurations,
MaxCapacity and AllocatedCapacity as input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from migrate.sandbox import clock
from migrate.sandbox.engine_store import shelf
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

DPUS = {
    "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "G.12X": 12, "G.16X": 16, "R.1X": 1, "R.2X": 2, "R.4X": 4, "R.8X": 8,
}  # fmt: skip
_VERSIONS = ("3.0", "4.0", "5.0", "5.1", "6.0")
_NEWEST = "6.0"
_LONGEST_MINUTES = 10_080
_DEFINITION = (
    "Description Role ExecutionProperty Command DefaultArguments NonOverridableArguments MaxRetries Timeout "
    "GlueVersion NumberOfWorkers WorkerType ExecutionClass JobRunQueuingEnabled JobMode"
)


@dataclass(eq=False)
class Job:
    """One job with its runs, oldest first. `wish` is the definition with AWS's defaults in it."""

    name: str
    account: str
    region: str
    wish: dict[str, Any]
    tags: dict[str, str]
    created: datetime = field(default_factory=clock.moment)
    modified: datetime = field(default_factory=clock.moment)
    runs: dict[str, Any] = field(default_factory=dict)

    @property
    def at_once(self) -> int:
        """MaxConcurrentRuns."""
        return int(self.wish["ExecutionProperty"].get("MaxConcurrentRuns", 1))

    def describe(self) -> dict[str, Any]:
        """The structure Job."""
        dpus = DPUS[self.wish["WorkerType"]] * self.wish["NumberOfWorkers"]
        return {
            **self.wish,
            "Name": self.name,
            "CreatedOn": self.created,
            "LastModifiedOn": self.modified,
            "MaxCapacity": float(dpus),
            "AllocatedCapacity": dpus,
        }


def find(call: Call, name: str) -> Job:
    """The job of that name. Raises EntityNotFoundException."""
    job: Job | None = shelf(call.account, call.region).jobs.get(name)
    if job is None:
        raise Refused("EntityNotFoundException", f"Job {name} is not found.")
    return job


def check_size(wish: dict[str, Any]) -> None:
    """Refuses workers, execution class and timeout that do not go together."""
    kind, count = wish["WorkerType"], wish["NumberOfWorkers"]
    if kind not in DPUS:
        raise _invalid(f"Worker type {kind} is not supported for a glueetl job of Glue {wish['GlueVersion']}.")
    if count < 2:
        raise _invalid("NumberOfWorkers must be at least 2.")
    if not 1 <= wish["Timeout"] <= _LONGEST_MINUTES:
        raise _invalid(f"Timeout must be from 1 to {_LONGEST_MINUTES} minutes.")
    if wish["ExecutionClass"] == "FLEX" and kind not in ("G.1X", "G.2X"):
        raise _invalid(f"Execution class FLEX is not supported with worker type {kind}, only with G.1X and G.2X.")


@operation("glue", "CreateJob", f"Name Tags {_DEFINITION}")
def create(call: Call) -> dict[str, Any]:
    kept, body = shelf(call.account, call.region), dict(call.body)
    name, tags = body.pop("Name"), body.pop("Tags", {})
    wish = _complete(body)
    if name in kept.jobs:
        raise Refused("AlreadyExistsException", f"Job with name: {name} already exists.")
    kept.jobs[name] = Job(name, call.account, call.region, wish, dict(tags))
    return {"Name": name}


@operation("glue", "UpdateJob", "JobName JobUpdate")
def update(call: Call) -> dict[str, Any]:
    job = find(call, call.body["JobName"])
    unknown = sorted(set(call.body["JobUpdate"]) - set(_DEFINITION.split()))
    if unknown:
        raise Refused("NotImplemented", f"The sandbox does not emulate JobUpdate.{unknown[0]}", 501)
    job.wish, job.modified = _complete(call.body["JobUpdate"]), clock.moment()
    return {"JobName": job.name}


@operation("glue", "GetJob", "JobName")
def get(call: Call) -> dict[str, Any]:
    return {"Job": find(call, call.body["JobName"]).describe()}


@operation("glue", "GetJobs", "NextToken MaxResults")
def get_all(call: Call) -> dict[str, Any]:
    return call.page("Jobs", [job.describe() for job in shelf(call.account, call.region).jobs.values()])


@operation("glue", "ListJobs", "NextToken MaxResults Tags")
def list_all(call: Call) -> dict[str, Any]:
    wanted = (call.body.get("Tags") or {}).items()
    jobs = shelf(call.account, call.region).jobs.values()
    return call.page("JobNames", [job.name for job in jobs if wanted <= job.tags.items()])


@operation("glue", "DeleteJob", "JobName")
def delete(call: Call) -> dict[str, Any]:
    """One that is not there is no error. Runs in progress go on."""
    shelf(call.account, call.region).jobs.pop(call.body["JobName"], None)
    return {"JobName": call.body["JobName"]}


@operation("glue", "GetTags", "ResourceArn")
def get_tags(call: Call) -> dict[str, Any]:
    return {"Tags": _by_arn(call).tags}


@operation("glue", "TagResource", "ResourceArn TagsToAdd")
def tag(call: Call) -> dict[str, Any]:
    _by_arn(call).tags.update(call.body["TagsToAdd"])
    return {}


@operation("glue", "UntagResource", "ResourceArn TagsToRemove")
def untag(call: Call) -> dict[str, Any]:
    tags = _by_arn(call).tags
    for name in call.body["TagsToRemove"]:
        tags.pop(name, None)
    return {}


def _by_arn(call: Call) -> Job:
    parts = call.body["ResourceArn"].split(":", 5)
    if len(parts) != 6 or parts[2:5] != ["glue", call.region, call.account] or not parts[5].startswith("job/"):
        raise _invalid(f"Not the ARN of a job of this account and Region: {call.body['ResourceArn']}")
    return find(call, parts[5].removeprefix("job/"))


def _complete(wish: dict[str, Any]) -> dict[str, Any]:
    """A definition with AWS's defaults, checked."""
    command = wish.get("Command") or {}
    if command.get("Name") != "glueetl" or str(command.get("PythonVersion", "3")) != "3":
        raise Refused("NotImplemented", "The sandbox only emulates glueetl jobs with Python 3", 501)
    if not str(command.get("ScriptLocation", "")).startswith("s3://"):
        raise _invalid("Command.ScriptLocation must be an S3 path: s3://bucket/key")
    if not wish.get("Role"):
        raise _invalid("Role is required")
    if wish.get("MaxRetries"):
        raise Refused("NotImplemented", "The sandbox does not emulate MaxRetries", 501)
    version = wish.get("GlueVersion", _NEWEST)
    if version not in _VERSIONS:
        raise _invalid(f"Glue version {version} is not supported. Supported versions: {', '.join(_VERSIONS)}")
    if ("WorkerType" in wish) != ("NumberOfWorkers" in wish):
        raise _invalid("Please set both Worker Type and Number of Workers together.")
    complete = {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": 480 if version >= "5.0" else 2880,
        "GlueVersion": version,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 10,
        "ExecutionClass": "STANDARD",
        "JobMode": "SCRIPT",
        "JobRunQueuingEnabled": False,
        **wish,
    }
    check_size(complete)
    return complete


def _invalid(message: str) -> Refused:
    return Refused("InvalidInputException", message)
