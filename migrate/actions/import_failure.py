"""Why an import failed, in words: how many items, which kinds of error, sample keys, likely cause and fix.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Validation.html
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from migrate.actions.base import Step
from migrate.aws import logs, objects
from migrate.aws.session import Account
from migrate.core.errors import AwsError, StepError

SAMPLES = 3

_ADVICE: tuple[tuple[str, str], ...] = (
    ("Missing the key", "the key schema is not the source table's: compare `keys` with the real table"),
    ("Type mismatch for key", "a key attribute has another type in some items: compare its type with the real table"),
    ("Type mismatch for Index Key", "some items have another type in an index key: drop the index or mend the items"),
    ("exceeded the maximum allowed size", "items above 400 KB cannot be stored: shorten them in the source"),
)

_CODES: Mapping[str, str] = {
    "S3NoSuchBucket": "the bucket is gone: the next apply makes it again",
    "S3NoSuchKey": "there are no data files below the prefix: were they deleted, or expired by a lifecycle rule?",
    "S3AccessDenied": "the caller in the target account needs s3:GetObject, s3:ListBucket, and kms:Decrypt on the key",
    "ObjectModifiedInS3DuringImport": "somebody changed the exported files while they were read: leave them alone",
}


def explain_failure(step: Step, account: Account, found: Mapping[str, Any], *, is_partial: bool) -> StepError:
    """The error of a FAILED, CANCELLED or short import."""
    expected, imported = step.params["item_count"], found.get("ImportedItemCount", 0)
    errors = found.get("ErrorCount", 0)
    code = str(found.get("FailureCode") or "")
    if errors:
        summary = f"{errors:,} of {expected:,} items were refused by DynamoDB"
    elif found.get("ImportStatus") == "COMPLETED":
        summary = f"only {imported:,} of {expected:,} exported items were imported, and DynamoDB reports no error"
    else:
        summary = f"the import failed: {code or found.get('ImportStatus')}"
    groups = _grouped(account, found) if errors else {}
    reasons = [_describe(message, keys, count) for message, (count, keys) in groups.items()]
    why = "; ".join(reasons) or str(found.get("FailureMessage") or "no reason given")
    left = "the table is left partly filled" if is_partial else "no table was made"
    return StepError(
        summary, f"{why} ({found['ImportArn']}; {left})", _advice(code, groups), kind=code or "ImportFailed"
    )


def _grouped(account: Account, found: Mapping[str, Any]) -> dict[str, tuple[int, list[str]]]:
    """Error text -> how many events, and where the first are; most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    places: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    try:
        for event in logs.import_errors(account, str(found["ImportArn"])):
            for message in event.get("errorMessages", []):
                kind = _kind(str(message))
                counts[kind] += 1
                if len(places[kind]) < SAMPLES:
                    places[kind].append(event.get("itemS3Pointer") or {})
    except AwsError as error:
        return {f"the error log could not be read: {error.summary}": (1, [])}
    by_count = sorted(counts, key=lambda kind: -counts[kind])
    return {kind: (counts[kind], _samples(account, found, places[kind])) for kind in by_count}


def _kind(message: str) -> str:
    """The message without the parts that differ from item to item."""
    return re.sub(r"\s+", " ", message).strip()


def _samples(account: Account, found: Mapping[str, Any], pointers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Keys of the items that the log points at, as far as they can be read; else file and line."""
    names = [element["AttributeName"] for element in found["TableCreationParameters"]["KeySchema"]]
    return [_sample(account, pointer, names) for pointer in pointers if pointer]


def _sample(account: Account, pointer: Mapping[str, Any], names: list[str]) -> str:
    place = f"{str(pointer.get('key', '')).rsplit('/', 1)[-1]} item {pointer.get('itemIndex')}"
    try:
        content = objects.read(account, str(pointer["bucket"]), str(pointer["key"]))
        lines = gzip.decompress(content or b"").split(b"\n")
        item = json.loads(lines[int(pointer["itemIndex"])])["Item"]
    except (AwsError, OSError, ValueError, LookupError, TypeError):
        return place
    return " ".join(f"{name}={_value(item[name])}" if name in item else f"{name}=(none)" for name in names)


def _value(typed: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in typed.values())


def _describe(message: str, keys: list[str], count: int) -> str:
    first = f", first key {keys[0]}" if keys else ""
    return f'{count} x "{message}"{first}'


def _advice(code: str, groups: Mapping[str, object]) -> str:
    for needle, text in _ADVICE:
        if any(needle in message for message in groups):
            return text
    return _CODES.get(code, "mend the cause; the next apply retries the import under a new token into a fresh table")
