"""`share:` through the command line: whoever is named gets in, to just what is named, for as long as it is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.world import REGION, TARGET, World

GUEST = "333333333333"
ARN = f"arn:aws:dynamodb:{REGION}:{TARGET}:table/orders"
COPY = "name: orders, strategy: copy"


def shared(world: World, *access: str) -> str:
    """A manifest that shares the table with another account; with nobody where no access is given."""
    share = f", share: [{{principal: '{GUEST}', access: [{', '.join(access)}]}}]" if access else ""
    return world.manifest(f"[{{{COPY}{share}}}]", strategies={})


def applied(world: World, *access: str) -> None:
    file = shared(world, *access)
    world.ok("apply", file, "--auto-approve")
    assert "No changes" in world.ok("plan", file).out


def reads(world: World) -> int:
    return int(world.client("dynamodb", GUEST).scan(TableName=ARN)["Count"])


def writes(world: World) -> Any:
    return world.client("dynamodb", GUEST).put_item(TableName=ARN, Item={"id": {"S": "theirs"}})


def refused(call: Any, world: World) -> None:
    with pytest.raises(ClientError) as error:
        call(world)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_guest_gets_in_and_loses_it_again_and_a_strangers_statement_stays(world: World) -> None:
    world.table("orders", 5)
    applied(world)
    refused(reads, world)

    applied(world, "read")
    assert reads(world) == 5
    refused(writes, world)

    policy = json.loads(world.target.get_resource_policy(ResourceArn=ARN)["Policy"])
    by_hand = {"Sid": "ByHand", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
               "Action": "dynamodb:GetItem", "Resource": ARN}  # fmt: skip
    policy["Statement"].append(by_hand)
    world.target.put_resource_policy(ResourceArn=ARN, Policy=json.dumps(policy))
    applied(world, "write")
    writes(world)
    refused(reads, world)

    applied(world)
    refused(writes, world)
    left = json.loads(world.target.get_resource_policy(ResourceArn=ARN)["Policy"])
    assert left["Statement"] == [by_hand]
