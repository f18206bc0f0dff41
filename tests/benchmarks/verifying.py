"""What verification costs on top of scanning the same items, with the same transport, workers and requests.

At a stub that answers at once, where the client is the limit, and at one that takes `SECONDS` for a page, as a service
does. Both sides are read; an item counts once for each side. `python -m tests.benchmarks.verifying`
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate.data.pagedigest import FORMS
from migrate.data.rawitems import RawItem
from migrate.data.reading import Reading, TableToRead, Task
from migrate.verify.compare import ScanSide, VerifyOptions, verify_tables
from migrate.verify.looks import SumLook
from tests.benchmarks.copying import cpu_of, spec_of
from tests.benchmarks.items import KEYS, Item, flat_item, rich_item
from tests.stubs.canned_server import canned_server

ITEMS, SLOW_ITEMS = 1_000_000, 1_000_000
SECONDS, ROUNDS, SEGMENTS = 0.005, 3, 16


def drop(_items: Sequence[RawItem]) -> int:
    """The look of a scan that wants nothing."""
    return 0


@dataclass(frozen=True)
class Scan:
    """Both tables read by `processes` workers, pages to `look`."""

    processes: int
    look: Callable[[Sequence[RawItem]], int] = drop

    def __call__(self, url: str, items: int) -> None:
        spec = spec_of(url)
        sides = {side: TableToRead(spec, f"items{items}") for side in ("source", "target")}
        with Reading("benchmark", sides, segments=SEGMENTS, processes=self.processes) as reading:
            tasks = [Task(side, segment) for segment in range(SEGMENTS) for side in sides]
            reading.read(tasks, self.look, lambda _page: None)


@dataclass(frozen=True)
class Verify:
    """The same tables compared: forms tried, sums, books."""

    processes: int

    def __call__(self, url: str, items: int) -> None:
        side = ScanSide(spec_of(url), f"items{items}", KEYS)
        if not verify_tables(side, side, VerifyOptions(segments=SEGMENTS, processes=self.processes)).is_equal:
            raise AssertionError("the stub's tables are equal")


def measure(title: str, make: Callable[[int], Item], items: int, seconds: float, processes: int) -> None:
    """Least of `ROUNDS` rounds each, taken in turns: the other processes of the machine only ever add."""
    works: dict[str, Callable[[str, int], None]] = {"scan": Scan(processes), "verify": Verify(processes)}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    with canned_server(make, seconds) as url:
        for _ in range(ROUNDS):
            for name, work in works.items():
                figures[name].append(cpu_of(work, url, items))
    least = {name: [min(column) / 2 for column in zip(*found, strict=True)] for name, found in figures.items()}
    (scan_cpu, scan_wall), (verify_cpu, verify_wall) = least["scan"], least["verify"]
    print(
        f"{title:<34} {scan_cpu:>9.2f} {verify_cpu:>9.2f} {verify_cpu / scan_cpu - 1:>7.0%}"
        f" {scan_wall:>10.2f} {verify_wall:>9.2f} {verify_wall / scan_wall - 1:>7.0%}",
        flush=True,
    )


def forms() -> None:
    """CPU by form, one process."""
    with canned_server(rich_item) as url:
        for form in FORMS:
            cpu, _ = cpu_of(Scan(0, SumLook(form)), url, 100_000)
            print(f"scan and {form:<12} {cpu / 2:>6.2f} us of CPU per item")


def main() -> None:
    """Print both tables."""
    cores = os.cpu_count() or 1
    print(
        f"{'us per item':<34} {'CPU: scan':>9} {'verify':>9} {'more':>7} {'wall: scan':>10} {'verify':>9} {'more':>7}"
    )
    for name, make in (("rich, 612 bytes", rich_item), ("flat, 394 bytes", flat_item)):
        for processes in (0, cores):
            where = f"{processes} processes" if processes else "threads"
            measure(f"{name}, {where}", make, ITEMS, 0.0, processes)
    measure(f"rich, {cores} processes, 5 ms a page", rich_item, SLOW_ITEMS, SECONDS, cores)
    forms()


if __name__ == "__main__":
    main()
