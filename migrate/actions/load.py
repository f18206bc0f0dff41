"""Import from S3: creates the target table and fills it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.actions.base import (
    Absent,
    Blocked,
    Conflicting,
    Context,
    Done,
    Failed,
    InProgress,
    Observation,
    Running,
    Satisfied,
    Step,
    StepResult,
    next_look,
    seconds_since,
    was_just_started,
)
from migrate.actions.import_failure import explain_failure
from migrate.actions.places import LATER, Places
from migrate.aws import dynamodb, transfer
from migrate.aws.session import Account
from migrate.core.access import Access, allow, anywhere
from migrate.core.errors import StepError
from migrate.core.events import Progress
from migrate.plan.model import Action
from migrate.state.model import OwnedResource

DEADLINE = 72 * 3600.0

_BY_SERVICE = "DynamoDB reads the files and writes the error log of an import with the permissions of the caller"
_LOGS = "logs:CreateLogGroup CreateLogStream DescribeLogStreams PutLogEvents PutRetentionPolicy"


class ImportHandler:
    """Kind `import`: params `table`, `bucket`, `bucket_owner`, `data_prefix`, `item_count`, `creation`."""

    slot: str | None = "import"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, params = places.of(action.side), action.params
        who, table, bucket = place.side, place.table(params["table"]), params["bucket"]
        yield allow(who, "dynamodb:ImportTable DescribeTable", table)
        yield allow(who, "dynamodb:DescribeImport", f"{table}/import/*", wide=LATER)
        yield anywhere(who, "dynamodb:ListImports")
        yield from places.encrypted_with(place.side, key_of(params["creation"]))
        yield allow(who, "s3:ListBucket", place.bucket(bucket), when=_BY_SERVICE)
        files = place.objects(bucket, places.export_prefix(params["data_prefix"]))
        yield allow(who, "s3:GetObject", files, when=_BY_SERVICE)
        yield from places.objects_of(bucket, "Decrypt")
        logs = place.arn("logs", "log-group:/aws-dynamodb/*")
        yield allow(who, _LOGS, logs, when=_BY_SERVICE, wide=LATER)
        yield anywhere(who, "logs:DescribeLogGroups", when=_BY_SERVICE)
        yield allow(who, "logs:GetLogEvents", logs, when="an import has failed", wide=LATER)
        yield allow(who, "dynamodb:DeleteTable", table, when="an import has failed: its partly filled table goes")

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The table."""
        arn = table_arn(context.account(step.side), step.params["table"])
        return (OwnedResource(arn, "table", "target", step.address),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. A table that this attempt did not make is a conflict."""
        account = context.account(step.side)
        found = transfer.describe_import(account, step.handle) if step.handle else self._find(step, account)
        if found is not None:
            done = found.get("ImportStatus") == "COMPLETED"
            return Satisfied(found["ImportArn"]) if done else InProgress(found["ImportArn"])
        if step.handle:
            return InProgress(step.handle)  # not visible yet, right after the start
        # Right after a start, the token is the way to look: it gives back the import that this attempt made.
        if dynamodb.describe_table(account, step.params["table"]) is None or was_just_started(step, context):
            return Absent()
        return Conflicting(
            StepError(
                f"the table {step.params['table']} exists in {account.id} {account.region}, and this import did not "
                "make it",
                "it appeared after the plan was made; an import creates its table",
                "migrate plan   shows what can be done",
            )
        )

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        answer = transfer.start_import(
            context.account(step.side),
            S3BucketSource={
                "S3Bucket": step.params["bucket"],
                "S3BucketOwner": step.params["bucket_owner"],
                "S3KeyPrefix": step.params["data_prefix"],
            },
            InputFormat="DYNAMODB_JSON",
            InputCompressionType="GZIP",
            TableCreationParameters=step.params["creation"],
            ClientToken=step.token,
        )
        return str(answer["ImportArn"])

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`. Done only when as many items were imported as the export's manifest lists."""
        account = context.account(step.side)
        elapsed = seconds_since(step.started, context.clock)
        found = transfer.describe_import(account, str(step.handle))
        status = found.get("ImportStatus") if found else None
        if found is None or status in ("IN_PROGRESS", "CANCELLING", None):
            return self._waiting(step, found, elapsed)
        table = dynamodb.describe_table(account, step.params["table"])
        owned = (_owned(step, found),) if table else ()
        released = () if table else (table_arn(account, step.params["table"]),)
        if status != "COMPLETED" or not _is_balanced(step, found):
            return Failed(explain_failure(step, account, found, is_partial=table is not None), owned, released)
        if table is None or not is_active(table):
            return Running(next_look(elapsed))
        return Done(_outputs(found, table), owned=owned)

    def undo(self, step: Step, context: Context) -> None:
        """Delete the table, if it is the very one that this import made."""
        account = context.account(step.side)
        for resource in step.owned:
            if resource.kind == "table":
                remove_table(account, step.params["table"], resource.proof.get("table_id", ""))

    def _find(self, step: Step, account: Account) -> dict[str, Any] | None:
        arn = table_arn(account, step.params["table"])
        for summary in transfer.list_imports(account, arn):
            if (summary.get("S3BucketSource") or {}).get("S3KeyPrefix") != step.params["data_prefix"]:
                continue
            found = transfer.describe_import(account, summary["ImportArn"])
            if found is not None and found.get("ClientToken") == step.token:
                return found
        return None

    def _waiting(self, step: Step, found: Mapping[str, Any] | None, elapsed: float) -> StepResult:
        if elapsed > DEADLINE:
            return Blocked(
                f"the import {step.handle} runs for {elapsed / 3600:.0f} hours",
                "AWS cannot cancel it for you; ask AWS support, and run the same command again to go on waiting",
            )
        seen = found or {}
        progress = Progress(
            items=seen.get("ProcessedItemCount"),
            total_items=step.params["item_count"],
            bytes=seen.get("ProcessedSizeBytes"),
            message="importing",
        )
        return Running(next_look(elapsed), progress)


def remove_table(account: Account, name: str, table_id: str) -> None:
    """Delete the table, provided that its id is `table_id`. Nothing happens when it is gone."""
    table = dynamodb.describe_table(account, name)
    if table is None or table.get("TableStatus") == "DELETING":
        return
    if not table_id or table.get("TableId") != table_id:
        raise PermissionError(f"the table {name} is not the one that this migration made (its id differs)")
    dynamodb.delete_table(account, name)


def table_arn(account: Account, name: str) -> str:
    """The ARN of a table of that account."""
    return f"arn:{account.partition}:dynamodb:{account.region}:{account.id}:table/{name}"


def key_of(creation: Mapping[str, Any]) -> str | None:
    """The customer managed key of a table that is to be made; None without one."""
    key: str | None = (creation.get("SSESpecification") or {}).get("KMSMasterKeyId")
    return key


def _is_balanced(step: Step, found: Mapping[str, Any]) -> bool:
    expected = step.params["item_count"]
    return bool(found.get("ImportedItemCount") == expected and not found.get("ErrorCount"))


def is_active(table: Mapping[str, Any]) -> bool:
    """True when the table and all its global indexes can be used."""
    indexes = table.get("GlobalSecondaryIndexes") or []
    return table.get("TableStatus") == "ACTIVE" and all(i.get("IndexStatus", "ACTIVE") == "ACTIVE" for i in indexes)


def _owned(step: Step, found: Mapping[str, Any]) -> OwnedResource:
    proof = {"table_id": str(found.get("TableId", "")), "import_arn": str(found["ImportArn"])}
    return OwnedResource(str(found["TableArn"]), "table", "target", step.address, True, proof)


def _outputs(found: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "import_arn": found["ImportArn"],
        "table_arn": table["TableArn"],
        "table_id": table["TableId"],
        "items": found["ImportedItemCount"],
        "bytes": found.get("ProcessedSizeBytes", 0),
    }
