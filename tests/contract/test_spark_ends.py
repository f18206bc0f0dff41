"""Runs of the Spark job that end badly, on every engine: said in words that help, and the next attempt does it.

The engines are the sandbox's; their spark-submit runs the script by Python alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.actions.base import Absent, Done, Failed, InProgress, Step
from migrate.core.errors import LimitReached, StepError
from migrate.plan.model import Side
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import Timing
from tests.contract import spark_params
from tests.contract.test_handlers import HANDLERS, World, begin, finish, new_step
from tests.sandbox.engine_world import until

pytestmark = pytest.mark.usefixtures("without_java")
SLEEPS = "import time; time.sleep(600)"
BREAKS = """
import sys
print("25/11/25 20:00:00 INFO SparkContext: Running Spark", file=sys.stderr)
sys.exit("migrate: no such thing | it is not there | look for it")
"""
GONE = ("TERMINATED", "TERMINATED_WITH_ERRORS")
STARTS = {
    "glue-run": "StartJobRun",
    "emr-run": "StartJobRun",
    "emr-cluster": "RunJobFlow",
    "emr-step": "AddJobFlowSteps",
}
KINDS = tuple(STARTS)
"""The loads: verifications have the same handlers (`test_handlers.py`)."""


class Engines(World):
    """The sandbox with its engines."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox

    def step(self, kind: str, script: str = spark_params.SCRIPT) -> Step:
        return new_step(kind, Side.TARGET, spark_params.run(self, kind, script))

    def script(self, step: Step, text: str) -> None:
        """From now on the job is this script."""
        bucket, key = step.params["script"].removeprefix("s3://").split("/", 1)
        self.context.target.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())

    def fault(self, kind: str, of: str, **more: Any) -> None:
        rule = {"kind": kind, "operation": STARTS[of], "times": 1, "seconds": 0.1, **more}
        assert not self.sandbox.faults.replace({"rules": [rule]})

    def failure(self, step: Step) -> StepError:
        """Why the step fails, sooner or later."""
        result = until(
            lambda: HANDLERS[step.kind].poll(step, self.context), lambda one: isinstance(one, (Done, Failed))
        )
        assert isinstance(result, Failed), result
        return result.error

    def goes_on(self, step: Step) -> None:
        """The next attempt begins another run, which does the work."""
        self.script(step, spark_params.SCRIPT)
        again = new_step(step.kind, step.side, step.params, attempt=2)
        step_again, _ = finish(self, again)
        assert step_again.handle != step.handle

    def client(self, service: str) -> Any:
        return self.context.target.client(service)

    def assert_clusters_are_as_they_should(self, step: Step) -> None:
        """One that is ours is gone, one that is somebody's goes on."""
        for one in self.client("emr").list_clusters()["Clusters"]:
            theirs = one["Id"] == step.params.get("cluster_id")
            assert one["Status"]["State"] in (("RUNNING", "WAITING") if theirs else GONE)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYONE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with Sandbox(Timing(create=0, update=0, export=0.02, load=0.02, settings=0)) as sandbox:
        yield Engines(sandbox)
        sandbox.reset()


def is_running(world: Engines, step: Step) -> None:
    """Waits until its program runs."""
    poll = HANDLERS[step.kind].poll
    until(lambda: poll(step, world.context), lambda one: "running" in one.progress.message)


def stop_by_hand(world: Engines, step: Step) -> None:
    """As somebody does it in the console."""
    client, params = world.client, step.params
    if step.kind == "glue-run":
        client("glue").batch_stop_job_run(JobName=params["job"], JobRunIds=[step.handle])
    elif step.kind == "emr-run":
        client("emr-serverless").cancel_job_run(applicationId=params["application_id"], jobRunId=step.handle)
    elif step.kind == "emr-step":
        client("emr").cancel_steps(ClusterId=params["cluster_id"], StepIds=[step.handle])
    else:
        client("emr").terminate_job_flows(JobFlowIds=[step.handle])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_stopped_by_hand_is_told_and_goes_on(world: Engines, kind: str) -> None:
    step = begin(world, world.step(kind, SLEEPS))
    is_running(world, step)
    stop_by_hand(world, step)
    error = world.failure(step)
    assert error.hint == "somebody stopped it; the same command again goes on where the job stopped"
    world.assert_clusters_are_as_they_should(step)
    world.goes_on(step)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_an_earlier_attempt_that_still_works_is_adopted(world: Engines, kind: str) -> None:
    """Its failure was recorded for another reason: somebody took a permission away for a moment, say."""
    first = begin(world, world.step(kind, SLEEPS))
    is_running(world, first)
    second = new_step(kind, first.side, first.params, attempt=2)
    seen = HANDLERS[kind].observe(second, world.context)
    assert seen == InProgress(str(first.handle))
    second = begin(world, second)
    assert second.handle == first.handle
    is_running(world, second)
    other = new_step(kind, first.side, {**first.params, "segments": 3})
    assert isinstance(HANDLERS[kind].observe(other, world.context), Absent)
    HANDLERS[kind].undo(first, world.context)
    world.failure(first)
    world.assert_clusters_are_as_they_should(first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_fails_is_told_with_the_end_of_its_log(world: Engines, kind: str) -> None:
    step = begin(world, world.step(kind, BREAKS))
    error = world.failure(step)
    assert "the end of its log" in error.why
    assert "\n  25/11/25 20:00:00 INFO SparkContext: Running Spark" in error.why
    assert "no such thing" in error.why.partition("the end of its log")[0]
    assert error.hint == "look for it; the same command again goes on where the job stopped"
    world.assert_clusters_are_as_they_should(step)
    world.goes_on(step)


@pytest.mark.parametrize("kind", KINDS)
def test_a_driver_that_is_killed_is_told(world: Engines, kind: str) -> None:
    step = world.step(kind, SLEEPS)
    world.fault("driver-killed", kind)
    error = world.failure(begin(world, step))
    assert "killed" in error.why or "finished with failed status" in error.why
    assert "goes on where the job stopped" in error.hint
    world.assert_clusters_are_as_they_should(step)


@pytest.mark.parametrize("kind", ["glue-run", "emr-run"])
def test_a_run_that_is_out_of_time_needs_more_of_it(world: Engines, kind: str) -> None:
    step = world.step(kind, SLEEPS)
    world.fault("job-timeout", kind)
    error = world.failure(begin(world, step))
    assert error.summary.endswith("ended as TIMEOUT")
    assert "timeout_minutes" in error.hint


@pytest.mark.parametrize("kind", KINDS)
def test_a_success_that_left_no_result_is_a_failure(world: Engines, kind: str) -> None:
    step = begin(world, world.step(kind, "print('done')"))
    error = world.failure(step)
    assert error.kind == "NoResult"
    assert "result.json is missing" in error.why


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_does_not_balance_is_a_failure(world: Engines, kind: str) -> None:
    """Seven items read, six written, and the job says that all is well."""
    step = begin(world, world.step(kind, spark_params.SCRIPT.replace('"written": 7', '"written": 6')))
    error = world.failure(step)
    assert error.kind == "Unbalanced"
    assert "7 items read, 6 written" in error.why


@pytest.mark.parametrize("kind", KINDS)
def test_a_role_that_may_not_be_assumed_any_more(world: Engines, kind: str) -> None:
    step = world.step(kind)
    name = step.params["role_arn"].rpartition("/")[2]
    denied = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    world.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    error = world.failure(begin(world, step))
    assert name in error.why
    assert "trust policy" in error.hint


@pytest.mark.parametrize("kind", KINDS)
def test_a_role_that_may_not_read_the_script(world: Engines, kind: str) -> None:
    step = world.step(kind)
    name = step.params["role_arn"].rpartition("/")[2]
    world.client("iam").delete_role_policy(RoleName=name, PolicyName="all")
    error = world.failure(begin(world, step))
    assert "s3:GetObject" in error.why
    assert "lacks a permission" in error.hint


@pytest.mark.parametrize(("kind", "name"), [("emr-run", "FAILED"), ("emr-cluster", "VALIDATION_ERROR")])
def test_workers_that_the_quota_refuses(world: Engines, kind: str, name: str) -> None:
    step = world.step(kind)
    world.fault("no-machines", kind, message="more vCPU than your current limit of 32 allows")
    error = world.failure(begin(world, step))
    assert error.summary.endswith(f"ended as {name}")
    assert "fewer workers" in error.hint
    world.assert_clusters_are_as_they_should(step)


def test_workers_that_the_quota_of_glue_refuses_are_waited_for(world: Engines) -> None:
    step = world.step("glue-run")
    world.fault("no-machines", "glue-run")
    with pytest.raises(LimitReached) as refused:
        begin(world, step)
    assert refused.value.why == "Maximum of 1000 task DPUs exceeded."
    assert "fewer `workers`" in refused.value.hint
    finish(world, step)


def test_a_cluster_of_somebody_else_that_ends_meanwhile(world: Engines) -> None:
    step = begin(world, world.step("emr-step", SLEEPS))
    is_running(world, step)
    world.client("emr").terminate_job_flows(JobFlowIds=[step.params["cluster_id"]])
    error = world.failure(step)
    assert "ended as USER_REQUEST" in error.summary
    assert "Terminated by user request" in error.why


def test_a_log_that_may_not_be_read_hides_nothing(world: Engines) -> None:
    step = begin(world, world.step("glue-run", BREAKS))
    until(
        lambda: world.client("glue").get_job_run(JobName=step.params["job"], RunId=step.handle)["JobRun"],
        lambda run: run["JobRunState"] == "FAILED",
    )
    rule = {"kind": "access-denied", "operation": "GetLogEvents"}
    assert not world.sandbox.faults.replace({"rules": [rule]})
    error = world.failure(step)
    assert "no such thing" in error.why
    assert "GetLogEvents" in error.why
