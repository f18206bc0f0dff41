"""StartJobRun, GetJobRun, GetJobRuns, BatchStopJobRun: the job's script really runs, on local Spark.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
https://docs.aws.amazon.com/glue/latest/dg/reduced-start-times-spark-etl-jobs.html

STARTING, RUNNING, then SUCCEEDED if the process ended with 0, else FAILED with its last words; TIMEOUT by the sandbox's
clock; STOPPING and STOPPED when it was stopped. StartJobRun has no token and starts a run each time. Beyond the quotas
and MaxConcurrentRuns a run is refused, or WAITING where queuing is on. What the script wrote stands in the log groups
/aws-glue/jobs/output and /error, in a stream with the run's id. The quotas are the sandbox's: AWS's differ by account.
Not emulated: JobRunId (running a run again), additional Python modules, bookmarks, metrics, continuous logging.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from migrate.sandbox import clock, spark_runs
from migrate.sandbox.engine_access import RunFailed, role_arn, trusted_role, write_stream
from migrate.sandbox.engine_runs import NO_MACHINES, Start, doom_of, launch, why
from migrate.sandbox.engine_store import shelf
from migrate.sandbox.glue_jobs import DPUS, Job, check_size, find
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing
from migrate.sandbox.spark_command import SparkCommand, take_setting
from migrate.sandbox.spark_runs import Doom, Ended

SERVICE = "glue.amazonaws.com"
LOG_GROUP = "/aws-glue/jobs"
MOST_RUNS, MOST_DPUS = 50, 1000
_ENDED = ("STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR")
_USING = ("STARTING", "RUNNING", "STOPPING")
_NOT_EMULATED = ("--additional-python-modules", "--extra-jars", "--extra-files", "--python-virtual-env")
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a run stays in STARTING."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class Run:
    """One run. `size` is what the job says of workers, class, version and timeout, with what the start said instead."""

    job: Job
    arguments: dict[str, str]
    size: dict[str, Any]
    doom: Doom | None
    id: str = field(default_factory=lambda: "jr_" + secrets.token_hex(32))
    state: str = "WAITING"
    message: str = ""
    created: datetime = field(default_factory=clock.moment)
    began: float | None = None
    is_late: bool = False
    completed: datetime | None = None

    @property
    def dpus(self) -> int:
        """Data processing units that it holds."""
        return int(DPUS[self.size["WorkerType"]] * self.size["NumberOfWorkers"])

    @property
    def seconds(self) -> int:
        """ExecutionTime: whole seconds in RUNNING."""
        if self.began is None:
            return 0
        end = self.completed.timestamp() if self.completed else clock.now()
        return max(int(end - self.began), 1 if self.completed else 0)

    @property
    def is_metered(self) -> bool:
        """DPUSeconds is told of flexible and auto-scaled runs only."""
        return self.size["ExecutionClass"] == "FLEX" or self.arguments.get("--enable-auto-scaling") == "true"

    def end(self, state: str, message: str = "") -> None:
        """The final state; the next run that waits may start."""
        self.state, self.message, self.completed = state, message, clock.moment()
        _start_waiting(self.job.account, self.job.region)

    def describe(self) -> dict[str, Any]:
        """The structure JobRun."""
        shown = {
            **self.size,
            "Id": self.id,
            "Attempt": 0,
            "JobName": self.job.name,
            "JobMode": "SCRIPT",
            "StartedOn": self.created,
            "LastModifiedOn": self.completed or self.created,
            "JobRunState": self.state,
            "Arguments": self.arguments,
            "PredecessorRuns": [],
            "AllocatedCapacity": self.dpus,
            "MaxCapacity": float(self.dpus),
            "ExecutionTime": self.seconds,
            "LogGroupName": LOG_GROUP,
        }
        if self.completed:
            shown["CompletedOn"] = self.completed
        if self.message:
            shown["ErrorMessage"] = self.message
        if self.is_metered and self.completed:
            shown["DPUSeconds"] = float(self.dpus * self.seconds)
        return shown


@operation(
    "glue",
    "StartJobRun",
    "JobName JobRunQueuingEnabled Arguments Timeout WorkerType NumberOfWorkers ExecutionClass",
)
def start(call: Call) -> dict[str, Any]:
    job, body = find(call, call.body["JobName"]), call.body
    names = ("Timeout", "WorkerType", "NumberOfWorkers", "ExecutionClass", "GlueVersion", "JobRunQueuingEnabled")
    if ("WorkerType" in body) != ("NumberOfWorkers" in body):
        raise Refused("InvalidInputException", "Please set both Worker Type and Number of Workers together.")
    size = {name: body.get(name, job.wish[name]) for name in names}
    check_size(size)
    run = Run(job, dict(body.get("Arguments") or {}), size, doom_of(call))
    refusal = _lack(run)
    if refusal and not size["JobRunQueuingEnabled"]:
        raise refusal
    job.runs[run.id] = run
    if not refusal:
        _provision(run)
    return {"JobRunId": run.id}


@operation("glue", "GetJobRun", "JobName RunId PredecessorsIncluded")
def get(call: Call) -> dict[str, Any]:
    return {"JobRun": _find(find(call, call.body["JobName"]), call.body["RunId"]).describe()}


@operation("glue", "GetJobRuns", "JobName NextToken MaxResults")
def get_all(call: Call) -> dict[str, Any]:
    runs = reversed(list(find(call, call.body["JobName"]).runs.values()))
    return call.page("JobRuns", [run.describe() for run in runs])


@operation("glue", "BatchStopJobRun", "JobName JobRunIds")
def stop(call: Call) -> dict[str, Any]:
    name = call.body["JobName"]
    job: Job | None = shelf(call.account, call.region).jobs.get(name)
    done, errors = [], []
    for id in call.body["JobRunIds"]:
        try:
            if job is None:
                raise Refused("EntityNotFoundException", f"Job {name} is not found.")
            _stop(_find(job, id))
            done.append({"JobName": name, "JobRunId": id})
        except Refused as error:
            detail = {"ErrorCode": error.name_only, "ErrorMessage": error.message}
            errors.append({"JobName": name, "JobRunId": id, "ErrorDetail": detail})
    return {"SuccessfulSubmissions": done, "Errors": errors}


def _find(job: Job, id: str) -> Run:
    run: Run | None = job.runs.get(id)
    if run is None:
        raise Refused("EntityNotFoundException", f"Job run {id} of job {job.name} is not found.")
    return run


def _stop(run: Run) -> None:
    if run.state in _ENDED:
        raise Refused("InvalidInputException", f"Job run {run.id} has ended: {run.state}")
    run.state = "STOPPING"
    if not spark_runs.kill(run.id):
        run.end("STOPPED")


def _lack(run: Run) -> Refused | None:
    """Why the run cannot start now."""
    job = run.job
    if run.doom and run.doom.kind == NO_MACHINES:
        text = run.doom.message or f"Maximum of {MOST_DPUS} task DPUs exceeded."
        return Refused("ResourceNumberLimitExceededException", text)
    using = [one for one in _all_runs(job.account, job.region) if one.state in _USING]
    if sum(one.job is job for one in using) >= job.at_once:
        return Refused("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job.name}")
    if len(using) >= MOST_RUNS:
        return Refused("ResourceNumberLimitExceededException", f"Maximum of {MOST_RUNS} concurrent job runs exceeded.")
    if sum(one.dpus for one in using) + run.dpus > MOST_DPUS:
        return Refused("ResourceNumberLimitExceededException", f"Maximum of {MOST_DPUS} task DPUs exceeded.")
    return None


def _all_runs(account: str, region: str) -> list[Run]:
    return [run for job in shelf(account, region).jobs.values() for run in job.runs.values()]


def _start_waiting(account: str, region: str) -> None:
    for run in sorted(_all_runs(account, region), key=lambda one: one.created):
        if run.state == "WAITING" and _lack(run) is None:
            _provision(run)


def _provision(run: Run) -> None:
    run.state = "STARTING"
    schedule(_timing.provision, partial(_begin, run))


def _begin(run: Run) -> None:
    with STARTING:
        if run.state != "STARTING":
            return
        job = run.job
        try:
            arn = role_arn(job.account, job.wish["Role"])
            role = trusted_role(arn, job.account, SERVICE)
            if role is None:
                raise RunFailed(f"Role {arn} should be given assume role permissions for Glue Service.")
            start = Start(run.id, role, job.region, "GlueJobRunnerSession", run.doom)
            launch(start, _command(run), partial(_ended, run))
        except RunFailed as error:
            run.end("FAILED", f"LAUNCH ERROR | {error}")
            return
        run.state, run.began = "RUNNING", clock.now()
        schedule(60 * run.size["Timeout"], partial(_time_out, run))


def _command(run: Run) -> SparkCommand:
    """Glue keeps some arguments for itself and hands all of them on."""
    given = {**run.job.wish.get("DefaultArguments", {}), **run.arguments, **_fixed(run)}
    for name in _NOT_EMULATED:
        if given.get(name):
            raise RunFailed(f"The sandbox does not emulate the job argument {name}")
    command = SparkCommand(script=run.job.wish["Command"]["ScriptLocation"])
    command.py_files = [place for place in given.get("--extra-py-files", "").split(",") if place]
    for setting in given.get("--conf", "").split(" --conf "):
        if setting.strip():
            take_setting(command, setting.strip())
    own = {"--JOB_NAME": run.job.name, "--JOB_RUN_ID": run.id, "--JOB_ID": run.job.name}
    command.arguments = [word for pair in (own | given).items() for word in pair]
    return command


def _fixed(run: Run) -> dict[str, str]:
    return run.job.wish.get("NonOverridableArguments") or {}


def _time_out(run: Run) -> None:
    with STARTING:
        if run.state == "RUNNING":
            run.is_late = True
            spark_runs.kill(run.id)


def _ended(run: Run, ended: Ended) -> None:
    for name, text in (("output", ended.out), ("error", ended.errors)):
        write_stream(run.job.account, run.job.region, f"{LOG_GROUP}/{name}", run.id, text)
    struck = ended.struck.kind if ended.struck else ""
    if run.state == "STOPPING":
        run.end("STOPPED")
    elif run.is_late or struck == "job-timeout":
        run.end("TIMEOUT", "Job run timed out")
    elif ended.is_success:
        run.end("SUCCEEDED")
    else:
        killed = "Command failed with exit code 137: the driver was killed"
        run.end("FAILED", why(ended, killed))
