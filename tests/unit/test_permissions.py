"""What `migrate permissions` prints: every action exists and fits its resource, and each format passes its linter."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.actions.needs import Needs, Use, in_patterns, needed, needs
from migrate.core.access import NO_RESOURCE, RUNNER, Permission, allow
from migrate.core.merging import merged
from migrate.core.table import CUSTOMER_MANAGED, Encryption, KinesisDestination, ScalingTarget, TableFacts, Throughput
from migrate.observe.inventory import BucketFacts, Inventory, KeyFacts, RoleFacts
from migrate.plan.untouched import cleanup_of
from migrate.render.permissions import LARGEST, most_policies, permissions_document, policies
from migrate.render.permissions_cloudformation import templates
from migrate.render.permissions_terraform import configurations
from tests.worlds import BUCKET, PLAIN, REGION, SOURCE, TARGET, facts, inventory, manifest_of, plan_of, state_of

KEY = f"arn:aws:kms:{REGION}:{TARGET}:key/11111111-2222-3333-4444-555555555555"
SOURCE_KEY = f"arn:aws:kms:{REGION}:{SOURCE}:key/99999999-2222-3333-4444-555555555555"
OPEN = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
ENGINE = f"{{bucket: {BUCKET}, create_bucket: true, create: %s, workers: 2}}"

MANIFEST = """\
version: 1
name: move
accounts:
  source: {{id: "{source}", region: {region}, role: "arn:aws:iam::{source}:role/ops/Migrator", external_id: secret-ish}}
  target: {{id: "{target}", region: {region}, profile: prod}}
keys:
  staging: {{account: target, id: alias/staging}}
strategies:
  s3: {{bucket: {bucket}, create_bucket: true, encryption_key: staging, source_pitr: restore}}
  backup: {{create: {create}{more}}}
  glue: {engine}
  emr: {engine}
tables: [{{name: orders, strategy: {strategy}, target: {{encryption: staging, kinesis_stream: "{stream}"}}}}]
"""
STREAM = f"arn:aws:kinesis:{REGION}:{TARGET}:stream/changes"
FULL = dataclasses.replace(
    PLAIN,
    encryption=Encryption(CUSTOMER_MANAGED, SOURCE_KEY),
    kinesis=KinesisDestination(STREAM),
    ttl="expires",
    stream="NEW_IMAGE",
    tags={"a": "b"},
    contributor_insights={"": "ACCESSED_AND_THROTTLED_KEYS"},
    deletion_protection=True,
    billing="PROVISIONED",
    provisioned=Throughput(5, 5),
    auto_scaling={"table:Read": ScalingTarget(1, 9, {"p": {"PolicyType": "TargetTrackingScaling"}}, {"s": {}})},
)
STRATEGIES = ["s3", "copy", "backup", "backup air-gapped", "glue", "emr", "emr cluster"]


def world(table: TableFacts, **more: Any) -> Inventory:
    keys = {"staging": KeyFacts("staging", KEY, policy=OPEN, id="alias/staging")}
    return inventory(table, keys=keys, **more)


@functools.cache
def of(strategy: str, *, create: bool = True) -> Needs:
    """Everything that moving a table with every setting needs."""
    name, _, mode = strategy.partition(" ")
    engine = ENGINE % str(create).lower()
    engine = engine.replace("}", ", mode: cluster}") if mode == "cluster" else engine
    text = MANIFEST.format(
        source=SOURCE, target=TARGET, region=REGION, bucket=BUCKET, create=str(create).lower(), stream=STREAM,
        more=f", mode: {mode}" if mode == "air-gapped" else "", engine=engine, strategy=name,
    )  # fmt: skip
    manifest = manifest_of(text.replace(f"  glue: {engine}\n", "") if mode == "cluster" else text)
    known = ("target migrate-glue", "source migrate-glue-source", "target migrate-emr", "source migrate-emr-source")
    roles = {one: RoleFacts(one.split()[1], is_hidden=not create or None) for one in known}
    roles["target EMR_EC2_DefaultRole"] = RoleFacts("EMR_EC2_DefaultRole", is_hidden=True)
    seen = world(facts("orders", FULL), roles=roles)
    state, plan = state_of(manifest), plan_of(manifest, seen)
    assert not plan.is_errored, [str(one) for one in plan.diagnostics]
    cleanup = cleanup_of(plan, manifest, _mappings(manifest), seen, state)
    return needs(plan, manifest, seen, state="s3://states/here", cleanup=cleanup)


def _mappings(manifest: Any) -> Any:
    from migrate.manifest.tables import resolve_tables

    return resolve_tables(manifest, ["orders"])[0]


EVERY = [*((one, True) for one in STRATEGIES), ("glue", False), ("emr", False)]
every = pytest.mark.parametrize(("strategy", "create"), EVERY)


def printed(found: Needs) -> Iterator[Permission]:
    for one in found.principals:
        yield from one.permissions


@every
def test_every_action_exists_and_its_resource_is_one_that_aws_knows(strategy: str, create: bool) -> None:
    """By the service authorization reference."""
    wrong = [
        f"{action} on {resource}"
        for one in printed(of(strategy, create=create))
        for action in one.actions
        for resource in one.resources
        if not any(_meets(resource, form) for form in _forms(action))
    ]
    assert wrong == []


@every
def test_a_wildcard_has_a_reason(strategy: str, create: bool) -> None:
    for one in printed(of(strategy, create=create)):
        for resource in one.resources:
            is_folder = resource.startswith("arn:aws:s3:::") and resource.endswith("/*")
            assert "*" not in resource or is_folder or one.wide, one
        if one.wide == NO_RESOURCE:
            assert all(_forms(action) <= {"*"} for action in one.actions if action != "elasticmapreduce:RunJobFlow"), (
                one
            )


@pytest.mark.parametrize(("strategy", "create"), [("s3", True), ("backup", True), ("glue", False)])
def test_cloudformation_passes_cfn_lint(strategy: str, create: bool) -> None:
    from cfnlint import api

    for name, text in templates(of(strategy, create=create), "move", ["a: note"]).items():
        found = api.lint(text, regions=[REGION])
        assert [f"{name}: {one.rule.id} {one.message}" for one in found] == []


@every
def test_terraform_parses_and_is_formatted(strategy: str, create: bool, tmp_path: Path) -> None:
    import hcl2

    for name, text in configurations(of(strategy, create=create), "move", ["a note"]).items():
        (tmp_path / name).write_text(text)
        parsed = hcl2.loads(text)
        assert parsed["data"]
        assert text == "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if shutil.which("terraform"):
        subprocess.run(["terraform", "fmt", "-check", "-diff", str(tmp_path)], check=True)


@every
def test_policies_are_small_enough_and_say_each_sid_once(strategy: str, create: bool) -> None:
    for one in of(strategy, create=create).principals:
        for policy in policies(one, "move"):
            assert len(re.sub(r"\s", "", json.dumps(policy.document))) <= LARGEST
            sids = [statement["Sid"] for statement in policy.statements]
            assert len(set(sids)) == len(sids)
            assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


def test_many_tables_are_shared_out_over_policies() -> None:
    arns = [f"arn:aws:dynamodb:eu-west-1:111111111111:table/table-number-{n}" for n in range(300)]
    one = dataclasses.replace(
        of("copy").principals[0], permissions=merged([allow("source", "dynamodb:Scan DescribeTable", *arns)])
    )
    found = policies(one, "move")
    assert len(found) > 1
    assert sorted(r for p in found for s in p.statements for r in s["Resource"]) == sorted(arns)
    assert all(len(json.dumps(p.document, separators=(",", ":"))) <= LARGEST for p in found)


def test_who_needs_what_of_a_key_of_the_other_account() -> None:
    """An export is encrypted by the source account with a key of the target account: both policies must say so."""
    found = of("s3")
    (grant,) = [one for one in found.grants if one.kind == "key policy"]
    assert (grant.side, grant.resource, grant.made_by) == ("target", KEY, "")
    assert grant.statement["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    source = next(one for one in found.principals if one.who == "source")
    assert any(KEY in one.resources and "kms:GenerateDataKey" in one.actions for one in source.permissions)


def test_the_runner_assumes_the_roles_and_keeps_the_state() -> None:
    (runner,) = [one for one in of("s3").principals if one.who == RUNNER]
    assert [(one.actions, one.resources) for one in runner.permissions] == [
        (("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), ("arn:aws:s3:::states/here/*",)),
        (("s3:GetBucketVersioning", "s3:ListBucket"), ("arn:aws:s3:::states",)),
        (("sts:AssumeRole",), (f"arn:aws:iam::{SOURCE}:role/ops/Migrator",)),
    ]


def test_planning_only_reads() -> None:
    manifest = manifest_of(MANIFEST.format(
        source=SOURCE, target=TARGET, region=REGION, bucket=BUCKET, create="true", more="", stream=STREAM,
        engine=ENGINE % "true", strategy="s3",
    ))  # fmt: skip
    seen = world(facts("orders", FULL))
    found = needed(plan_of(manifest, seen), manifest, seen, uses={Use.PLAN})
    verbs = {action.partition(":")[2] for who in found for one in who.permissions for action in one.actions}
    assert [verb for verb in verbs if not verb.startswith(("Describe", "List", "Get", "AssumeRole", "Decrypt"))] == []


def test_a_role_that_migrate_makes_is_nobody_elses_to_make() -> None:
    text = configurations(of("glue"), "move", [])["target.tf"]
    assert f"# arn:aws:iam::{TARGET}:role/migrate-glue: made by shared/role.target.migrate-glue" in text
    assert "aws_iam_role" not in text
    text = configurations(of("glue", create=False), "move", [])["target.tf"]
    assert 'resource "aws_iam_role" "role_migrate_glue"' in text
    assert '"glue.amazonaws.com"' in text


def test_a_statement_of_somebody_elses_policy_is_never_replaced() -> None:
    """The whole policy of a bucket would be, by a resource: what is needed stands beside it."""
    for strategy in ("s3", "backup"):
        for text in (*templates(of(strategy), "move", []).values(), *configurations(of(strategy), "move", []).values()):
            assert not re.search(r"AWS::S3::BucketPolicy|AWS::KMS::Key|aws_s3_bucket_policy|aws_kms_key_policy", text)
    assert "StatementsForOtherPolicies" in templates(of("s3"), "move", [])["target.template.yaml"]


def test_the_document_follows_its_schema() -> None:
    import jsonschema

    from migrate.core.schemas import read_schema

    for strategy in STRATEGIES:
        made = permissions_document(of(strategy), "move", basis="accounts", uses=["plan"], notes=["a note"])
        jsonschema.validate(made, read_schema("permissions"))


def test_merging_says_nothing_twice() -> None:
    table = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders"
    found = merged(
        [
            allow("source", "dynamodb:Scan", table, when="it fails"),
            allow("source", "dynamodb:Scan DescribeTable", table),
            allow("source", "s3:GetObject", "arn:aws:s3:::b/a/c/*"),
            allow("source", "s3:GetObject", "arn:aws:s3:::b/a/*"),
            allow("source", "dynamodb:Query", table, when="it fails", condition={"Bool": {"x": "true"}}),
        ]
    )
    assert [(one.actions, one.resources, one.when) for one in found] == [
        (("dynamodb:DescribeTable", "dynamodb:Scan"), (table,), ""),
        (("s3:GetObject",), ("arn:aws:s3:::b/a/*",), ""),
        (("dynamodb:Query",), (table,), "it fails"),
    ]


def test_an_encrypted_bucket_that_is_there_needs_its_key() -> None:
    bucket = BucketFacts(BUCKET, True, ownership="BucketOwnerEnforced", is_private=True, encryption_key=KEY)
    manifest = manifest_of(MANIFEST.format(
        source=SOURCE, target=TARGET, region=REGION, bucket=BUCKET, create="true", more="", stream=STREAM,
        engine=ENGINE % "true", strategy="glue",
    ))  # fmt: skip
    seen = world(facts("orders", FULL), buckets={BUCKET: bucket}, roles={})
    found = needed(plan_of(manifest, seen), manifest, seen)
    target = next(one for one in found if one.who == "target")
    assert any(KEY in one.resources and "kms:GenerateDataKey" in one.actions for one in target.permissions)


@functools.cache
def _forms(action: str) -> frozenset[str]:
    """ARNs that the action can be restricted to, `*` for none; nothing for an action that does not exist."""
    from policy_sentry.querying.actions import get_action_data

    service, _, name = action.partition(":")
    found = get_action_data(service, name) or {}
    return frozenset(re.sub(r"\$\{\w+\}", "*", row["resource_arn_format"]) for row in found.get(service, ()))


@functools.cache
def _meets(one: str, other: str) -> bool:
    """True when some text fits both patterns."""
    if not one or not other:
        return one.strip("*") == other.strip("*") == ""
    if one[0] == "*":
        return _meets(one[1:], other) or _meets(one, other[1:])
    if other[0] == "*":
        return _meets(one, other[1:]) or _meets(one[1:], other)
    return one[0] == other[0] and _meets(one[1:], other[1:])


def test_tables_by_the_hundred_are_named_by_the_pattern_that_matches_them() -> None:
    text = f"""\
version: 1
name: move
accounts:
  source: {{id: "{SOURCE}", region: {REGION}}}
  target: {{id: "{TARGET}", region: {REGION}}}
tables: [{{match: "event-*", strategy: copy, target: {{name: "new-{{name}}"}}}}, {{name: orders, strategy: copy}}]
"""
    manifest, seen = manifest_of(text), inventory(facts("orders"), *(facts(f"event-{n}") for n in range(300)))
    plan = plan_of(manifest, seen)
    found = needs(plan, manifest, seen)
    assert most_policies(found, "move") > 1
    short = in_patterns(found, plan, manifest)
    assert most_policies(short, "move") == 1
    tables = {r for one in printed(short) for r in one.resources if ":table/" in r}
    source, target = (f"arn:aws:dynamodb:{REGION}:{account}:table/" for account in (SOURCE, TARGET))
    assert tables == {f"{source}event-*", f"{source}orders", f"{target}new-event-*", f"{target}orders"}
    assert all(one.wide for one in printed(short) if any("*" in name for name in one.resources))
