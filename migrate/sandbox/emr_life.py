"""What becomes of a cluster: machines, one step after the other as real spark-submits, the end.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html#emr-overview-cluster-lifecycle
https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-commandrunner.html

A step is COMPLETED only if its process ended with 0. Steps run as the role of the instance profile. Their logs stand
gzipped below LogUri, in `<cluster>/steps/<step>/`; with `--deploy-mode cluster` those tell of a YARN application only,
whose driver has written into `<cluster>/containers/<application>/`. Steps other than command-runner.jar with
spark-submit are FAILED.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

from moto.iam.models import Role, iam_backends

from migrate.sandbox import clock, spark_runs
from migrate.sandbox.emr_store import ENDED, STEP_ENDED, Cluster, Step
from migrate.sandbox.engine_access import RunFailed, role_arn, trusted_role, write_logs
from migrate.sandbox.engine_runs import NO_MACHINES, Start, launch, why
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.settings import Timing
from migrate.sandbox.spark_command import SparkCommand, parse
from migrate.sandbox.spark_runs import Ended

SERVICE, MACHINES = "elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"
_ENDING = (*ENDED, "TERMINATING")
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long a cluster takes to start and to terminate."""
    global _timing
    _timing = timing


def begin(cluster: Cluster) -> None:
    """Has a new cluster start."""
    schedule(_timing.provision / 2, partial(_bootstrap, cluster))


def profile_of(account: str, name: str) -> Any:
    """The instance profile of that name or ARN; None if there is none."""
    profiles = iam_backends[account]["aws"].instance_profiles.values()
    return next((one for one in profiles if name in (one.name, one.arn)), None)


def shut_down(cluster: Cluster, code: str, message: str, *, is_failed: bool = False) -> None:
    """Ends the steps and then the cluster. Nothing happens to one that is ending."""
    if cluster.state in _ENDING:
        return
    cluster.state, cluster.is_failed = "TERMINATING", is_failed
    cluster.reason = {"Code": code, "Message": message}
    for step in cluster.steps.values():
        cancel(step)
    schedule(_timing.provision / 2, partial(_terminate, cluster))


def cancel(step: Step) -> bool:
    """Ends a step that has not ended; its process is killed. False for one that has."""
    if step.state in STEP_ENDED:
        return False
    if step.state == "RUNNING" and spark_runs.kill(step.id):
        step.is_cancelled = True
    elif not step.is_cancelled:
        step.end("CANCELLED")
    return True


def go_on(cluster: Cluster) -> None:
    """Begins the next step, or what follows the last one. Nothing happens while a step runs."""
    while cluster.state in ("RUNNING", "WAITING") and not _is_busy(cluster):
        step = next((one for one in cluster.steps.values() if one.state == "PENDING"), None)
        if step is None:
            _finish(cluster)
            return
        cluster.state, cluster.reason = "RUNNING", {"Message": "Running step"}
        _run(cluster, step)


def _is_busy(cluster: Cluster) -> bool:
    return any(step.state == "RUNNING" for step in cluster.steps.values())


def _finish(cluster: Cluster) -> None:
    steps = cluster.steps.values()
    is_stopped = any(one.state == "FAILED" and one.on_failure == "CANCEL_AND_WAIT" for one in steps)
    if cluster.is_transient and not is_stopped:
        failures = any(step.state == "FAILED" for step in steps)
        shut_down(cluster, "ALL_STEPS_COMPLETED", "Steps completed with errors" if failures else "Steps completed")
    elif cluster.state != "WAITING":
        cluster.state, cluster.idle_since = "WAITING", clock.now()
        cluster.reason = {"Message": "Cluster ready to run steps."}
        policy = cluster.wish.get("AutoTerminationPolicy") or {}
        if "IdleTimeout" in policy:
            schedule(policy["IdleTimeout"], partial(_idle_too_long, cluster, cluster.idle_since))


def _run(cluster: Cluster, step: Step) -> None:
    step.state, step.began = "RUNNING", clock.moment()
    try:
        role = _machine_role(cluster)
        if role is None:
            raise RunFailed(f"The role of the instance profile {cluster.wish['JobFlowRole']} cannot be assumed.")
        start = Start(step.id, role, cluster.region, cluster.id, step.doom)
        launch(start, _command(cluster, step), partial(_ended, cluster, step))
    except RunFailed as error:
        _fail(cluster, step, str(error))


def _command(cluster: Cluster, step: Step) -> SparkCommand:
    jar = step.wish["HadoopJarStep"]
    words = jar.get("Args", [])
    if jar["Jar"] != "command-runner.jar" or words[:1] != ["spark-submit"]:
        raise RunFailed("The sandbox only runs steps of command-runner.jar with spark-submit")
    if not any(one["Name"].lower() == "spark" for one in cluster.wish.get("Applications", [])):
        raise RunFailed('Cannot run program "spark-submit": the cluster was made without the application Spark')
    return parse(words[1:])


def _ended(cluster: Cluster, step: Step, ended: Ended) -> None:
    role, place = _machine_role(cluster), cluster.wish.get("LogUri")
    if role is not None and place:
        write_logs(role, place, _logs(cluster, step, ended))
    if step.is_cancelled:
        step.end("CANCELLED")
    elif ended.is_success:
        step.end("COMPLETED")
    elif _is_by_yarn(step) and not (ended.struck and ended.struck.message):
        text = f"Application {_application(cluster, step)} finished with failed status"
        _fail(cluster, step, f'Exception in thread "main" org.apache.spark.SparkException: {text}')
    else:
        _fail(cluster, step, why(ended, "Exit code 137: the driver was killed"))
    go_on(cluster)


def _logs(cluster: Cluster, step: Step, ended: Ended) -> dict[str, str]:
    """Texts by their places. YARN gives a Python driver one stream for stdout and stderr."""
    own = f"{cluster.id}/steps/{step.id}"
    if not _is_by_yarn(step):
        return {f"{own}/stdout.gz": ended.out, f"{own}/stderr.gz": ended.errors}
    name, state = _application(cluster, step), "SUCCEEDED" if ended.is_success else "FAILED"
    report = f"INFO Client: Application report for {name} (state: FINISHED)\n\t final status: {state}\n"
    container = f"{cluster.id}/containers/{name}/{name.replace('application', 'container')}_01_000001"
    return {f"{own}/stdout.gz": "", f"{own}/stderr.gz": report, f"{container}/stdout.gz": ended.out + ended.errors}


def _is_by_yarn(step: Step) -> bool:
    words = step.wish["HadoopJarStep"].get("Args", [])
    return "--deploy-mode=cluster" in words or ("--deploy-mode", "cluster") in itertools.pairwise(words)


def _application(cluster: Cluster, step: Step) -> str:
    number = list(cluster.steps).index(step.id) + 1
    return f"application_{int(cluster.created.timestamp() * 1000)}_{number:04d}"


def _fail(cluster: Cluster, step: Step, message: str) -> None:
    step.end("FAILED")
    step.failure = {"Reason": "Unknown Error.", "Message": message}
    if cluster.wish.get("LogUri"):
        step.failure["LogFile"] = f"{cluster.wish['LogUri'].rstrip('/')}/{cluster.id}/steps/{step.id}/stderr.gz"
    if step.on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
        shut_down(cluster, "STEP_FAILURE", "Shut down as step failed", is_failed=True)
    elif step.on_failure == "CANCEL_AND_WAIT":
        for other in cluster.steps.values():
            cancel(other)


def _idle_too_long(cluster: Cluster, since: float) -> None:
    with STARTING:
        if cluster.state == "WAITING" and cluster.idle_since == since:
            shut_down(cluster, "USER_REQUEST", "Cluster terminated by its auto-termination policy: idle timeout")


def _bootstrap(cluster: Cluster) -> None:
    with STARTING:
        if cluster.state == "STARTING":
            cluster.state = "BOOTSTRAPPING"
            schedule(_timing.provision / 2, partial(_be_ready, cluster))


def _be_ready(cluster: Cluster) -> None:
    with STARTING:
        if cluster.state != "BOOTSTRAPPING":
            return
        service = role_arn(cluster.account, cluster.wish["ServiceRole"])
        doom = next((step.doom for step in cluster.steps.values() if step.doom), None)
        if doom and doom.kind == NO_MACHINES:
            text = doom.message or "You have requested more vCPU capacity than your current vCPU limit allows."
            shut_down(cluster, "VALIDATION_ERROR", text, is_failed=True)
        elif trusted_role(service, cluster.account, SERVICE) is None:
            text = f"The service role {service} cannot be assumed by {SERVICE}."
            shut_down(cluster, "VALIDATION_ERROR", text, is_failed=True)
        elif _machine_role(cluster) is None:
            text = f"The instance profile {cluster.wish['JobFlowRole']} has no role that {MACHINES} can assume."
            shut_down(cluster, "VALIDATION_ERROR", text, is_failed=True)
        else:
            cluster.state, cluster.ready = "RUNNING", clock.moment()
            go_on(cluster)


def _terminate(cluster: Cluster) -> None:
    with STARTING:
        if _is_busy(cluster):  # its process is being killed
            schedule(0.1, partial(_terminate, cluster))
            return
        cluster.state = "TERMINATED_WITH_ERRORS" if cluster.is_failed else "TERMINATED"
        cluster.ended = clock.moment()


def _machine_role(cluster: Cluster) -> Role | None:
    """The role of the instance profile; None if machines cannot assume it."""
    profile = profile_of(cluster.account, cluster.wish["JobFlowRole"])
    roles = profile.roles if profile else []
    return trusted_role(roles[0].arn, cluster.account, MACHINES) if roles else None
