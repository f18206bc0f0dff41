"""What a report says of a migration: never better than what the state and the plans prove."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.core.errors import StepError
from migrate.core.schemas import read_schema
from migrate.plan.model import Change, Plan
from migrate.render.report.build import build_report
from migrate.render.report.model import Report, ReportTable, report_document
from migrate.state.model import State, Status, StepRecord
from tests.reports import BEGUN, carried_out, facts_of, failing, plan_for
from tests.worlds import SOURCE, TARGET

PLAN = plan_for(3)
REFUSED = failing(["shop-0001/import"])


def report_of(state: State | None, *plans: Plan, **more: Any) -> Report:
    """The report, whose JSON must follow its schema."""
    report = build_report(facts_of(state, *plans, **more))
    document = report_document(report)
    problems = [one.message for one in Draft202012Validator(read_schema("migration-report")).iter_errors(document)]
    assert not problems
    return report


def changed(state: State, address: str, **changes: Any) -> State:
    """The state with another record at this address."""
    name = address.split("/", 1)[0]
    file, record = state.files[name], state.record(address)
    assert record is not None
    steps = {**file.steps, address: dataclasses.replace(record, **changes)}
    return dataclasses.replace(state, files={**state.files, name: dataclasses.replace(file, steps=steps)})


def with_active(state: State, **changes: Any) -> State:
    assert state.migration.active is not None
    active = dataclasses.replace(state.migration.active, **changes)
    return dataclasses.replace(state, migration=dataclasses.replace(state.migration, active=active))


def table(report: Report, name: str) -> ReportTable:
    return next(one for one in report.tables if one.target == name)


def test_a_migration_that_went_well() -> None:
    report = report_of(carried_out(PLAN), PLAN)
    assert (report.outcome, report.next) == ("verified", None)
    assert report.headline == "Done and verified: every item of every table was compared."
    assert report.totals.verdicts == {"verified": 3}
    assert report.totals.items == sum(one.items for one in PLAN.tables)
    assert report.totals.dollars is not None
    assert report.totals.dollars.middle == pytest.approx(sum(one.estimate.dollars for one in PLAN.tables), rel=1e-3)
    assert [account.id for account in (report.source, report.target)] == [SOURCE, TARGET]
    assert report.source.principals == (f"arn:aws:sts::{SOURCE}:assumed-role/Migrator/ana",)
    assert (report.begun, report.runs[0].by) == ("2026-11-24T21:59:56.000Z", "ana@bastion, process 4711")
    assert report.ended == report.runs[0].ended
    seen = table(report, "shop-0000").verification
    assert seen is not None
    assert (seen.is_equal, seen.mode, seen.source_digest) == (True, "digest", seen.target_digest)
    assert len(report.owned) == 3


def test_one_that_failed_half_way() -> None:
    report = report_of(carried_out(PLAN, failures=REFUSED), PLAN)
    assert report.outcome == "failed"
    assert report.headline == "Failed: shop-0001. 2 of 3 tables done."
    assert report.details == ("shop-0001: 3 of 1,204 items were refused by DynamoDB",)
    assert report.next == "migrate apply /home/ana/move/manifest.yaml"
    broken = table(report, "shop-0001")
    assert (broken.verdict, broken.words, broken.ended) == ("failed", "failed: import", None)
    assert broken.verification is None
    assert [step.status for step in broken.steps][-4:] == ["failed", "pending", "pending", "pending"]
    assert report.ended is None


def test_one_that_went_on_and_was_done() -> None:
    first = carried_out(PLAN, failures=REFUSED)
    second = carried_out(PLAN, before=first, begun=BEGUN.replace(day=25))
    report = report_of(second, PLAN)
    assert report.outcome == "verified"
    assert [run.outcome for run in report.runs] == ["failed", "complete"]
    step = next(one for one in report.steps() if one.address == "shop-0001/import")
    assert (step.status, step.attempt) == ("done", 2)
    assert [(one.status, one.error is not None) for one in step.earlier] == [(Status.FAILED, True)]


def test_a_plan_that_nobody_has_carried_out() -> None:
    report = report_of(None, PLAN)
    assert (report.outcome, report.headline) == ("planned", "Nothing has been carried out.")
    assert report.next == "migrate apply /home/ana/move/manifest.yaml"
    assert {one.verdict for one in report.tables} == {"waiting"}
    assert report.totals.items == 0


def test_an_old_state_without_its_plan_is_never_called_done() -> None:
    report = report_of(carried_out(PLAN, is_recorded=False), plans={}, active=None)
    assert report.outcome == "unknown"
    assert report.source.region is None
    assert (report.runs, report.source.principals, report.prices_of) == ((), (), None)
    one = table(report, "shop-0000")
    assert (one.strategy, one.verdict) == ("s3", "verified")  # both stand in the state itself
    assert (one.carried, one.set_by_manifest, one.not_carried, one.estimate) == (None, None, None, None)


@pytest.mark.parametrize(
    ("outputs", "verdict", "outcome"),
    [
        ({"mode": "counts"}, "counted", "counted"),
        ({"mode": None}, "unknown", "unknown"),
        ({"table_id": "another table"}, "unverified", "unverified"),
    ],
)
def test_a_weaker_proof_is_no_verification(outputs: dict[str, Any], verdict: str, outcome: str) -> None:
    state = carried_out(PLAN)
    record = state.record("shop-0002/verify")
    assert record is not None
    report = report_of(changed(state, "shop-0002/verify", outputs={**record.outputs, **outputs}), PLAN)
    assert (table(report, "shop-0002").verdict, report.outcome) == (verdict, outcome)
    assert report.totals.verdicts == {"verified": 2, verdict: 1}


def test_a_comparison_before_the_last_load_proves_nothing() -> None:
    state = changed(carried_out(PLAN), "shop-0002/import", ended="2026-11-30T00:00:00.000Z")
    report = report_of(state, PLAN)
    assert table(report, "shop-0002").words == "not verified since its items were loaded"
    assert report.headline == "Done. 2 of 3 tables verified item by item; 1 not verified."


def test_tables_that_are_not_equal() -> None:
    error = StepError("they are not the same: 1 different", '* PK "c#1" (S)', kind="VerificationFailed")
    found = {"mode": "digest", "same": 9, "differs": 1, "missing": 0, "extra": 0, "errors": 0}
    state = changed(carried_out(PLAN), "shop-0002/verify", status=Status.FAILED, error=error, outputs=found)
    report = report_of(with_active(state, is_finished=False), PLAN)
    seen = table(report, "shop-0002").verification
    assert seen is not None
    assert (seen.is_equal, seen.is_accepted, seen.differs, seen.error) == (False, False, 1, error)
    assert report.outcome == "failed"


def test_a_comparison_that_could_not_be_made_is_none() -> None:
    error = StepError("access denied", kind="AccessDenied")
    state = changed(carried_out(PLAN), "shop-0002/verify", status=Status.FAILED, error=error, outputs={})
    assert table(report_of(state, PLAN), "shop-0002").verification is None


@pytest.mark.parametrize(("holder", "verdict"), [("", "interrupted"), ("ana@bastion", "running")])
def test_a_step_without_an_end(holder: str, verdict: str) -> None:
    state = changed(carried_out(PLAN), "shop-0002/verify", status=Status.RUNNING, ended=None)
    report = report_of(with_active(state, is_finished=False), PLAN, holder=holder)
    assert (table(report, "shop-0002").verdict, report.outcome) == (verdict, verdict)
    assert report.ended is None


def test_steps_that_a_later_apply_had_no_need_of_are_not_to_come() -> None:
    state = with_active(carried_out(PLAN, failures=REFUSED), is_finished=True)
    state = changed(state, "shop-0001/import", status=Status.DONE, error=None)
    report = report_of(state, PLAN)
    assert {one.status for one in table(report, "shop-0001").steps} == {"done", "overtaken"}
    assert (table(report, "shop-0001").verdict, report.outcome) == ("unverified", "unverified")


def test_a_failure_that_a_later_plan_has_overtaken_is_told_and_is_no_failure() -> None:
    first = carried_out(PLAN)
    failed = StepRecord("shop-0000/stream", "setting.stream", "d", Status.FAILED, plan_id="e" * 64)
    file = first.files["shop-0000"]
    file = dataclasses.replace(file, steps={**file.steps, failed.address: failed})
    report = report_of(dataclasses.replace(first, files={**first.files, "shop-0000": file}), PLAN)
    step = next(one for one in report.steps() if one.address == failed.address)
    assert (step.status, step.title) == ("overtaken", "shop-0000/stream")  # the plan that had its title is not kept
    assert report.outcome == "verified"


def test_what_was_planned_for_the_move_counts_and_not_what_a_later_plan_has_left_of_it() -> None:
    rest = [dataclasses.replace(one, is_move=False, reason="", carried=()) for one in PLAN.tables]
    later = dataclasses.replace(PLAN, tables=tuple(rest), actions=(), inventory_digest="later")
    state = with_active(carried_out(PLAN), plan_id=later.plan_id)
    report = report_of(state, PLAN, later)
    assert report.totals.dollars is not None
    assert report.totals.dollars.middle == pytest.approx(sum(one.estimate.dollars for one in PLAN.tables), rel=1e-3)
    assert table(report, "shop-0000").carried == PLAN.tables[0].carried
    assert report.outcome == "verified"


def test_a_table_is_protected_once_the_shared_steps_are_done() -> None:
    tables = tuple(dataclasses.replace(one, strategy="protect", is_move=False) for one in PLAN.tables)
    shared = tuple(one for one in PLAN.actions if one.owner == "shared" and one.change is not Change.DELETE)
    plan = dataclasses.replace(PLAN, tables=tables, actions=shared)
    assert {one.verdict for one in report_of(None, plan).tables} == {"waiting"}
    state = carried_out(plan, failures=failing([shared[0].address]))
    report = report_of(state, plan)
    assert ({one.words for one in report.tables}, report.outcome) == ({"not protected yet"}, "failed")
    report = report_of(carried_out(plan), plan)
    assert (report.outcome, report.totals.verdicts) == ("protected", {"protected": 3})


def test_what_the_load_counted_and_what_was_adopted() -> None:
    outputs = {"table_id": "t-shop-0000", "items": 7, "bytes": 9, "filtered": 2, "extra": 0, "source_digest": "x"}
    state = changed(carried_out(PLAN), "shop-0000/import", outputs=outputs)
    state = changed(state, "shop-0001/import", action_digest="adopted", outputs={"table_id": "t-shop-0001"})
    report = report_of(state, PLAN)
    assert table(report, "shop-0000").loaded == {"items": 7, "bytes": 9, "filtered": 2, "extra": 0}
    assert (table(report, "shop-0001").strategy, table(report, "shop-0001").loaded) == ("adopted", None)


def test_a_table_that_failed_and_is_planned_no_more() -> None:
    later = dataclasses.replace(PLAN, tables=PLAN.tables[:1], actions=(), inventory_digest="later")
    state = with_active(carried_out(PLAN, failures=REFUSED), plan_id=later.plan_id, is_finished=True)
    report = report_of(state, PLAN, later)
    assert table(report, "shop-0001").words == "failed: import; the last plan left it out"
    assert report.outcome == "failed"


def test_an_unfinished_end_is_not_finished() -> None:
    report = report_of(with_active(carried_out(PLAN), is_finished=False), PLAN)
    assert (report.outcome, report.headline) == ("interrupted", "Not finished: 3 of 3 tables done.")
