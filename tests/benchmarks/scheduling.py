"""How close the order of the agenda comes to the best possible. `python -m tests.benchmarks.scheduling [TABLES]`.

Drives the agenda of `migrate apply` on a virtual clock: no AWS, no thread. Sizes of tables are log-normal; each step
takes what is expected of it, times a log-normal error that the agenda does not know. The lower bound is the longest
chain of one table, or what the fullest quota (places or bytes) must work off between the shortest way to it and the
shortest way from it, whichever is more: no order is faster.
"""

from __future__ import annotations

import heapq
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.actions.registry import handlers
from migrate.apply.agenda import Agenda
from migrate.apply.quotas import QUOTAS, Demand, Quota, demand_of, seconds_of
from migrate.plan.costs import GIB
from migrate.plan.model import Action, Change, Side
from migrate.strategies.s3_verdict import TIB, import_limit

MEDIAN_BYTES, SIGMA = 2 * GIB, 2.0
"""Half of the tables are below 2 GiB; of 10,000 the largest has some TiB."""

ERROR = 0.3
"""Sigma of what a step takes, around what is expected of it."""

CHAINS: Mapping[str, tuple[str, ...]] = {
    "s3": ("setting.recovery", "export", "export-check", "import", "setting.tags", "setting.ttl", "export-removal"),
    "backup": ("backup-job", "copy-job", "restore-job", "setting.tags", "setting.ttl", "recovery-point-removal"),
    "s3, verified here": ("export", "export-check", "import", "setting.tags", "verify", "setting.ttl"),
}


@dataclass(frozen=True)
class Outcome:
    """Seconds of a simulated run, and the seconds that no order could have stayed below, with what sets them."""

    makespan: float
    bound: float
    set_by: str

    @property
    def ratio(self) -> float:
        """1.0 is the best possible."""
        return self.makespan / self.bound


class Work:
    """Tables as actions: what they take of the quotas, and how long they really run."""

    def __init__(self, tables: int, kinds: tuple[str, ...], quotas: Mapping[str, Quota], seed: int) -> None:
        chance = random.Random(seed)
        known, largest = handlers(), quotas["import"].bytes or TIB
        self.quotas = quotas
        self.actions: list[Action] = []
        self.sizes: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.slots = {kind: known[kind].slot for kind in kinds}
        for table in range(tables):
            size = min(largest, int(chance.lognormvariate(math.log(MEDIAN_BYTES), SIGMA)))
            for action in _chain(f"table-{table}", kinds):
                self.actions.append(action)
                self.sizes[action.address] = size
                self.seconds[action.address] = seconds_of(action, size) * chance.lognormvariate(0, ERROR)

    def agenda(self) -> Agenda:
        """As `migrate apply` makes it."""
        return Agenda(
            self.actions,
            demand=self.demand,
            quotas=self.quotas,
            seconds=lambda action: seconds_of(action, self.sizes[action.address]),
        )

    def demand(self, action: Action) -> Demand:
        """What the action takes of the quotas."""
        return demand_of(action, self.slots[action.kind], self.sizes[action.address])

    def bound(self) -> tuple[float, str]:
        """Seconds that no order could stay below, and why."""
        before, after = self._ways()
        work: defaultdict[str, float] = defaultdict(float)
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for action in self.actions:
            address, seconds = action.address, self.seconds[action.address]
            for share in self.demand(action):
                quota = self.quotas[share.slot]
                parts = {f"places for {share.slot}": share.count / quota.count}
                if quota.bytes:
                    parts[f"bytes of {share.slot}"] = min(share.bytes, quota.bytes) / quota.bytes
                for name, part in parts.items():
                    work[name] += seconds * part
                    first[name] = min(first.get(name, math.inf), before[address])
                    last[name] = min(last.get(name, math.inf), after[address])
        bounds = {name: first[name] + work[name] + last[name] for name in work}
        bounds["the longest table"] = max(before[one.address] + self.seconds[one.address] for one in self.actions)
        set_by = max(bounds, key=lambda name: bounds[name])
        return bounds[set_by], set_by

    def _ways(self) -> tuple[dict[str, float], dict[str, float]]:
        """Seconds of the chain before each action, and after it."""
        before: dict[str, float] = {}
        after = dict.fromkeys(self.seconds, 0.0)
        for action in self.actions:
            before[action.address] = sum(before[need] + self.seconds[need] for need in action.needs)
        for action in reversed(self.actions):
            for need in action.needs:
                after[need] = after[action.address] + self.seconds[action.address]
        return before, after


def _chain(table: str, kinds: tuple[str, ...]) -> Iterator[Action]:
    needs: tuple[str, ...] = ()
    for kind in kinds:
        address = f"{table}/{kind}"
        yield Action(address, kind, Side.TARGET, Change.MOVE, kind, needs=needs)
        needs = (address,)


def simulate(work: Work) -> Outcome:
    """Run it all on a virtual clock."""
    agenda, now, running = work.agenda(), 0.0, list[tuple[float, str]]()
    done = 0
    while True:
        while (action := agenda.take()) is not None:
            heapq.heappush(running, (now + work.seconds[action.address], action.address))
        if not running:
            break
        now, address = heapq.heappop(running)
        agenda.finish(address)
        done += 1
    assert done == len(work.actions), "something was never begun"
    return Outcome(now, *work.bound())


def quotas_in(region: str) -> Mapping[str, Quota]:
    """The quotas of an account in a Region."""
    return {**QUOTAS, "import": Quota(QUOTAS["import"].count, import_limit(region))}


def main() -> None:
    """Print the figures."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{tables:,} tables, log-normal: median {MEDIAN_BYTES / GIB:.0f} GiB, sigma {SIGMA}, steps' error {ERROR}")
    print(f"{'strategy':<18} {'Region':<13} {'makespan':>10} {'bound':>10} {'ratio':>6} {'CPU s':>6}  bound by")
    for name, kinds in CHAINS.items():
        for region in ("eu-west-1", "eu-central-1"):
            began = time.process_time()
            found = simulate(Work(tables, kinds, quotas_in(region), seed=1))
            cpu = time.process_time() - began
            hours = f"{found.makespan / 3600:>8.1f} h {found.bound / 3600:>8.1f} h"
            print(f"{name:<18} {region:<13} {hours} {found.ratio:>6.3f} {cpu:>6.1f}  {found.set_by}")


if __name__ == "__main__":
    main()
