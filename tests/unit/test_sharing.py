"""`share:` and `resource_policy: rewrite`: what becomes of policies, what is refused. Plans: tests/golden."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from migrate.actions.sharing import put_marked
from migrate.aws import dynamodb, session
from migrate.core.errors import Conflict
from migrate.core.iam_policy import share_mark
from migrate.core.table import CUSTOMER_MANAGED, Encryption, TableFacts
from migrate.manifest.model import Share
from migrate.observe.inventory import Inventory, KeyFacts
from migrate.observe.normalise import TableReads, normalise_table
from migrate.plan.cleanup import build_cleanup
from migrate.plan.desired import rewrite_policy
from migrate.plan.model import Plan
from migrate.plan.simulate import simulate
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import ROLE_NAME
from tests.worlds import HEAD, LINEAGE, PLAIN, REGION, SOURCE, TARGET, facts, inventory, manifest_of, plan_of, state_of

MARK = share_mark(LINEAGE)
KEY = f"arn:aws:kms:{REGION}:{TARGET}:key/k"
READ = '[{principal: "333333333333", access: read}]'


def planned(share: str, source: TableFacts | None = None, target: str = "{}", **more: Any) -> Plan:
    keys = f"keys: {{own: {{account: target, id: {KEY}}}}}\n"
    text = f"{HEAD}{keys}tables: [{{name: orders, strategy: copy, target: {target}, share: {share}}}]\n"
    return plan_of(manifest_of(text), inventory(source or facts("orders"), **more))


def statement(who: str, action: str = "kms:Decrypt", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": "*", **more}


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_the_least_actions_on_the_table_and_for_reading_on_its_indexes() -> None:
    plan = planned('[{principal: "333333333333", access: [read, write]}]')
    action = plan.action("orders/table-share")
    assert action is not None
    arn = f"arn:aws:dynamodb:{REGION}:{TARGET}:table/orders"
    said = {one["Sid"].removeprefix(MARK): (one["Action"], one["Resource"]) for one in action.params["statements"]}
    assert said["Read"][1] == [arn, f"{arn}/index/*"]
    assert said["Write"] == (
        ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        arn,
    )
    assert {one["Principal"]["AWS"][0] for one in action.params["statements"]} == {"arn:aws:iam::333333333333:root"}
    assert action.needs == ("orders/verify",)


@pytest.mark.parametrize(
    ("key_policy", "word"),
    [
        (policy(statement("arn:aws:iam::333333333333:role/R")), ""),
        (policy(), "does not let"),
        (None, "may not be read"),
    ],
)
def test_a_customer_managed_key_must_let_them_decrypt(key_policy: str | None, word: str) -> None:
    keys = {"own": KeyFacts("own", KEY, policy=key_policy)}
    spec = dataclasses.replace(PLAIN, encryption=Encryption(CUSTOMER_MANAGED, KEY.replace(TARGET, SOURCE)))
    plan = planned(READ, facts("orders", spec), "{encryption: own}", keys=keys)
    assert not plan.is_errored
    assert [word in one.summary for one in plan.diagnostics] == ([True] if word else [])


def test_a_policy_of_more_than_20_kb_is_refused() -> None:
    roles = ", ".join(
        f'{{principal: "arn:aws:iam::333333333333:role/{"r" * 50}{n}", access: read}}' for n in range(300)
    )
    (problem,) = planned(f"[{roles}]").diagnostics
    assert problem.is_error
    assert "would have" in problem.summary
    assert problem.location is not None


def test_cleanup_takes_no_share_back() -> None:
    text = f"{HEAD}tables: [{{name: orders, strategy: copy, share: {READ}}}]\n"
    manifest, seen = manifest_of(text), inventory(facts("orders"))
    after, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    assert "table-share" in {one.kind for one in state.owned().values()}
    accounts = (after.source, after.target)
    plan = build_cleanup(manifest, [], accounts, state)
    assert not plan.actions
    assert ["stays shared" in one.summary for one in plan.diagnostics] == [True]


def test_what_somebody_put_into_the_policy_of_a_finished_table_stays() -> None:
    manifest = manifest_of(HEAD + "tables: [{name: orders, strategy: copy}]\n")
    seen = inventory(facts("orders"))
    after, state = simulate(plan_of(manifest, seen), seen, state_of(manifest))
    table = after.target_tables["orders"]
    theirs = dataclasses.replace(table, spec=dataclasses.replace(table.spec, resource_policy=policy(statement("*"))))
    after = dataclasses.replace(after, target_tables={"orders": theirs})
    assert plan_of(manifest, after, state).actions == ()


def test_shares_are_no_part_of_a_tables_spec() -> None:
    described = {
        "TableName": "t", "TableStatus": "ACTIVE", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
    }  # fmt: skip
    ours, theirs = statement("x", Sid=f"{MARK}Read"), statement("y", Sid="Theirs")
    found = normalise_table(TableReads(described, policy=policy(ours, theirs)))
    assert found.shares == (ours,)
    assert json.loads(found.spec.resource_policy or "")["Statement"] == [theirs]
    assert normalise_table(TableReads(described, policy=policy(ours))).spec.resource_policy is None
    assert normalise_table(TableReads(described, policy=policy(theirs))).shares is None


def test_only_whole_arns_and_ids_are_rewritten() -> None:
    arn, seen = f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/orders", Inventory(*_accounts())
    names = [
        arn,
        f"{arn}/index/*",
        f"{arn}-old",
        f"arn:aws:iam::{SOURCE}:role/A",
        f"arn:aws:iam::5{SOURCE}:role/B",
        SOURCE,
    ]
    text = rewrite_policy(json.dumps(names), facts("orders"), "moved", seen)
    ours = f"arn:aws:dynamodb:{REGION}:{TARGET}:table"
    assert json.loads(text) == [
        f"{ours}/moved", f"{ours}/moved/index/*", f"{ours}/orders-old", f"arn:aws:iam::{TARGET}:role/A",
        f"arn:aws:iam::5{SOURCE}:role/B", TARGET,
    ]  # fmt: skip


def _accounts() -> Any:
    seen = inventory()
    return seen.source, seen.target


def test_a_change_of_somebody_else_is_never_written_over(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    role = f"arn:aws:iam::{TARGET}:role/{ROLE_NAME}"
    access = session.AccountAccess("target", TARGET, REGION, role=role, endpoint_url=sandbox.endpoint_url)
    account = session.connect(access, read_only=False)
    key = {"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "a", "AttributeType": "S"}
    made = {"KeySchema": [key[0]], "AttributeDefinitions": [key[1]], "BillingMode": "PAY_PER_REQUEST"}
    arn = str(dynamodb.create_table(account, TableName="orders", **made)["TableArn"])
    read = dynamodb.get_resource_policy
    theirs = statement("arn:aws:iam::666666666666:root", "dynamodb:GetItem", Sid="Theirs", Resource=arn)

    def read_and_lose_the_race(account: session.Account, arn: str) -> Any:
        seen = read(account, arn)
        dynamodb.put_resource_policy(account, arn, policy(theirs), None)
        return seen

    ours = statement("arn:aws:iam::333333333333:root", "dynamodb:GetItem", Sid=f"{MARK}Read", Resource=arn)
    monkeypatch.setattr(dynamodb, "get_resource_policy", read_and_lose_the_race)
    with pytest.raises(Conflict):
        put_marked(account, arn, MARK, [ours])
    monkeypatch.setattr(dynamodb, "get_resource_policy", read)
    put_marked(account, arn, MARK, [ours])
    now = read(account, arn)
    assert now is not None
    assert json.loads(now[0])["Statement"] == [theirs, ours]


def test_an_account_id_and_a_root_are_one_principal() -> None:
    assert Share("333333333333", ("read",)).account == Share("arn:aws:iam::333333333333:root", ("read",)).account
