"""StartJobRun, GetJobRun, ListJobRuns, CancelJobRun of EMR Serverless: the script really runs, on local Spark.

https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_StartJobRun.html
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/job-states.html
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/logging.html

SUBMITTED, SCHEDULED, RUNNING, then SUCCESS if the process ended with 0, else FAILED with its last words; CANCELLING and
CANCELLED when it was cancelled, CANCELLED by itself after executionTimeoutMinutes. The driver's output stands gzipped
below s3MonitoringConfiguration.logUri. Not emulated: Hive, streaming, retries, flexible execution, images, quotas.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from migrate.sandbox import clock, spark_runs
from migrate.sandbox.engine_access import RunFailed, trusted_role, write_logs
from migrate.sandbox.engine_runs import NO_MACHINES, Start, doom_of, launch, why
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.serverless_applications import Application, find, invalid, is_busy, new_id, once, rest, wake
from migrate.sandbox.service_roles import find_role
from migrate.sandbox.settings import Timing
from migrate.sandbox.spark_command import SparkCommand, parse, take_setting
from migrate.sandbox.spark_runs import Doom, Ended

SERVICE = "emr-serverless.amazonaws.com"
_DEFAULT_MINUTES, _MOST_MINUTES = 720, 10_080
_VCPUS, _GB, _DISK = 12, 48, 60
"""Of a run with the default sizes: a driver and two executors of 4 vCPU, 16 GB and 20 GB each."""

_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a run waits for its machines."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class Run:
    """One run. `wish` is the request that started it."""

    application: Application
    wish: dict[str, Any]
    created_by: str
    doom: Doom | None
    id: str = field(default_factory=new_id)
    state: str = "SUBMITTED"
    details: str = ""
    created: datetime = field(default_factory=clock.moment)
    updated: datetime = field(default_factory=clock.moment)
    began: datetime | None = None
    ended: datetime | None = None
    is_late: bool = False

    @property
    def minutes(self) -> int:
        """executionTimeoutMinutes."""
        return int(self.wish.get("executionTimeoutMinutes", _DEFAULT_MINUTES))

    @property
    def log_uri(self) -> str | None:
        """Where its logs go in S3."""
        overrides = self.wish.get("configurationOverrides") or self.application.wish
        found = (overrides.get("monitoringConfiguration") or {}).get("s3MonitoringConfiguration") or {}
        place: str | None = found.get("logUri")
        return place

    def become(self, state: str, details: str = "") -> None:
        """Another state, that is not a final one."""
        self.state, self.details, self.updated = state, details, clock.moment()

    def end(self, state: str, details: str = "") -> None:
        """A final state."""
        self.become(state, details)
        self.ended = self.updated
        if not is_busy(self.application):
            rest(self.application)

    def summary(self) -> dict[str, Any]:
        """The structure JobRunSummary."""
        shown: dict[str, Any] = {name: self.wish[name] for name in ("name", "mode") if name in self.wish}
        return {
            **shown,
            "applicationId": self.application.id,
            "id": self.id,
            "arn": f"{self.application.arn}/jobruns/{self.id}",
            "createdBy": self.created_by,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "executionRole": self.wish["executionRoleArn"],
            "state": self.state,
            "stateDetails": self.details,
            "releaseLabel": self.application.wish["releaseLabel"],
            "type": "Spark",
        }

    def describe(self) -> dict[str, Any]:
        """The structure JobRun."""
        shown = {name: value for name, value in self.summary().items() if name not in ("id", "type")}
        names = ("jobDriver", "configurationOverrides", "tags")
        shown |= {name: self.wish[name] for name in names if name in self.wish}
        shown |= {"jobRunId": self.id, "executionTimeoutMinutes": self.minutes, "attempt": 1}
        if self.began is not None:
            end = self.ended or clock.moment()
            hours = (end - self.began).total_seconds() / 3600
            used = {"vCPUHour": _VCPUS * hours, "memoryGBHour": _GB * hours, "storageGBHour": _DISK * hours}
            shown |= {"startedAt": self.began, "totalExecutionDurationSeconds": int(hours * 3600)}
            shown |= {"totalResourceUtilization": used}
        if self.ended is not None:
            shown["endedAt"] = self.ended
        return shown


@operation(
    "emr-serverless",
    "StartJobRun",
    "applicationId clientToken executionRoleArn jobDriver configurationOverrides tags executionTimeoutMinutes name "
    "mode",
)
def start(call: Call) -> dict[str, Any]:
    application = find(call)
    id = once(call, f"StartJobRun/{application.id}", lambda wish: _accept(call, application, wish).id)
    run = application.runs[id]
    return {"applicationId": application.id, "jobRunId": id, "arn": run.summary()["arn"]}


def _accept(call: Call, application: Application, wish: dict[str, Any]) -> Run:
    if application.state in ("CREATING", "STOPPING", "TERMINATED"):
        raise invalid(f"Application {application.id} cannot run jobs in state {application.state}.")
    starts_itself = application.wish["autoStartConfiguration"].get("enabled", True)
    if application.state != "STARTED" and not starts_itself:
        raise invalid(f"Application {application.id} is not started, and does not start by itself.")
    if "sparkSubmit" not in wish.get("jobDriver", {}) or wish.get("mode", "BATCH") != "BATCH":
        raise Refused("NotImplemented", "The sandbox only emulates batch jobs with sparkSubmit", 501)
    if wish["executionRoleArn"].split(":")[4] != call.account:
        raise invalid("Cross-account pass role is not allowed.")
    run = Run(application, wish, call.request.caller.arn, doom_of(call))
    if not 1 <= run.minutes <= _MOST_MINUTES:
        raise invalid(f"executionTimeoutMinutes must be from 1 to {_MOST_MINUTES}.")
    application.runs[run.id] = run
    wake(application)
    schedule(_timing.provision / 2, partial(_schedule, run))
    return run


@operation("emr-serverless", "GetJobRun", "applicationId jobRunId attempt")
def get(call: Call) -> dict[str, Any]:
    return {"jobRun": _find(call).describe()}


@operation(
    "emr-serverless", "ListJobRuns", "applicationId nextToken maxResults createdAtAfter createdAtBefore states mode"
)
def list_all(call: Call) -> dict[str, Any]:
    body, states = call.body, call.body.get("states")
    found = [
        run.summary()
        for run in reversed(list(find(call).runs.values()))
        if (not states or run.state in states)
        and ("createdAtAfter" not in body or run.created >= body["createdAtAfter"])
        and ("createdAtBefore" not in body or run.created <= body["createdAtBefore"])
    ]
    return call.page("jobRuns", found, "maxResults", "nextToken")


@operation("emr-serverless", "CancelJobRun", "applicationId jobRunId shutdownGracePeriodInSeconds")
def cancel(call: Call) -> dict[str, Any]:
    run = _find(call)
    if run.ended is not None:
        raise invalid(f"Job run {run.id} has ended: {run.state}.")
    run.become("CANCELLING")
    if not spark_runs.kill(run.id):
        run.end("CANCELLED", "Job was cancelled by the user")
    return {"applicationId": run.application.id, "jobRunId": run.id}


def _find(call: Call) -> Run:
    run: Run | None = find(call).runs.get(call.body["jobRunId"])
    if run is None:
        raise Refused("ResourceNotFoundException", f"Job run {call.body['jobRunId']} does not exist", 404)
    return run


def _schedule(run: Run) -> None:
    with STARTING:
        if run.state == "SUBMITTED":
            run.become("SCHEDULED")
            schedule(_timing.provision / 2, partial(_begin, run))


def _begin(run: Run) -> None:
    with STARTING:
        if run.state != "SCHEDULED":
            return
        application, arn = run.application, run.wish["executionRoleArn"]
        try:
            role = trusted_role(arn, application.account, SERVICE, application.arn)
            if run.doom and run.doom.kind == NO_MACHINES:
                raise RunFailed(run.doom.message or "You have reached the vCPU quota of the account.")
            if role is None:
                raise RunFailed(
                    f"Could not assume runtime role {arn} because it does not exist or isn't setup with the required "
                    "trust relationship."
                )
            start = Start(run.id, role, application.region, run.id, run.doom)
            launch(start, _command(run), partial(_ended, run))
        except RunFailed as error:
            run.end("FAILED", str(error))
            return
        run.become("RUNNING")
        run.began = run.updated
        schedule(60 * run.minutes, partial(_time_out, run))


def _command(run: Run) -> SparkCommand:
    driver = run.wish["jobDriver"]["sparkSubmit"]
    command = parse(shlex.split(driver.get("sparkSubmitParameters", "")))
    overrides = (run.wish.get("configurationOverrides") or {}).get("applicationConfiguration", [])
    for one in overrides:
        for name, value in (one.get("properties") or {}).items() if one["classification"] == "spark-defaults" else ():
            take_setting(command, f"{name}={value}")
    command.script, command.arguments = driver["entryPoint"], driver.get("entryPointArguments", [])
    return command


def _time_out(run: Run) -> None:
    with STARTING:
        if run.state == "RUNNING":
            run.is_late = True
            spark_runs.kill(run.id)


def _ended(run: Run, ended: Ended) -> None:
    role, place = find_role(run.wish["executionRoleArn"]), run.log_uri
    if role is not None and place:
        folder = f"applications/{run.application.id}/jobs/{run.id}/SPARK_DRIVER"
        write_logs(role, place, {f"{folder}/stdout.gz": ended.out, f"{folder}/stderr.gz": ended.errors})
    struck = ended.struck.kind if ended.struck else ""
    if run.state == "CANCELLING":
        run.end("CANCELLED", "Job was cancelled by the user")
    elif run.is_late or struck == "job-timeout":
        run.end("CANCELLED", f"Job run exceeded the execution timeout of {run.minutes} minutes")
    elif ended.is_success:
        run.end("SUCCESS")
    elif struck:
        run.end("FAILED", why(ended, "Job execution failed: the driver was killed. ExitCode: 137."))
    else:
        run.end(
            "FAILED",
            "Job execution failed, please check complete logs in configured logging destination. ExitCode: 1. Last few "
            f"exceptions: {ended.message}",
        )
