"""What stands against moving a table with the Spark job: every reason at once, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.codec import canonical
from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.iam_policy import allows, denies
from migrate.observe.inventory import ClusterFacts
from migrate.plan.strategy import TableRequest, Verdict
from migrate.strategies import spark_policies as policies
from migrate.strategies.s3_verdict import check_bucket
from migrate.strategies.source_reasons import unfit_source, unproven_keys
from migrate.strategies.spark_setup import SparkSetup

_FLEX_WORKERS = ("G.1X", "G.2X", "R.1X", "R.2X")
_OLDEST_GLUE, _OLDEST_EMR = 5, 7
_ENDED = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
_OTHER_CLUSTER = "name another one; without cluster_id one is started, which ends with the job"
_TAKE_OUT = "take that statement out"
_TOO_SMALL = ("Standard", "G.025X")


def judge(setup: SparkSetup, why: str) -> Verdict:
    """May the Spark job move this table? `why` speaks for the engine."""
    found = [*_table(setup.request), *check_bucket(setup.request, setup.strategy), *_engine(setup), *_roles(setup)]
    return Verdict(
        reasons=tuple(one for one in found if one.is_error),
        warnings=tuple(one for one in found if not one.is_error),
        why=why,
    )


def _table(request: TableRequest) -> Iterator[Diagnostic]:
    yield from unproven_keys(request)
    yield from unfit_source(
        request,
        vectors="this version cannot create them on the target",
        unreadable="its items cannot be read",
    )


def _engine(setup: SparkSetup) -> Iterator[Diagnostic]:
    options = setup.request.options
    if setup.engine == "glue":
        yield from _glue(setup)
        return
    if setup.cluster_id:
        yield from _cluster(setup)
        return
    yield from _release(str(options.get("release", "emr-7.14.0")), f"{setup.where}.release", "use")
    is_far = setup.source.region != setup.target.region and setup.reads_source
    if setup.engine == "serverless" and is_far and not options.get("subnets"):
        yield error(
            f"EMR Serverless in {setup.target.region} does not reach {setup.source.region}",
            address=setup.where,
            why="without subnets its workers reach the AWS services of their own Region only",
            hint=f"set subnets (with a way out) and security_groups, or {_without_source(setup)}, or use glue",
        )
    if setup.engine == "serverless" and options.get("cluster_id"):
        yield error("cluster_id is for mode: cluster", address=f"{setup.where}.cluster_id", hint="set mode: cluster")


def _cluster(setup: SparkSetup) -> Iterator[Diagnostic]:
    """Of a cluster that is there already."""
    found, account, at = setup.cluster, setup.target, f"{setup.where}.cluster_id"
    if found is None:
        return
    if found.is_hidden:
        yield warning(
            f"the cluster {found.id} of {account.id} could not be read",
            address=at,
            why="whether it runs, and with which role, shows only when the job is given to it",
            hint="allow elasticmapreduce:DescribeCluster and iam:GetInstanceProfile",
        )
    elif not found.state:
        yield error(
            f"there is no cluster {found.id} in {account.id} {account.region}",
            address=at,
            hint="aws emr list-clusters --active   shows those that run",
        )
    elif found.state in _ENDED:
        yield error(f"the cluster {found.id} has ended ({found.state})", address=at, hint=_OTHER_CLUSTER)
    else:
        yield from _fitness(setup, found, at)


def _fitness(setup: SparkSetup, found: ClusterFacts, at: str) -> Iterator[Diagnostic]:
    """Of a cluster that runs: what is on it, and as whom it works."""
    if not found.has_spark:
        yield error(f"the cluster {found.id} was made without the application Spark", address=at, hint=_OTHER_CLUSTER)
    yield from _release(found.release, at, "name a cluster of")
    role = str(setup.request.options.get("role") or "").rpartition("/")[2]
    if role and found.role and role != setup.role_name("target"):
        yield error(
            f"the cluster {found.id} works as {setup.role_name('target')}, not as {role}",
            address=f"{setup.where}.role",
            why="the role of a cluster is that of its instance profile",
            hint="leave `role` out",
        )


def _release(release: str, at: str, use: str) -> Iterator[Diagnostic]:
    number = release.removeprefix("emr-").removeprefix("spark-").partition(".")[0]
    if not number.isdecimal() or int(number) < _OLDEST_EMR:
        yield error(
            f"{release} is too old for the job",
            address=at,
            why="it needs Python 3.10 or later, which EMR has from release 7 on",
            hint=f"{use} emr-{_OLDEST_EMR}.0.0 or later",
        )


def _glue(setup: SparkSetup) -> Iterator[Diagnostic]:
    options = setup.request.options
    version, worker = str(options.get("version", "5.1")), options.get("worker_type", "G.1X")
    if int(version.partition(".")[0]) < _OLDEST_GLUE:
        yield error(
            f"Glue {version} is too old for the job",
            address=f"{setup.where}.version",
            why="it needs Python 3.10 or later, which Glue has from version 5.0 on",
            hint='use "5.1" or later',
        )
    if worker in _TOO_SMALL:
        yield error(
            f"worker type {worker} cannot run the job",
            address=f"{setup.where}.worker_type",
            why="Standard is of Glue 2.0 and before, and G.025X is for streams",
            hint="use G.1X or larger",
        )
    elif options.get("execution_class") == "flex" and worker not in _FLEX_WORKERS:
        yield error(
            f"execution class flex has no workers of type {worker}",
            address=f"{setup.where}.execution_class",
            hint=f"use {', '.join(_FLEX_WORKERS)}, or execution_class: standard",
        )


def _roles(setup: SparkSetup) -> Iterator[Diagnostic]:
    if not setup.cluster_id:  # the instances of a cluster that is there have assumed theirs
        yield from _job_role(setup)
    if setup.needs_source_role:
        yield from _source_role(setup)


def _job_role(setup: SparkSetup) -> Iterator[Diagnostic]:
    role, account, at = setup.role("target"), setup.target, f"{setup.where}.role"
    if role.is_hidden:
        yield _hidden(role.name, account.id, at)
    elif not role.arn:
        if setup.engine == "cluster":
            yield error(
                f"the role {role.name} (of the instance profile) does not exist in {account.id}",
                address=at,
                why="the instances of a cluster work with it; `create` makes no instance profiles",
                hint="aws emr create-default-roles, or name one that has this policy: "
                f"{canonical(policies.job_policy(setup)) if setup.request.options.get('bucket') else ''}",
            )
        elif not setup.may_create and setup.request.options.get("bucket"):
            yield error(
                f"the role {role.name} does not exist in {account.id}",
                address=at,
                why="the job works with it",
                hint=f"set {setup.where}.create: true to have it made, or make it with the trust policy "
                f"{canonical(policies.job_trust(setup))} and the policy {canonical(policies.job_policy(setup))}",
            )
    elif denies(role.trust, setup.service, "sts:AssumeRole"):
        yield error(f"the trust policy of {role.arn} denies {setup.service} to assume it", address=at, hint=_TAKE_OUT)
    elif not allows(role.trust, setup.service, "sts:AssumeRole"):
        yield error(
            f"{setup.service} may not assume the role {role.arn}",
            address=at,
            why="the job would have no permissions, and would not start",
            hint=f"use this trust policy: {canonical(policies.job_trust(setup))}",
        )


def _source_role(setup: SparkSetup) -> Iterator[Diagnostic]:
    role, account, at = setup.role("source"), setup.source, f"{setup.where}.source_role"
    who = setup.role_arn("target")
    named = (who, f"arn:{setup.target.partition}:iam::{setup.target.id}:root")
    if role.is_hidden:
        yield _hidden(role.name, account.id, at)
    elif not role.arn:
        if not setup.may_create:
            yield error(
                f"the role {role.name} does not exist in {account.id}",
                address=at,
                why="the job runs in the target account, and reads the table with it",
                hint=f"set {setup.where}.create: true to have it made, or make it with the trust policy "
                f"{canonical(policies.source_trust(setup))} and the policy {canonical(policies.source_policy(setup))}; "
                f"{_without_source(setup)} does without",
            )
    elif any(denies(role.trust, one, "sts:AssumeRole") for one in named):
        yield error(f"the trust policy of {role.arn} denies {who} to assume it", address=at, hint=_TAKE_OUT)
    elif not any(allows(role.trust, one, "sts:AssumeRole") for one in named):
        yield error(
            f"the job's role {who} may not assume {role.arn}",
            address=at,
            why="the job reads the source table with it",
            hint=f"use this trust policy: {canonical(policies.source_trust(setup))}",
        )


def _without_source(setup: SparkSetup) -> str:
    """What keeps the job from reading the source table."""
    return "`verify: {by: local}`" if setup.is_export else "`from: export`"


def _hidden(name: str, account: str, at: str) -> Diagnostic:
    return warning(
        f"the role {name} of {account} could not be read",
        address=at,
        why="whether it is there and may be assumed shows only when the job runs",
        hint="allow iam:GetRole",
    )
