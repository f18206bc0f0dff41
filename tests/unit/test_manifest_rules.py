"""Rules between the fields of a manifest: each is broken on purpose and must be told, in place and in words."""

from __future__ import annotations

import pytest

from migrate.core.diagnostics import Severity
from migrate.manifest.load import load_text

ACCOUNTS = """\
version: 1
name: test
accounts:
  source: {id: "111111111111", region: eu-west-1}
  target: {id: "222222222222", region: eu-west-1}
"""
KEYS = "keys: {mine: {account: target, id: alias/mine}, theirs: {account: source, id: alias/theirs}}\n"
S3 = "strategies: {s3: {bucket: my-bucket}}\n"
ONE = "tables: [{name: orders}]\n"
KEY_ID = "12345678-1234-1234-1234-123456789012"

BROKEN = [
    # text, address, place, part of what is said
    (ACCOUNTS + 'tables: [{name: orders, match: "o*"}]', "tables[0]", "6:10", "needs `name` (one table) or `match`"),
    (ACCOUNTS + "tables: [{verify: none}]", "tables[0]", "6:10", "needs `name` (one table) or `match`"),
    (ACCOUNTS + "tables: [{name: orders, exclude: [a]}]", "tables[0].exclude", "6:25", "only goes with `match`"),
    (ACCOUNTS + "tables: [{name: orders}, {name: orders}]", "tables[1].name", "6:33", "already at m.yaml:6:17"),
    (
        ACCOUNTS + "tables: [{name: one}, {name: two, target: {name: one}}]",
        "tables[1].target.name",
        "6:50",
        "makes one the target of a second table",
    ),
    (ACCOUNTS + "tables: [{name: orders, strategy: s3}]", "tables[0].strategy", "6:35", "strategies.s3.bucket"),
    (ACCOUNTS + "tables: [{name: orders, strategy: glue}]", "tables[0].strategy", "6:35", "strategies.glue.bucket"),
    (ACCOUNTS + "defaults: {strategy: s3}\n" + ONE, "defaults.strategy", "6:22", "strategies.s3.bucket"),
    (
        ACCOUNTS + S3 + "tables: [{name: orders, strategy: s3, transform: [{drop: [a]}]}]",
        "tables[0].transform",
        "7:39",
        "cannot be done by s3",
    ),
    (
        ACCOUNTS + "defaults: {strategy: backup}\ntables: [{name: orders, transform: [{drop: [a]}]}]",
        "tables[0].transform",
        "7:25",
        "cannot be done by backup",
    ),
    (
        ACCOUNTS + S3 + "tables: [{name: orders, strategy: s3, target: {keys: {partition: {name: a, type: S}}}}]",
        "tables[0].target.keys",
        "7:48",
        "cannot be done by s3",
    ),
    (
        ACCOUNTS + "tables: [{name: orders, strategy: backup, options: {mode: air-gapped}}]",
        "tables[0].options.mode",
        "6:59",
        "that of all tables is copy",
    ),
    (
        ACCOUNTS + "strategies: {backup: {role: {source: x, target: arn:aws:iam::111111111111:role/x}}}\n" + ONE,
        "strategies.backup.role.target",
        "6:49",
        "is a role of 111111111111",
    ),
    (
        ACCOUNTS + "strategies: {backup: {mode: air-gapped, air_gapped_vault: migration}}\n" + ONE,
        "strategies.backup.air_gapped_vault",
        "6:59",
        "both vaults of the source account",
    ),
    (
        ACCOUNTS + "strategies: {backup: {from: 'arn:aws:backup:eu-west-1:333333333333:recovery-point:x'}}\n" + ONE,
        "strategies.backup.from",
        "6:29",
        "neither the source nor the target",
    ),
    (
        ACCOUNTS + KEYS + "tables: [{name: orders, target: {encryption: mien}}]",
        "tables[0].target.encryption",
        "7:46",
        "names the key mien, which is not under `keys`",
    ),
    (
        ACCOUNTS + KEYS + "tables: [{name: orders, target: {encryption: theirs}}]",
        "tables[0].target.encryption",
        "7:46",
        "names the key theirs, which is of the source account",
    ),
    (
        ACCOUNTS + KEYS + "strategies: {s3: {bucket: my-bucket, encryption_key: theirs}}\n" + ONE,
        "strategies.s3.encryption_key",
        "7:54",
        "of the source account",
    ),
    (
        ACCOUNTS + KEYS + "strategies: {backup: {source_key: mine}}\n" + ONE,
        "strategies.backup.source_key",
        "7:35",
        "of the target account",
    ),
    (
        ACCOUNTS + KEYS + "tables: [{name: orders, strategy: s3, options: {bucket: abc, encryption_key: aws-managed}}]",
        "tables[0].options.encryption_key",
        "7:78",
        "not under `keys`",
    ),
    (
        ACCOUNTS + "keys: {aws-owned: {account: target, id: alias/x}}\n" + ONE,
        "keys.aws-owned",
        "6:8",
        "a name that AWS's own keys have",
    ),
    (
        ACCOUNTS + f'keys: {{k: {{account: target, id: "arn:aws:kms:eu-west-1:111111111111:key/{KEY_ID}"}}}}\n' + ONE,
        "keys.k.id",
        "6:33",
        "is of account 111111111111, and the target account is 222222222222",
    ),
    (
        ACCOUNTS + f'keys: {{k: {{account: target, id: "arn:aws:kms:eu-west-2:222222222222:key/{KEY_ID}"}}}}\n' + ONE,
        "keys.k.id",
        "6:33",
        "is in eu-west-2, and the target tables are in eu-west-1",
    ),
    (
        ACCOUNTS.replace("eu-west-1}", "eu-west-1, role: 'arn:aws:iam::333333333333:role/R'}", 1) + ONE,
        "accounts.source.role",
        "4:57",
        "is a role of 333333333333, and the source account is 111111111111",
    ),
    (
        ACCOUNTS.replace("eu-west-1}", "eu-west-1, external_id: abc}", 1) + ONE,
        "accounts.source.external_id",
        "4:51",
        "only used to assume a role",
    ),
    (ACCOUNTS.replace("222222222222", "111111111111") + ONE, "tables[0].name", "6:17", "move a table onto itself"),
    (
        ACCOUNTS.replace("222222222222", "111111111111") + 'tables: [{match: "o*"}]',
        "tables[0].match",
        "6:18",
        "move a table onto itself",
    ),
    (ACCOUNTS + S3.replace("my-bucket", "my..bucket") + ONE, "strategies.s3.bucket", "6:27", "two dots"),
    (ACCOUNTS + S3.replace("my-bucket", "10.1.2.3") + ONE, "strategies.s3.bucket", "6:27", "IP address"),
    (ACCOUNTS + S3.replace("my-bucket", "xn--bucket") + ONE, "strategies.s3.bucket", "6:27", "reserves xn--"),
    (ACCOUNTS + S3.replace("my-bucket", "My-Bucket") + ONE, "strategies.s3.bucket", "6:27", "must be a bucket name"),
    (
        ACCOUNTS + 'tables: [{name: orders, target: {tags: {"aws:x": y}}}]',
        'tables[0].target.tags["aws:x"]',
        "6:41",
        "reserved for AWS",
    ),
    (
        ACCOUNTS
        + "tables: [{name: orders, target: {kinesis_stream: 'arn:aws:kinesis:eu-west-1:111111111111:stream/s'}}]",
        "tables[0].target.kinesis_stream",
        "6:50",
        "is of account 111111111111",
    ),
    (ACCOUNTS + "tables: [{name: orders, target: {name: '{nam}'}}]", "tables[0].target.name", "6:40", "{name}"),
]


@pytest.mark.parametrize(("text", "address", "place", "says"), BROKEN, ids=[f"{b[1]}-{b[3][:20]}" for b in BROKEN])
def test_a_broken_rule_is_told(text: str, address: str, place: str, says: str) -> None:
    manifest, found = load_text(text, "m.yaml", {})
    assert [(one.address, str(one.location)) for one in found] == [(address, f"m.yaml:{place}")]
    assert says in found[0].summary
    assert manifest is None


KEPT = [
    ACCOUNTS + "tables: [{name: orders, transform: [{drop: [a]}]}]",
    ACCOUNTS + "tables: [{name: orders, strategy: s3, options: {bucket: my-bucket}}]",
    ACCOUNTS + "tables: [{name: one}, {name: two, target: {name: '{name}-copy'}}]",
    ACCOUNTS.replace("222222222222", "111111111111") + "tables: [{name: orders, target: {name: orders2}}]",
    ACCOUNTS.replace("222222222222", "111111111111").replace("eu-west-1}", "eu-west-2}", 1) + ONE,
    ACCOUNTS + "tables: [{name: orders, target: {encryption: aws-managed}}]",
    ACCOUNTS + "tables: [{name: orders, target: {tags: {access_key_rotation: monthly}}}]",
    ACCOUNTS + "tables: [{name: orders, target: {tags: {awsome: y, migrated: y}}}]",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_allowed_passes(text: str) -> None:
    manifest, found = load_text(text, "m.yaml", {})
    assert found == []
    assert manifest is not None


def test_a_region_of_the_future_is_a_warning() -> None:
    manifest, found = load_text(ACCOUNTS.replace("eu-west-1", "eu-wset-1", 1) + ONE, "m.yaml", {})
    assert [(one.severity, one.hint) for one in found] == [(Severity.WARNING, "did you mean `eu-west-1`?")]
    assert manifest is not None


ACCESS_KEY = "AKIA" + "ABCDEFGHIJ234567"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "0123456789"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (ACCOUNTS + f"tables: [{{name: orders, target: {{tags: {{a: {ACCESS_KEY}}}}}}}]", "tables[0].target.tags.a"),
        (ACCOUNTS + f"tables: [{{name: orders, target: {{tags: {{a: {SECRET}}}}}}}]", "tables[0].target.tags.a"),
        (ACCOUNTS + "tables: [{name: orders, target: {tags: {password: hunter2}}}]", "tables[0].target.tags.password"),
        (ACCOUNTS.replace("eu-west-1}", f"eu-west-1, profile: '{ACCESS_KEY}'}}", 1) + ONE, "accounts.source.profile"),
        (
            ACCOUNTS.replace("eu-west-1}", f"eu-west-1, aws_secret_access_key: '{SECRET}'}}", 1) + ONE,
            "accounts.source.aws_secret_access_key",
        ),
    ],
)
def test_credentials_are_refused_and_never_shown(text: str, address: str) -> None:
    manifest, found = load_text(text, "m.yaml", {})
    assert manifest is None
    refusals = [one for one in found if one.address == address and "looks like a credential" in one.summary]
    assert len(refusals) == 1
    assert ACCESS_KEY not in repr(found)
    assert SECRET not in repr(found)
    assert "hunter2" not in repr(found)


def test_a_credential_from_the_environment_is_refused_too() -> None:
    text = ACCOUNTS + 'tables: [{name: orders, target: {tags: {a: "${env:KEY}"}}}]'
    _, found = load_text(text, "m.yaml", {"KEY": ACCESS_KEY})
    assert ["looks like a credential" in one.summary for one in found] == [True]
    assert ACCESS_KEY not in repr(found)


def test_long_names_are_no_secrets() -> None:
    name = "ProductionShopOrdersTable1A2B3C4D5E6F7G8H"[:40]
    assert load_text(ACCOUNTS + f"tables: [{{name: {name}}}]", "m.yaml", {})[1] == []
