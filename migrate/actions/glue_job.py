"""An AWS Glue job and its run.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions import spark_access, spark_failure, spark_run, spark_work
from migrate.actions.backup_base import job_look, patient_with_new_roles
from migrate.actions.base import (
    Absent,
    Conflicting,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    seconds_since,
    was_just_started,
)
from migrate.actions.ownership import LINEAGE_TAG, once_seen, own_tags
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import glue
from migrate.aws.session import Account
from migrate.core.access import Access, allow, pass_role
from migrate.core.errors import LimitReached, StepError
from migrate.plan.model import Action
from migrate.spark import arguments
from migrate.state.model import OwnedResource
from migrate.strategies.spark_setup import SERVICES

GLUE = SERVICES["glue"]
GOING_ON = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_FEWER = "ask for fewer `workers`, wait until other runs have ended, or ask AWS for a higher quota (Service Quotas)"


class GlueJobHandler:
    """Kind `glue-job`: params `name`, `role_arn`, `version`, `script`, `archive`, and how it runs when nobody says:
    `worker_type`, `workers`, `timeout_minutes`, `execution_class`.

    One job for each table, of which Glue runs one at a time: no table is ever loaded twice at once.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        job = place.arn("glue", f"job/{action.params['name']}")
        yield allow(place.side, "glue:GetJob GetTags CreateJob TagResource", job)
        yield allow(place.side, "glue:UpdateJob", job, when="the job is there, and differs")
        yield pass_role(place.side, action.params["role_arn"], GLUE)
        yield new_role(place.side, action.params["role_arn"])

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The job."""
        return (_owned(step, context, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A job without our lineage is a conflict."""
        account, name = context.target, step.params["name"]
        job = glue.get_job(account, name)
        if job is None:
            return Absent()
        if not is_owned(account, name, context.lineage):
            return Conflicting(
                StepError(
                    f"the Glue job {name} exists in {account.id} {account.region}, and this migration did not make it",
                    "it appeared after the plan was made",
                    "remove it, or rename the migration; then apply again",
                )
            )
        return Satisfied() if _essence(job) == _essence(_definition(step)) else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`: made, or brought up to date."""
        account, name = context.target, step.params["name"]
        with patient_with_new_roles(account, step.params["role_arn"], context.clock):
            if glue.get_job(account, name) is None:
                glue.create_job(account, name, _definition(step), own_tags(step, context))
            else:
                glue.update_job(account, name, _definition(step))
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        done = Done({"name": step.params["name"]}, owned=(_owned(step, context, is_confirmed=True),))
        return once_seen(self, step, context, done)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the job, if it is ours."""
        remove_job(context.target, step.params["name"], context.lineage)


class GlueRunHandler:
    """Kinds `glue-run` and `glue-verify`: params `job`, `role_arn`, `worker_type`, `workers`, `timeout_minutes`,
    `execution_class`, and those of `spark_run.job_spec`.

    StartJobRun has no client token: a run of ours is found by the token in its arguments, and one of an earlier
    attempt that still runs is adopted.
    """

    slot: str | None = "spark"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.target, action.params
        job = place.arn("glue", f"job/{places.text(params['job'], 'name')}")
        yield allow(place.side, "glue:GetJobRuns StartJobRun GetJobRun", job)
        yield new_role(place.side, params["role_arn"])
        logs = place.arn("logs", "log-group:/aws-glue/jobs/*")
        yield allow(place.side, "logs:GetLogEvents", logs, when="a run has failed", wide=LATER)
        yield from spark_access.run_access(action, places, GLUE)
        names = "logs:CreateLogGroup CreateLogStream PutLogEvents"
        yield allow(params["role_arn"], names, logs, when="Glue writes the log of the job", wide=LATER)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in."""
        return (spark_work.work_folder(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        run = glue.get_run(context.target, step.params["job"], step.handle) if step.handle else _find(step, context)
        if run is None:
            return InProgress(step.handle) if step.handle else spark_run.startable(step, context)
        return Satisfied(run["Id"]) if run["JobRunState"] == "SUCCEEDED" else InProgress(run["Id"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        account, params = context.target, step.params
        found = _find(step, context)
        if found is not None:
            return str(found["Id"])
        wish = {
            "Arguments": arguments.of(spark_run.job_spec(step, context)),
            "WorkerType": params["worker_type"],
            "NumberOfWorkers": params["workers"],
            "Timeout": params["timeout_minutes"],
            "ExecutionClass": params["execution_class"],
        }
        try:
            with patient_with_new_roles(account, params["role_arn"], context.clock):
                return glue.start_run(account, params["job"], **wish)
        except LimitReached as error:
            running = _find(step, context)  # begun by somebody between our look and this call
            if running is None:
                error.hint = _FEWER
                raise
            return str(running["Id"])

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only with a result that balances."""
        account, job = context.target, step.params["job"]
        run = glue.get_run(account, job, str(step.handle))
        if run is None:
            if was_just_started(step, context):
                return Running(job_look(seconds_since(step.started, context.clock), account))
            return Failed(_gone(step), (spark_work.work_folder(step, is_confirmed=True),))
        state, told = run["JobRunState"], _arguments(run)
        if state in GOING_ON:
            return spark_run.going_on(step, context, told, f"Glue: {state.lower()}")
        seconds = float(run.get("DPUSeconds") or run.get("ExecutionTime", 0) * run.get("MaxCapacity", 0))
        if state == "SUCCEEDED":
            return spark_run.succeeded(step, context, told, {"dpu_hours": round(seconds / 3600, 3)})
        found = spark_failure.logs_in_cloudwatch(account, glue.LOG_GROUPS, run["Id"])
        message = str(run.get("ErrorMessage") or run.get("StateDetail") or "")
        error = spark_failure.ended(step.params["target_table"], "Glue", state, message, found)
        return Failed(error, (spark_work.work_folder(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Stop the run, and delete what it left in S3; what it wrote into the table goes with the table."""
        run = glue.get_run(context.target, step.params["job"], step.handle) if step.handle else None
        if run is not None and run["JobRunState"] in GOING_ON:
            glue.stop_run(context.target, step.params["job"], run["Id"])
        spark_work.remove_work(step, context)


def remove_job(account: Account, name: str, lineage: str) -> None:
    """Delete the job if it carries our lineage. Idempotent."""
    if is_owned(account, name, lineage):
        glue.delete_job(account, name)


def is_owned(account: Account, name: str, lineage: str) -> bool:
    """True when the job is there and carries our lineage."""
    return glue.get_job(account, name) is not None and glue.job_tags(account, name).get(LINEAGE_TAG) == lineage


def _find(step: Step, context: Context) -> dict[str, Any] | None:
    """The run of this attempt; or else one that does the same work now."""
    runs = glue.list_runs(context.target, step.params["job"])
    ours = (run for run in runs if spark_run.is_of(step, _arguments(run)))
    same = (run for run in runs if run["JobRunState"] in GOING_ON and spark_run.is_same_work(step, _arguments(run)))
    return next(ours, None) or next(same, None)


def _arguments(run: Mapping[str, Any]) -> list[str]:
    return [part for pair in (run.get("Arguments") or {}).items() for part in pair]


def _definition(step: Step) -> dict[str, Any]:
    params = step.params
    return {
        "Description": "Copies a DynamoDB table (made by migrate)",
        "Role": params["role_arn"],
        "Command": {"Name": "glueetl", "ScriptLocation": params["script"], "PythonVersion": "3"},
        "DefaultArguments": {"--job-language": "python", "--extra-py-files": params["archive"]},
        "GlueVersion": params["version"],
        "WorkerType": params["worker_type"],
        "NumberOfWorkers": params["workers"],
        "Timeout": params["timeout_minutes"],
        "ExecutionClass": params["execution_class"],
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
    }


def _essence(definition: Mapping[str, Any]) -> list[Any]:
    """What decides what the job does; how many workers it has is said with each run."""
    command, arguments_of = definition.get("Command") or {}, definition.get("DefaultArguments") or {}
    role = str(definition.get("Role", "")).rpartition("/")[2]
    return [role, command.get("ScriptLocation"), arguments_of.get("--extra-py-files"), definition.get("GlueVersion")]


def _gone(step: Step) -> StepError:
    return StepError(
        f"the run {step.handle} of the Glue job {step.params['job']} is gone",
        "the job was deleted while it ran, or its history has expired",
        spark_work.LOOK_AGAIN,
    )


def _owned(step: Step, context: Context, *, is_confirmed: bool) -> OwnedResource:
    id = glue.job_arn(context.target, step.params["name"])
    return OwnedResource(id, "glue-job", "target", step.address, is_confirmed)
