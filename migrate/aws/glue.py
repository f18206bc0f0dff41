"""AWS Glue: one Spark job and its runs. API reference: 2017-03-31.

StartJobRun has no client token: callers look for a run of theirs among GetJobRuns first, by a token in its arguments.
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "glue"
LOG_GROUPS = ("/aws-glue/jobs/error", "/aws-glue/jobs/output")
"""Log groups of stderr and stdout; the stream is named after the run."""

_RUNS_LOOKED_AT = 200


def get_job(account: Account, name: str) -> dict[str, Any] | None:
    """The job's definition; None when there is none."""
    try:
        job: dict[str, Any] = call(account, SERVICE, "GetJob", JobName=name)["Job"]
    except NotFound:
        return None
    return job


def job_arn(account: Account, name: str) -> str:
    """The ARN of a job of that account."""
    return f"arn:{account.partition}:glue:{account.region}:{account.id}:job/{name}"


def job_tags(account: Account, name: str) -> dict[str, str]:
    """The job's tags; none when it is not there."""
    try:
        return dict(call(account, SERVICE, "GetTags", ResourceArn=job_arn(account, name)).get("Tags") or {})
    except NotFound:
        return {}


def create_job(account: Account, name: str, definition: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Make a job; its tags come with the creation. Raises `AlreadyExists`."""
    call(account, SERVICE, "CreateJob", Name=name, Tags=dict(tags), **definition)


def update_job(account: Account, name: str, definition: Mapping[str, Any]) -> None:
    """Replace the job's definition. Runs that have begun keep theirs."""
    call(account, SERVICE, "UpdateJob", JobName=name, JobUpdate=dict(definition))


def delete_job(account: Account, name: str) -> None:
    """Delete a job and its run history; nothing happens when it is gone."""
    call(account, SERVICE, "DeleteJob", JobName=name)


def start_run(account: Account, name: str, **params: Any) -> str:
    """Start a run; its id. Raises `LimitReached` when as many run as the job or the account may."""
    return str(call(account, SERVICE, "StartJobRun", JobName=name, **params)["JobRunId"])


def get_run(account: Account, name: str, run: str) -> dict[str, Any] | None:
    """A run: JobRunState, ErrorMessage, Arguments, DPUSeconds, ExecutionTime, ...; None when it is not known."""
    try:
        found: dict[str, Any] = call(account, SERVICE, "GetJobRun", JobName=name, RunId=run)["JobRun"]
    except NotFound:
        return None
    return found


def list_runs(account: Account, name: str) -> list[dict[str, Any]]:
    """The latest runs of a job, newest first; none when the job is not there."""
    runs: list[dict[str, Any]] = []
    try:
        for page in pages(account, SERVICE, "GetJobRuns", token=("NextToken", "NextToken"), JobName=name):
            runs += page.get("JobRuns", [])
            if len(runs) >= _RUNS_LOOKED_AT:
                break
    except NotFound:
        return []
    return runs


def stop_run(account: Account, name: str, run: str) -> None:
    """Ask a run to stop; nothing happens when it has ended."""
    call(account, SERVICE, "BatchStopJobRun", JobName=name, JobRunIds=[run])
