"""Applications of EMR Serverless and their runs."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.sandbox.aws import error_of
from tests.sandbox.engine_world import SERVERLESS, SLEEP, Serverless, until

pytestmark = pytest.mark.usefixtures("without_java")


@pytest.fixture
def world(sandbox: Any) -> Serverless:
    return Serverless(sandbox)


def test_a_run_succeeds_and_leaves_its_log(world: Serverless) -> None:
    run = world.start("import sys; print(sys.argv[1:])", name="mine", tags={"t": "1"})
    found = world.ended(run)
    assert (found["state"], found["name"], found["tags"]) == ("SUCCESS", "mine", {"t": "1"})
    assert found["totalResourceUtilization"]["vCPUHour"] > 0
    log = gzip.decompress(world.object(f"logs/applications/{world.id}/jobs/{run}/SPARK_DRIVER/stdout.gz"))
    assert log == b"['--a', 'b']\n"
    listed = world.emr.list_job_runs(applicationId=world.id, states=["SUCCESS"], createdAtAfter=found["createdAt"])
    assert [one["id"] for one in listed["jobRuns"]] == [run]


def test_a_token_starts_one_run_and_makes_one_application(world: Serverless) -> None:
    wish = world.wish("", clientToken="same")
    first, again = (world.emr.start_job_run(**wish)["jobRunId"] for _ in range(2))
    assert first == again
    assert error_of(world.emr.start_job_run, **{**wish, "name": "other"}) == "ConflictException"
    same = {"name": "ours", "releaseLabel": "emr-7.11.0", "type": "SPARK", "clientToken": "token", "tags": {"a": "1"}}
    assert world.emr.create_application(**same)["applicationId"] == world.id
    assert len(world.emr.list_applications(states=["STARTED", "STARTING"])["applications"]) == 1


def test_a_run_that_fails_says_why(world: Serverless) -> None:
    found = world.ended(world.start("raise ValueError('bad')"))
    assert found["state"] == "FAILED"
    assert "ValueError: bad" in found["stateDetails"]
    for role, words in (
        (world.role("glue.amazonaws.com"), "Could not assume runtime role"),
        (world.role(SERVERLESS, "s3:PutObject"), "not authorized to perform: s3:GetObject"),
    ):
        found = world.ended(world.start("", role))
        assert found["state"] == "FAILED"
        assert words in found["stateDetails"]


def test_a_trust_may_name_the_application(world: Serverless) -> None:
    def trusting(pattern: str) -> str:
        return world.role(SERVERLESS, trust={"Condition": {"StringLike": {"aws:SourceArn": pattern}}})

    assert world.ended(world.start("", trusting(f"*/applications/{world.id}")))["state"] == "SUCCESS"
    assert world.ended(world.start("", trusting("*/applications/other")))["state"] == "FAILED"


def test_a_run_can_be_cancelled_and_ends_by_its_timeout(world: Serverless) -> None:
    run, late = world.start(SLEEP), world.start(SLEEP, executionTimeoutMinutes=1)
    for one in (run, late):
        until(lambda one=one: world.look(one)["state"], lambda state: state == "RUNNING")  # type: ignore[misc]
    world.emr.cancel_job_run(applicationId=world.id, jobRunId=run)
    assert world.ended(run)["state"] == "CANCELLED"
    assert error_of(world.emr.cancel_job_run, applicationId=world.id, jobRunId=run) == "ValidationException"
    world.sandbox.advance(61)
    assert "timeout" in world.ended(late)["stateDetails"]


def test_a_fault_ends_a_run(world: Serverless) -> None:
    world.fault("job-failed", operation="StartJobRun", service="emr-serverless", message="out of luck", seconds=0)
    found = world.ended(world.start(SLEEP))
    assert (found["state"], found["stateDetails"]) == ("FAILED", "out of luck")


def test_an_application_is_stopped_before_it_is_deleted(world: Serverless) -> None:
    run = world.start(SLEEP)
    until(lambda: world.look(run)["state"], lambda state: state == "RUNNING")
    assert error_of(world.emr.stop_application, applicationId=world.id) == "ValidationException"
    assert error_of(world.emr.delete_application, applicationId=world.id) == "ValidationException"
    world.emr.cancel_job_run(applicationId=world.id, jobRunId=run)
    world.ended(run)
    world.emr.stop_application(applicationId=world.id)
    world.reach("STOPPED")
    world.emr.delete_application(applicationId=world.id)
    assert world.application()["state"] == "TERMINATED"
    assert error_of(world.emr.start_job_run, **world.wish("")) == "ValidationException"


def test_an_idle_application_stops(world: Serverless) -> None:
    world.ended(world.start(""))
    world.sandbox.advance(16 * 60)
    world.reach("STOPPED")


def test_what_is_wrong_is_refused(world: Serverless) -> None:
    wrong = {"releaseLabel": "emr-99.0.0", "type": "SPARK", "clientToken": "other"}
    assert error_of(world.emr.create_application, **wrong) == "ValidationException"
    assert error_of(world.emr.get_application, applicationId="00none") == "ResourceNotFoundException"
    foreign = "arn:aws:iam::111111111111:role/MigrateSandbox"
    assert error_of(world.emr.start_job_run, **world.wish("", foreign)) == "ValidationException"
