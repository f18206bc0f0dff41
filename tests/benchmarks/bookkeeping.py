"""What a step costs without AWS: tokens, state, journal, scheduling. `python -m tests.benchmarks.bookkeeping`.

Every step has a handle, so it writes its record three times (starting, running, done), each time durably. The peer in
the same run is the bare cost of such a write: a file of the same size, written, fsynced, renamed, its folder fsynced.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migrate.actions.base import Absent, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.places import Places
from migrate.apply.ledger import Ledger
from migrate.apply.run import carry_out
from migrate.core.access import Access
from migrate.core.clock import SystemClock, timestamp
from migrate.core.events import StepEvent
from migrate.plan.model import Action, Change, Plan, PlannedAccount, PlannedTable, Side
from migrate.state.folder import FolderStore
from migrate.state.model import OwnedResource

STEPS = 5
SIZES = (10, 100, 1000, 2000)


class Instant:
    """A handler whose work is done at once and costs nothing."""

    slot: str | None = None

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        yield from ()

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        return ()

    def observe(self, step: Step, context: Context) -> Observation:
        return Satisfied() if step.handle else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        return f"arn:aws:dynamodb:eu-west-1:222222222222:{step.token}"

    def poll(self, step: Step, context: Context) -> StepResult:
        return Done({"items": 1})

    def undo(self, step: Step, context: Context) -> None:
        return


def plan_of(tables: int) -> Plan:
    """A plan of that many tables with STEPS steps each, one after the other."""
    actions = []
    for table in range(tables):
        for step in range(STEPS):
            needs = (f"table-{table}/step-{step - 1}",) if step else ()
            address = f"table-{table}/step-{step}"
            params = {"table": f"table-{table}", "before": None, "after": step}
            actions.append(Action(address, "instant", Side.TARGET, Change.UPDATE, "nothing", params, needs))
    planned = tuple(PlannedTable(f"table-{t}", f"table-{t}", "s3") for t in range(tables))
    account = PlannedAccount("111111111111", "eu-west-1")
    return Plan("bench", "lineage", account, account, "m", "i", tables=planned, actions=tuple(actions))


def measure(tables: int, folder: Path) -> tuple[float, float, float]:
    """Milliseconds per step, of them CPU, and per bare durable write, in the same folder."""
    store, clock, plan = FolderStore(folder), SystemClock(), plan_of(tables)
    anything: Any = None
    with store.lock("bench"):
        ledger = Ledger(store, store.create("bench", "lineage"))

        def journal(event: StepEvent) -> None:
            if event.change != "progress":
                line = {"time": timestamp(clock.now()), "address": event.address, "change": event.change}
                store.append_journal("bench", line)

        began, cpu = time.perf_counter(), time.process_time()
        summary = carry_out(plan, ledger, {"instant": Instant()}, Context(anything, anything, clock), listener=journal)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert summary.is_complete
    steps = tables * STEPS / 1000
    return took / steps, cpu / steps, bare_write(folder) * 1000


def bare_write(folder: Path, times: int = 200) -> float:
    """Seconds of one durable write of 3 KB."""
    body = b"x" * 3000
    began = time.perf_counter()
    for _ in range(times):
        with open(folder / "bare.tmp", "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / "bare.tmp", folder / "bare")
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return (time.perf_counter() - began) / times


def main() -> None:
    """Print the figures."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    print(f"{'tables':>7} {'steps':>7} {'ms/step':>9} {'CPU':>6} {'ms/bare write':>14} {'ratio (3 writes a step)':>25}")
    for tables in SIZES:
        with tempfile.TemporaryDirectory(dir=where) as folder:
            step, cpu, bare = measure(tables, Path(folder))
        print(f"{tables:>7} {tables * STEPS:>7} {step:>9.2f} {cpu:>6.2f} {bare:>14.2f} {step / (3 * bare):>25.2f}")


if __name__ == "__main__":
    main()
