"""What tables that are moved by the Spark job share: bucket, the job's files, roles, an application; and their removal.

Each appears once whatever the number of tables. What is there already is used as it is and never removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.codec import digest
from migrate.core.frozen import replace
from migrate.plan.model import Action, Change, Risk, Side
from migrate.state.model import SHARED
from migrate.strategies import s3_bucket
from migrate.strategies import spark_policies as policies
from migrate.strategies.spark_setup import SparkSetup


def files_address(setup: SparkSetup) -> str:
    """Address of the action that uploads script and archive."""
    return f"{SHARED}/job-files.{setup.request.options['bucket']}"


def application_address(setup: SparkSetup) -> str:
    """Address of the action that makes the application."""
    return f"{SHARED}/emr-application.{application_name(setup)}"


def application_name(setup: SparkSetup) -> str:
    """Name of the application of this migration with these options: at most 64 characters."""
    options = {name: setup.request.options.get(name) for name in ("release", "architecture", "subnets")}
    return f"migrate-{setup.request.migration[:40]}-{digest([options, setup.source.id])[:8]}"


def prerequisites(setup: SparkSetup) -> list[Action]:
    """What is missing, in the order in which it is made."""
    request = setup.request
    bucket = (
        s3_bucket.prerequisites(request)
        if setup.is_export
        else s3_bucket.own_bucket(request, "the job's script, checkpoints and results")
    )
    found = [*bucket, _files(setup, bucket), *_roles(setup)]
    return [*found, _application(setup)] if setup.engine == "serverless" else found


def removals(setup: SparkSetup, planned: Iterable[Action] = ()) -> list[Action]:
    """Take back, last made first, what this migration has made or `planned` is going to make."""
    planned = list(planned)
    file = setup.request.state.files.get(SHARED)
    ours = {resource.address for resource in file.owned.values()} if file else set()
    ours |= {action.address for action in planned}
    found = [_removal(*one) for one in _removable(setup) if one[0] in ours]
    before = tuple(action.address for action in found)
    for action in s3_bucket.removals(setup.request, planned):
        found.append(_needing(action, before))
    return found


def _files(setup: SparkSetup, bucket: list[Action]) -> Action:
    name, prefix = setup.request.options["bucket"], setup.files_prefix
    return Action(
        address=files_address(setup),
        kind="job-files",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"the Spark job's script and archive in s3://{name}/{prefix}/",
        params={"bucket": name, "prefix": prefix},
        needs=tuple(action.address for action in bucket),
        undo="job-files-removal",
        why="the same program that is tested here; named by what is in it",
    )


def _roles(setup: SparkSetup) -> Iterator[Action]:
    """The job's role, then the one that trusts it: IAM takes no principal that is not there."""
    before: tuple[str, ...] = ()
    if setup.engine != "cluster" and _is_due(setup, "target"):
        action = _role(setup, "target", policies.job_trust(setup), policies.job_policy(setup), ())
        yield action
        before = (action.address,)
    if setup.needs_source_role and _is_due(setup, "source"):
        yield _role(setup, "source", policies.source_trust(setup), policies.source_policy(setup), before)


def _is_due(setup: SparkSetup, side: str) -> bool:
    role = setup.role(side)
    is_missing = not role.arn and not role.is_hidden
    return setup.may_create and setup.request.is_due(_role_address(setup, side), is_missing=is_missing)


def _role(setup: SparkSetup, side: str, trust: Any, policy: Any, needs: tuple[str, ...]) -> Action:
    name = setup.role_name(side)
    does = f"{setup.service} runs the job with it"
    if side == "source":
        does = f"{setup.role_arn('target')} reads tables with it"
    return Action(
        address=_role_address(setup, side),
        kind="role",
        side=Side(side),
        change=Change.CREATE,
        title=f"role {name}: {does}",
        params={"role": name, "trust": trust, "policy": policy},
        needs=needs,
        risk=Risk.SOURCE_WRITE if side == "source" else Risk.NONE,
        undo="role-removal",
        why="the least that does",
    )


def _application(setup: SparkSetup) -> Action:
    options, name = setup.request.options, application_name(setup)
    network = {"subnetIds": options["subnets"]} if options.get("subnets") else {}
    if network and options.get("security_groups"):
        network["securityGroupIds"] = options["security_groups"]
    return Action(
        address=application_address(setup),
        kind="emr-application",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"EMR Serverless application {name} ({options.get('release', 'emr-7.14.0')})",
        params={
            "name": name,
            "release": options.get("release", "emr-7.14.0"),
            "architecture": options.get("architecture", "ARM64"),
            "network": network,
        },
        undo="emr-application-removal",
        why="costs nothing while no job runs in it",
    )


def _removable(setup: SparkSetup) -> Iterator[tuple[str, str, str, str, str]]:
    """(address, kind, side, name, title) of everything that may be ours."""
    options = setup.request.options
    if setup.engine == "serverless":
        name = application_name(setup)
        yield application_address(setup), "emr-application", "target", name, f"EMR Serverless application {name}"
    if options.get("bucket"):
        bucket = str(options["bucket"])
        yield files_address(setup), "job-files", "target", bucket, "delete the Spark job's script and archive"
    for side in ("source", "target"):
        name = setup.role_name(side)
        yield _role_address(setup, side), "role", side, f"{side}.{name}", f"role {name}"


def _removal(address: str, kind: str, side: str, name: str, title: str) -> Action:
    return Action(
        address=f"{SHARED}/{kind}-removal.{name}",
        kind=f"{kind}-removal",
        side=Side(side),
        change=Change.DELETE,
        title=title,
        params={"of": address},
        risk=Risk.DESTRUCTIVE,
        undo=kind,
        why="made by this migration",
    )


def _role_address(setup: SparkSetup, side: str) -> str:
    return f"{SHARED}/role.{side}.{setup.role_name(side)}"


def _needing(action: Action, needs: tuple[str, ...]) -> Action:
    return replace(action, needs=tuple(dict.fromkeys((*action.needs, *needs))))
