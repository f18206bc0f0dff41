"""What an action takes of an account's quotas while it runs, and about how long that will be. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migrate.plan.costs import GIB
from migrate.plan.model import Action, Plan
from migrate.strategies.s3_verdict import TIB, import_limit


@dataclass(frozen=True)
class Quota:
    """How many actions may hold a slot at once, and how many bytes of tables they may move together (None: any)."""

    count: int
    bytes: int | None = None


@dataclass(frozen=True)
class Share:
    """What one action holds of a slot: `count` of its places, and the bytes of its table."""

    slot: str
    count: int = 1
    bytes: int = 0


Demand = tuple[Share, ...]

QUOTAS: Mapping[str, Quota] = {
    "import": Quota(50, 15 * TIB),
    "export": Quota(300, 100 * 10**12),
    "backup": Quota(300),
    "copy-job": Quota(100),
    "restore": Quota(50, 25 * 10**12),
    "control": Quota(500),
    "verify": Quota(2),
    "copy": Quota(1),
    "spark": Quota(10),
}
"""Quotas of DynamoDB ("Quotas in Amazon DynamoDB") and of AWS Backup (100 copy jobs per account and destination Region;
25 TB of restores). Of 500 control-plane operations, one that makes indexes counts twice: of those there may be 250.
Verify and copy work on this machine. Spark jobs: new accounts have few workers and vCPUs."""

_MAKES_INDEXES = {"index", "restore-job"}
"""Whether a restored table has indexes is not known here: it is taken to."""

_SECONDS: Mapping[str, tuple[float, float]] = {
    "export": (720, 3.5),
    "export-check": (10, 0.3),
    "import": (480, 3.5),
    "backup-job": (600, 3.5),
    "copy-job": (600, 3.5),
    "restore-job": (1800, 0.0),
    "restore-check": (10, 20.0),
    "copy": (10, 60.0),
    "glue-run": (120, 6.0),
    "emr-run": (120, 6.0),
    "emr-step": (120, 6.0),
    "index": (300, 30.0),
    "verify": (5, 20.0),
    "glue-verify": (120, 6.0),
    "emr-verify": (120, 6.0),
    "emr-step-verify": (120, 6.0),
    "export-removal": (10, 0.1),
}
"""By kind: seconds at least, and seconds more for each GiB. Only their order matters: what takes longest goes first."""

_OTHERWISE = (5.0, 0.0)


def quotas_of(plan: Plan) -> Mapping[str, Quota]:
    """The quotas in the Regions of `plan`."""
    return {**QUOTAS, "import": Quota(QUOTAS["import"].count, import_limit(plan.target.region))}


def demand_of(action: Action, slot: str | None, size_bytes: int) -> Demand:
    """What `action` takes while it runs. `slot` is its handler's; `size_bytes` is the size of its table.

    Imports are counted with the size of the table: their files are DynamoDB JSON, which is larger, compressed.
    """
    if slot is None:
        return ()
    count = 2 if _makes_indexes(action) else 1
    if slot == "control":
        return (Share(slot, count),)
    own = Share(slot, bytes=size_bytes)
    return (own, Share("control", count)) if slot == "restore" else (own,)


def seconds_of(action: Action, size_bytes: int) -> float:
    """About how long `action` takes for a table of that size."""
    least, each = _SECONDS.get(action.kind, _OTHERWISE)
    return least + each * size_bytes / GIB


LONG_SLOTS: Mapping[str, str] = {
    "export": "export",
    "import": "import",
    "backup-job": "backup",
    "copy-job": "copy-job",
    "restore-job": "restore",
    "copy": "copy",
    "verify": "verify",
    "glue-run": "spark",
    "emr-run": "spark",
    "emr-step": "spark",
}
"""Slots of the kinds that hold a quota for long. Their handlers have the same; reading a plan needs no handler."""


def least_minutes(plan: Plan) -> float:
    """Minutes below which the quotas do not let the whole plan end, whatever the order."""
    size_of, quotas = sizes_of(plan), quotas_of(plan)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for action in plan.actions:
        slot = LONG_SLOTS.get(action.kind)
        if slot is None:
            continue
        size, quota = size_of(action), quotas[slot]
        took = seconds_of(action, size)
        seconds[slot, "places"] += took / quota.count
        seconds[slot, "bytes"] += took * size / quota.bytes if quota.bytes else 0.0
    return max(seconds.values(), default=0.0) / 60


def sizes_of(plan: Plan) -> Callable[[Action], int]:
    """Bytes of the table that an action of `plan` belongs to; 0 for what tables share."""
    sizes = {table.target: table.bytes for table in plan.tables}
    return lambda action: sizes.get(action.owner, 0)


def _makes_indexes(action: Action) -> bool:
    creation = action.params.get("creation") or {}
    return action.kind in _MAKES_INDEXES or any(name.endswith("SecondaryIndexes") for name in creation)
