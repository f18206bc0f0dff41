"""How an apply ended: what was verified, what failed and why, which command goes on."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.apply.run import Summary
from migrate.plan.model import Plan
from migrate.render.diagnostics import step_error_text
from migrate.render.style import Style, plural
from migrate.state.model import State, Status


def summary_text(plan: Plan, state: State, summary: Summary, style: Style, command: str) -> str:
    """The closing text of `migrate apply`. `command` resumes it."""
    lines = list(verification_lines(plan, state, style))
    total, done = len(plan.actions), len(summary.done)
    if summary.is_complete:
        lines.append(style.paint(f"Apply complete: {plural(total, 'step')} done.", "bold", "green"))
        return "\n".join(lines)
    lines += [
        step_error_text(address, error, style) for address, error in {**summary.failed, **summary.blocked}.items()
    ]
    if summary.cause is not None:
        lines.append(f"{style.paint('error:', 'red', 'bold')} stopped: {summary.cause.summary}")
        lines += [f"  why     {summary.cause.why}"] if summary.cause.why else []
        lines += [f"  advice  {summary.cause.hint}"] if summary.cause.hint else []
    if summary.is_interrupted:
        lines.append("Interrupted.")
    waiting = f", {plural(len(summary.skipped), 'step')} waiting for them" if summary.skipped else ""
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    blocked = f", {len(summary.blocked)} to be looked at again" if summary.blocked else ""
    lines.append(f"  state   saved; {done} of {plural(total, 'step')} done{failed}{blocked}{waiting}")
    lines.append(f"  next    {command}   goes on from here")
    return "\n".join(lines)


def verification_lines(plan: Plan, state: State, style: Style) -> Iterator[str]:
    """One line for each table that was verified under this plan."""
    for table in plan.tables:
        record = state.record(f"{table.target}/verify")
        if record is None or record.plan_id != plan.plan_id or record.status is not Status.DONE:
            continue
        found = record.outputs
        what = "items are equal" if found["mode"] == "digest" else "items on both sides (counts only)"
        mark = style.paint("=", "green", "bold")
        more = {"kept, unlike the source's": found["differs"], "only in the target": found["extra"]}
        allowed = "".join(f"; {count:,} {words}" for words, count in more.items() if count)
        yield (
            f"{mark} {table.source} -> {table.target}: {found['same']:,} {what}; "
            f"source {found['source_items']:,}, target {found['target_items']:,}{allowed}"
        )
