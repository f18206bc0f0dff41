"""Loading manifests: what a valid one says, and how each mistake is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.load import load_manifest, load_text
from migrate.manifest.model import KeyAssertion, KeyRef, Manifest, ProvisionedCapacity

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

HEAD = """\
version: 1
name: test
accounts:
  source: {id: "111111111111", region: eu-west-1}
  target: {id: "222222222222", region: eu-west-1}
"""


def good(text: str, **environ: str) -> Manifest:
    manifest, found = load_text(text, "m.yaml", environ)
    assert found == []
    assert manifest is not None
    return manifest


def told(finding: Diagnostic) -> str:
    return f"{finding.location} {finding.severity.value}: {finding.summary} | {finding.why} | {finding.hint}"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    manifest, found = load_manifest(path, {})
    assert [told(one) for one in found] == []
    assert manifest is not None
    assert manifest.file == str(path)


def test_the_tour_says_what_it_shows() -> None:
    manifest = good((EXAMPLES / "orders-to-prod.yaml").read_text())
    assert manifest.source.profile == "legacy"
    assert manifest.account("target").role == "arn:aws:iam::222222222222:role/TableMigration"
    assert manifest.keys["orders"] == KeyRef("orders", "target", "alias/orders")
    orders, customers = manifest.tables
    assert (orders.strategy, orders.verify.mode, orders.cleanup) == ("s3", "digest", "after-verify")
    assert orders.keys == KeyAssertion(("PK", "S"), ("SK", "S"))
    assert orders.target.billing == "on-demand"
    assert orders.target.tags == {"team": "checkout"}
    assert orders.target.point_in_time_recovery == 35
    assert orders.target.stream is None
    assert customers.target.keys == KeyAssertion(("customerId", "S"))
    assert [list(step) for step in customers.transform or ()] == [["rename"], ["drop"], ["set"], ["filter"]]


def test_off_on_and_carried_over_are_three_different_things() -> None:
    manifest = good(
        HEAD
        + """\
tables:
  - {name: one, target: {point_in_time_recovery: true, stream: false, ttl: false, deletion_protection: off}}
  - {name: two, target: {point_in_time_recovery: false, stream: new-image, billing: {read: 5, write: 6}}}
  - {name: three}
"""
    )
    one, two, three = (table.target for table in manifest.tables)
    assert (one.point_in_time_recovery, one.stream, one.ttl, one.deletion_protection) == (35, "off", False, False)
    assert (two.point_in_time_recovery, two.stream, two.ttl) == (False, "new-image", None)
    assert two.billing == ProvisionedCapacity(5, 6)
    assert (three.point_in_time_recovery, three.stream, three.deletion_protection) == (None, None, None)


def test_defaults_fill_what_a_table_does_not_say() -> None:
    manifest = good((EXAMPLES / "many-tables.yaml").read_text())
    by_name = {table.name or table.match: table for table in manifest.tables}
    assert by_name["events-*"].strategy == "s3"
    assert by_name["shop-*"].strategy == "auto"
    sessions = by_name["sessions"]
    assert (sessions.strategy, sessions.verify.mode) == ("copy", "none")
    options = manifest.strategy_options("copy", sessions.options)
    assert {name: options[name] for name in ("segments", "read_units", "indexes")} == {
        "segments": 4,
        "read_units": 200,
        "indexes": "auto",
    }
    assert manifest.strategy_options("s3")["source_pitr"] == "keep"


def test_the_digest_is_of_the_meaning() -> None:
    one = good(HEAD + "tables:\n  - {name: orders, verify: counts}\n")
    same = good("# a comment\n" + HEAD.replace('"', "'") + "tables:\n- verify:   counts\n  name: orders\n")
    other = good(HEAD + "tables:\n  - {name: orders, verify: none}\n")
    assert one == same
    assert one.digest == same.digest
    assert len(one.digest) == 64
    assert one.digest != other.digest


def test_the_digest_sees_the_environment() -> None:
    text = HEAD + 'tables: [{name: "${env:STAGE}-orders"}]\n'
    assert good(text, STAGE="dev").tables[0].name == "dev-orders"
    assert good(text, STAGE="dev").digest != good(text, STAGE="prod").digest


def test_an_account_id_from_the_environment_is_text() -> None:
    text = HEAD.replace('"222222222222"', '"${env:ACCOUNT}"') + "tables: [{name: orders}]\n"
    assert good(text, ACCOUNT="012345678901").target.id == "012345678901"


def test_two_dollars_stand_for_one() -> None:
    text = HEAD + "tables: [{name: orders, strategy: copy, transform: [{filter: \"a = '$${b}'\"}]}]\n"
    assert good(text).tables[0].transform == ({"filter": "a = '${b}'"},)


def test_places_can_be_asked_for() -> None:
    manifest = good(HEAD + "tables:\n  - name: orders\n    strategy: copy\n")
    where = manifest.locate("tables[0].strategy")
    assert where is not None
    assert (str(where), where.text, where.length) == ("m.yaml:8:15", "    strategy: copy", 4)
    assert str(manifest.locate("tables[0].strategy", key=True)) == "m.yaml:8:5"
    assert manifest.locate("tables[0].verify") is None
    assert str(manifest.nearest("tables[0].target.tags")) == "m.yaml:7:5"
    assert str(manifest.nearest("nothing.like.it")) == "m.yaml:1:1"
    assert str(manifest.tables[0].location) == "m.yaml:7:11"


BAD = [
    # what is written after HEAD, then every diagnostic: place, summary, hint
    ("tables: []", ["6:9 tables must be a list with at least one table | "]),
    ("tables: [{nmae: orders}]", ["6:11 tables[0].nmae is not a known key | did you mean `name`?"]),
    (
        "tables:\n  - name: orders\n    stratgey: s3",
        ["8:5 tables[0].stratgey is not a known key | did you mean `strategy`?"],
    ),
    (
        "tables:\n  - name: orders\n    wxyz: s3",
        [
            "8:5 tables[0].wxyz is not a known key | known here: name, match, exclude, strategy, options, keys, "
            "transform, target, verify, cleanup, prefer, share, protect"
        ],
    ),
    (
        "tables:\n  - {name: orders, strategy: backpu}",
        [
            "7:30 tables[0].strategy is backpu, not one of auto, s3, backup, glue, emr, copy | did you mean `backup`?",
        ],
    ),
    ("tables:\n  - name:", ["7:5 tables[0].name has no value | give it a value, or remove the key"]),
    (
        "tables:\n  - name: [orders]",
        ["7:11 tables[0].name must be text | "],
    ),
    ("tables: orders", ["6:9 tables must be a list | "]),
    ("tables: [orders]", ["6:10 tables[0] must be a mapping of keys | "]),
    (
        "tables: [{name: 12345}]",
        ['6:17 tables[0].name must be text, and YAML reads 12345 as a number | write "12345" in quotes'],
    ),
    ("tables: [{name: a}]", ["6:17 tables[0].name must be a table name: 3 to 255 letters, digits, _, - or . | "]),
    ("tables: [{name: orders, target: {billing: {read: 5}}}]", ["6:43 tables[0].target.billing.write is missing | "]),
    (
        "tables: [{name: orders, target: {billing: provisioned}}]",
        ["6:43 tables[0].target.billing must be on-demand, or {read: 100, write: 100} | "],
    ),
    (
        "tables: [{name: orders, target: {billing: {read: 0, write: 1}}}]",
        ["6:50 tables[0].target.billing.read must be 1 or more | "],
    ),
    (
        "tables: [{name: orders, target: {point_in_time_recovery: 36}}]",
        ["6:58 tables[0].target.point_in_time_recovery must be true, false or a number of days from 1 to 35 | "],
    ),
    (
        "tables: [{name: orders, target: {tags: {since: 2020, on: x}}}]",
        ['6:48 tables[0].target.tags.since must be text, and YAML reads 2020 as a number | write "2020" in quotes'],
    ),
    (
        "tables: [{name: orders, transform: [{python: convert.py}]}]",
        ["6:46 tables[0].transform[0].python must be file.py:function | "],
    ),
    (
        "tables: [{name: orders, transform: [{drop: [a], filter: b = 1}]}]",
        ["6:37 tables[0].transform[0] must hold exactly one operation: rename, drop, set, filter or python | "],
    ),
    (
        "tables: [{name: orders, transform: [{set: {v: {N: 2}}}]}]",
        ['6:51 tables[0].transform[0].set.v.N must be text, and YAML reads 2 as a number | write "2" in quotes'],
    ),
    (
        "strategies: {glue: {bucket: my-bucket, version: 5.10}}\ntables: [{name: orders}]",
        ['6:49 strategies.glue.version must be text, and YAML reads 5.10 as a number | write "5.10" in quotes'],
    ),
    (
        "strategies: {copy: {segments: many}}\ntables: [{name: orders}]",
        ["6:31 strategies.copy.segments must be auto or a number from 1 to 1000000 | "],
    ),
    (
        'strategies: {glue: {workers: "4"}}\ntables: [{name: orders}]',
        ["6:30 strategies.glue.workers must be a whole number | write 4 without quotes"],
    ),
    (
        "tables: [{name: orders, options: {segments: 4}}]",
        [
            "6:25 tables[0].options need a strategy, and this table leaves the choice to auto | "
            "name the strategy, or put the options under `strategies`"
        ],
    ),
    (
        "tables: [{name: orders, strategy: copy, options: {bucket: abc}}]",
        [
            "6:51 tables[0].options.bucket is not a known key | "
            "known here: segments, read_units, write_units, indexes, warm, into, on_conflict, transport"
        ],
    ),
    (
        "keys: {a b: {account: target, id: alias/x}}\ntables: [{name: orders}]",
        ['6:8 keys["a b"] as a name must be 1 to 64 letters, digits, - or _ | '],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_mistake_is_named_with_its_place(text: str, expected: list[str]) -> None:
    manifest, found = load_text(HEAD + text + "\n", "m.yaml", {})
    got = [f"{one.location.line}:{one.location.column} {one.summary} | {one.hint}" for one in found if one.location]
    assert got == expected
    assert manifest is None


def test_what_is_missing_is_named() -> None:
    _, found = load_text("name: x\naccounts: {source: {region: eu-west-1}}\n", "m.yaml", {})
    assert [(one.address, str(one.location)) for one in found] == [
        ("version", "m.yaml:1:1"),
        ("tables", "m.yaml:1:1"),
        ("accounts.target", "m.yaml:2:11"),
        ("accounts.source.id", "m.yaml:2:20"),
    ]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("111111111111", 'write "111111111111" in quotes'),
        ("012345678901", 'write "012345678901" in quotes (text)'),
        ("12345678901", "has 11: was a leading zero lost?"),
    ],
)
def test_an_account_id_without_quotes_says_what_to_write(written: str, hint: str) -> None:
    text = HEAD.replace('"222222222222"', written) + "tables: [{name: orders}]\n"
    _, found = load_text(text, "m.yaml", {})
    assert [(one.address, str(one.location)) for one in found] == [("accounts.target.id", "m.yaml:5:16")]
    assert hint in found[0].hint


def test_all_problems_come_in_one_run_in_the_order_of_the_file() -> None:
    text = """\
version: 2
name: test
accounts:
  source: {id: 111111111111, region: eu-west1}
  target: {id: "222222222222", region: "${env:REGION}", role: "arn:aws:iam::333333333333:role/R"}
tables:
  - name: orders
    strategy: s3
    target: {encryption: nokey}
  - name: orders
  - stratgey: s3
"""
    _, found = load_text(text, "m.yaml", {"REGIONS": "x"})
    assert [(one.address, one.location.line if one.location else 0) for one in found] == [
        ("version", 1),
        ("accounts.source.id", 4),
        ("accounts.source.region", 4),
        ("accounts.target.region", 5),
        ("accounts.target.role", 5),
        ("tables[0].strategy", 8),
        ("tables[0].target.encryption", 9),
        ("tables[1].name", 10),
        ("tables[2].stratgey", 11),
        ("tables[2]", 11),
    ]


def test_a_variable_that_is_not_set() -> None:
    text = HEAD.replace('"111111111111"', '"${env:ACCOUNT}"') + "tables: [{name: orders}]\n"
    _, found = load_text(text, "m.yaml", {"ACCOUNTS": "1"})
    assert [told(one) for one in found] == [
        "m.yaml:4:16 error: the environment variable ACCOUNT is not set |  | did you mean `ACCOUNTS`?"
    ]


@pytest.mark.parametrize("written", ["${var.x}", "${env:A B}", "${env:", "${}"])
def test_only_the_environment_is_interpolated(written: str) -> None:
    _, found = load_text(HEAD + f"tables: [{{name: '{written}'}}]\n", "m.yaml", {"A": "1"})
    assert ["is not an interpolation" in one.summary for one in found] == [True]


def test_what_a_variable_holds_is_not_interpolated_again() -> None:
    text = HEAD + 'tables: [{name: orders, target: {tags: {a: "${env:A}"}}}]\n'
    assert good(text, A="${env:B}", B="no").tables[0].target.tags == {"a": "${env:B}"}


def test_a_variable_that_is_not_text_is_refused() -> None:
    text = HEAD + 'tables: [{name: orders, target: {tags: {a: "${env:A}"}}}]\n'
    _, found = load_text(text, "m.yaml", {"A": "\udcff"})
    assert [one.summary for one in found] == ["the environment variable A is not UTF-8 text"]


def test_a_line_break_at_the_end_of_a_variable_is_seen() -> None:
    text = HEAD.replace('"111111111111"', '"${env:ACCOUNT}"') + "tables: [{name: orders}]\n"
    _, found = load_text(text, "m.yaml", {"ACCOUNT": "111111111111\n"})
    assert [one.address for one in found] == ["accounts.source.id"]


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        (None, "does not exist"),
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"name: \xff\xfe", "is not UTF-8"),
        (b"#" * (10 * 1024 * 1024), "is larger than 2 MiB"),
    ],
    ids=["missing", "empty", "comment", "not text", "10 MB"],
)
def test_files_that_are_no_manifests(tmp_path: Path, content: bytes | None, summary: str) -> None:
    path = tmp_path / "m.yaml"
    if content is not None:
        path.write_bytes(content)
    manifest, found = load_manifest(path, {})
    assert manifest is None
    assert len(found) == 1
    assert summary in found[0].summary
    assert found[0].location is not None


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    _, found = load_manifest(tmp_path, {})
    assert "is a folder" in found[0].summary


def test_a_name_that_no_file_can_have() -> None:
    _, found = load_manifest("a\0b", {})
    assert "cannot be read" in found[0].summary


def test_loading_the_package_costs_no_parser() -> None:
    import subprocess
    import sys

    code = "import sys, migrate.manifest.load; sys.exit(bool({'yaml', 'jsonschema', 'boto3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
