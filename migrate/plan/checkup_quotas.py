"""Does what the plan makes fit into the account? Held against Service Quotas, DescribeLimits and documented limits.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html and the quota pages of Glue, EMR
Serverless, EC2 and AWS Backup. A quota that cannot be looked up makes its check UNKNOWN, with AWS's default in its
words: a default is never taken for what the account has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.table import PROVISIONED
from migrate.observe.checkup import Unread
from migrate.plan.check import Check, Patient, Result, counted
from migrate.plan.occupancy import occupied

TABLES = "Maximum number of tables"
EXPORTS, IMPORTS, COPY_JOBS = 300, 50, 100
"""At once, in an account and Region. AWS documents them; Service Quotas does not list them."""

_TABLES_DEFAULT, _CAPACITY_DEFAULT = 2500, 80_000
_NEW_TABLES = ("import", "restore-job", "table")


@dataclass(frozen=True)
class _Pool:
    """A quota that runs of the Spark job draw on; with `counts_runs` each run is one."""

    kinds: tuple[str, ...]
    service: str
    quota: str
    unit: str
    default: float
    counts_runs: bool = False


_POOLS = (
    _Pool(("glue-run",), "glue", "Max task DPUs per account", "DPU", 1000),
    _Pool(("glue-run",), "glue", "Max concurrent job runs per account", "job run", 200, counts_runs=True),
    _Pool(("emr-run",), "emr-serverless", "Max concurrent vCPUs per account", "vCPU", 16),
    _Pool(("emr-cluster",), "ec2", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", "vCPU", 5),
)


def services(kinds: set[str]) -> tuple[str, ...]:
    """Services whose quotas matter for actions of these kinds, in the target account."""
    found = ["dynamodb"] if kinds & set(_NEW_TABLES) else []
    return tuple(dict.fromkeys([*found, *(pool.service for pool in _POOLS if kinds & set(pool.kinds))]))


def quota_checks(patient: Patient) -> Iterator[Check]:
    """All of them, for one account."""
    if patient.side == "target":
        yield from _tables(patient)
        yield from _capacity(patient)
        yield from _transfers(patient, "imports", "import", IMPORTS)
        yield from _copy_jobs(patient)
        for pool in _POOLS:
            yield from _pool(patient, pool)
    else:
        yield from _transfers(patient, "exports", "export", EXPORTS)


def _tables(patient: Patient) -> Iterator[Check]:
    new = len(patient.actions(*_NEW_TABLES))
    if not new:
        return
    count, quotas = patient.found.table_count, patient.found.quotas.get("dynamodb", {})
    if isinstance(count, Unread) or count is None:
        yield patient.unread("quota-tables", count or Unread("the tables were not counted"), f"{new} more are planned")
        return
    words = f"it has {counted(count, 'table')} and gets {new} more"
    if isinstance(quotas, Unread) or TABLES not in quotas:
        unread = quotas if isinstance(quotas, Unread) else Unread("Service Quotas does not tell the number of tables")
        fits = "they fit" if count + new <= _TABLES_DEFAULT else "they do not fit"
        yield patient.unread("quota-tables", unread, f"{words}: with AWS's default of {_TABLES_DEFAULT:,} {fits}")
        return
    quota = quotas[TABLES]
    if count + new <= quota:
        yield patient.check("quota-tables", Result.OK, f"{words}, of {quota:,.0f}")
        return
    yield patient.check(
        "quota-tables",
        Result.FAIL,
        f"{words}, and may have {quota:,.0f}",
        fix=_increase("dynamodb", TABLES, "remove tables that nobody needs, or "),
    )


def _capacity(patient: Patient) -> Iterator[Check]:
    """Provisioned capacity of the new tables and their indexes."""
    wanted = {table: units for table, units in _provisioned(patient) if units != (0, 0)}
    if not wanted:
        return
    reads, writes = (sum(units[way] for units in wanted.values()) for way in (0, 1))
    words = f"its new tables are to have {reads:,} read and {writes:,} write units"
    limits = patient.found.limits
    if isinstance(limits, Unread) or limits is None:
        unread = limits or Unread("the limits were not read")
        yield patient.unread("quota-capacity", unread, f"{words}; AWS's default is {_CAPACITY_DEFAULT:,} of each")
        return
    for table, units in wanted.items():
        most = limits["TableMaxReadCapacityUnits"], limits["TableMaxWriteCapacityUnits"]
        if units[0] > most[0] or units[1] > most[1]:
            yield patient.check(
                "quota-capacity",
                Result.FAIL,
                f"{table} is to have {units[0]:,} read and {units[1]:,} write units, and one table may have "
                f"{most[0]:,} and {most[1]:,}",
                fix=_increase("dynamodb", "Table-level ... throughput limit"),
            )
    most = limits["AccountMaxReadCapacityUnits"], limits["AccountMaxWriteCapacityUnits"]
    fits = reads <= most[0] and writes <= most[1]
    yield patient.check(
        "quota-capacity",
        Result.OK if fits else Result.FAIL,
        f"{words}; the account may have {most[0]:,} and {most[1]:,}",
        why="what its other tables have is not counted" if fits else "",
        fix="" if fits else _increase("dynamodb", "Account-level ... throughput limit"),
    )


def _provisioned(patient: Patient) -> Iterator[tuple[str, tuple[int, int]]]:
    for action in patient.actions("import", "table"):
        creation = action.params["creation"]
        yield str(creation["TableName"]), _units(creation)
    for action in patient.actions("restore-job"):
        source = patient.inventory.source_tables.get(str(action.params["source_table_arn"]).rpartition("/")[2])
        if source is not None and source.spec.billing == PROVISIONED:
            all_of_it = [source.spec.provisioned, *(one.provisioned for one in source.spec.global_indexes.values())]
            reads, writes = ([getattr(one, way) or 0 for one in all_of_it if one] for way in ("read", "write"))
            yield str(action.params["table"]), (sum(reads), sum(writes))


def _units(creation: Mapping[str, Any]) -> tuple[int, int]:
    capacities = [
        one.get("ProvisionedThroughput", {}) for one in (creation, *creation.get("GlobalSecondaryIndexes", ()))
    ]
    reads, writes = ([int(one.get(f"{way}CapacityUnits", 0)) for one in capacities] for way in ("Read", "Write"))
    return sum(reads), sum(writes)


def _transfers(patient: Patient, name: str, kind: str, at_once: int) -> Iterator[Check]:
    planned = len(patient.actions(kind))
    if not planned:
        return
    running = patient.found.transfers
    words = f"{counted(planned, kind)} planned"
    if isinstance(running, Unread) or running is None:
        unread = running or Unread("those in progress were not counted")
        yield patient.unread(f"quota-{name}", unread, f"{words}, and AWS runs {at_once} at once")
        return
    count = running[name]
    if count + min(planned, at_once) <= at_once:
        more = f"; AWS runs {at_once} at once, the others wait" if planned > at_once else f", of {at_once} at once"
        yield patient.check(f"quota-{name}", Result.OK, f"{words}, {count} in progress{more}")
        return
    what = f"{words}, and {count} of {at_once} that run at once are in progress already: some of ours will wait"
    yield patient.check(f"quota-{name}", Result.WARN, what, fix=f"wait until the other {name} are done")


def _copy_jobs(patient: Patient) -> Iterator[Check]:
    planned = len(patient.actions("copy-job"))
    if planned > COPY_JOBS:
        what = f"{counted(planned, 'copy job')} planned; AWS Backup runs {COPY_JOBS} at once into an account and Region"
        yield patient.check(
            "quota-copy-jobs", Result.WARN, what, fix="nothing to do: the others wait, and it takes longer"
        )
    elif planned:
        what = f"{counted(planned, 'copy job')} planned, of {COPY_JOBS} at once (documented, not looked up)"
        yield patient.check("quota-copy-jobs", Result.OK, what)


def _pool(patient: Patient, pool: _Pool) -> Iterator[Check]:
    runs = [1.0 if pool.counts_runs else occupied(action) for action in patient.actions(*pool.kinds)]
    if not runs:
        return
    name = f"quota-{pool.service}{'-runs' if pool.counts_runs else ''}"
    quotas = patient.found.quotas.get(pool.service, {})
    words = f"{counted(len(runs), 'run')} of the job, the largest with {max(runs):g} {pool.unit}"
    if pool.counts_runs:
        words = f"{counted(len(runs), 'run')} of the job"
    if isinstance(quotas, Unread) or pool.quota not in quotas:
        unread = quotas if isinstance(quotas, Unread) else Unread(f"Service Quotas does not tell `{pool.quota}`")
        yield patient.unread(name, unread, f"{words}; AWS's default is {pool.default:g} {pool.unit}")
        return
    quota = quotas[pool.quota]
    if max(runs) > quota:
        fix = _increase(pool.service, pool.quota, "ask for fewer `workers`, or ")
        yield patient.check(name, Result.FAIL, f"{words}, and the account may have {quota:g} at once", fix=fix)
    elif sum(runs) > quota:
        what = f"{words}, {sum(runs):g} together, and the account may have {quota:g} at once"
        fix = _increase(pool.service, pool.quota, "run fewer tables at once (--parallelism), or ")
        yield patient.check(name, Result.WARN, what, fix=fix)
    else:
        yield patient.check(name, Result.OK, f"{words}, {sum(runs):g} together, of {quota:g}")


def _increase(service: str, quota: str, instead: str = "") -> str:
    return f"{instead}ask for more: Service Quotas, {service}, `{quota}` (aws service-quotas list-service-quotas \
--service-code {service} tells its code for request-service-quota-increase)"
