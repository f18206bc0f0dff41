"""Clusters of EMR on EC2 and their steps."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.sandbox.aws import error_of
from tests.sandbox.engine_world import SLEEP, EngineWorld, until

pytestmark = pytest.mark.usefixtures("without_java")


class Emr(EngineWorld):
    def __init__(self, sandbox: Any) -> None:
        super().__init__(sandbox)
        self.emr = self.target("emr")

    def step(self, script: str, name: str = "job.py", mode: str = "client", **more: Any) -> dict[str, Any]:
        words = ["spark-submit", "--deploy-mode", mode, "--conf", "spark.executor.memory=4g"]
        jar = {"Jar": "command-runner.jar", "Args": [*words, self.upload(script, name), "--a", "b"]}
        return {"Name": name, "ActionOnFailure": "TERMINATE_CLUSTER", "HadoopJarStep": jar, **more}

    def wish(self, *steps: dict[str, Any], alive: bool = False, **more: Any) -> dict[str, Any]:
        group = {"InstanceRole": "MASTER", "InstanceType": "m6g.xlarge", "InstanceCount": 1}
        usual: dict[str, Any] = {
            "Name": "cluster",
            "ReleaseLabel": "emr-7.14.0",
            "Applications": [{"Name": "Spark"}],
            "ServiceRole": self.role("elasticmapreduce.amazonaws.com"),
            "JobFlowRole": self.profile(self.role("ec2.amazonaws.com")),
            "LogUri": f"s3://{self.store}/logs/",
            "Instances": {"InstanceGroups": [group], "KeepJobFlowAliveWhenNoSteps": alive},
            "Steps": list(steps),
            "Tags": [{"Key": "ours", "Value": "yes"}],
        }
        return {**usual, **more}

    def run(self, *steps: dict[str, Any], **more: Any) -> str:
        return str(self.emr.run_job_flow(**self.wish(*steps, **more))["JobFlowId"])

    def cluster(self, id: str) -> Any:
        return self.emr.describe_cluster(ClusterId=id)["Cluster"]

    def reach(self, id: str, *states: str) -> Any:
        return until(lambda: self.cluster(id), lambda found: found["Status"]["State"] in states)

    def ended(self, id: str) -> tuple[str, str]:
        status = self.reach(id, "TERMINATED", "TERMINATED_WITH_ERRORS")["Status"]
        return status["State"], status["StateChangeReason"]["Code"]

    def states(self, id: str) -> list[str]:
        steps = self.emr.list_steps(ClusterId=id)["Steps"]
        return [step["Status"]["State"] for step in reversed(steps)]


@pytest.fixture
def world(sandbox: Any) -> Emr:
    return Emr(sandbox)


def test_a_transient_cluster_runs_its_steps_and_ends(world: Emr) -> None:
    id = world.run(world.step("import sys; print(sys.argv[1:])"), world.step("print('two')", "two.py"))
    assert world.ended(id) == ("TERMINATED", "ALL_STEPS_COMPLETED")
    assert world.states(id) == ["COMPLETED", "COMPLETED"]
    first = world.emr.list_steps(ClusterId=id)["Steps"][-1]["Id"]
    assert gzip.decompress(world.object(f"logs/{id}/steps/{first}/stdout.gz")) == b"['--a', 'b']\n"
    assert world.cluster(id)["Tags"] == [{"Key": "ours", "Value": "yes"}]
    assert [one["Id"] for one in world.emr.list_clusters(ClusterStates=["TERMINATED"])["Clusters"]] == [id]


@pytest.mark.parametrize(
    ("action", "cluster", "second"),
    [
        ("TERMINATE_CLUSTER", ("TERMINATED_WITH_ERRORS", "STEP_FAILURE"), "CANCELLED"),
        ("CONTINUE", ("TERMINATED", "ALL_STEPS_COMPLETED"), "COMPLETED"),
    ],
)
def test_a_step_that_fails_is_told(world: Emr, action: str, cluster: tuple[str, str], second: str) -> None:
    id = world.run(world.step("raise ValueError('bad')", ActionOnFailure=action), world.step("", "two.py"))
    assert world.ended(id) == cluster
    assert world.states(id) == ["FAILED", second]
    step = world.emr.list_steps(ClusterId=id)["Steps"][-1]
    details = world.emr.describe_step(ClusterId=id, StepId=step["Id"])["Step"]["Status"]["FailureDetails"]
    assert details["Message"] == "ValueError: bad"
    key = details["LogFile"].removeprefix(f"s3://{world.store}/")
    assert b"Traceback" in gzip.decompress(world.object(key))


def test_in_cluster_mode_the_driver_writes_into_its_container(world: Emr) -> None:
    id = world.run(world.step("raise ValueError('bad')", mode="cluster"))
    world.ended(id)
    step = world.emr.list_steps(ClusterId=id)["Steps"][0]
    message = step["Status"]["FailureDetails"]["Message"]
    (application,) = (word for word in message.split() if word.startswith("application_"))
    assert application in gzip.decompress(world.object(f"logs/{id}/steps/{step['Id']}/stderr.gz")).decode()
    container = application.replace("application", "container") + "_01_000001"
    assert b"ValueError: bad" in gzip.decompress(
        world.object(f"logs/{id}/containers/{application}/{container}/stdout.gz")
    )


def test_a_cluster_for_which_there_are_no_machines(world: Emr) -> None:
    world.fault("no-machines", operation="RunJobFlow", message="more vCPU than the limit of 32")
    id = world.run(world.step(""))
    assert world.ended(id) == ("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR")
    assert world.cluster(id)["Status"]["StateChangeReason"]["Message"] == "more vCPU than the limit of 32"


def test_a_cluster_that_is_kept_takes_steps_until_it_is_terminated(world: Emr) -> None:
    id = world.run(alive=True)
    world.reach(id, "WAITING")
    bad = world.step("raise ValueError", ActionOnFailure="CANCEL_AND_WAIT")
    world.emr.add_job_flow_steps(JobFlowId=id, Steps=[bad, world.step("", "two.py")])
    until(lambda: world.states(id), lambda found: found == ["FAILED", "CANCELLED"])
    (slow,) = world.emr.add_job_flow_steps(JobFlowId=id, Steps=[world.step(SLEEP)])["StepIds"]
    until(lambda: world.states(id), lambda found: found[-1] == "RUNNING")
    told = world.emr.cancel_steps(ClusterId=id, StepIds=[slow])["CancelStepsInfoList"]
    assert [one["Status"] for one in told] == ["SUBMITTED"]
    until(lambda: world.states(id), lambda found: found[-1] == "CANCELLED")
    world.emr.add_job_flow_steps(JobFlowId=id, Steps=[world.step(SLEEP)])
    until(lambda: world.states(id), lambda found: found[-1] == "RUNNING")
    world.emr.terminate_job_flows(JobFlowIds=[id])
    assert world.ended(id) == ("TERMINATED", "USER_REQUEST")
    assert world.states(id)[-1] == "CANCELLED"
    assert error_of(world.emr.add_job_flow_steps, JobFlowId=id, Steps=[world.step("")]) == "ValidationException"


def test_a_fault_ends_a_step(world: Emr) -> None:
    world.fault("job-failed", operation="RunJobFlow", message="out of luck", seconds=0)
    id = world.run(world.step(SLEEP))
    assert world.ended(id) == ("TERMINATED_WITH_ERRORS", "STEP_FAILURE")
    step = world.emr.list_steps(ClusterId=id)["Steps"][0]
    assert step["Status"]["FailureDetails"]["Message"] == "out of luck"


def test_roles_must_be_there_and_trust_their_service(world: Emr) -> None:
    assert error_of(world.run, JobFlowRole="nobody") == "ValidationException"
    assert error_of(world.run, ServiceRole="nobody") == "ValidationException"
    for wrong in (
        {"JobFlowRole": world.profile(world.role("glue.amazonaws.com"))},
        {"ServiceRole": world.role("ec2.amazonaws.com")},
    ):
        assert world.ended(world.run(**wrong)) == ("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR")


def test_what_is_wrong_is_refused(world: Emr) -> None:
    assert error_of(world.run, ReleaseLabel="emr-99.1.0") == "ValidationException"
    assert error_of(world.emr.describe_cluster, ClusterId="j-NONE") == "InvalidRequestException"
    id = world.run(alive=True)
    assert error_of(world.emr.describe_step, ClusterId=id, StepId="s-NONE") == "InvalidRequestException"
    jar = {"Jar": "s3://bucket/some.jar", "Args": []}
    world.reach(id, "WAITING")
    world.emr.add_job_flow_steps(JobFlowId=id, Steps=[{"Name": "jar", "HadoopJarStep": jar}])
    assert until(lambda: world.states(id), lambda found: found[-1] != "RUNNING") == ["FAILED"]


def test_an_idle_cluster_ends_by_its_policy(world: Emr) -> None:
    id = world.run(alive=True, AutoTerminationPolicy={"IdleTimeout": 60})
    world.reach(id, "WAITING")
    world.sandbox.advance(61)
    assert world.ended(id) == ("TERMINATED", "USER_REQUEST")
