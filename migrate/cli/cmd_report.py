"""`migrate report`: what happened in a migration, as one HTML file for an auditor and for the team. Calls no AWS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.plan.model import Plan
    from migrate.render.report.build import Facts
    from migrate.render.report.model import Report
    from migrate.state.model import State
    from migrate.state.store import Store

DEFAULT = "report.html"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("report")
    def report(
        what: str = typer.Argument(
            "", metavar="[MIGRATION | MANIFEST | PLANFILE]", help="Default: the only one in the state."
        ),
        out: str = typer.Option("", "--out", metavar="FILE", help=f"Where to write it (default: {DEFAULT})."),
        as_json: bool = typer.Option(False, "--json", help="Print the report as JSON; with --out, write the page too."),
    ) -> int:
        """Write what happened as one self-contained HTML file: summary, timeline, every table, what is left."""
        return run(what, out=out, as_json=as_json)


def run(what: str, *, out: str, as_json: bool) -> int:
    """See the command."""
    from migrate.render.report.build import build_report
    from migrate.render.report.model import report_document

    report = build_report(_facts(what))
    if as_json:
        console.json(report_document(report))
    if out or not as_json:
        _write(report, Path(out or DEFAULT))
    return 0


def _facts(what: str) -> Facts:
    """What is known of the migration that the user means. Raises when nothing is."""
    from migrate.cli.kept import no_such_migration
    from migrate.cli.saved import is_plan_file, read_file
    from migrate.cli.world import read_manifest, store

    states = store()
    if os.path.isfile(what) or what.endswith((".yaml", ".yml", ".json")):
        saved = read_file(what) if is_plan_file(what) else None
        name = saved.migration if saved else read_manifest(what).name
    else:
        saved, name = None, what or _only_one(states)
    state = states.read(name)
    if state is None and saved is None:
        unknown = no_such_migration(states, name)
        unknown.hint += "; of a plan that nobody has carried out: migrate report PLANFILE"
        raise unknown
    return _gathered(states, name, state, saved)


def _gathered(states: Store, name: str, state: State | None, saved: Plan | None) -> Facts:
    from migrate import __version__
    from migrate.core.clock import SystemClock, timestamp
    from migrate.render.report.build import Facts, plans_in_order
    from migrate.state.lock import why_free

    now = SystemClock().now()
    plans, gaps = _plans(states, name, state)
    active = state.migration.active if state else None
    if active is None and saved is not None:
        plans[saved.plan_id] = saved
    lock = states.locked_by(name)
    return Facts(
        migration=name,
        state=state,
        plans=plans_in_order(state, plans),
        active=plans.get(active.plan_id) if active else saved,
        written=timestamp(now),
        version=__version__,
        holder=f"{lock.holder} since {lock.since}" if lock and not why_free(lock, now) else "",
        gaps=tuple(gaps),
    )


def _plans(states: Store, name: str, state: State | None) -> tuple[dict[str, Plan], list[str]]:
    """The plans by which the migration was worked, by id; and what is wrong with those that cannot be read."""
    from migrate.core.errors import ManifestInvalid, MigrateError
    from migrate.plan.planfile import read_plan

    if state is None:
        return {}, []
    last = state.migration.active.plan_id if state.migration.active else ""
    records = (record for file in state.files.values() for record in file.steps.values())
    asked = dict.fromkeys([*(run.plan_id for run in state.migration.runs), *(one.plan_id for one in records), last])
    found: dict[str, Plan] = {}
    problems: dict[str, list[str]] = {}
    for plan_id in filter(None, asked):
        try:
            stored = states.read_plan(name, "" if plan_id == last else plan_id)
            plan = read_plan(stored, f"the plan {plan_id[:12]}") if stored is not None else None
        except ManifestInvalid as problem:
            problems.setdefault(problem.diagnostics[0].summary, []).append(plan_id)
            continue
        except MigrateError as problem:
            problems.setdefault(": ".join(filter(None, (problem.summary, problem.why))), []).append(plan_id)
            continue
        if plan is None or plan.plan_id != plan_id:
            problems.setdefault("not kept", []).append(plan_id)
        else:
            found[plan_id] = plan
    return found, [_gap(problem, ids, last) for problem, ids in problems.items()]


def _gap(problem: str, ids: list[str], last: str) -> str:
    which = f"Plan {', '.join(one[:12] for one in ids)}" if len(ids) <= 3 else f"{len(ids)} plans"
    age = " (the last one)" if last in ids else ""
    return (
        f"{which}{age}: {problem}. What only such a plan knows (titles, estimates, reasons, settings, steps that were "
        "not begun) is missing here."
    )


def _only_one(states: Store) -> str:
    from migrate.core.errors import Refused

    names = states.migrations()
    if len(names) == 1:
        return names[0]
    which = f"there are {', '.join(names)}" if names else "nothing was applied here yet"
    raise Refused(
        f"say of which migration (in {console.state_url}: {', '.join(names) or 'none'})",
        why=which,
        hint="migrate report NAME; of a plan that nobody has carried out: migrate report PLANFILE",
    )


def _write(report: Report, path: Path) -> None:
    """Write the page. Raises `Refused` for a file that is there and is none of ours, or that cannot be written."""
    from migrate.core.errors import Refused
    from migrate.render.report.page import page

    if not _is_ours(path):
        hint = "name another one: --out FILE"
        raise Refused(f"{path} is there already and is no report of this tool; it was left as it is", hint=hint)
    text = page(report)
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written: {problem.strerror or problem}", hint="--out FILE") from problem
    console.say(f"{report.migration}: {report.headline}")
    console.say(f"Written to {path} ({len(text.encode()) / 1024:,.0f} kB); open it in a browser.")


def _is_ours(path: Path) -> bool:
    """True when nothing is lost by writing there: no file, an empty one, or an earlier report."""
    from migrate.core.errors import Refused
    from migrate.render.report.page import GENERATOR

    if not path.exists():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(2048)
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror or problem}", hint="--out FILE") from problem
    return not start or f'content="{GENERATOR} '.encode() in start
