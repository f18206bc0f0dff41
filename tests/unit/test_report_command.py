"""`migrate report` as a user meets it: which migration, which file, and what is wrong with a state that was damaged."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from migrate.cli.main import main
from migrate.plan.planfile import plan_document
from migrate.state.model import State
from tests.reports import BEGUN, carried_out, failing, keep, plan_for

PLAN = plan_for(2)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGRATE_STATE", raising=False)
    return tmp_path


@pytest.fixture
def done(here: Path) -> State:
    state = carried_out(PLAN)
    keep(here / "state", state, PLAN)
    return state


@pytest.mark.usefixtures("done")
def test_the_only_migration_is_meant(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "move: Done and verified: every item of every table was compared." in said.err
    assert "Written to report.html" in said.err
    assert (here / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>\n<html")
    assert [path.name for path in here.iterdir() if path.name != "state"] == ["report.html"]


@pytest.mark.usefixtures("done")
def test_only_an_earlier_report_is_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "move"]) == main(["report", "move"]) == 0
    (here / "mine.html").write_text("<html>my own</html>")
    assert main(["report", "move", "--out", "mine.html"]) == 4
    assert "mine.html is there already and is no report of this tool; it was left as it is" in capsys.readouterr().err
    assert (here / "mine.html").read_text() == "<html>my own</html>"


@pytest.mark.usefixtures("done")
@pytest.mark.parametrize("out", ["nowhere/report.html", "state"])
def test_a_place_that_cannot_be_written(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--out", out]) == 4
    said = capsys.readouterr().err
    assert out in said
    assert "cannot be" in said


@pytest.mark.usefixtures("done")
def test_json_writes_no_page_unless_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "verified"
    assert not (here / "report.html").exists()
    assert main(["report", "--json", "--out", "page.html"]) == 0
    assert json.loads(capsys.readouterr().out)["format_version"] == 1
    assert (here / "page.html").exists()


@pytest.mark.usefixtures("here")
def test_no_state_is_an_error_that_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 4
    assert "nothing was applied here yet" in capsys.readouterr().err
    assert main(["report", "mvoe"]) == 6
    said = capsys.readouterr().err
    assert "no migration called mvoe has a state in state/" in said
    assert "migrate report PLANFILE" in said
    assert main(["report", "none.yaml"]) == main(["report", "none.json"]) == 3
    assert "none.yaml" in capsys.readouterr().err


@pytest.mark.usefixtures("done")
def test_of_several_one_must_be_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "state/other").mkdir()
    (here / "state/other/migration.json").write_text((here / "state/move/migration.json").read_text())
    assert main(["report"]) == 4
    assert "move, other" in capsys.readouterr().err
    assert main(["report", "move"]) == 0
    assert main(["report", "other"]) == 6  # it is a copy of the other one's file, and no state


def test_a_plan_that_nobody_has_carried_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "plan.json").write_text(json.dumps(plan_document(PLAN)))
    assert main(["report", "plan.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["headline"]) == ("planned", "Nothing has been carried out.")
    (here / "plan.json").write_text('{"format_version": 1}')
    assert main(["report", "plan.json"]) == 3
    assert "plan.json is no plan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "gap"),
    [
        ("{", "a damaged state file"),
        ("[]", "a damaged state file"),
        ('{"format_version": 1}', "is no plan"),
        ('{"format_version": 99}', "written by a newer version"),
        (None, "(the last one): not kept"),
        ("another", "(the last one): not kept"),
        ("changed", "was changed by hand"),
    ],
)
@pytest.mark.usefixtures("done")
def test_a_plan_that_cannot_be_read_leaves_a_gap_and_no_good_verdict(
    here: Path, capsys: pytest.CaptureFixture[str], content: str | None, gap: str
) -> None:
    path = here / "state/move/plan.json"
    if content is None:
        path.unlink()
    elif content == "another":
        path.write_text(json.dumps(plan_document(plan_for(1))))
    elif content == "changed":
        path.write_text(path.read_text().replace("eu-west-1", "eu-west-2"))
    else:
        path.write_text(content)
    assert main(["report", "--json", "--out", "report.html"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"] == "unknown"
    assert [gap in one for one in found["gaps"]] == [True]
    assert gap in (here / "report.html").read_text()


@pytest.mark.usefixtures("done")
def test_a_damaged_state_is_an_error_and_no_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "state/move/tables/shop-0001.json").write_text("{")
    assert main(["report"]) == 6
    assert "shop-0001.json" in capsys.readouterr().err
    assert not (here / "report.html").exists()


def test_plans_of_earlier_runs_explain_their_steps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first plan failed at a table; the second one is of what was left, and knows nothing of the others."""
    later = plan_for(2, seed=7)
    first = carried_out(PLAN, failures=failing(["shop-0001/import"]))
    second = carried_out(later, before=first, begun=BEGUN + dt.timedelta(days=1))
    keep(here / "state", second, PLAN, later)
    assert main(["report", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gaps"] == []
    assert [run["plan_id"] for run in found["runs"]] == [PLAN.plan_id, later.plan_id]
    (here / f"state/move/plans/{PLAN.plan_id}.json").unlink()
    assert main(["report", "--json"]) == 0
    assert f"Plan {PLAN.plan_id[:12]}: not kept" in json.loads(capsys.readouterr().out)["gaps"][0]
