"""`migrate permissions` against what a migration really calls, both ways: every call is allowed, and nothing is printed
that is neither called nor declared to be for a case.

Plan, apply, plan again and clean-up run in this process against the sandbox, whose call log says who called what.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from migrate.actions.base import Context
from migrate.actions.needs import Needs, needs
from migrate.actions.registry import handlers
from migrate.apply.run import begin, carry_out
from migrate.cli.world import make_plan, observe, state_or_new
from migrate.core.access import RUNNER, Permission
from migrate.core.clock import timestamp
from migrate.manifest.model import Manifest
from migrate.observe.inventory import RoleFacts
from migrate.plan.cleanup import build_cleanup
from migrate.plan.untouched import cleanup_of, untouched, with_leftovers
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import TARGET_ACCOUNT
from migrate.state.model import Run, State
from tests.contract.iam_calls import Ask, asks, principal
from tests.crash import cases
from tests.crash.cases import CASES, SPARK_CASES, Case, manifest
from tests.crash.life import Stage
from tests.sandbox.aws import Aws


class Kept(Case):
    """Nothing is removed by the migration itself: `migrate cleanup` does."""

    name = "kept"
    manifest = manifest("[{name: orders, cleanup: keep}]")


class Unmade(cases.BackedUp):
    """Vaults, keys, roles and the grant are there: another migration has made them, and keeps them."""

    name = "unmade"
    manifest = cases.BackedUp.manifest.replace("create: true}", "create: false}")

    def prepare(self, aws: Aws, migrate: cases.Migrate) -> None:
        super().prepare(aws, migrate)
        cases.make_provisioned(aws, "other")
        theirs = manifest("[{name: other, strategy: backup, cleanup: keep}]")
        migrate(theirs.replace("name: shop", "name: theirs"))


class InCluster(cases.BySpark):
    """On a cluster of its own, from an export."""

    name = "in-cluster"
    manifest = manifest("[{name: orders, strategy: emr}]").replace(
        "  s3:", f"  emr: {cases.SPARK[:-1]}, mode: cluster, from: export}}\n  s3:"
    )

    def prepare(self, aws: Aws, migrate: cases.Migrate) -> None:
        super().prepare(aws, migrate)
        iam = aws.client("iam", TARGET_ACCOUNT)
        for name, service in (("EMR_EC2_DefaultRole", "ec2"), ("EMR_DefaultRole", "elasticmapreduce")):
            trust = {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
            allowed = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
            everything = {"Version": "2012-10-17", "Statement": allowed}
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(everything))
            iam.create_instance_profile(InstanceProfileName=name)
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


@pytest.fixture(scope="module")
def stage(sandbox_server: Sandbox) -> Iterator[Stage]:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAANYBODY")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    stage = Stage(sandbox_server)
    yield stage
    stage.close()
    patch.undo()


@dataclasses.dataclass
class Lived:
    """What a case called, and what it was said to need before it began and after its end."""

    calls: list[dict[str, Any]]
    before: Needs
    after: Needs
    with_given_roles: Needs
    """What it would need if the roles were not its own to make: what they must be allowed is the least then."""


def live(stage: Stage, case: Case) -> Lived:
    """Plan, apply until it is complete, plan again, clean up."""
    state = stage.set_up(case)
    read, store, log = stage.manifest(case.manifest), stage.store(state), stage.aws.sandbox.calls
    before = said(stage, read, store.read(read.name))
    given = stage.manifest(case.manifest.replace(", create: true", ", create: false"))
    with_given_roles = said(stage, given, store.read(read.name), roles_are_there=True)
    log.clear()
    for _ in range(case.runs):
        case.between(stage.aws, store.read(read.name))
        summary = stage.attempt(read, store, listener=lambda event: case.meddle(stage.aws, event))
    assert summary is not None
    assert summary.is_complete
    stage.plan(stage.world(read), store.read(read.name))
    clean_up(stage, case)
    calls = log.select()
    return Lived(calls, before, said(stage, read, store.read(read.name)), with_given_roles)


def said(stage: Stage, read: Manifest, kept: State | None, *, roles_are_there: bool = False) -> Needs:
    """What `migrate permissions` finds."""
    world = stage.world(read)
    seen = observe(world)
    inventory, state = untouched(seen.inventory, state_or_new(kept, read))
    if roles_are_there and inventory.roles:
        hidden = {name: RoleFacts(one.name, is_hidden=True) for name, one in inventory.roles.items()}
        inventory = dataclasses.replace(inventory, roles=hidden)
    plan = make_plan(world, dataclasses.replace(seen, inventory=inventory), state)
    assert not plan.is_errored, [str(d) for d in plan.diagnostics if d.is_error]
    cleanup = cleanup_of(plan, read, seen.mappings, inventory, state)
    if kept:
        cleanup = with_leftovers(cleanup, build_cleanup(read, seen.mappings, world.accounts, kept))
        plan = with_leftovers(plan, make_plan(world, seen, kept))
    return needs(plan, read, inventory, cleanup=cleanup)


def clean_up(stage: Stage, case: Case) -> None:
    """What `migrate cleanup` does."""
    read, store = stage.manifest(case.manifest), stage.store(stage.folder / "state")
    world = stage.world(read)
    with store.lock(read.name):
        state = state_or_new(store.read(read.name), read)
        plan = build_cleanup(read, observe(world).mappings, world.accounts, state)
        if not plan.actions:
            return
        run = Run(plan.plan_id, timestamp(stage.clock.now()))
        ledger = begin(store, state, plan, read.file, run, is_resumed=False)
        context = Context(stage.source, stage.target, stage.clock, plan.lineage, work=store.work(plan.migration))
        assert carry_out(plan, ledger, handlers(), context, parallelism=1).is_complete


def permissions(found: Needs) -> list[Permission]:
    return [one for who in found.principals for one in who.permissions]


def refused(lived: Lived) -> list[str]:
    """Calls that nothing printed allows."""
    wanted = dict.fromkeys(ask for call in lived.calls for ask in asks(call))
    by_who: dict[str, list[Permission]] = {}
    for one in permissions(lived.before):
        by_who.setdefault(one.who, []).append(one)
    return [str(ask) for ask in wanted if not any(ask.is_allowed_by(one) for one in by_who.get(ask.who, ()))]


def unused(lived: Lived) -> list[str]:
    """What is printed for every run, and was not called in this one."""
    made = {ask for call in lived.calls for ask in asks(call)}
    return [
        f"{one.who} {action} {resource}"
        for one in permissions(lived.before)
        if not one.when and one.who != RUNNER  # whose calls were made once, when the connections were opened
        for action in one.actions
        for resource in one.resources
        if not any(_is_for(one, action, resource).covers(ask) for ask in made)
    ]


@dataclasses.dataclass
class _Part:
    one: Permission

    def covers(self, ask: Ask) -> bool:
        return ask.who == self.one.who and ask.is_allowed_by(self.one)


def _is_for(one: Permission, action: str, resource: str) -> _Part:
    return _Part(dataclasses.replace(one, actions=(action,), resources=(resource,)))


def text(found: Needs) -> str:
    """Without what is new with every state."""
    lines = [f"{who.made_by} {dataclasses.astuple(one)}" for who in found.principals for one in who.permissions]
    lines += [json.dumps(dataclasses.asdict(one), sort_keys=True) for one in found.grants]
    return re.sub(r"MigrateShare[0-9a-f]{12}", "MigrateShare", "\n".join(lines))


MIDWAY = ("protected-otherwise", "drift", "unshared")
"""Cases that begin with a migration that was done before: they call less than the whole of it needs."""

OWN = {case.name: case for case in (Kept(), Unmade())}
LIKE_OTHERS = ("copied", "lost-file", "unequal")
TRIED = {
    **{name: case for name, case in CASES.items() if not case.check and name not in LIKE_OTHERS},
    **OWN,
}
BY_SPARK = {**SPARK_CASES, "in-cluster": InCluster()}


@pytest.mark.parametrize("name", TRIED)
def test_every_call_is_allowed_and_nothing_else_is_printed(name: str, stage: Stage) -> None:
    lived = live(stage, TRIED[name])
    assert refused(lived) == []
    assert name in MIDWAY or unused(lived) == []
    is_same = text(lived.before) == text(lived.after)
    assert is_same or name == "unshared", "what is needed does not depend on how far the migration is"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in BY_SPARK])
@pytest.mark.usefixtures("without_java")
def test_so_it_is_with_the_job_and_its_roles(name: str, stage: Stage) -> None:
    """The calls of the job are those of its roles."""
    lived = live(stage, BY_SPARK[name])
    assert refused(lived) == []
    assert unused(lived) == []
    assert text(lived.before) == text(lived.after)
    least = dataclasses.replace(lived, before=lived.with_given_roles, calls=by_roles(lived))
    assert least.calls, "the job's own calls are in the log"
    assert refused(least) == []
    assert [one for one in unused(least) if one.startswith("arn:")] == []


def by_roles(lived: Lived) -> list[dict[str, Any]]:
    return [call for call in lived.calls if principal(call).startswith("arn:")]


def test_keys_that_are_there_must_let_both_accounts_copy(stage: Stage) -> None:
    """Of vaults that somebody else has made: the statements are for whoever may change the policies of their keys."""
    case = TRIED["unmade"]
    found = said(stage, stage.manifest(case.manifest), stage.store(stage.set_up(case)).read("shop"))
    keys = [one for one in found.grants if one.kind == "key policy"]
    assert {one.side for one in keys} == {"source", "target"}
    assert all(":key/" in one.resource and "KEY-ID" not in one.resource and not one.made_by for one in keys)
    assert {tuple(one.statement["Principal"]["AWS"]) for one in keys} == {
        ("arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"),
        ("arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:root"),
    }
