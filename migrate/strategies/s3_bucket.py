"""The transfer bucket of strategy `s3`: where it is, what it must be, who may write to it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from migrate.core.codec import Json, digest
from migrate.core.iam_policy import statements
from migrate.observe.inventory import AccountFacts
from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.strategy import TableRequest

EXPORT_ACTIONS = ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"]
"""What an export needs on the bucket, and nothing else: the files are read by the target account only."""


def bucket_address(request: TableRequest, what: str = "bucket") -> str:
    """Address of the shared action `what` (bucket, bucket-policy, and their -removal) on this request's bucket."""
    return f"shared/{what}.{request.options['bucket']}"


def prefix(request: TableRequest) -> str:
    """Where this table's export goes: `<prefix>/<migration>/<target table>`, without slashes at the ends."""
    return f"{migration_prefix(request)}/{request.target_name}"


def migration_prefix(request: TableRequest) -> str:
    """Everything of this migration in the bucket is below this prefix."""
    root = str(request.options.get("prefix") or "").strip("/")
    return f"{root}/{request.migration}" if root else request.migration


def encryption_key(request: TableRequest) -> str | None:
    """ARN of the key that the export's files are encrypted with; None for SSE-S3."""
    name = request.options.get("encryption_key")
    facts = request.inventory.keys.get(name) if name else None
    return facts.arn if facts else None


EXPORT_WHY = "the export's files, in the target account so that it owns them"


def own_bucket(request: TableRequest, why: str = EXPORT_WHY) -> list[Action]:
    """The bucket, if it is missing."""
    facts = request.inventory.buckets.get(request.options["bucket"])
    return [_create_bucket(request, why)] if facts is None or not facts.exists else []


def prerequisites(request: TableRequest) -> list[Action]:
    """The bucket and the grant on it for an export, as far as they are missing."""
    facts = request.inventory.buckets.get(request.options["bucket"])
    actions = own_bucket(request)
    statement = grant_statement(request)
    if facts is None or not facts.exists or statement not in statements(facts.policy):
        actions.append(_grant(request, statement, (bucket_address(request),) if actions else ()))
    return actions


def removals(request: TableRequest, planned: Iterable[Action] = ()) -> list[Action]:
    """Take back the grant, and remove the bucket, as far as this migration made them or `planned` is going to."""
    file = request.state.files.get("shared")
    owned = {resource.address for resource in file.owned.values()} if file else set()
    ours = owned | {action.address for action in planned}
    bucket = request.options["bucket"]
    grant, made = bucket_address(request, "bucket-policy"), bucket_address(request)
    actions = []
    if grant in ours:
        actions.append(
            Action(
                address=bucket_address(request, "bucket-policy-removal"),
                kind="bucket-policy-removal",
                side=Side.TARGET,
                change=Change.DELETE,
                title=f"bucket policy of {bucket}: take back what {request.inventory.source.id} was allowed",
                params={"of": grant, "bucket": bucket, "sid": statement_id(request)},
                risk=Risk.DESTRUCTIVE,
                undo="bucket-policy",
                why="only the statement that this migration added",
            )
        )
    if made in ours:
        actions.append(
            Action(
                address=bucket_address(request, "bucket-removal"),
                kind="bucket-removal",
                side=Side.TARGET,
                change=Change.DELETE,
                title=f"s3 bucket {bucket}",
                params={"of": made, "bucket": bucket},
                needs=tuple(action.address for action in actions),
                risk=Risk.DESTRUCTIVE,
                undo="bucket",
                why="made by this migration; kept when anything else is in it",
            )
        )
    return actions


def grant_statement(request: TableRequest) -> dict[str, Any]:
    """The bucket policy statement that lets the source account's exporter write below this migration's prefix."""
    account = request.inventory.source
    return {
        "Sid": statement_id(request),
        "Effect": "Allow",
        "Principal": {"AWS": exporter_principal(account)},
        "Action": EXPORT_ACTIONS,
        "Resource": f"arn:{account.partition}:s3:::{request.options['bucket']}/{migration_prefix(request)}/*",
    }


def statement_id(request: TableRequest) -> str:
    """Names our statement in a policy that others may share: letters and digits only, different for each name."""
    return _statement_id(request.migration)


@functools.cache
def _statement_id(migration: str) -> str:
    return f"Migrate{re.sub(r'[^A-Za-z0-9]', '', migration)}{digest(migration)[:8]}"


def exporter_principal(account: AccountFacts) -> str:
    """The narrowest principal that is known for sure.

    A user or a role ARN is used as it is. Of an assumed role only the session is known, and its ARN lacks the role's
    path, so then the account is named and its own IAM policies decide who may export.
    """
    if ":user/" in account.caller or re.fullmatch(r"arn:[^:]+:iam::\d{12}:role/.+", account.caller):
        return account.caller
    return f"arn:{account.partition}:iam::{account.id}:root"


def _create_bucket(request: TableRequest, why: str) -> Action:
    name = request.options["bucket"]
    key = encryption_key(request)
    encryption = f"SSE-KMS {request.inventory.keys[request.options['encryption_key']].name}" if key else "SSE-S3"
    return Action(
        address=bucket_address(request),
        kind="bucket",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"s3 bucket {name}: ownership enforced, private, {encryption}",
        params={"bucket": name, "region": request.inventory.target.region, "encryption_key": key},
        undo="bucket-removal",
        why=why,
    )


def _grant(request: TableRequest, statement: Json, needs: tuple[str, ...]) -> Action:
    return Action(
        address=bucket_address(request, "bucket-policy"),
        kind="bucket-policy",
        side=Side.TARGET,
        change=Change.CREATE,
        title=f"bucket policy: {request.inventory.source.id} may write below {migration_prefix(request)}/",
        params={"bucket": request.options["bucket"], "statement": statement},
        needs=needs,
        risk=Risk.NONE,
        undo="bucket-policy-removal",
        why="an export writes with the permissions of the caller in the source account",
    )
