"""EMR Serverless: applications and job runs. API reference: 2021-07-13.

Both creations take a client token: the same token with the same parameters gives back the same thing.
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/emr-serverless.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import NotFound

SERVICE = "emr-serverless"
_NEXT = ("nextToken", "nextToken")
GONE = "TERMINATED"


def find_application(account: Account, name: str, tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The application of that name with these tags that is not terminated; None when there is none."""
    for page in pages(account, SERVICE, "ListApplications", token=_NEXT):
        for summary in page.get("applications", []):
            if summary.get("name") == name and summary.get("state") != GONE:
                found = get_application(account, summary["id"])
                if found and tags.items() <= (found.get("tags") or {}).items():
                    return found
    return None


def get_application(account: Account, id: str) -> dict[str, Any] | None:
    """An application: name, state, releaseLabel, tags, ...; None when it is gone or terminated."""
    try:
        found: dict[str, Any] = call(account, SERVICE, "GetApplication", applicationId=id)["application"]
    except NotFound:
        return None
    return None if found.get("state") == GONE else found


def create_application(account: Account, **params: Any) -> str:
    """Make an application; its id."""
    return str(call(account, SERVICE, "CreateApplication", **params)["applicationId"])


def stop_application(account: Account, id: str) -> None:
    """Begin to stop an application. Nothing happens when it is gone."""
    try:
        call(account, SERVICE, "StopApplication", applicationId=id)
    except NotFound:
        return


def delete_application(account: Account, id: str) -> None:
    """Delete a stopped application. Nothing happens when it is gone."""
    try:
        call(account, SERVICE, "DeleteApplication", applicationId=id)
    except NotFound:
        return


def start_run(account: Account, **params: Any) -> str:
    """Start a job run; its id."""
    return str(call(account, SERVICE, "StartJobRun", **params)["jobRunId"])


def get_run(account: Account, application: str, run: str) -> dict[str, Any] | None:
    """A job run: state, stateDetails, name, totalResourceUtilization, ...; None when it is not known."""
    try:
        params = {"applicationId": application, "jobRunId": run}
        found: dict[str, Any] = call(account, SERVICE, "GetJobRun", **params)["jobRun"]
    except NotFound:
        return None
    return found


def list_runs(account: Account, application: str, since: dt.datetime | None) -> Iterator[dict[str, Any]]:
    """Summaries of the runs of an application (id, name, state); none when it is gone."""
    params: dict[str, Any] = {"createdAtAfter": since} if since else {}
    try:
        for page in pages(account, SERVICE, "ListJobRuns", token=_NEXT, applicationId=application, **params):
            yield from page.get("jobRuns", [])
    except NotFound:
        return


def cancel_run(account: Account, application: str, run: str) -> None:
    """Ask a run to stop; nothing happens when it is gone."""
    try:
        call(account, SERVICE, "CancelJobRun", applicationId=application, jobRunId=run)
    except NotFound:
        return
