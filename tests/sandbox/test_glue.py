"""Jobs of AWS Glue and their runs: definitions, states, limits, what becomes of the process."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import Timing
from tests.sandbox.aws import error_of
from tests.sandbox.engine_world import GLUE, SLEEP, Glue, is_alive, until

pytestmark = pytest.mark.usefixtures("without_java")


@pytest.fixture
def world(sandbox: Any) -> Glue:
    return Glue(sandbox)


def test_a_script_gets_the_arguments_and_the_role_and_its_output_is_logged(world: Glue) -> None:
    name = world.job(
        "import boto3, os, sys\nprint(sys.argv[1:])\nprint(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "print(sorted(name for name in os.environ if name.startswith('MIGRATE')))\nprint('oops', file=sys.stderr)",
        DefaultArguments={"--a": "job", "--b": "job"},
    )
    run = world.start(name, Arguments={"--b": "run"})
    found = world.ended(run)
    assert (found["JobRunState"], found.get("ErrorMessage")) == ("SUCCEEDED", None)
    assert found["Arguments"] == {"--b": "run"}
    assert found["CompletedOn"] >= found["StartedOn"]
    assert found["ExecutionTime"] >= 1
    assert "DPUSeconds" not in found
    arguments, caller, environment = world.log("/aws-glue/jobs/output", run).splitlines()
    assert "'--JOB_NAME', 'job'" in arguments
    assert "'--a', 'job', '--b', 'run'" in arguments
    assert ":assumed-role/engine-" in caller
    assert caller.endswith("/GlueJobRunnerSession")
    assert environment == "[]"
    assert world.log("/aws-glue/jobs/error", run) == "oops"
    assert [one["Id"] for one in world.glue.get_job_runs(JobName=name)["JobRuns"]] == [run]


def test_a_run_calls_the_sandbox_that_was_reset_last(sandbox: Any, timing: Timing) -> None:
    with Sandbox(timing):
        pass
    sandbox.reset()
    world = Glue(sandbox)
    world.job("import boto3\nboto3.client('sts').get_caller_identity()")
    assert world.ended(world.start())["JobRunState"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("raise ValueError('no such thing')", "ValueError: no such thing"),
        ("import sys\nsys.exit('what, why\\nand what next')", "what, why\nand what next"),
        ("import os; os._exit(3)", "exit status 3"),
    ],
)
def test_a_script_that_fails_is_told_with_its_last_words(world: Glue, script: str, words: str) -> None:
    world.job(script)
    found = world.ended(world.start())
    assert found["JobRunState"] == "FAILED"
    assert words in found["ErrorMessage"]


def test_a_flexible_run_is_metered(world: Glue) -> None:
    world.job(ExecutionClass="FLEX")
    found = world.ended(world.start())
    assert found["DPUSeconds"] == 2.0 * found["ExecutionTime"]


def test_a_run_of_a_role_that_may_not_fails_before_it_starts(world: Glue) -> None:
    for role, words in (
        (world.role("ec2.amazonaws.com"), "assume role permissions for Glue Service"),
        (world.role(GLUE, "s3:PutObject"), "not authorized to perform: s3:GetObject"),
        ("arn:aws:iam::222222222222:role/nobody", "assume role permissions for Glue Service"),
    ):
        world.job("print('ran')", Role=role)
        found = world.ended(world.start())
        assert found["JobRunState"] == "FAILED"
        assert words in found["ErrorMessage"]
        world.glue.delete_job(JobName="job")
    world.job()
    world.s3.delete_object(Bucket=world.store, Key="job.py")
    assert "NoSuchKey" in world.ended(world.start())["ErrorMessage"]


def test_without_spark_a_run_fails_and_says_so(world: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_SPARK_PYTHON", "/nowhere/python")
    world.job()
    found = world.ended(world.start())
    assert found["JobRunState"] == "FAILED"
    assert "Install the extra `spark`" in found["ErrorMessage"]


def test_stopping_a_run_kills_its_process(world: Glue) -> None:
    world.job(f"import os, boto3\nboto3.client('s3').put_object(Bucket='{world.store}', Key='pid', "
              f"Body=str(os.getpid()))\n{SLEEP}")  # fmt: skip
    run = world.start()
    pid = int(until(lambda: _pid(world), bool))
    assert world.look(run)["JobRunState"] == "RUNNING"
    answer = world.glue.batch_stop_job_run(JobName="job", JobRunIds=[run, "jr_unknown"])
    assert [one["JobRunId"] for one in answer["SuccessfulSubmissions"]] == [run]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert world.ended(run)["JobRunState"] == "STOPPED"
    until(lambda: is_alive(pid), lambda alive: not alive)


def _pid(world: Glue) -> bytes:
    try:
        return world.object("pid")
    except ClientError:
        return b""


def test_a_run_beyond_its_timeout_is_ended(world: Glue) -> None:
    world.job(SLEEP, Timeout=1)
    run = world.start()
    assert world.running(run)["JobRunState"] == "RUNNING"
    world.sandbox.advance(61)
    assert world.ended(run)["JobRunState"] == "TIMEOUT"


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("job-failed", "FAILED", "out of luck"),
        ("job-timeout", "TIMEOUT", "timed out"),
        ("driver-killed", "FAILED", "out of luck"),
    ],
)
def test_a_fault_ends_a_run(world: Glue, kind: str, state: str, words: str) -> None:
    world.fault(kind, operation="StartJobRun", message="out of luck", seconds=0, times=1)
    world.job(SLEEP)
    found = world.ended(world.start())
    assert found["JobRunState"] == state
    assert words in found["ErrorMessage"]


def test_runs_beyond_the_limit_are_refused_or_wait(world: Glue) -> None:
    world.job(SLEEP)
    first = world.start()
    assert error_of(world.glue.start_job_run, JobName="job") == "ConcurrentRunsExceededException"
    second = world.start(JobRunQueuingEnabled=True)
    assert world.look(second)["JobRunState"] == "WAITING"
    world.glue.batch_stop_job_run(JobName="job", JobRunIds=[first])
    assert world.ended(first)["JobRunState"] == "STOPPED"
    assert until(lambda: world.look(second), lambda run: run["JobRunState"] != "WAITING")["JobRunState"] != "FAILED"


def test_the_quota_of_workers_counts(world: Glue) -> None:
    world.job()
    code = error_of(world.glue.start_job_run, JobName="job", WorkerType="G.8X", NumberOfWorkers=200)
    assert code == "ResourceNumberLimitExceededException"


def test_a_definition_can_be_read_changed_tagged_and_deleted(world: Glue) -> None:
    world.job(Tags={"a": "1"})
    assert error_of(world.job) == "AlreadyExistsException"
    arn = "arn:aws:glue:eu-west-1:222222222222:job/job"
    world.glue.tag_resource(ResourceArn=arn, TagsToAdd={"b": "2"})
    assert world.glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "1", "b": "2"}
    assert world.glue.list_jobs(Tags={"b": "2"})["JobNames"] == ["job"]
    world.glue.update_job(JobName="job", JobUpdate=world.definition("", NumberOfWorkers=5))
    found = world.glue.get_job(JobName="job")["Job"]
    assert (found["NumberOfWorkers"], found["Timeout"], found["MaxCapacity"]) == (5, 480, 5.0)
    for _ in range(2):
        world.glue.delete_job(JobName="job")
    assert error_of(world.glue.get_job, JobName="job") == "EntityNotFoundException"
    assert error_of(world.glue.start_job_run, JobName="job") == "EntityNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"GlueVersion": "7.0"}, {"WorkerType": "Standard"}, {"NumberOfWorkers": 1}, {"Timeout": 20_000},
        {"ExecutionClass": "FLEX", "WorkerType": "G.4X"},
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused(world: Glue, wrong: dict[str, Any]) -> None:
    assert error_of(world.job, **wrong) == "InvalidInputException"


def test_a_reset_leaves_no_process(world: Glue) -> None:
    world.job(f"import os, boto3\nboto3.client('s3').put_object(Bucket='{world.store}', Key='pid', "
              f"Body=str(os.getpid()))\n{SLEEP}")  # fmt: skip
    run = world.start()
    world.running(run)
    pid = int(until(lambda: _pid(world), bool))
    world.sandbox.reset()
    end = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)
