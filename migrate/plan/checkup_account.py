"""The checks of an account itself: who we are there, for how long, by whose clock, with which keys and permissions."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.iam_policy import allows, denies
from migrate.observe.checkup import Decision, Simulated, Unread
from migrate.observe.inventory import KeyFacts
from migrate.plan.check import ACCESS_DENIED, Check, Patient, Result, counted, named

CLOCK_WARN, CLOCK_FAIL = 60.0, 240.0
"""Seconds of skew. AWS refuses requests that are signed more than 5 minutes off (Signature Version 4)."""

_RENEW = "use credentials that renew themselves (a profile of IAM Identity Center, a role); or renew them during the "
_RENEW += "night: `migrate apply` goes on where it stopped"


def account_checks(patient: Patient) -> Iterator[Check]:
    """All of them, for one account."""
    yield patient.check("identity", Result.OK, f"we are {patient.account.caller}")
    yield _credentials(patient)
    yield _clock(patient)
    yield from _permissions(patient)
    yield from _keys(patient)


def _credentials(patient: Patient) -> Check:
    found = patient.found.credentials
    if isinstance(found, Unread):
        return patient.unread("credentials", found)
    if found.renews:
        return patient.check("credentials", Result.OK, "the credentials renew themselves")
    if not found.is_temporary and found.seconds_left is None:
        return patient.check("credentials", Result.OK, "the credentials do not expire")
    if found.seconds_left is None:
        what = "the credentials are temporary, and nothing says when they end"
        return patient.check("credentials", Result.UNKNOWN, what, fix=_RENEW)
    left = found.seconds_left / 60
    needed = max((table.estimate.took.high for table in patient.moved), default=0.0)
    what = f"the credentials end in {left:.0f} minutes, and nobody renews them"
    if left < needed:
        what = f"{what}; the longest table takes up to {needed:.0f}"
        return patient.check("credentials", Result.WARN, what, fix=_RENEW)
    return patient.check("credentials", Result.OK, f"{what}; that is enough")


def _clock(patient: Patient) -> Check:
    ahead = patient.found.clock_ahead
    if isinstance(ahead, Unread):
        return patient.unread("clock", ahead)
    if ahead is None:
        return patient.check("clock", Result.UNKNOWN, "AWS's answer said no time")
    if abs(ahead) <= CLOCK_WARN:
        return patient.check("clock", Result.OK, "this machine's clock is right")
    result = Result.FAIL if abs(ahead) >= CLOCK_FAIL else Result.WARN
    what = f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} AWS's"
    why = "AWS refuses requests that are signed more than 5 minutes off"
    return patient.check("clock", result, what, why=why, fix="set it by NTP, for example: sudo chronyc makestep")


def _permissions(patient: Patient) -> Iterator[Check]:
    """What IAM decides on what the plan calls, for us and for each role that a service works with."""
    for who, found in patient.found.permissions.items():
        whose = f"role {who.rpartition('/')[2]}" if who else "we"
        if isinstance(found, Unread):
            assumed = f"whether {whose} may do all that the plan calls is not known"
            yield patient.unread("permissions", found, assumed)
        elif not found.principal:
            what = f"IAM does not simulate {patient.account.caller}: whether it may do what the plan calls is not known"
            yield patient.check("permissions", Result.UNKNOWN, what, fix=_needed(patient))
        else:
            yield from _decided(patient, found)


def _decided(patient: Patient, found: Simulated) -> Iterator[Check]:
    refused = [one for one in found.decisions if one.decision != "allowed"]
    unsure = [one for one in refused if one.missing and one.decision == "implicitDeny"]
    denied = [one for one in refused if one not in unsure]
    always, at_times = ([one for one in denied if bool(one.when) is is_rare] for is_rare in (False, True))
    why, fix = f"so say the policies of {found.principal}", _needed(patient)
    for some, result, what in (
        (always, Result.FAIL, "that the plan needs refused"),
        (at_times, Result.WARN, "that the plan needs in some cases refused"),
        (unsure, Result.UNKNOWN, "that hang on conditions which cannot be simulated"),
    ):
        if some:
            cause = ACCESS_DENIED if result is Result.FAIL else None
            summary, details = f"{counted(len(some), 'permission')} {what}", [_refusal(one) for one in some]
            yield patient.check("permissions", result, summary, details=details, why=why, fix=fix, cause=cause)
    if not refused:
        count = counted(len(found.decisions), "decision")
        what = f"{found.principal} may do all that the plan calls ({count} of IAM)"
        why = "a session policy, policies of the resources and conditions of service control policies are not simulated"
        yield patient.check("permissions", Result.OK, what, why=why)


def _needed(patient: Patient) -> str:
    return f"migrate permissions {patient.manifest.file}   prints what is needed"


def _refusal(one: Decision) -> str:
    by = {"explicitDeny": "denied explicitly", "implicitDeny": "not allowed"}.get(one.decision, one.decision)
    if one.is_organization_against:
        by = "denied by a service control policy"
    more = [f"when {one.when}"] if one.when else []
    more += [f"depends on {', '.join(one.missing)}"] if one.missing else []
    return f"{one.action} on {one.resource}: {by}" + (f" ({'; '.join(more)})" if more else "")


def _keys(patient: Patient) -> Iterator[Check]:
    """The customer managed keys of this account that the manifest names or its tables are encrypted with."""
    named_here = [name for name, key in patient.manifest.keys.items() if key.side == patient.side]
    facts = [patient.inventory.keys[name] for name in named_here if name in patient.inventory.keys]
    keys: dict[str, KeyFacts | Unread | None] = {one.arn: one for one in facts if one.arn}  # else the plan says so
    keys = {**patient.found.keys, **keys}
    good: list[str] = []
    for arn, key in sorted(keys.items()):
        if isinstance(key, Unread):
            yield patient.unread("keys", key)
        elif key is None:
            what, fix = f"the key {arn} of a table is gone", "cancel its deletion in AWS KMS, or restore the table"
            yield patient.check("keys", Result.FAIL, what, fix=fix)
        elif key.manager == "CUSTOMER":
            problem = _key_problem(patient, key)
            good += [] if problem else [arn]
            yield from [problem] if problem else []
    if good:
        what = f"{counted(len(good), 'KMS key')} enabled, with a policy that lets us decrypt"
        yield patient.check("keys", Result.OK, what, details=good)


def _key_problem(patient: Patient, key: KeyFacts) -> Check | None:
    if key.state != "Enabled":
        fix = f"aws kms {'cancel-key-deletion' if key.state == 'PendingDeletion' else 'enable-key'} --key-id {key.arn}"
        return patient.check("keys", Result.FAIL, f"the key {key.arn} is {key.state}", fix=fix)
    if key.policy is None:
        what, fix = f"the policy of the key {key.arn} may not be read", f"allow kms:GetKeyPolicy on {key.arn}"
        return patient.check("keys", Result.UNKNOWN, what, fix=fix)
    us = patient.found.permissions.get("")
    ours = [us.principal] if isinstance(us, Simulated) and us.principal else []
    who = [f"{patient.account.id}:root", *ours]
    use = "kms:Decrypt"
    if any(denies(key.policy, one, use) for one in who):
        what = f"the policy of the key {key.arn} denies us {use}"
        return patient.check("keys", Result.FAIL, what, fix="take us out of that statement", cause=ACCESS_DENIED)
    if any(allows(key.policy, one, use) for one in who):
        return None
    what = f"the policy of the key {key.arn} names neither account {patient.account.id} nor us for {use}"
    fix = f"add a statement that allows {named(who[-1:])} {use}, unless a grant does"
    return patient.check("keys", Result.WARN, what, fix=fix)
