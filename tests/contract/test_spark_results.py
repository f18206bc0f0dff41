"""What a run of the Spark job has left decides: an engine's word that it succeeded is never enough."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.actions import spark_run
from migrate.actions.base import Absent, Conflicting, Done, Failed, Step
from migrate.actions.spark_failure import Log, ended
from migrate.plan.model import Side
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import Timing
from migrate.spark.arguments import JobSpec, as_list
from migrate.spark.sums import BucketSums
from tests.contract.spark_params import STEPS
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


FAILED = {"key": {"pk": {"S": "a"}, "sk": {"N": "1"}}, "code": "TransformFailed", "reason": "KeyError at t.py:2"}
REFUSED = {"key": {"id": {"S": "b"}}, "code": "ValidationException", "reason": "too large"}


def rewriting(world: World, **more: Any) -> Step:
    """A step with a transform that gives another key."""
    return new_step(world, transform=STEPS, transform_place="s3://bucket/orders/transform.json", **more)


def after(step: Step, **changes: Any) -> Step:
    """The next attempt."""
    return dataclasses.replace(step, token="b" * 32, attempt=2, params={**step.params, **changes})


def leave_letters(world: World, step: Step, *letters: dict[str, Any]) -> JobSpec:
    """The first attempt wrote all items but these."""
    spec = spark_run.job_spec(step, world.context)
    put(world, spec.work, "job.json", {"job": {"transform_digest": spec.transform_digest}})
    put(world, spec.work, "dead-letters/0/1.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in letters))
    counts = {"written": 6 - len(letters), "rejected": len(letters), "filtered": 2, "extra": 1}
    leave(world, spec, **counts, dead_letters=["dead-letters/0/1.jsonl"])
    return spec


def test_items_that_a_transform_failed_on_are_named_by_why_and_written_again(world: World) -> None:
    step = rewriting(world, is_proven=True)
    spec = leave_letters(world, step, FAILED)
    failed = verdict(world, step, spec)
    assert isinstance(failed, Failed)
    assert failed.error.summary == "the transform failed on 1 of 7 items, first: KeyError at t.py:2"
    assert f"{spec.work}/dead-letters" in failed.error.why
    again = spark_run.job_spec(after(step), world.context)
    assert (again.mode, again.keys_from) == ("repair", f"{spec.work}/dead-letters")
    leave(world, again, read=1, written=1)
    done = verdict(world, after(step), again)
    assert isinstance(done, Done)
    counts = {name: done.outputs[name] for name in ("read", "filtered", "extra", "items", "source_items")}
    assert counts == {"read": 7, "filtered": 2, "extra": 1, "items": 6, "source_items": 6}
    assert done.outputs["transform"] == spec.transform_digest


def test_all_is_written_again_when_what_was_refused_has_another_key_than_in_the_source(world: World) -> None:
    step = rewriting(world, is_proven=True)
    spec = leave_letters(world, step, FAILED, REFUSED)
    again = spark_run.job_spec(after(step), world.context)
    assert (again.mode, again.keys_from) == ("copy", None)
    assert again.work != spec.work


@pytest.mark.parametrize(
    ("letters", "is_proven", "is_taken"), [((FAILED,), True, True), ((FAILED,), False, False), ((), True, False)]
)
def test_another_transform_goes_on_only_with_what_was_refused_and_only_when_all_is_compared(
    world: World, letters: tuple[dict[str, Any], ...], is_proven: bool, is_taken: bool
) -> None:
    step = rewriting(world, is_proven=is_proven)
    leave_letters(world, step, *letters)
    other = after(step, transform={**step.params["transform"], "steps": [{"rename": {"pk": "id"}}, {"drop": ["x"]}]})
    seen = spark_run.startable(other, world.context)
    assert isinstance(seen, Absent if is_taken else Conflicting)
    assert isinstance(spark_run.startable(after(step), world.context), Absent)
    if isinstance(seen, Conflicting):
        assert "begun with another transform" in seen.error.summary
        assert f"delete the target table {step.params['target_table']}" in seen.error.hint


KEYS = [{"pk": {"S": name}, "sk": {"N": "1"}} for name in "abc"]
SOURCE_SUMS, TARGET_SUMS = BucketSums(), BucketSums()
SOURCE_SUMS.add([(1, (4, 77, 0)), (2, (3, 5, 0))])
TARGET_SUMS.add([(1, (4, 77, 0)), (2, (3, 6, 0))])
EQUAL = {"source": SOURCE_SUMS.in_words(), "target": SOURCE_SUMS.in_words()}
UNEQUAL = {"source": SOURCE_SUMS.in_words(), "target": TARGET_SUMS.in_words()}
NO_DIFFERENCE = {"differs": 0, "missing": 0, "extra": 0, "errors": 0, "named": []}
SAME = {"source_items": 7, "target_items": 7, "same": 7, **NO_DIFFERENCE, "buckets": EQUAL}
DIFFERENT = {
    **SAME,
    "same": 5,
    "differs": 1,
    "missing": 1,
    "named": [{"mark": "*", "key": KEYS[0]}, {"mark": "+", "key": KEYS[1]}],
    "differences": "differences/one/",
    "buckets": UNEQUAL,
}


def compared(world: World, comparison: Any, **changes: Any) -> Any:
    """What becomes of a verification that leaves this."""
    step = new_step(world, mode="verify", folder="migrate/shop/orders/verify")
    spec = spark_run.job_spec(step, world.context)
    counts = {"units": 4, "units_done": 4, "read": 14, "kept": 14, "written": 0}
    leave(world, spec, **{**counts, "comparison": comparison, **changes})
    return verdict(world, step, spec)


def test_two_tables_with_equal_sums_are_verified(world: World) -> None:
    done = compared(world, SAME)
    assert isinstance(done, Done)
    assert {name: done.outputs[name] for name in ("mode", "same", "source_items")} == {
        "mode": "digest", "same": 7, "source_items": 7,
    }  # fmt: skip
    assert "named" not in done.outputs


def test_differences_end_the_step_as_those_of_this_machine_do(world: World) -> None:
    failed = compared(world, DIFFERENT)
    assert isinstance(failed, Failed)
    assert failed.error.kind == "VerificationFailed"
    assert "1 different, 1 missing in the target" in failed.error.summary
    assert failed.error.why == '* pk "a" (S), sk 1 (N); + pk "b" (S), sk 1 (N)'
    assert "/differences/one/" in failed.error.hint
    assert [one.kind for one in failed.owned] == ["job-work"]


@pytest.mark.parametrize(
    ("comparison", "changes"),
    [
        (None, {}),
        ({**SAME, "same": "7"}, {}),
        (SAME, {"units_done": 3}),
        (SAME, {"units": 2, "units_done": 2}),
        (SAME, {"read": 13, "kept": 13}),
        ({**SAME, "target_items": 6}, {"read": 13, "kept": 13}),
        ({**SAME, "buckets": UNEQUAL}, {}),
        ({**SAME, "same": 6}, {}),
        ({**DIFFERENT, "buckets": EQUAL}, {}),
        ({**SAME, "buckets": {"source": EQUAL["source"]}}, {}),
        ({**SAME, "buckets": {"source": "%", "target": "%"}}, {}),
        ({**SAME, "buckets": {"source": "QUFB", "target": "QUFB"}}, {}),
    ],
)
def test_a_verification_that_does_not_bear_out_what_it_says_proves_nothing(
    world: World, comparison: Any, changes: dict[str, Any]
) -> None:
    failed = compared(world, comparison, **changes)
    assert isinstance(failed, Failed)
    assert failed.error.kind == "Unbalanced"
    assert failed.error.hint


def test_every_attempt_of_a_verification_reads_anew_and_one_that_still_reads_is_as_good(world: World) -> None:
    step = new_step(world, mode="verify")
    first = spark_run.job_spec(step, world.context)
    second = spark_run.job_spec(after(step), world.context)
    assert first.work != second.work
    assert first.consistent
    assert spark_run.is_of(step, as_list(first))
    assert not spark_run.is_of(after(step), as_list(first))
    assert spark_run.is_same_work(after(step), as_list(first))
    assert not spark_run.is_same_work(after(step, table_id="another"), as_list(first))


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
    assert error.why == "Error: migrate: no | because\nthe end of its log (there):\n  one"
    assert "mend the cause" in error.hint
    assert "its log comes to s3://b/logs/" in ended("orders", "EMR", "FAILED", "", [], "s3://b/logs/").why
