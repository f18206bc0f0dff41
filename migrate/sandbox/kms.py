"""KMS as between accounts: a key of another account, by ARN, if its key policy lets the caller.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-alias-name   (aliases)

A key policy that names a role which does not exist is refused, as AWS does. Not emulated: grants, key policies within
one account (moto's rules stay: an explicit Deny counts), cryptography with a key of another account.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.iam.models import iam_backends
from moto.kms import models as kms_models
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse

from migrate.sandbox.callers import Caller, request_context
from migrate.sandbox.policy_verdicts import Verdict, decide, principals
from migrate.sandbox.requests import current_caller
from migrate.sandbox.settings import Timing

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/.+")
_ARN = re.compile(r"arn:aws[\w-]*:kms:(?P<region>[\w-]+):(?P<account>\d{12}):(?P<rest>(key|alias)/.+)")


def install(timing: Timing) -> None:
    """Puts the rules of this module into moto. `timing` is not used."""
    del timing
    if getattr(KmsResponse, "sandbox_rules", False):
        return
    KmsResponse.sandbox_rules = True
    _describe_foreign_keys()
    _check_policies()
    _delete_by_arn()
    _make_symmetric_keys_at_once()


def find_key(reference: str, account: str, region: str) -> Key | None:
    """The key behind an ARN, or behind a key id or alias of that account and Region; None if there is none."""
    match = _ARN.fullmatch(reference)
    if match:
        account, region, reference = match["account"], match["region"], match["rest"].removeprefix("key/")
    backend = kms_backends[account][region]
    key_id = backend.get_key_id_from_alias(reference) if reference.startswith("alias/") else reference
    return backend.keys.get(key_id)


def managed_key(account: str, region: str, alias: str) -> str:
    """The ARN of an AWS managed key, made when it is first needed, as AWS makes it."""
    key = find_key(alias, account, region)
    if key is None:
        backend = kms_backends[account][region]
        key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", f"Default key: {alias}", None)
        backend.create_alias(key.id, alias)
    key.key_manager = "AWS"
    return str(key.arn)


def may_use(key: Key, caller: Caller, *actions: str, more: Mapping[str, str] | None = None) -> bool:
    """True if the key is enabled and its policy allows the caller every one of `actions` (`kms:Decrypt`).

    `more` are condition keys that a service adds when it calls in the caller's name.
    """
    context = {
        **request_context(caller),
        "kms:calleraccount": caller.account,
        "kms:viaservice": "",
        **(more or {}),
    }
    return key.key_state == "Enabled" and all(
        decide(key.policy, caller, action, key.arn, context) is Verdict.ALLOW for action in actions
    )


def _describe_foreign_keys() -> None:
    original = KmsResponse.describe_key

    def describe_key(self: KmsResponse) -> str:
        reference = str(self._get_param("KeyId"))
        match = _ARN.fullmatch(reference)
        if match is None or match["account"] == self.current_account:
            return str(original(self))
        key = find_key(reference, match["account"], match["region"])
        if key is None:
            raise JsonRESTError("NotFoundException", f"Key '{reference}' does not exist")
        caller = current_caller()
        if not may_use(key, caller, "kms:DescribeKey"):
            raise JsonRESTError(
                "AccessDeniedException",
                f"User: {caller.arn} is not authorized to perform: kms:DescribeKey on resource: {key.arn} because no "
                "resource-based policy allows the kms:DescribeKey action",
            )
        return json.dumps(key.to_dict())

    KmsResponse.describe_key = describe_key


def _check_policies() -> None:
    create, put = KmsBackend.create_key, KmsBackend.put_key_policy

    def create_key(self: KmsBackend, policy: str | None, *args: Any, **kwargs: Any) -> Key:
        if policy:
            _check(policy)
        return create(self, policy, *args, **kwargs)

    def put_key_policy(self: KmsBackend, key_id: str, policy: str) -> None:
        _check(policy)
        put(self, key_id, policy)

    KmsBackend.create_key = create_key
    KmsBackend.put_key_policy = put_key_policy


def _delete_by_arn() -> None:
    """moto knows keys by their ids only when it deletes them, and deletes a key twice."""
    original = KmsBackend.schedule_key_deletion

    def schedule_key_deletion(self: KmsBackend, key_id: str, pending_window_in_days: int) -> float:
        key = self.keys[self.get_key_id(key_id)]
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return float(original(self, key.id, pending_window_in_days))

    KmsBackend.schedule_key_deletion = schedule_key_deletion


def _make_symmetric_keys_at_once() -> None:
    """moto gives each of them an RSA key, which takes a tenth of a second and which nothing uses: they share one."""
    original = kms_models.generate_private_key
    shared = functools.cache(original)

    def generate_private_key(key_spec: str) -> Any:
        return shared(key_spec) if key_spec == "SYMMETRIC_DEFAULT" else original(key_spec)

    kms_models.generate_private_key = generate_private_key


def _check(policy: str) -> None:
    try:
        document = json.loads(policy)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise JsonRESTError("MalformedPolicyDocumentException", "The new key policy is not a valid policy document.")
    for statement in document["Statement"]:
        for name in principals(statement):
            match = _ROLE.fullmatch(name)
            if match and all(role.arn != name for role in list(iam_backends[match[1]]["aws"].roles.values())):
                raise JsonRESTError(
                    "MalformedPolicyDocumentException",
                    "Policy contains a statement with one or more invalid principals.",
                )
