"""Verify: read both tables and prove that every item arrived."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from migrate.actions.base import Context, Done, Failed, ReadOnlyHandler, Step, StepResult
from migrate.aws.items import endpoint
from migrate.aws.session import Account
from migrate.core.clock import Clock
from migrate.core.codec import encode
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.data.rawitems import ItemTransport
from migrate.data.retry import PATIENCE_SECONDS
from migrate.data.scan import choose_segments
from migrate.data.transport import never
from migrate.verify.compare import Mode, ScanSide, verify_tables
from migrate.verify.report import EXTRA, VerifyReport, key_text

WORKERS = 4
CONNECTIONS = 32
SHOWN = 5


class VerifyHandler(ReadOnlyHandler):
    """Kind `verify`: params `source_table`, `target_table`, `keys`, `mode`, `size_bytes`, `table_id`.

    After a copy into a table that had items before, also `existing` (`on_conflict`) and `kept`, the number of items
    that the copy left as they were: no more than those may differ.

    The whole comparison is one turn; stopped or killed, it begins again: it changes nothing.
    """

    slot: str | None = "verify"

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        report = compare(
            context.source,
            context.target,
            step.params["source_table"],
            step.params["target_table"],
            tuple(step.params["keys"]),
            mode=step.params["mode"],
            size_bytes=step.params["size_bytes"],
            clock=context.clock,
            should_stop=context.should_stop,
            on_progress=lambda progress: context.on_progress(step.address, progress),
            existing=step.params.get("existing", ""),
            transport=context.transport or step.params.get("transport"),
        )
        kept = step.params.get("kept", 0)
        if not report.is_accepted or (report.existing and report.differs > kept):
            return Failed(_difference(report, kept))
        outputs = {k: v for k, v in encode(report).items() if k != "named"}
        return Done({**outputs, "table_id": step.params["table_id"]})


def compare(
    source: Account,
    target: Account,
    source_table: str,
    target_table: str,
    keys: tuple[str, ...],
    *,
    mode: Mode,
    size_bytes: int,
    clock: Clock,
    should_stop: Callable[[], bool] = never,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    existing: str = "",
    transport: str | None = None,
) -> VerifyReport:
    """Compare a table of each account. Read-only. `keys` are the key attributes, partition first.

    `existing` as in `VerifyReport`; `transport` is a name of `aws/items.py`.
    """
    here, there = (_opened(account, transport) for account in (source, target))
    report = verify_tables(
        ScanSide(here, source_table, keys),
        ScanSide(there, target_table, keys),
        clock=clock,
        mode=mode,
        segments=choose_segments(size_bytes, WORKERS),
        workers=WORKERS,
        # The target was filled a moment ago: an eventually consistent read may not see all of it yet.
        consistent=True,
        should_stop=should_stop,
        on_progress=on_progress,
    )
    return dataclasses.replace(report, existing=existing)


def _opened(account: Account, transport: str | None) -> ItemTransport:
    spec = endpoint(account, transport)
    assert spec.credentials is not None
    return spec.opened(CONNECTIONS, PATIENCE_SECONDS, spec.credentials)


def _difference(report: VerifyReport, kept: int) -> StepError:
    """What is not as asked. What an existing table has beside the source's items is no fault."""
    counts = {
        f"different (the copy kept {kept:,} as they were)"
        if report.existing == "keep"
        else "different": report.differs,
        "missing in the target": report.missing,
        "only in the target": 0 if report.existing else report.extra,
        "not comparable": report.errors,
    }
    found = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    faults = [one for one in report.named if not (report.existing and one.mark == EXTRA)]
    named = "; ".join(f"{one.mark} {key_text(one.key)}" for one in faults[:SHOWN])
    return StepError(
        f"{report.source_table} ({report.source_items:,} items) and {report.target_table} "
        f"({report.target_items:,} items) are not the same: {found}",
        named or "only the numbers of items were compared",
        "`migrate verify MANIFEST` names the keys; items that were written to the source after the export are expected "
        "to differ: stop the writers and move the table again, or load the changes",
        kind="VerificationFailed",
    )
