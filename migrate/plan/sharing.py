"""Named access of other accounts to a target table (`share:`), by the resource policies of the table and its stream.

Statements of ours are known by their Sids, which begin with the migration's mark; no other statement is ever touched.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html (20 KB, streams)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.iam_policy import allows, marked, same, share_mark, with_marked
from migrate.core.table import AWS_MANAGED, CUSTOMER_MANAGED, TableFacts, TableSpec
from migrate.manifest.model import AccessKind, Share, TableMapping
from migrate.observe.inventory import AccountFacts, Inventory
from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.strategy import TableRequest

TABLE_SHARE, STREAM_SHARE = SHARES = ("table-share", "stream-share")
"""Kinds of the actions, and of what they make."""

LONGEST = 20 * 1024
"""Bytes of a resource policy."""

ACTIONS: Mapping[AccessKind, tuple[str, ...]] = {
    "read": ("BatchGetItem", "DescribeTable", "GetItem", "Query", "Scan"),
    "write": ("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem"),
    "stream": ("DescribeStream", "GetRecords", "GetShardIterator"),
}
"""The least that lets somebody do it. TransactGetItems and TransactWriteItems are allowed by the same names."""

_WORDS: Mapping[str, str] = {
    "read": "read the table and its indexes",
    "write": "put, update and delete items",
    "stream": "read the stream",
}


def table_statements(shares: Sequence[Share], name: str, account: AccountFacts, lineage: str) -> list[Json]:
    """What the policy of the target table `name` says for these shares: one statement for reading, one for writing."""
    arn = f"arn:{account.partition}:dynamodb:{account.region}:{account.id}:table/{name}"
    resources: dict[AccessKind, Json] = {"read": [arn, f"{arn}/index/*"], "write": arn}
    found = ((kind, _statement(kind, shares, account, lineage)) for kind in resources)
    return [{**one, "Resource": resources[kind]} for kind, one in found if one]


def stream_statements(shares: Sequence[Share], account: AccountFacts, lineage: str) -> list[Json]:
    """The same for the policy of its stream, without the Resource: a stream has no name before it is there."""
    one = _statement("stream", shares, account, lineage)
    return [one] if one else []


def share_actions(request: TableRequest, target: TableFacts | None) -> list[Action]:
    """What brings both policies to what the manifest says, as far as they differ."""
    found = []
    for kind, wanted, there in _pictures(request, target):
        if wanted and request.is_due(request.address(kind), is_missing=not same(wanted, there)):
            found.append(_action(request, kind, wanted, there))
    return found


def share_removals(request: TableRequest) -> list[Action]:
    """Take back what this migration has granted and the manifest no longer says."""
    file = request.state.files.get(request.target_name)
    ours = {resource.address for resource in file.owned.values()} if file else set()
    if not ours:
        return []
    wanted = {kind for kind, statements, _ in _pictures(request, None) if statements}
    return [_removal(request, kind) for kind in SHARES if kind not in wanted and request.address(kind) in ours]


def share_problems(
    mapping: TableMapping, spec: TableSpec, target: TableFacts | None, inventory: Inventory, lineage: str
) -> Iterator[Diagnostic]:
    """Why the target table, as it shall be, cannot be shared as the manifest says. Pure."""
    if not mapping.share:
        return
    address = f"{mapping.address}.share"
    if spec.encryption.kind == AWS_MANAGED:
        yield error(
            f"{mapping.target_name} cannot be shared: it is encrypted with the AWS managed key",
            address=address,
            why="only the account itself can use that key, whatever a resource policy says",
            hint="set target.encryption to aws-owned, or to a customer managed key that lets them decrypt",
        )
    if spec.encryption.kind == CUSTOMER_MANAGED:
        yield from _key_problems(mapping, spec, inventory, address)
    if spec.stream is None and any("stream" in share.access for share in mapping.share):
        yield error(
            f"{mapping.target_name} has no stream to share",
            address=address,
            hint="say what it holds with target.stream, or take `stream` out of `access`",
        )
    of_table = table_statements(mapping.share, mapping.target_name, inventory.target, lineage)
    of_stream = stream_statements(mapping.share, inventory.target, lineage)
    for what, policy, statements in (
        ("table", spec.resource_policy, of_table),
        ("stream", target.stream_policy if target else None, of_stream),
    ):
        size = len((with_marked(policy, share_mark(lineage), statements) or "").encode())
        if size > LONGEST:
            yield error(
                f"the resource policy of the {what} {mapping.target_name} would have {size:,} bytes",
                address=address,
                why=f"DynamoDB takes {LONGEST:,} bytes, with what others have put there",
                hint="name accounts instead of single roles, or fewer principals",
            )


def _key_problems(mapping: TableMapping, spec: TableSpec, inventory: Inventory, address: str) -> Iterator[Diagnostic]:
    key = next((one for one in inventory.keys.values() if one.arn and one.arn == spec.encryption.key), None)
    accounts = sorted({share.account for share in mapping.share})
    unsure = key is None or key.policy is None
    shut = [id for id in accounts if key is None or not allows(key.policy, id, "kms:Decrypt")]
    if shut:
        said = "may not be read" if unsure else "does not let them decrypt"
        yield warning(
            f"the key of {mapping.target_name} must let {', '.join(shut)} decrypt, and its policy {said}",
            address=address,
            why="DynamoDB decrypts a table with the permissions of whoever reads it",
            hint=f"allow kms:Decrypt to them in the policy of {spec.encryption.key or 'the key'}",
        )


def _pictures(request: TableRequest, target: TableFacts | None) -> Iterator[tuple[str, list[Json], list[Json]]]:
    """Of each policy: the kind of its action, the statements that we want in it, and ours that are there."""
    account, mark = request.inventory.target, share_mark(request.state.lineage)
    there = [one for one in (target.shares or ()) if str(one["Sid"]).startswith(mark)] if target else []
    yield TABLE_SHARE, table_statements(request.shares, request.target_name, account, request.state.lineage), there
    wanted = stream_statements(request.shares, account, request.state.lineage)
    # A stream that the plan makes anew has another ARN, and no policy.
    stays = target is not None and target.spec.stream is not None and target.spec.stream == request.desired.stream
    found = [dict(one) for one in marked(target.stream_policy, mark)] if target and stays else []
    yield STREAM_SHARE, wanted, [_without_resource(one, target.stream_arn) for one in found] if target else []


def _without_resource(statement: Mapping[str, Json], stream: str | None) -> Json:
    """The statement as `stream_statements` makes it, if it is about this stream."""
    if statement.get("Resource") not in (stream, [stream]):
        return dict(statement)
    return {name: value for name, value in statement.items() if name != "Resource"}


def _statement(kind: AccessKind, shares: Sequence[Share], account: AccountFacts, lineage: str) -> dict[str, Any]:
    who = sorted({_principal(share, account.partition) for share in shares if kind in share.access})
    if not who:
        return {}
    return {
        "Sid": f"{share_mark(lineage)}{kind.capitalize()}",
        "Effect": "Allow",
        "Principal": {"AWS": who},
        "Action": [f"dynamodb:{name}" for name in ACTIONS[kind]],
    }


def _principal(share: Share, partition: str) -> str:
    """As IAM keeps it: it turns an account id into the ARN of the account's root."""
    return share.principal if share.principal.startswith("arn:") else f"arn:{partition}:iam::{share.principal}:root"


def _action(request: TableRequest, kind: str, wanted: list[Json], there: list[Json]) -> Action:
    what = "table" if kind == TABLE_SHARE else "stream"
    return Action(
        address=request.address(kind),
        kind=kind,
        side=Side.TARGET,
        change=Change.UPDATE,
        title=f"share of the {what} with other accounts",
        params={"table": request.target_name, "statements": wanted},
        undo=f"{kind}-removal",
        why="the manifest shares it; statements of others in its resource policy stay",
        details=tuple(_difference(wanted, there)),
    )


def _removal(request: TableRequest, kind: str) -> Action:
    what = "table" if kind == TABLE_SHARE else "stream"
    return Action(
        address=request.address(f"{kind}-removal"),
        kind=f"{kind}-removal",
        side=Side.TARGET,
        change=Change.DELETE,
        title=f"share of the {what} with other accounts: all that this migration has granted",
        params={"of": request.address(kind)},
        risk=Risk.DESTRUCTIVE,
        undo=kind,
        why="it is no longer in the manifest; only statements that this migration has put there",
    )


def _difference(wanted: list[Json], there: list[Json]) -> Iterator[str]:
    """`+ who may ...`, `- who may no longer ...`, and statements that somebody has changed by hand."""
    before, after = _granted(there), _granted(wanted)
    for kind in ACTIONS:
        old, new = before.get(kind, set()), after.get(kind, set())
        yield from (f"+ {_who(one)} may {_WORDS[kind]}" for one in sorted(new - old))
        yield from (f"- {_who(one)} may no longer {_WORDS[kind]}" for one in sorted(old - new))
    if before == after:
        yield "~ a statement of it was changed by hand, and is put right"


def _who(principal: str) -> str:
    return f"account {principal.split(':')[4]}" if principal.endswith(":root") else principal


def _granted(statements: list[Json]) -> dict[str, set[str]]:
    """Kind of access -> principals, of statements of ours."""
    found: dict[str, set[str]] = {}
    for one in statements:
        kind = next((kind for kind in ACTIONS if str(one["Sid"]).endswith(kind.capitalize())), "")
        who = (one.get("Principal") or {}).get("AWS", []) if isinstance(one.get("Principal"), Mapping) else []
        found.setdefault(kind, set()).update([who] if isinstance(who, str) else who)
    return found
