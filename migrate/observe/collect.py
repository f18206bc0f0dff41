"""Look at both accounts: everything that a plan is computed from, and nothing else.

A table costs at most six reads per account (DescribeTable, DescribeTimeToLive, DescribeContinuousBackups,
ListTagsOfResource, GetResourcePolicy, DescribeKinesisStreamingDestination), a table that is not there one. Auto scaling
and contributor insights are read once per account, the tags of many source tables too, a KMS key once. No read is made
twice, and none changes anything. Of a source table whose items shall be changed on their way, a few items are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from migrate.aws import dynamodb, iam, kms, s3
from migrate.aws.items import sample_items
from migrate.aws.session import Account
from migrate.core.access import Permission, Place, allow, anywhere
from migrate.core.clock import Clock
from migrate.core.diagnostics import Diagnostic, warning
from migrate.core.errors import AwsError, CredentialsExpired
from migrate.observe.backup import BackupQuestions, BackupReads, backup_access
from migrate.observe.identity import verify_accounts, verify_identity
from migrate.observe.inventory import AccountFacts, Inventory, ItemSample
from migrate.observe.reader import Reader
from migrate.observe.resources import (
    ask_buckets,
    ask_clusters,
    ask_keys,
    bucket_access,
    bucket_facts,
    cluster_access,
    cluster_facts,
    failed_read,
    key_access,
    key_facts,
    role_access,
    role_facts,
)
from migrate.observe.tables import AccountTables, table_access

__all__ = ["collect", "list_source_tables", "look_access", "verify_accounts", "verify_identity"]

SAMPLE_ITEMS = 100
"""Of each table with a transform: one Scan with a Limit."""

NamedKeys = Mapping[str, tuple[str, str]]


def collect(
    source: Account,
    target: Account,
    *,
    pairs: Sequence[tuple[str, str]],
    buckets: Sequence[str],
    keys: NamedKeys,
    clock: Clock,
    backup: BackupQuestions | None = None,
    roles: Collection[tuple[str, str]] = (),
    clusters: Collection[str] = (),
    samples: Collection[str] = (),
    shared_streams: Collection[str] = (),
    on_read: Callable[[int, int], None] = lambda _done, _asked: None,
) -> Inventory:
    """The inventory of both accounts.

    `pairs` are (source table, target table); `buckets` are looked at from the target account; `keys` are manifest name
    -> (side, key id, ARN or alias); `backup` is what to look at of AWS Backup, if anything; `roles` are (side, name) of
    IAM roles; `clusters` are ids of EMR clusters of the target account; `samples` are source tables of which a few
    items are read; `shared_streams` are target tables whose stream's policy is read. `clock` waits between repeats of
    throttled reads, `on_read` is told how far they are (see `Reader`). What is missing or may not be read is in its
    `diagnostics`; the rest is complete.
    Raises `Refused`, `AccessDenied`, `CredentialsExpired` and the like when an account cannot be used at all.
    """
    identities = _identities(source, target)
    accounts = {"source": source, "target": target}
    buckets = sorted(set(buckets))
    here, there = (sorted({pair[number] for pair in pairs}) for number in (0, 1))
    with Reader(clock, on_read) as reader:
        names = [sorted({pair[side] for pair in pairs}) for side in (0, 1)]
        tables = [AccountTables(reader, source, names[0]), AccountTables(reader, target, names[1], shared_streams)]
        of_backup = BackupReads(reader, accounts, backup) if backup else None
        _ask_named(reader, accounts, roles, samples)
        _ask(reader, accounts, tables, buckets, keys)
        ask_clusters(reader, target, clusters)
        if of_backup:
            of_backup.ask()
        found = [each.facts() for each in tables]
        of_items = [_sample(reader, source, name) for name in sorted(samples) if name in found[0]]
        of_buckets = {name: bucket_facts(reader, target, name) for name in buckets}
        of_keys = {name: key_facts(reader, accounts[side], name, id) for name, (side, id) in sorted(keys.items())}
        of_roles = {f"{side} {name}": role_facts(reader, accounts[side], name) for side, name in sorted(roles)}
        of_clusters = {id: cluster_facts(reader, target, id) for id in sorted(clusters)}
        facts_of_backup = of_backup.facts() if of_backup else None
    others = (*of_buckets.values(), *of_keys.values())
    problems = _in_order([one.problems for one in tables], [more for _, more in others], [one for *_, one in of_items])
    return Inventory(
        *identities,
        source_tables=found[0],
        target_tables=found[1],
        buckets={name: facts for name, (facts, _) in of_buckets.items()},
        keys={name: facts for name, (facts, _) in of_keys.items()},
        samples={name: sample for name, sample, _ in of_items if sample} or None,
        diagnostics=problems,
        backup=facts_of_backup,
        roles=of_roles or None,
        clusters=of_clusters or None,
    )


def _in_order(
    of_tables: Sequence[Sequence[Diagnostic]],
    of_others: Sequence[Sequence[Diagnostic]],
    of_items: Sequence[Diagnostic | None],
) -> tuple[Diagnostic, ...]:
    """All problems, in an order that does not depend on which was met first."""
    found = [one for several in (*of_tables, *of_others, of_items) for one in several if one]
    return tuple(sorted(found, key=lambda one: (one.address, one.severity.value, one.summary)))


def look_access(
    source: Place,
    target: Place,
    *,
    pairs: Sequence[tuple[str, str]],
    buckets: Sequence[str],
    keys: NamedKeys,
    backup: BackupQuestions | None = None,
    roles: Collection[tuple[str, str]] = (),
    clusters: Collection[str] = (),
    samples: Collection[str] = (),
    shared_streams: Collection[str] = (),
    is_listed: bool = False,
) -> Iterator[Permission]:
    """Whom `collect` needs to be allowed what, when it is asked the same; `is_listed`: `list_source_tables` too."""
    places = {place.side: place for place in (source, target)}
    yield from table_access(source, sorted({pair[0] for pair in pairs}))
    when = "the table is there when the plan is made"
    yield from table_access(target, sorted({pair[1] for pair in pairs}), shared_streams, when)
    yield from bucket_access(target, sorted(set(buckets)))
    for side, id in keys.values():
        yield from key_access(places[side], id)
    for side, name in sorted(roles):
        yield role_access(places[side], name)
    for id in sorted(clusters):
        yield from cluster_access(target, id)
    if backup:
        yield from backup_access(source, target, backup)
    for name in sorted(samples):
        yield allow(source.side, "dynamodb:Scan", source.table(name))
    if is_listed:
        yield anywhere(source.side, "dynamodb:ListTables")


def list_source_tables(source: Account) -> tuple[list[str], list[Diagnostic]]:
    """Names of all tables of the source account, sorted, for mappings by pattern; or why they cannot be listed."""
    try:
        return dynamodb.list_tables(source), []
    except CredentialsExpired:
        raise
    except AwsError as failure:
        return [], [failed_read("accounts.source", failure, consequence="`match` needs the list of tables")]


def _sample(reader: Reader, source: Account, name: str) -> tuple[str, ItemSample | None, Diagnostic | None]:
    answer = reader.answer(sample_items, source, name, SAMPLE_ITEMS)
    if not isinstance(answer, AwsError):
        return name, ItemSample(tuple(answer[0]), answer[1]), None
    what = f"no item of {name} was read: its transform is not tried before the copy"
    return name, None, warning(what, address=f"tables.{name}", why=answer.summary, hint=answer.hint)


def _identities(source: Account, target: Account) -> tuple[AccountFacts, AccountFacts]:
    """Who we are in both accounts; asked only when that is not known from an earlier `verify_accounts`."""
    if not (source.caller and target.caller):
        return verify_accounts(source, target)
    first, second = (AccountFacts(a.id, a.region, a.caller, a.partition) for a in (source, target))
    return first, second


def _ask_named(
    reader: Reader, accounts: Mapping[str, Account], roles: Collection[tuple[str, str]], samples: Collection[str]
) -> None:
    """Begin the reads that no others follow."""
    for side, name in roles:
        reader.ask(iam.get_role, accounts[side], name)
    for name in samples:
        reader.ask(sample_items, accounts["source"], name, SAMPLE_ITEMS)


def _ask(
    reader: Reader,
    accounts: Mapping[str, Account],
    tables: Sequence[AccountTables],
    buckets: Sequence[str],
    keys: NamedKeys,
) -> None:
    """Begin every read, in two waves: what is there; then the settings of what is there."""
    for side in tables:
        side.ask()
    for name in buckets:
        reader.ask(s3.head_bucket, accounts["target"], name)
    for account, id in keys.values():
        reader.ask(kms.describe_key, accounts[account], id)
    managers = _known_managers(reader, accounts, keys)
    for side in tables:
        side.ask_settings(managers)
    ask_buckets(reader, accounts["target"], buckets)
    ask_keys(reader, accounts, keys)


def _known_managers(reader: Reader, accounts: Mapping[str, Account], keys: NamedKeys) -> dict[str, str]:
    """KeyManager by key ARN, of the keys that the manifest names: they need not be asked for again."""
    answers = (reader.answer(kms.describe_key, accounts[side], id) for side, id in keys.values())
    return {key["Arn"]: key.get("KeyManager") or "CUSTOMER" for key in answers if isinstance(key, dict)}
