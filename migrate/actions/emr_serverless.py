"""An application of EMR Serverless, and a job run in it.

https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-spark.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions import spark_access, spark_failure, spark_run, spark_work
from migrate.actions.backup_base import job_look, patient_with_new_roles
from migrate.actions.base import (
    Absent,
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
from migrate.actions.ownership import LINEAGE_TAG, own_tags
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import emr_serverless as emr
from migrate.aws.session import Account
from migrate.core.access import Access, Place, allow, anywhere, linked_role, pass_role
from migrate.core.errors import StepError
from migrate.plan.model import Action
from migrate.spark import arguments
from migrate.state.model import OwnedResource
from migrate.strategies.spark_setup import SERVICES

PYTHON = "/usr/bin/python3.11"
"""EMR 7 starts scripts with Python 3.9, and the job needs a newer one. EMR on EC2 has it at the same place."""

EMR_SERVERLESS = SERVICES["serverless"]
ANY = ("emr-serverless", "/applications/*")
"""Every application of an account, with its runs: service and resource of the ARN."""

_NEW = ("CREATING",)
_GOING_ON = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")


class EmrApplicationHandler:
    """Kind `emr-application`: params `name`, `release`, `architecture`, `network` (subnets, security groups).

    The attempt's token is the client token; a lost application is found by its name and our tags.
    """

    slot: str | None = "control"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.of(action.side)
        yield anywhere(place.side, "emr-serverless:ListApplications")
        tags = {"StringEquals": {"aws:RequestTag/migrate:address": action.address}}
        yield anywhere(place.side, "emr-serverless:CreateApplication", condition=tags)
        yield allow(place.side, "emr-serverless:TagResource", place.arn(*ANY), condition=tags, wide=LATER)
        yield allow(place.side, "emr-serverless:GetApplication", place.arn(*ANY), wide=LATER)
        yield linked_role(place, "ops.emr-serverless.amazonaws.com", "AWSServiceRoleForAmazonEMRServerless")
        if action.params["network"]:
            yield from _network_access(place, action.params["network"])

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The application: AWS has not named it yet."""
        return (_owned(step, context),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        found = _find_application(step, context)
        if found is None:
            return Absent()
        id = found["applicationId"]
        return InProgress(id) if found["state"] in _NEW else Satisfied(id)

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        found, params = _find_application(step, context), step.params
        if found is not None:
            return str(found["applicationId"])
        network = {"networkConfiguration": dict(params["network"])} if params.get("network") else {}
        return emr.create_application(
            context.target,
            name=params["name"],
            releaseLabel=params["release"],
            type="SPARK",
            clientToken=step.token,
            architecture=params["architecture"],
            autoStopConfiguration={"enabled": True, "idleTimeoutMinutes": 5},
            tags=own_tags(step, context),
            **network,
        )

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        found = emr.get_application(context.target, str(step.handle))
        if found is None and not was_just_started(step, context):
            return Failed(StepError(f"the application {step.handle} is gone", "somebody has deleted it", "apply again"))
        if found is None or found["state"] in _NEW:
            return Running(job_look(seconds_since(step.started, context.clock), context.target))
        id = str(found["applicationId"])
        return Done({"application_id": id}, owned=(_owned(step, context, id),))

    def undo(self, step: Step, context: Context) -> None:
        """Stop and delete it, if it is ours; it is gone only once it has stopped."""
        found = _find_application(step, context)
        if found is not None:
            end_application(context.target, found)


class EmrRunHandler:
    """Kinds `emr-run` and `emr-verify`: params `application_id`, `role_arn`, `script`, `archive`, `workers`,
    `timeout_minutes`, and those of `spark_run.job_spec`.

    The attempt's token is the client token, and part of the run's name.
    """

    slot: str | None = "spark"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, role = places.target, action.params["role_arn"]
        names = "emr-serverless:ListJobRuns StartJobRun TagResource"
        yield allow(place.side, f"{names} emr-serverless:GetJobRun", place.arn(*ANY), wide=LATER)
        yield pass_role(place.side, role, EMR_SERVERLESS)
        yield new_role(place.side, role)
        yield from spark_access.run_access(action, places, EMR_SERVERLESS)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder that the job works in."""
        return (spark_work.work_folder(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        if step.handle:
            run = emr.get_run(context.target, step.params["application_id"], step.handle)
            return Satisfied(step.handle) if run and run["state"] == "SUCCESS" else InProgress(step.handle)
        found = _find_run(step, context)
        if found is None:
            return spark_run.startable(step, context)
        return Satisfied(found["id"]) if found["state"] == "SUCCESS" else InProgress(found["id"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        found, params = _find_run(step, context), step.params
        if found is not None:
            return str(found["id"])
        submit = {
            "entryPoint": params["script"],
            "entryPointArguments": arguments.as_list(spark_run.job_spec(step, context)),
            "sparkSubmitParameters": submit_parameters(params["archive"], params["workers"]),
        }
        logs = {"s3MonitoringConfiguration": {"logUri": spark_work.logs_of(step)}}
        with patient_with_new_roles(context.target, params["role_arn"], context.clock):
            return emr.start_run(
                context.target,
                applicationId=params["application_id"],
                clientToken=step.token,
                executionRoleArn=params["role_arn"],
                jobDriver={"sparkSubmit": submit},
                configurationOverrides={"monitoringConfiguration": logs},
                executionTimeoutMinutes=params["timeout_minutes"],
                name=_run_name(step),
                tags=own_tags(step, context),
            )

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only with a result that balances."""
        account, application = context.target, step.params["application_id"]
        run = emr.get_run(account, application, str(step.handle))
        owned = (spark_work.work_folder(step, is_confirmed=True),)
        if run is None:
            if was_just_started(step, context):
                return Running(job_look(seconds_since(step.started, context.clock), account))
            error = StepError(f"the job run {step.handle} is gone", "its application was deleted", "apply again")
            return Failed(error, owned)
        state, told = run["state"], _told(run)
        if state in _GOING_ON:
            return spark_run.going_on(step, context, told, f"EMR Serverless: {state.lower()}")
        if state == "SUCCESS":
            used = run.get("totalResourceUtilization") or {}
            hours = {"vcpu_hours": used.get("vCPUHour", 0), "gb_hours": used.get("memoryGBHour", 0)}
            return spark_run.succeeded(step, context, told, hours)
        base = f"{spark_work.logs_of(step)}applications/{application}/jobs/{step.handle}/SPARK_DRIVER/"
        found = spark_failure.logs_in_s3(account, (f"{base}stderr.gz", f"{base}stdout.gz"))
        message = str(run.get("stateDetails") or "")
        name = "TIMEOUT" if "timeout" in message.lower() or "timed out" in message.lower() else state
        error = spark_failure.ended(step.params["target_table"], "EMR Serverless", name, message, found, base)
        return Failed(error, owned)

    def undo(self, step: Step, context: Context) -> None:
        """Cancel the run, and delete what it left in S3; what it wrote into the table goes with the table."""
        account, application = context.target, step.params["application_id"]
        run = emr.get_run(account, application, step.handle) if step.handle else None
        if run is not None and run["state"] in _GOING_ON:
            emr.cancel_run(account, application, run["jobRunId"])
        spark_work.remove_work(step, context)


def _network_access(place: Place, network: Mapping[str, Any]) -> Iterator[Access]:
    """Workers in a network of the user's own get interfaces there."""
    names = {"subnetIds": "subnet", "securityGroupIds": "security-group"}
    there = [place.arn("ec2", f"{names[kind]}/{one}") for kind in names for one in network.get(kind, ())]
    by_service = {"StringEquals": {"aws:CalledViaLast": "ops.emr-serverless.amazonaws.com"}}
    resources = (place.arn("ec2", "network-interface/*"), *there)
    when = "EMR Serverless puts its workers into the network with the permissions of the caller"
    yield allow(place.side, "ec2:CreateNetworkInterface", *resources, condition=by_service, when=when, wide=LATER)


def submit_parameters(archive: str, workers: int) -> str:
    """What spark-submit is told beside the script."""
    settings = {
        "spark.dynamicAllocation.maxExecutors": workers,
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
    }
    return " ".join([f"--py-files {archive}", *(f"--conf {name}={value}" for name, value in settings.items())])


def end_application(account: Account, found: Mapping[str, Any]) -> None:
    """Begin to stop an application, or delete one that has stopped."""
    if found["state"] in ("CREATED", "STOPPED"):
        emr.delete_application(account, found["applicationId"])
    elif found["state"] == "STARTED":
        emr.stop_application(account, found["applicationId"])


def owned_application(account: Account, id: str, lineage: str) -> dict[str, Any] | None:
    """The application, if it is there and carries our lineage."""
    found = emr.get_application(account, id)
    return found if found and (found.get("tags") or {}).get(LINEAGE_TAG) == lineage else None


def _find_application(step: Step, context: Context) -> dict[str, Any] | None:
    if step.handle:
        return owned_application(context.target, step.handle, context.lineage)
    return emr.find_application(context.target, step.params["name"], own_tags(step, context))


def _find_run(step: Step, context: Context) -> dict[str, Any] | None:
    """The run of this attempt; or else one of an earlier attempt that does the same work now."""
    application = step.params["application_id"]
    runs = list(emr.list_runs(context.target, application, None))
    ours = next((run for run in runs if run.get("name") == _run_name(step)), None)
    if ours is not None:
        return ours
    going_on = (run for run in runs if run["state"] in _GOING_ON)
    described = ((run, emr.get_run(context.target, application, run["id"])) for run in going_on)
    return next((run for run, found in described if found and spark_run.is_same_work(step, _told(found))), None)


def _told(run: Mapping[str, Any]) -> list[str]:
    return list((run.get("jobDriver") or {}).get("sparkSubmit", {}).get("entryPointArguments", []))


def _run_name(step: Step) -> str:
    return f"migrate-{step.token}"


def _owned(step: Step, context: Context, id: str = "") -> OwnedResource:
    name = f"emr-serverless://{context.target.id}/{step.params['name']}"
    return OwnedResource(name, "emr-application", "target", step.address, bool(id), {"id": id} if id else {})
