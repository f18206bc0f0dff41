"""What `migrate doctor` says of what was found: each check by its result and the words that a user acts on."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from migrate.core.table import CUSTOMER_MANAGED, PROVISIONED, Encryption, TableSpec, Throughput
from migrate.observe.checkup import Asked, CredentialFacts, Decision, SideCheckup, Simulated, Trigger, Unread
from migrate.observe.inventory import AccountFacts, KeyFacts
from migrate.plan.check import Check, Result
from migrate.plan.checkup import Checkup, account_of, plan_checks, questions
from migrate.render.checkup_text import checkup_text
from migrate.render.style import Style
from tests.worlds import HEAD, PLAIN, REGION, SOURCE, TARGET, facts, inventory, manifest_of, plan_of

GOOD = SideCheckup(
    CredentialFacts(renews=True, is_temporary=True),
    clock_ahead=0.4,
    quotas={
        "dynamodb": {"Maximum number of tables": 2500},
        "glue": {"Max task DPUs per account": 1000, "Max concurrent job runs per account": 200},
        "emr-serverless": {"Max concurrent vCPUs per account": 16},
    },
    limits={
        f"{what}Max{way}CapacityUnits": n for what, n in (("Account", 80), ("Table", 40)) for way in ("Read", "Write")
    },
    table_count=7,
    transfers={"exports": 0, "imports": 0},
    written={},
)
DENIED = Unread("ListServiceQuotas was refused in 222222222222", "no policy allows it", "allow it")
STREAM = f"arn:aws:dynamodb:{REGION}:{TARGET}:table/orders/stream/1"
KEY = f"arn:aws:kms:{REGION}:{SOURCE}:key/k1"
COPY = HEAD.replace("strategies:\n", "strategies:\n  copy: {into: existing, on_conflict: keep}\n")


def examined(
    side: str,
    found: SideCheckup = GOOD,
    *tables: Any,
    text: str = HEAD + "tables: [{match: '*', strategy: s3}]\n",
    permissions: Any = (),
    **more: Any,
) -> dict[str, list[Check]]:
    """The checks of one account, by name, for a manifest and tables."""
    seen = inventory(*(tables or (facts("orders"),)), **more)
    manifest = manifest_of(text)
    plan = plan_of(manifest, seen)
    assert not plan.is_errored, plan.diagnostics
    asked = questions(plan, seen, {side: permissions})[side]
    checks: dict[str, list[Check]] = {}
    for check in account_of(side, manifest, seen, plan, asked, found):
        checks.setdefault(check.name, []).append(check)
    return checks


def only(checks: dict[str, list[Check]], name: str) -> Check:
    """The one check of that name."""
    (check,) = checks[name]
    return check


def found(**changes: Any) -> SideCheckup:
    return dataclasses.replace(GOOD, **changes)


def test_a_healthy_account_is_all_ok() -> None:
    for side in ("source", "target"):
        checks = [check for of_name in examined(side).values() for check in of_name]
        assert {check.result for check in checks} == {Result.OK}, checks


@pytest.mark.parametrize(
    ("ahead", "result", "words"),
    [
        (-45.0, "ok", "right"),
        (90.0, "warn", "90 s behind"),
        (-600.0, "fail", "600 s ahead of"),
        (None, "unknown", "no time"),
    ],
)
def test_the_clock(ahead: float | None, result: str, words: str) -> None:
    check = only(examined("source", found(clock_ahead=ahead)), "clock")
    assert (check.result.value, words in check.summary) == (result, True)


@pytest.mark.parametrize(
    ("credentials", "result"),
    [
        (CredentialFacts(renews=False, is_temporary=False), "ok"),
        (CredentialFacts(renews=False, is_temporary=True), "unknown"),
        (CredentialFacts(renews=False, is_temporary=True, seconds_left=300), "warn"),
        (CredentialFacts(renews=False, is_temporary=True, seconds_left=30_000), "ok"),
        (DENIED, "unknown"),
    ],
)
def test_how_long_the_credentials_last(credentials: Any, result: str) -> None:
    assert only(examined("source", found(credentials=credentials)), "credentials").result.value == result


# Quotas


def test_more_tables_than_the_account_may_have() -> None:
    checks = examined("target", found(table_count=2500))
    assert only(checks, "quota-tables").result is Result.FAIL
    assert "request-service-quota-increase" in only(checks, "quota-tables").fix


@pytest.mark.parametrize("quotas", [DENIED, {}], ids=["refused", "not listed"])
def test_a_quota_that_nobody_tells_is_unknown_with_the_default(quotas: Any) -> None:
    check = only(examined("target", found(quotas={"dynamodb": quotas})), "quota-tables")
    assert check.result is Result.UNKNOWN
    assert "with AWS's default of 2,500 they fit" in check.summary


@pytest.mark.parametrize(
    ("reads", "tables", "result"), [(40, 2, ["ok"]), (40, 3, ["fail"]), (41, 1, ["fail", "ok"])], ids=str
)
def test_capacity_of_the_new_tables(reads: int, tables: int, result: list[str]) -> None:
    spec = dataclasses.replace(PLAIN, billing=PROVISIONED, provisioned=Throughput(reads, 1))
    checks = examined("target", GOOD, *(facts(f"table-{n}", spec) for n in range(tables)))
    assert [check.result.value for check in checks["quota-capacity"]] == result


def test_capacity_limits_that_may_not_be_read_are_unknown() -> None:
    spec = dataclasses.replace(PLAIN, billing=PROVISIONED, provisioned=Throughput(9, 9))
    checks = examined("target", found(limits=DENIED), facts("orders", spec))
    assert only(checks, "quota-capacity").result is Result.UNKNOWN


def test_imports_of_others_take_our_places() -> None:
    check = only(examined("target", found(transfers={"exports": 0, "imports": 50})), "quota-imports")
    assert check.result is Result.WARN
    assert only(examined("target", found(transfers=DENIED)), "quota-imports").result is Result.UNKNOWN


EMR = HEAD.replace(
    "strategies:\n",
    "strategies:\n  emr: {mode: serverless, bucket: b-of-emr, create_bucket: true, create: true, workers: %d}\n",
)


@pytest.mark.parametrize(("workers", "tables", "result"), [(3, 1, "ok"), (4, 1, "fail"), (2, 2, "warn")])
def test_the_vcpus_of_emr_serverless(workers: int, tables: int, result: str) -> None:
    text = EMR % workers + "tables: [{match: '*', strategy: emr}]\n"
    checks = examined("target", GOOD, *(facts(f"table-{n}") for n in range(tables)), text=text, roles={}, buckets={})
    assert only(checks, "quota-emr-serverless").result.value == result


# What hangs on the tables


def into_existing(trigger: Any, state: str = "Enabled") -> dict[str, list[Check]]:
    spec = dataclasses.replace(PLAIN, stream="NEW_IMAGE")
    there = facts("orders", spec, TARGET, stream_arn=STREAM)
    mail = "arn:aws:lambda:eu-west-1:222222222222:function:mail"
    answer = trigger or (Trigger(STREAM, "u-1", mail, state), Trigger("another", "u-2", mail, "Enabled"))
    text = COPY + "tables: [{name: orders, strategy: copy}]\n"
    return examined("target", found(triggers=answer), text=text, target_tables={"orders": there})


def test_a_load_that_would_fire_triggers_fails() -> None:
    check = only(into_existing(None), "triggers")
    assert check.result is Result.FAIL
    assert "mail" in check.details[0]
    assert "aws lambda update-event-source-mapping --uuid u-1 --no-enabled" in check.fix


def test_triggers_that_are_off_or_unread() -> None:
    assert only(into_existing(None, "Disabled"), "triggers").result is Result.OK
    assert only(into_existing(DENIED), "triggers").result is Result.UNKNOWN


def test_triggers_of_the_source_stay_there() -> None:
    arn = STREAM.replace(TARGET, SOURCE)
    table = facts("orders", dataclasses.replace(PLAIN, stream="NEW_IMAGE"), stream_arn=arn)
    check = only(examined("source", found(triggers=(Trigger(arn, "u", "mail", "Enabled"),)), table), "triggers")
    assert (check.result, "stay there" in check.summary) == (Result.WARN, True)


@pytest.mark.parametrize(("strategy", "word"), [("s3", "stays behind"), ("copy", "no snapshot")])
def test_writers_of_the_source(strategy: str, word: str) -> None:
    text = HEAD + f"tables: [{{name: orders, strategy: {strategy}}}]\n"
    check = only(examined("source", found(written={"orders": 3.0}), text=text), "writers")
    assert (check.result, word in check.why) == (Result.WARN, True)
    assert only(examined("source", found(written=DENIED), text=text), "writers").result is Result.UNKNOWN


def test_replicas_and_expiry_of_the_source() -> None:
    checks = examined("source", GOOD, facts("orders", dataclasses.replace(PLAIN, ttl="until"), replicas=("us-east-1",)))
    assert {only(checks, name).result for name in ("ttl", "replicas")} == {Result.WARN}


# Keys and permissions


def key(**changes: Any) -> KeyFacts:
    root = {"AWS": f"arn:aws:iam::{SOURCE}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return dataclasses.replace(KeyFacts(KEY, KEY, policy=policy(statement)), **changes)


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ENCRYPTED: TableSpec = dataclasses.replace(PLAIN, encryption=Encryption(CUSTOMER_MANAGED, KEY))
DENY = {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{SOURCE}:root"}, "Action": "kms:Decrypt", "Resource": "*"}


@pytest.mark.parametrize(
    ("seen", "result"),
    [
        (key(), "ok"),
        (key(state="Disabled"), "fail"),
        (key(policy=None), "unknown"),
        (key(policy=policy(DENY)), "fail"),
        (key(policy=policy()), "warn"),
        (None, "fail"),
        (DENIED, "unknown"),
    ],
)
def test_the_keys_of_tables(seen: Any, result: str) -> None:
    text = HEAD + "tables: [{name: orders, strategy: s3, target: {encryption: aws-owned}}]\n"
    checks = examined("source", found(keys={KEY: seen}), facts("orders", ENCRYPTED), text=text)
    assert only(checks, "keys").result.value == result


ROLE = f"arn:aws:iam::{SOURCE}:role/Migrator"
ASKED = (Asked(("dynamodb:Scan",), ("*",)),)


def decided(*decisions: Decision, principal: str = ROLE) -> Check:
    simulated = found(permissions={"": Simulated(principal, decisions)})
    return only(examined("source", simulated, permissions=ASKED), "permissions")


def test_permissions_that_iam_grants_or_refuses() -> None:
    assert decided(Decision("dynamodb:Scan", "*", "allowed")).result is Result.OK
    check = decided(Decision("dynamodb:Scan", "*", "implicitDeny"))
    assert (check.result, check.cause) == (Result.FAIL, "AccessDenied")
    assert "dynamodb:Scan on *: not allowed" in check.details
    refused = Decision("dynamodb:Scan", "*", "explicitDeny", is_organization_against=True)
    assert "service control policy" in decided(refused).details[0]


def test_a_permission_that_some_cases_need_is_a_warning_when_it_is_refused() -> None:
    check = decided(Decision("kms:DescribeKey", "*", "implicitDeny", when="the table has a key"))
    assert (check.result, check.details) == (
        Result.WARN,
        ("kms:DescribeKey on *: not allowed (when the table has a key)",),
    )


def test_permissions_that_nobody_can_tell_are_unknown() -> None:
    conditional = Decision("dynamodb:Scan", "*", "implicitDeny", missing=("aws:SourceVpce",))
    assert decided(conditional).result is Result.UNKNOWN
    assert decided(principal="").result is Result.UNKNOWN
    checks = examined("source", found(permissions={"": DENIED}), permissions=ASKED)
    assert only(checks, "permissions").result is Result.UNKNOWN


# The plan, and the text


def test_a_plan_that_is_refused_fails_with_its_own_words() -> None:
    there = facts("orders", side=TARGET)
    seen = inventory(facts("orders"), target_tables={"orders": there})
    plan = plan_of(manifest_of(HEAD + "tables: [{name: orders, strategy: s3}]\n"), seen)
    told = list(plan_checks(plan, seen))
    assert next(check.summary for check in told if check.result is Result.FAIL).endswith(plan.diagnostics[0].summary)


def test_the_text_has_a_line_for_each_check_and_counts_them() -> None:
    checks = (
        Check("source", "clock", Result.OK, "right"),
        Check("target", "keys", Result.FAIL, "off", details=tuple(f"d{n}" for n in range(12)), why="so", fix="do this"),
        Check("migration", "state", Result.UNKNOWN, "unreadable"),
    )
    account = AccountFacts(SOURCE, REGION, "arn:aws:sts::111111111111:assumed-role/A/b")
    text = checkup_text(Checkup("move", {"source": account}, checks), "Next.", Style())
    assert f"source {SOURCE} {REGION}\n  ok       clock " in text
    assert "- and 2 more (--json names all)" in text
    assert text.index("why: so") < text.index("fix: do this")
    assert "3 checks: 1 ok, 1 fail, 1 unknown. Nothing was changed.\nNext." in text
