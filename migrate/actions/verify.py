"""Verify: read both tables and prove that every item arrived."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from migrate.actions.base import Context, Done, Failed, ReadOnlyHandler, Step, StepResult
from migrate.actions.places import Places
from migrate.actions.transform import transform_of
from migrate.aws.items import endpoint
from migrate.aws.session import Account
from migrate.core.access import Access, allow
from migrate.core.clock import Clock
from migrate.core.codec import digest, encode
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.data.transform import TransformSpec
from migrate.data.transport import never
from migrate.plan.model import Action
from migrate.verify.compare import Mode, ScanSide, Taken, VerifyOptions, verify_tables
from migrate.verify.report import EXTRA, VerifyReport, key_text, unusable_words

SMALL = 64 * 2**20
"""Bytes up to which starting worker processes takes longer than reading."""

SEGMENT_BYTES = 16 * 2**20
"""Small, because the segments that differ are read again."""

FEWEST_SEGMENTS, MOST_SEGMENTS = 8, 4096
SHOWN = 5
_ONLY_IF_UNEQUAL = "the target is not what the copy has read"


class VerifyHandler(ReadOnlyHandler):
    """Kind `verify`: params `source_table`, `target_table`, `keys`, `mode`, `size_bytes`, `table_id`; optional
    `source_units`, `target_units` (read units a second), and `source_items`, `source_digest` (what a copy has read).

    `transform` is that of the copy. After a copy into a table that had items before, also `existing` (`on_conflict`)
    and `kept`, the number of items that the copy left as they were: no more than those may differ.

    The whole comparison is one turn. Stopped or killed, the next turn of the same attempt goes on at the segments that
    are in its folder.
    """

    slot: str | None = "verify"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        params = action.params
        when = _ONLY_IF_UNEQUAL if params.get("source_digest") else ""
        for place, table, case in (
            (places.source, params["source_table"], when),
            (places.target, params["target_table"], ""),
        ):
            yield allow(place.side, "dynamodb:Scan", place.table(table), when=case)
            yield from places.items_of(place.side, table)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        if context.work is None:
            return self._compare(step, context, None)
        with context.work.open(verification_name(step)) as folder:
            return self._compare(step, context, folder)

    def _compare(self, step: Step, context: Context, folder: Path | None) -> StepResult:
        params = step.params
        report = compare(
            context.source,
            context.target,
            params["source_table"],
            params["target_table"],
            tuple(params["keys"]),
            mode=params["mode"],
            size_bytes=params["size_bytes"],
            clock=context.clock,
            rates=(params.get("source_units"), params.get("target_units")),
            folder=folder,
            attempt=step.token,
            taken=_taken(step),
            should_stop=context.should_stop,
            on_progress=lambda progress: context.on_progress(step.address, progress),
            existing=params.get("existing", ""),
            transform=transform_of(step, context),
            transport=context.transport or params.get("transport"),
        )
        return self.result(report, step)

    def result(self, report: VerifyReport, step: Step) -> StepResult:
        """What the comparison means for the step."""
        kept = step.params.get("kept", 0)
        outputs = {k: v for k, v in encode(report).items() if k != "named"}
        if not report.is_accepted or (report.existing and report.differs > kept):
            return Failed(difference(report, kept), outputs=outputs)
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
    rates: tuple[float | None, float | None] = (None, None),
    folder: Path | None = None,
    attempt: str = "",
    taken: Taken | None = None,
    should_stop: Callable[[], bool] = never,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    existing: str = "",
    transform: TransformSpec | None = None,
    transport: str | None = None,
) -> VerifyReport:
    """Compare a table of each account. Read-only. `keys` are the target's key attributes, partition first.

    `rates` are read units a second of source and target. `folder`, `attempt` and `taken` as in `VerifyOptions`,
    `existing` as in `VerifyReport`; `transform` is what should have become of the source's items; `transport` is a name
    of `aws/items.py`.
    """
    options = VerifyOptions(
        mode=mode,
        segments=min(MOST_SEGMENTS, max(FEWEST_SEGMENTS, -(-size_bytes // SEGMENT_BYTES))),
        processes=0 if size_bytes < SMALL else os.cpu_count() or 1,
        # The target was filled a moment ago: an eventually consistent read may not see all of it yet.
        consistent=True,
        folder=folder,
        attempt=attempt,
        taken=taken,
    )
    report = verify_tables(
        ScanSide(endpoint(source, transport), source_table, keys, read_units=rates[0], transform=transform),
        ScanSide(endpoint(target, transport), target_table, keys, read_units=rates[1]),
        options,
        clock=clock,
        should_stop=should_stop,
        on_progress=on_progress,
    )
    return dataclasses.replace(report, existing=existing, is_transformed=transform is not None)


def verification_name(step: Step) -> str:
    """The name of this comparison's folder: the same for every attempt on the same two tables."""
    identity = digest(["verify", step.params["source_table"], step.params["table_id"]])[:12]
    # No table's name has a plus: this is never taken for the folder of a copy.
    return f"{step.params['target_table']}+verify-{identity}"


def _taken(step: Step) -> Taken | None:
    """What the copy has read, where the manifest wants to be compared with that, and the copy has noted it all."""
    found = step.params.get("source_digest")
    return Taken(step.params["source_items"], found) if found else None


def difference(report: VerifyReport, kept: int = 0, where: str = "") -> StepError:
    """What is not as asked, as the end of a step. What an existing table has beside the source's items is no fault.

    `where` has all of the keys, if they are kept anywhere.
    """
    counts = {
        f"different (the copy kept {kept:,} as they were)"
        if report.existing == "keep"
        else "different": report.differs,
        "missing in the target": report.missing,
        "only in the target": 0 if report.existing else report.extra,
        unusable_words(report): report.errors,
    }
    found = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    faults = [one for one in report.named if not (report.existing and one.mark == EXTRA)]
    named = "; ".join(f"{one.mark} {key_text(one.key)}" for one in faults[:SHOWN])
    return StepError(
        f"{report.source_table} ({report.source_items:,} items) and {report.target_table} "
        f"({report.target_items:,} items) are not the same: {found}",
        named or "only the numbers of items were compared",
        f"{f'all keys are in {where}' if where else '`migrate verify MANIFEST` names the keys'}; "
        "items that were written to the source after the export are expected "
        "to differ: stop the writers and move the table again, or load the changes",
        kind="VerificationFailed",
    )
