"""Copy a recovery point into another vault: of the target account, or a logically air-gapped one.

https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.backup_base import (
    USABLE,
    account_facts,
    claimed,
    ended,
    job_look,
    patient_with_new_roles,
    recovery_point,
    role_access,
    since,
    waiting,
)
from migrate.actions.base import (
    Absent,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    seconds_since,
)
from migrate.actions.places import LATER, Places, new_role
from migrate.aws import backup_jobs
from migrate.aws.session import Account
from migrate.core.access import KEY_POLICY, Access, Grant, allow, anywhere, pass_role
from migrate.core.errors import StepError
from migrate.plan.model import Action, is_ref
from migrate.state.model import OwnedResource
from migrate.strategies.backup_policies import SERVICE, copy_statement, key_policy

_GOING_ON = ("CREATED", "RUNNING")
"""A copy that fails for a passing reason is repeated by AWS inside CREATED, for up to two hours."""


class CopyJobHandler:
    """Kind `copy-job`: params `recovery_point_arn`, `source_vault`, `destination_vault`, `destination_vault_arn`,
    `destination_side` (source or target), `role_arn`, `delete_after_days`.

    A copy job carries no tag: a lost one is that of the same recovery point, vault and role since this attempt began;
    and the same token gives back the same job.
    """

    slot: str | None = "copy-job"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        source, role, params = places.source, action.params["role_arn"], action.params
        points = source.arn("backup", "recovery-point:*")
        if is_ref(params["recovery_point_arn"]):
            yield allow(source.side, "backup:StartCopyJob", points, wide=LATER)
        else:
            yield allow(source.side, "backup:StartCopyJob", params["recovery_point_arn"])
        yield anywhere(source.side, "backup:DescribeCopyJob ListCopyJobs")
        there = places.of(params.get("destination_side", "target"))
        yield allow(there.side, "backup:DescribeRecoveryPoint", there.arn("backup", "recovery-point:*"), wide=LATER)
        yield pass_role(source.side, role, SERVICE)
        yield new_role(source.side, role)
        yield from role_access(role, action, places)
        if there.account != source.account:
            grant = copy_statement(account_facts(source), places.migration)
            yield places.copied_into(params["destination_vault"], grant)
            yield from _shared_keys(params, places)

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The copied recovery point."""
        return (claimed(step, _side(step), step.params["destination_vault"]),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`."""
        job = backup_jobs.describe_copy(context.source, step.handle) if step.handle else self._find(step, context)
        if job is None:
            return InProgress(step.handle) if step.handle else Absent()
        if job["State"] == "COMPLETED" and _point(job, step, context) is not None:
            return Satisfied(job["CopyJobId"])
        return InProgress(job["CopyJobId"])

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        params: dict[str, Any] = {
            "RecoveryPointArn": step.params["recovery_point_arn"],
            "SourceBackupVaultName": step.params["source_vault"],
            "DestinationBackupVaultArn": step.params["destination_vault_arn"],
            "IamRoleArn": step.params["role_arn"],
            "IdempotencyToken": step.token,
        }
        if step.params.get("delete_after_days"):
            params["Lifecycle"] = {"DeleteAfterDays": step.params["delete_after_days"]}
        with patient_with_new_roles(context.source, step.params["role_arn"], context.clock):
            return backup_jobs.start_copy(context.source, **params)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only when the account that owns the vault sees a usable recovery point."""
        job = backup_jobs.describe_copy(context.source, str(step.handle))
        if job is None or job["State"] in _GOING_ON:
            return waiting(step, context, context.source, job or {}, "copying")
        arn, vault = str(job.get("DestinationRecoveryPointArn") or ""), step.params["destination_vault"]
        point = _point(job, step, context)
        owned = (recovery_point(step, _side(step), arn, vault),) if point is not None else ()
        if job["State"] != "COMPLETED":
            return Failed(ended(f"the copy of {step.params['recovery_point_arn']}", job["State"], job), owned)
        if point is None or point["Status"] == "CREATING":
            return Running(job_look(seconds_since(step.started, context.clock), context.source))
        if point["Status"] not in USABLE:
            why = f"it is {point['Status']} in the vault {vault}"
            return Failed(StepError(f"the copied recovery point {arn} cannot be restored", why), owned)
        return Done({"recovery_point_arn": arn, "backup_size_bytes": job.get("BackupSizeInBytes", 0)}, owned=owned)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the recovery point that this very job made."""
        for resource in step.owned:
            if resource.kind == "recovery-point" and resource.is_confirmed:
                account = _destination(step, context)
                backup_jobs.delete_recovery_point(account, resource.proof["vault"], resource.id)

    def _find(self, step: Step, context: Context) -> dict[str, Any] | None:
        found = backup_jobs.list_copies(
            context.source, step.params["recovery_point_arn"], step.params["destination_vault_arn"], since(step)
        )
        for job in found:
            is_usable = job["State"] in _GOING_ON or (
                job["State"] == "COMPLETED" and _point(job, step, context) is not None
            )
            if job.get("IamRoleArn") == step.params["role_arn"] and is_usable:
                return job
        return None


def _shared_keys(params: Mapping[str, Any], places: Places) -> Iterator[Access]:
    """What the policies of the keys of both vaults must say: each account works with both keys."""
    accounts = {"source": account_facts(places.source), "target": account_facts(places.target)}
    for side, vault in (("source", params["source_vault"]), ("target", params["destination_vault"])):
        key = places.vault_key(side, vault)
        other = accounts["target" if side == "source" else "source"]
        if key:
            for one in key_policy(accounts[side], other)["Statement"][1:]:
                yield Grant(KEY_POLICY, side, key, one)


def _side(step: Step) -> str:
    return str(step.params.get("destination_side", "target"))


def _destination(step: Step, context: Context) -> Account:
    return context.source if _side(step) == "source" else context.target


def _point(job: dict[str, Any], step: Step, context: Context) -> dict[str, Any] | None:
    arn = job.get("DestinationRecoveryPointArn")
    if not arn:
        return None
    return backup_jobs.describe_recovery_point(_destination(step, context), step.params["destination_vault"], arn)
