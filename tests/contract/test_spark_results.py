"""What a run of the Spark job has left decides: an engine's word that it succeeded is never enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.actions import spark_run
from migrate.actions.base import Done, Failed, Step
from migrate.actions.spark_failure import Log, ended
from migrate.plan.model import Side
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import Timing
from migrate.spark.arguments import JobSpec, as_list
from tests.contract.test_handlers import World

NAMES = ("kept", "rejected", "absent", "filtered", "extra", "bytes", "read_units", "write_units", "seconds")
COUNTS = dict.fromkeys(NAMES, 0)
SOUND = {"balanced": True, "units": 2, "units_done": 2, "read": 7, "written": 7, **COUNTS}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYONE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        with Sandbox(Timing(create=0, update=0, export=0.02, load=0.02, settings=0)) as sandbox:
            yield World(sandbox)
            sandbox.reset()


def new_step(world: World, token: str = "a" * 32, **more: Any) -> Step:
    source, target = world.table(world.source), world.table(world.target)
    params = {
        "source_table": source,
        "source_arn": world.source.describe_table(TableName=source)["Table"]["TableArn"],
        "target_table": target,
        "table_id": world.target.describe_table(TableName=target)["Table"]["TableId"],
        "keys": ["pk", "sk"],
        "mode": "copy",
        "bucket": world.bucket(),
        "folder": "migrate/shop/orders/job",
        "segments": 2,
        **more,
    }
    return Step("orders/glue-run", "glue-run", Side.TARGET, params, token)


def put(world: World, place: str, name: str, content: Any) -> None:
    bucket, prefix = place.removeprefix("s3://").split("/", 1)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    world.context.target.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)


def leave(world: World, spec: JobSpec, **changes: Any) -> None:
    """The result that a run of `spec` leaves, with changes."""
    known = {"format_version": 1, "mode": spec.mode, "token": spec.token, "run": "one"}
    put(world, spec.work, "result.json", {**known, **SOUND, **changes})


def verdict(world: World, step: Step, spec: JobSpec) -> Any:
    return spark_run.succeeded(step, world.context, as_list(spec), {"dpu_hours": 1.0})


def test_a_sound_result_is_done(world: World) -> None:
    step = new_step(world)
    spec = spark_run.job_spec(step, world.context)
    leave(world, spec)
    done = verdict(world, step, spec)
    assert isinstance(done, Done)
    assert (done.outputs["items"], done.outputs["source_items"], done.outputs["dpu_hours"]) == (7, 7, 1.0)
    assert done.outputs["table_id"] == step.params["table_id"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"token": "of another run"}, "NoResult"),
        ({"balanced": False}, "Unbalanced"),
        ({"units_done": 1}, "Unbalanced"),
        ({"written": 6}, "Unbalanced"),
        ({"written": 5, "rejected": 2}, "ItemsRefused"),
    ],
)
def test_any_other_is_a_failure(world: World, changes: dict[str, Any], kind: str) -> None:
    step = new_step(world)
    spec = spark_run.job_spec(step, world.context)
    leave(world, spec, **changes)
    failed = verdict(world, step, spec)
    assert isinstance(failed, Failed)
    assert failed.error.kind == kind
    assert failed.error.why
    assert failed.error.hint


def test_none_at_all_is_a_failure(world: World) -> None:
    step = new_step(world)
    failed = verdict(world, step, spark_run.job_spec(step, world.context))
    assert isinstance(failed, Failed)
    assert failed.error.kind == "NoResult"
    put(world, spark_run.work_of(step), "result.json", b'{"balanced": tru')
    assert isinstance(verdict(world, step, spark_run.job_spec(step, world.context)), Failed)


def test_an_export_of_which_an_item_is_missing_is_a_failure(world: World) -> None:
    step = new_step(world, mode="load-export", manifest_key="x/AWSDynamoDB/1/manifest-summary.json", item_count=8)
    spec = spark_run.job_spec(step, world.context)
    leave(world, spec)
    failed = verdict(world, step, spec)
    assert isinstance(failed, Failed)
    assert "8 exported" in failed.error.why


def test_a_source_that_was_made_anew_while_it_was_read_is_a_failure(world: World) -> None:
    step = new_step(world)
    spec = spark_run.job_spec(step, world.context)
    leave(world, spec)
    world.source.delete_table(TableName=step.params["source_table"])
    table = {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "pk", "AttributeType": "S"}
    while True:
        try:
            world.source.create_table(
                TableName=step.params["source_table"],
                KeySchema=[table[0]],
                AttributeDefinitions=[table[1]],
                BillingMode="PAY_PER_REQUEST",
            )
            break
        except world.source.exceptions.ResourceInUseException:
            world.context.clock.sleep(0.02)
    failed = verdict(world, step, spec)
    assert isinstance(failed, Failed)
    assert "made again" in failed.error.summary


def test_only_what_was_refused_is_written_again(world: World) -> None:
    first = new_step(world)
    spec = spark_run.job_spec(first, world.context)
    leave(world, spec, written=5, rejected=2, dead_letters=["dead-letters/000000/1.jsonl"])
    put(world, spec.work, "dead-letters/000000/1.jsonl", b'{"key":{"pk":{"S":"a"}},"reason":"too large"}\n')
    failed = verdict(world, first, spec)
    assert isinstance(failed, Failed)
    assert "too large" in failed.error.summary

    second = Step(first.address, first.kind, first.side, first.params, "b" * 32, attempt=2)
    again = spark_run.job_spec(second, world.context)
    assert (again.mode, again.keys_from) == ("repair", f"{spec.work}/dead-letters")
    assert spark_run.is_same_work(first, as_list(again))
    leave(world, again, read=2, written=2)
    done = verdict(world, second, again)
    assert isinstance(done, Done)
    assert (done.outputs["items"], done.outputs["source_items"]) == (7, 7)


@pytest.mark.parametrize(
    ("state", "message", "advice"),
    [
        ("FAILED", "An error occurred (AccessDenied) when calling the AssumeRole operation", "trust policy"),
        ("FAILED", "java.lang.OutOfMemoryError: Java heap space", "larger workers"),
        ("FAILED", "ApplicationMaxCapacityExceededException: vCPU quota", "Service Quotas"),
        ("TIMEOUT", "Job run timed out", "timeout_minutes"),
        ("STOPPED", "", "somebody stopped it"),
        ("FAILED", "LAUNCH ERROR | Role r should be given assume role permissions for Glue Service.", "trust policy"),
        ("FAILED", "", "do this; the same command again"),
    ],
)
def test_every_end_has_an_advice(state: str, message: str, advice: str) -> None:
    error = ended("orders", "Glue", state, message, [Log("there", ("one", "migrate: no | because | do this"))])
    assert advice in error.hint
    assert "migrate: no | because | do this" in error.why
    assert error.kind == state


def test_words_that_the_engine_repeats_are_said_once() -> None:
    found = [Log("here", ("nothing",)), Log("there", ("one", "migrate: no | because"))]
    error = ended("orders", "Glue", "FAILED", "Error: migrate: no | because", found)
    assert error.why == "Error: migrate: no | because\nthe end of its log (there):\n  one\n  migrate: no | because"
    assert "mend the cause" in error.hint
    assert "its log comes to s3://b/logs/" in ended("orders", "EMR", "FAILED", "", [], "s3://b/logs/").why
