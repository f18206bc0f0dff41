"""From a plan to its end: show it, ask, carry it out under the lock, say how it ended."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from migrate.cli import exit_codes
from migrate.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrate.apply.run import Summary
    from migrate.cli.world import World
    from migrate.plan.model import Plan
    from migrate.state.model import Run, State
    from migrate.state.store import Store

    Conclude = Callable[[State], int]


def approve(plan: Plan, auto_approve: bool) -> str:
    """Show the plan and ask; how it was agreed to. Raises `Refused` when the answer is not yes, or nobody is there."""
    from migrate.render.plan_text import plan_text

    console.say(plan_text(plan, console.error_style, is_whole=console.verbose))
    ask("Carry this out?", auto_approve)
    return "beforehand (--auto-approve)" if auto_approve else "at the terminal"


def ask(question: str, auto_approve: bool) -> None:
    """Go on only with the user's `yes`. Raises `Refused` otherwise."""
    from migrate.core.errors import Refused

    if auto_approve:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "nobody is there to agree; nothing was changed",
            why="the input is no terminal",
            hint="add --auto-approve to agree beforehand",
        )
    console.say("")
    sys.stderr.write(f"{question} Only 'yes' is accepted: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise Refused("not agreed; nothing was changed")


def carry_out_plan(
    world: World,
    states: Store,
    kept: State | None,
    plan: Plan,
    command: str,
    *,
    is_resumed: bool,
    parallelism: int,
    agreed: str,
    as_json: bool = False,
    transport: str | None = None,
    conclude: Conclude | None = None,
    approvals: Sequence[str] = (),
) -> int:
    """Carry out what is left of the plan; the exit code. Needs the lock. `command` is what resumes it.

    `conclude` tells how a complete run ended, in place of the usual summary. `agreed` and `approvals` as in `Run`.
    """
    from migrate.actions.base import Context
    from migrate.actions.registry import handlers
    from migrate.apply.run import begin, carry_out, finish
    from migrate.apply.signals import stop_on_signal
    from migrate.cli.progress import ProgressDisplay
    from migrate.core.clock import timestamp

    manifest_file = os.path.abspath(world.manifest.file)
    again = command.replace(world.manifest.file, manifest_file)
    run = _this_run(world, plan, again, agreed, approvals)
    ledger = begin(states, kept, plan, manifest_file, run, is_resumed=is_resumed)
    display = ProgressDisplay(plan, states, world.clock)
    with stop_on_signal(console.say) as should_stop, display:
        context = Context(
            world.source,
            world.target,
            world.clock,
            plan.lineage,
            should_stop=should_stop,
            on_progress=display.progress,
            work=states.work(plan.migration),
            code=world.manifest.code,
            transport=transport,
        )
        summary = carry_out(
            plan,
            ledger,
            handlers(),
            context,
            listener=display.event,
            parallelism=parallelism,
            should_stop=should_stop,
        )
    finish(ledger, plan, manifest_file, summary, timestamp(world.clock.now()))
    if summary.is_complete and conclude is not None:
        return conclude(ledger.state())
    return _end(plan, ledger.state(), summary, command, as_json)


def _this_run(world: World, plan: Plan, command: str, agreed: str, approvals: Sequence[str]) -> Run:
    from migrate import __version__
    from migrate.core.clock import timestamp
    from migrate.state.model import Run
    from migrate.state.process import this_process

    return Run(
        plan.plan_id,
        timestamp(world.clock.now()),
        by=str(this_process()),
        version=__version__,
        principals=dict(zip(("source", "target"), (one.caller for one in world.accounts), strict=True)),
        agreed=agreed,
        approvals=tuple(approvals),
        command=command,
    )


def nothing_done(plan: Plan, outcome: str, text: str, as_json: bool) -> int:
    """Say why nothing had to be done; the exit code."""
    from migrate.render.summary import result_document

    if as_json:
        console.json(result_document(plan, outcome, exit_codes.OK))
    else:
        console.result(text)
    return exit_codes.OK


def _end(plan: Plan, state: State, summary: Summary, command: str, as_json: bool) -> int:
    """Say how it ended; the exit code."""
    from migrate.render.summary import result_document, summary_text

    code = _exit_code(summary)
    if as_json:
        rest = "" if summary.is_complete else command
        console.json(result_document(plan, summary.outcome, code, state, summary, rest))
    else:
        console.result(summary_text(plan, state, summary, console.style, command))
    return code


def _exit_code(summary: Summary) -> int:
    if summary.is_interrupted:
        return exit_codes.INTERRUPTED
    if summary.cause is not None:
        return exit_codes.exit_code(summary.cause)
    problems = [*summary.failed.values(), *summary.blocked.values()]
    return exit_codes.exit_code_of_steps(problems) if problems else exit_codes.OK
