"""Policies as text: our statement goes in and out, and nothing else moves."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrate.core.iam_policy import (
    allows,
    contains,
    denies,
    has_statement,
    statements,
    with_statement,
    without_statement,
)

OURS = {"Sid": "Ours", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "a:Copy"}
ACTIONS = st.sampled_from(["a:Copy", "a:*", "b:Read", ["a:Copy", "b:Read"]])
foreign = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": ACTIONS,
        "Principal": st.sampled_from(["*", {"AWS": "*"}]),
    },
    optional={"Sid": st.sampled_from(["One", "Two"])},
)


@given(st.none() | st.lists(foreign, max_size=3))
def test_a_statement_is_added_once_and_taken_out_again(others: list[dict[str, Any]] | None) -> None:
    before = None if others is None else json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": others})
    after = with_statement(before, OURS)
    assert statements(after) == [*statements(before), OURS]
    assert with_statement(after, OURS) == after
    assert has_statement(after, "Ours")
    left = without_statement(after, "Ours")
    assert statements(left) == statements(before)
    assert left is None or json.loads(left)["Id"] == "theirs"


def test_a_single_statement_need_not_be_a_list() -> None:
    policy = json.dumps({"Statement": OURS})
    assert statements(policy) == [OURS]
    assert without_statement(policy, "Ours") is None


def test_whom_a_policy_allows_what() -> None:
    policy = json.dumps({"Statement": [OURS, {**OURS, "Sid": "No", "Effect": "Deny", "Action": ["b:*"]}]})
    assert allows(policy, "111111111111", "a:copy")
    assert not allows(policy, "222222222222", "a:Copy")
    assert not allows(policy, "111111111111", "a:Other")
    assert denies(policy, "111111111111", "b:Read")
    assert not denies(policy, "222222222222", "b:Read")
    conditional = json.dumps({"Statement": [{**OURS, "Effect": "Deny", "Condition": {"Bool": {"x": "true"}}}]})
    assert not denies(conditional, "111111111111", "a:Copy"), "whether a condition holds is not known here"
    assert not allows(None, "111111111111")


def test_a_statement_is_known_however_the_service_writes_it() -> None:
    listed = {**OURS, "Action": ["a:Copy"], "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]}}
    assert contains(json.dumps({"Statement": [listed]}), OURS)
    assert not contains(json.dumps({"Statement": [{**listed, "Action": ["a:Copy", "a:Other"]}]}), OURS)
