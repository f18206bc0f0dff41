"""What a report costs: CPU and size by the number of tables. `python -m tests.benchmarks.report [TABLES ...]`.

The states are made up (`tests/reports.py`); the last line writes the largest page to `build/report-N.html`, to look at.
"""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path

from migrate.render.report.build import build_report
from migrate.render.report.page import page
from tests.reports import carried_out, facts_of, failing, plan_for


def main() -> None:
    """Print the figures."""
    counts = [int(word) for word in sys.argv[1:]] or [3, 200, 2000]
    print(f"{'tables':>7} {'facts, s':>9} {'page, s':>8} {'kB':>8} {'gzip kB':>8}   (seconds of CPU)")
    for count in counts:
        plan = plan_for(count)
        failed = failing([f"shop-{at:04}/import" for at in range(1, count, 40)])
        facts = facts_of(carried_out(plan, failures=failed), plan)
        began = time.process_time()
        report = build_report(facts)
        built = time.process_time()
        text = page(report).encode()
        ended = time.process_time()
        packed = len(gzip.compress(text)) / 1000
        print(f"{count:>7} {built - began:>9.2f} {ended - built:>8.2f} {len(text) / 1000:>8,.0f} {packed:>8,.0f}")
    path = Path("build") / f"report-{counts[-1]}.html"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
