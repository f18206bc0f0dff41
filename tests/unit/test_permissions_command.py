"""`migrate permissions` by somebody who may not look at any account yet: the manifest alone, and what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from migrate.cli.main import main
from tests.unit.test_permissions import _forms, _meets
from tests.worlds import REGION, SOURCE, TARGET

HEAD = f"""\
version: 1
name: move
accounts:
  source: {{id: "{SOURCE}", region: {REGION}, role: "arn:aws:iam::{SOURCE}:role/Migrator"}}
  target: {{id: "{TARGET}", region: {REGION}}}
"""
ENGINE = "{bucket: files, create_bucket: true, create: true}"
OPTIONS = {
    "s3": "s3: {bucket: files, create_bucket: true}",
    "s3 there": "s3: {bucket: files, encryption_key: staging}",
    "copy": "copy: {warm: true}",
    "copy existing": "copy: {into: existing, on_conflict: keep}",
    "backup": "backup: {create: true}",
    "backup there": "backup: {}",
    "backup air-gapped": "backup: {create: true, mode: air-gapped}",
    "backup latest": "backup: {from: latest}",
    "glue": f"glue: {ENGINE}",
    "glue there": "glue: {bucket: files}",
    "glue export": f"glue: {ENGINE[:-1]}, from: export}}",
    "emr": f"emr: {ENGINE}",
    "emr cluster": f"emr: {ENGINE[:-1]}, mode: cluster}}",
    "emr step": "emr: {bucket: files, mode: cluster, cluster_id: j-ABCDEFGHIJKL}",
}
KEYS = "keys: {staging: {account: target, id: alias/staging}}\n"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MIGRATE_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def write(options: str = "s3: {bucket: files, create_bucket: true}", tables: str = "[{name: orders}]") -> str:
    Path("m.yaml").write_text(f"{HEAD}{KEYS}strategies:\n  {options}\ntables: {tables}\n")
    return "m.yaml"


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_manifest_alone_tells_for_every_strategy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    strategy = name.partition(" ")[0]
    file = write(OPTIONS[name], f"[{{name: orders, strategy: {strategy}}}]")
    assert main(["permissions", file, "--offline"]) == 0
    found = printed(capsys)
    assert found["basis"] == "manifest"
    assert found["notes"]
    statements = [one for who in found["principals"] for p in who["policies"] for one in p["document"]["Statement"]]
    wrong = [
        f"{action} on {resource}"
        for one in statements
        for action in one["Action"]
        for resource in one["Resource"]
        if not any(_meets(resource, form) for form in _forms(action))
    ]
    assert wrong == []
    assert {"source", "target"} <= {who["who"] for who in found["principals"]}
    if strategy != "copy":
        assert any(action.startswith(("s3:Put", "backup:Start")) for one in statements for action in one["Action"])


def test_a_pattern_stays_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    main(["permissions", write(tables='[{match: "events-*", target: {name: "new-{name}"}}]'), "--offline"])
    text = capsys.readouterr().out
    assert f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/events-*" in text
    assert f"arn:aws:dynamodb:{REGION}:{TARGET}:table/new-events-*" in text
    assert "ANYTHING" not in text


def test_what_is_only_possible_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main(["permissions", write(), "--offline", "--for", "apply"])
    found = printed(capsys)
    (target,) = [one for one in found["principals"] if one["who"] == "target"]
    of_ttl = [
        policy["reasons"].get(one["Sid"])
        for policy in target["policies"]
        for one in policy["document"]["Statement"]
        if "dynamodb:UpdateTimeToLive" in one["Action"]
    ]
    assert of_ttl == ["when the table turns out to need it"]


def test_without_credentials_it_says_so_and_tells_what_it_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["permissions", write()]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["basis"] == "manifest"
    assert "the accounts cannot be read" in err
    assert "this is what the manifest alone tells" in err


def test_files_are_written_for_each_account(capsys: pytest.CaptureFixture[str]) -> None:
    file = write(OPTIONS["backup there"], "[{name: orders, strategy: backup}]")
    for form in ("iam", "terraform", "cloudformation"):
        assert main(["permissions", file, "--offline", "--format", form, "--out", form]) == 0
    assert {one.name for one in Path("terraform").iterdir()} == {"source.tf", "target.tf", "runner.tf"}
    assert "aws:ResourceAccount" in Path("cloudformation/source.template.yaml").read_text()
    assert "$${aws:ResourceAccount}" in Path("terraform/source.tf").read_text()
    assert {"permissions.json", "source.migrate-move-source-caller.json"} <= {o.name for o in Path("iam").iterdir()}
    assert json.loads(Path("iam/source.role-migrate-backup.trust.json").read_text())["Statement"]
    assert "Wrote" in capsys.readouterr().out


def test_a_template_with_roles_passes_cfn_lint() -> None:
    from cfnlint import api

    file = write(OPTIONS["backup there"], "[{name: orders, strategy: backup}]")
    main(["permissions", file, "--offline", "--format", "cloudformation", "--out", "."])
    found = api.lint(Path("source.template.yaml").read_text(), regions=[REGION])
    assert [f"{one.rule.id} {one.message}" for one in found] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["m.yaml", "--json", "--format", "terraform"], 64, "--json is --format iam"),
        (["m.yaml", "--format", "pulumi"], 64, "pulumi"),
        (["none.yaml"], 3, "none.yaml"),
        (["plan.json"], 3, "no saved plan"),
        (["m.yaml", "--offline", "--out", "m.yaml"], 1, "cannot write into m.yaml"),
    ],
)
def test_bad_input_is_told(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    write()
    Path("plan.json").write_text("{")
    assert main(["permissions", *arguments]) == code
    out, err = capsys.readouterr()
    assert words in re.sub(r"\s+", " ", out + err)
    assert "Traceback" not in err


def test_a_strategy_that_cannot_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    file = write('glue: {bucket: files, create_bucket: true, version: "4.0"}', "[{name: orders, strategy: glue}]")
    assert main(["permissions", file, "--offline"]) == 4
    assert "Glue 4.0 is too old" in capsys.readouterr().err
