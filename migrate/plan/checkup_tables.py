"""The checks of what hangs on the tables: names, triggers, Kinesis, replicas, expiry, and who still writes.

A load that writes into a table with a stream calls every trigger of it, for every item.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.table import TableFacts
from migrate.observe.checkup import WINDOW_MINUTES, Unread
from migrate.plan.check import Check, Patient, Result, counted, named

SNAPSHOTS = frozenset({"s3", "backup"})
"""Strategies that move the items of one moment; others do so from an export."""

_NO_EXPIRY = "switch TTL off for the night (it takes up to an hour), or expect those items among the differences"

Tables = Sequence[TableFacts]


def table_checks(patient: Patient) -> Iterator[Check]:
    """All of them, for one account."""
    if patient.side == "source":
        tables = [patient.inventory.source_tables[one.source] for one in patient.moved]
        yield from _writers(patient)
        yield from _source_triggers(patient, tables)
        yield from _source_replicas(patient, tables)
        yield from _source_expiry(patient, tables)
    else:
        yield from _names(patient)
        filled = filled_tables(patient)
        yield from _target_triggers(patient, filled)
        yield from _target_effects(patient, filled)


def filled_tables(patient: Patient) -> list[TableFacts]:
    """Target tables that are there already and get the items of a load."""
    names = [table.target for table in patient.moved]
    return [patient.inventory.target_tables[name] for name in names if name in patient.inventory.target_tables]


def _names(patient: Patient) -> Iterator[Check]:
    """Names that are free. One that is taken, or could not be looked at, is told by the plan."""
    told = {problem.address for problem in patient.inventory.diagnostics}
    known = {*patient.inventory.target_tables, *(address.removeprefix("tables.") for address in told)}
    new = [table.target for table in patient.moved if table.target not in known]
    if new:
        yield patient.check("names", Result.OK, f"{counted(len(new), 'name')} of new tables free: {named(new)}")
    free = [name for name, bucket in sorted(patient.inventory.buckets.items()) if not bucket.exists]
    made = {str(action.params.get("bucket")) for action in patient.actions("bucket")}
    for name in (one for one in free if one in made):
        yield patient.check("names", Result.OK, f"nobody has a bucket called {name}")


def _writers(patient: Patient) -> Iterator[Check]:
    written = patient.found.written
    if written is None:
        return
    if isinstance(written, Unread):
        yield patient.unread("writers", written, "whether the source tables are still written to is not known")
        return
    snapshots = {action.owner for action in patient.actions("export")}
    snapshots |= {table.target for table in patient.moved if table.strategy in SNAPSHOTS}
    busy = {name: units for name, units in written.items() if units}
    owners = {table.source: table.target for table in patient.moved}
    scanned = [name for name in busy if owners.get(name) not in snapshots]
    kept = [name for name in busy if name not in scanned]
    stop = "stop its writers before `migrate apply`, or fence the table with a Deny in its resource policy"
    for names, why in (
        (scanned, "a scan is no snapshot: what is written while it runs may be missed, and the verification names it"),
        (kept, "what is written after the export or backup stays behind, and the verification names it"),
    ):
        if names:
            what = f"{counted(len(names), 'source table')} written to in the last {WINDOW_MINUTES} minutes"
            details = [f"{name}: {busy[name]:,.0f} write units" for name in sorted(names)]
            yield patient.check("writers", Result.WARN, what, details=details, why=why, fix=stop)
    if not busy:
        what = f"nothing was written to {counted(len(written), 'source table')} in the last {WINDOW_MINUTES} minutes"
        yield patient.check("writers", Result.OK, what)


def _source_triggers(patient: Patient, tables: Tables) -> Iterator[Check]:
    found = _triggers_of(patient, tables)
    if isinstance(found, Unread):
        yield patient.unread("triggers", found, f"who reads the streams of {named(_with_stream(tables))} is not known")
    elif found:
        yield patient.check(
            "triggers",
            Result.WARN,
            f"{counted(len(found), 'Lambda trigger')} read the streams of the source tables and stay there",
            details=found,
            fix="after the move, attach the functions of the target account to the new streams",
        )
    elif _with_stream(tables):
        yield patient.check("triggers", Result.OK, "no Lambda function reads the streams of the source tables")


def _target_triggers(patient: Patient, filled: Tables) -> Iterator[Check]:
    """The load writes every item: what is attached to the stream of the table that it fills would get them all."""
    found = _triggers_of(patient, filled, ignored=("Disabled", "Disabling"))
    if isinstance(found, Unread):
        yield patient.unread("triggers", found, f"whom a load into {named(_with_stream(filled))} calls is not known")
    elif found:
        id, more = next(iter(found.values())), "   and so on" if len(found) > 1 else ""
        command = f"aws lambda update-event-source-mapping --uuid {id} --no-enabled{more}"
        yield patient.check(
            "triggers",
            Result.FAIL,
            f"the load would call {counted(len(found), 'Lambda trigger')} for every item that it writes",
            details=found,
            fix=f"{command}; switch it on again after the move",
        )
    elif _with_stream(filled):
        yield patient.check("triggers", Result.OK, "the load calls no Lambda function")


def _with_stream(tables: Tables) -> list[str]:
    return [table.name for table in tables if table.spec.stream]


def _triggers_of(patient: Patient, tables: Tables, ignored: Sequence[str] = ()) -> dict[str, str] | Unread:
    """In words -> id, of the triggers of these tables that are in none of the `ignored` states."""
    found = patient.found.triggers
    if isinstance(found, Unread):
        return found
    names = {table.stream_arn: table.name for table in tables if table.spec.stream}
    live = [one for one in found if one.stream in names and one.state not in ignored]
    return {f"{names[one.stream]}: {one.function} ({one.state}, {one.id})": one.id for one in live}


def _target_effects(patient: Patient, filled: Tables) -> Iterator[Check]:
    """What else happens for each item that is written into a table that is there."""
    effects = (
        (
            "kinesis",
            [table.name for table in filled if table.spec.kinesis],
            "every item that the load writes goes to a Kinesis data stream as well",
            "disable the destination for the load, if its readers must not see it",
        ),
        (
            "replicas",
            [table.name for table in filled if table.replicas],
            "the load is replicated to other Regions, and paid for there",
            "expect the costs, or add the replicas after the move",
        ),
        (
            "ttl",
            [table.name for table in filled if table.spec.ttl],
            "TTL is on: AWS deletes expired items while they are loaded and verified",
            _NO_EXPIRY,
        ),
    )
    for name, tables, what, fix in effects:
        if tables:
            yield patient.check(name, Result.WARN, f"{what}: {named(tables)}", fix=fix)


def _source_replicas(patient: Patient, tables: Tables) -> Iterator[Check]:
    found = [f"{table.name}: {', '.join(table.replicas)}" for table in tables if table.replicas]
    if found:
        yield patient.check(
            "replicas",
            Result.WARN,
            f"{counted(len(found), 'source table')} with replicas in other Regions, where writers must be stopped too",
            details=found,
            fix="stop the writers of all Regions; add the target's replicas after the move",
        )


def _source_expiry(patient: Patient, tables: Tables) -> Iterator[Check]:
    found = [table.name for table in tables if table.spec.ttl]
    if found:
        yield patient.check(
            "ttl",
            Result.WARN,
            f"TTL is on for {counted(len(found), 'source table')}: {named(found)}",
            why="AWS goes on deleting expired items there, whoever is fenced; one that goes after it was copied is a "
            "difference to the verification",
            fix=_NO_EXPIRY,
        )
