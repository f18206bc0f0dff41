"""A run of the Spark job that verifies a table: what it is told, and what its result proves.

Nothing of the result is taken on trust that can be checked here: equal are two tables of which all segments were read,
and whose sums this machine finds equal in every bucket.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.actions.base import Context, Done, Failed, Step
from migrate.actions.copy_check import source_identity
from migrate.actions.spark_work import LOOK_AGAIN, folder_of, work_folder
from migrate.actions.transform import transform_of
from migrate.actions.verify import difference
from migrate.core.codec import Undecodable, decode, digest, encode
from migrate.core.errors import StepError
from migrate.spark.arguments import VERIFY, JobSpec
from migrate.spark.books import RESULT, Result
from migrate.spark.sums import BucketSums, unequal, unpacked
from migrate.verify.report import NamedKey, VerifyReport


@dataclass(frozen=True)
class Comparison:
    """The `comparison` of a result: see `migrate.spark`."""

    source_items: int
    target_items: int
    same: int
    differs: int
    missing: int
    extra: int
    errors: int
    named: tuple[NamedKey, ...]
    buckets: Mapping[str, str]
    differences: str | None = None

    @property
    def differing(self) -> int:
        """Keys that are not the same on both sides."""
        return self.differs + self.missing + self.extra + self.errors


def job_spec(step: Step, context: Context) -> JobSpec:
    """What the job is told. The target was filled a moment ago: eventually consistent reads may not see all of it."""
    params, source, target, transform = step.params, context.source, context.target, transform_of(step, context)
    return JobSpec(
        mode=VERIFY,
        work=f"{work_of(step)}-{step.token[:12]}",
        work_region=target.region,
        work_owner=target.id,
        token=step.token,
        target_table=params["target_table"],
        target_region=target.region,
        target_id=params["table_id"],
        partition_key=params["keys"][0],
        sort_key=params["keys"][1] if len(params["keys"]) > 1 else None,
        source_table=params["source_table"],
        source_region=source.region,
        source_id=source_identity(step, context),
        source_role=params.get("source_role"),
        source_external_id=params.get("external_id"),
        segments=params["segments"],
        consistent=True,
        read_units=params.get("read_units"),
        transform=params["transform_place"] if transform else None,
        transform_digest=transform.digest if transform else None,
    )


def work_of(step: Step) -> str:
    """How the places of the job's books begin: one for these tables and each attempt, which reads everything anew.

    What an earlier one has read may have changed since; but one that still reads is as good as another.
    """
    identity = digest([step.params[name] for name in ("source_arn", "table_id", "segments")])[:12]
    return f"{folder_of(step)}{VERIFY}-{identity}"


def judged(step: Step, spec: JobSpec, result: Result, cost: dict[str, Any]) -> Done | Failed:
    """What the result of a run that succeeded means for the step. `cost` are more outputs."""
    owned = (work_folder(step, is_confirmed=True),)
    try:
        found = decode(Comparison, result.comparison)
        is_whole = _is_whole(spec, result, found)
    except (Undecodable, KeyError, ValueError, binascii.Error, struct.error):
        is_whole = False
    if not is_whole:
        return Failed(_incomplete(step, spec, result), owned)
    report = VerifyReport(
        source_table=step.params["source_table"],
        target_table=step.params["target_table"],
        mode="digest",
        source_items=found.source_items,
        target_items=found.target_items,
        same=found.same,
        differs=found.differs,
        missing=found.missing,
        extra=found.extra,
        errors=found.errors,
        named=found.named,
        seconds=result.seconds,
        read_units=result.read_units,
        is_transformed=spec.transform is not None,
    )
    outputs = {name: value for name, value in encode(report).items() if name != "named"}
    if not report.is_accepted:
        error = difference(report, where=f"{spec.work}/{found.differences}")
        return Failed(error, owned, outputs=outputs)
    return Done({**outputs, "table_id": step.params["table_id"], **cost}, owned=owned)


def made_again(step: Step) -> StepError:
    """The source table is not the one whose items were read."""
    return StepError(
        f"the source table {step.params['source_table']} was deleted and made again while it was compared",
        "what was read of the old table says nothing about the new one",
        "run the same command again: both tables are compared as they are then",
    )


def _is_whole(spec: JobSpec, result: Result, found: Comparison) -> bool:
    """Every segment of both sides was read, the sums hold every item, and they say what the counts say."""
    sums = {side: BucketSums() for side in ("source", "target")}
    for side, one in sums.items():
        one.add(unpacked(base64.b64decode(found.buckets[side], validate=True)))
    items = [sums["source"].items, sums["target"].items]
    is_read = result.balanced and result.units_done == result.units == 2 * spec.segments
    is_counted = items == [found.source_items, found.target_items] and result.read == result.kept == sum(items)
    if not unequal(sums["source"], sums["target"]):
        return is_read and is_counted and found.differing == 0 and found.same == found.source_items
    return is_read and is_counted and found.differences is not None and len(found.named) <= found.differing


def _incomplete(step: Step, spec: JobSpec, result: Result) -> StepError:
    found = result.comparison or {}
    said = ", ".join(f"{name} {found.get(name)}" for name in ("source_items", "target_items", "same"))
    return StepError(
        f"the job says that it has compared {step.params['target_table']}, and its result does not bear that out",
        f"{result.units_done} of {result.units} units done, {result.read:,} items read, {said} ({spec.work}/{RESULT})",
        f"{LOOK_AGAIN}; if it stays so, report it, and say `verify: {{by: local}}`",
        kind="Unbalanced",
    )
