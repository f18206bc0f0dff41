"""What the jobs of AWS Backup have in common: how often to look, where to look for lost ones, why one ended badly.

https://docs.aws.amazon.com/aws-backup/latest/devguide/troubleshooting.html
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.base import Blocked, Context, Running, Step, next_look, seconds_since
from migrate.actions.places import Places
from migrate.aws import iam
from migrate.aws.session import Account
from migrate.core.access import Access, Place, stated
from migrate.core.clock import Clock
from migrate.core.errors import Invalid, StepError, Transient
from migrate.core.events import Progress
from migrate.observe.inventory import AccountFacts
from migrate.plan.model import Action
from migrate.state.model import OwnedResource
from migrate.strategies.backup_policies import SERVICE, backup_and_copy, restore

USABLE = ("COMPLETED", "AVAILABLE")
"""States of a recovery point that can be copied and restored."""

_CLOCK_SKEW = dt.timedelta(minutes=5)
_DEADLINE = 7 * 24 * 3600.0

_ADVICE: tuple[tuple[str, str], ...] = (
    (
        "same organization",
        "both accounts must be in one organization; else use `mode: air-gapped`, or the strategy s3 or copy",
    ),
    (
        "trying to call aws backup service",
        "the target vault's access policy must allow backup:CopyIntoBackupVault to the source account: "
        "`create: true` adds it, and `migrate plan` says what is missing",
    ),
    ("cross-account", "the management account must turn cross-account backup on: aws backup update-global-settings"),
    (
        "kms",
        "the keys of both vaults must allow the other account and AWSServiceRoleForBackup kms:DescribeKey, "
        "kms:Decrypt, kms:GenerateDataKey*, kms:ReEncrypt* and kms:CreateGrant",
    ),
    ("insufficient privileges", "the role lacks a permission: compare it with AWSBackupServiceRolePolicyForBackup"),
    ("cannot be assumed", "the role's trust policy must let backup.amazonaws.com assume it"),
    ("already exists", "give the target another name, or remove that table yourself"),
    ("cold", "a recovery point in cold storage cannot be copied: take a new one"),
)
_BY_STATE: Mapping[str, str] = {
    "EXPIRED": "it did not start within its window: AWS runs one backup or copy job of a table at a time; "
    "wait for the other one, and run the same command again",
    "ABORTED": "somebody stopped it, or it ran past its window; run the same command again",
    "PARTIAL": "what it made is incomplete and is not used; run the same command again",
}


NEW_ROLE = 60.0
"""Seconds for which the other services may not know a new role yet: IAM is eventually consistent."""


@contextlib.contextmanager
def patient_with_new_roles(account: Account, role_arn: str, clock: Clock) -> Iterator[None]:
    """Inside it, a refusal is `Transient` as long as the role is new: AWS Backup "cannot assume" it for some seconds.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    try:
        yield
    except Invalid as error:
        age = iam.seconds_old(account, role_arn, clock.now())
        if age is None or age > NEW_ROLE:
            raise
        raise Transient(
            error.summary, code=error.code, operation=error.operation, why=error.why, hint=error.hint
        ) from error


def account_facts(place: Place) -> AccountFacts:
    """The account as the policies of strategy `backup` want it."""
    return AccountFacts(place.account, place.region, "", place.partition)


def role_access(role: str, action: Action, places: Places) -> Iterator[Access]:
    """What AWS Backup does with the role, and its trust. A role that a plan makes has the same policy."""
    place = places.of("source" if role.split(":")[4] == places.source.account else "target")
    policies = {"restore-job": restore}
    policy = policies.get(action.kind, backup_and_copy)(account_facts(place))
    yield from stated(role, policy, when="AWS Backup works with the role")
    yield places.trusted_by(role, {"Service": SERVICE})


def job_look(elapsed: float, account: Account) -> float:
    """Seconds until the next look at a job: from 5 to 60, growing. An endpoint of the user's own is asked sooner."""
    if account.access.endpoint_url:
        return next_look(elapsed)
    return min(60.0, max(5.0, elapsed / 3))


def since(step: Step) -> dt.datetime | None:
    """From when on a lost job of this attempt can have been created; None when that is not known."""
    if step.started is None:
        return None
    return dt.datetime.fromisoformat(step.started.replace("Z", "+00:00")) - _CLOCK_SKEW


def waiting(step: Step, context: Context, account: Account, job: Mapping[str, Any], words: str) -> Running | Blocked:
    """The job goes on; after a week somebody should look at it."""
    elapsed = seconds_since(step.started, context.clock)
    if elapsed > _DEADLINE:
        return Blocked(f"the job {step.handle} has been running for {elapsed / 86400:.0f} days", "ask AWS support")
    done, size = _percent(job), job.get("BackupSizeInBytes")
    message = f"{words}, {done:.0f} %" if done else words
    return Running(job_look(elapsed, account), Progress(bytes=size, message=message))


def ended(what: str, state: str, job: Mapping[str, Any]) -> StepError:
    """Why a job that is not COMPLETED is of no use."""
    message = str(job.get("StatusMessage") or "AWS gave no reason")
    known = next((advice for text, advice in _ADVICE if text in message.lower()), None)
    advice = known or _BY_STATE.get(state, "mend the cause; the next apply starts a new job under a new token")
    return StepError(f"{what} ended as {state}", message, advice, kind=state)


def recovery_point(step: Step, side: str, arn: str, vault: str) -> OwnedResource:
    """The recovery point that this step has made."""
    return OwnedResource(arn, "recovery-point", side, step.address, True, {"vault": vault})


def claimed(step: Step, side: str, vault: str) -> OwnedResource:
    """A recovery point that is about to be made: AWS has not named it yet."""
    return OwnedResource(f"backup://{vault}/?token={step.token}", "recovery-point", side, step.address)


def _percent(job: Mapping[str, Any]) -> float:
    try:
        return float(str(job.get("PercentDone") or 0).rstrip("%"))
    except ValueError:
        return 0.0
