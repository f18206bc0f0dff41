"""What ExportTableToPointInTime and ImportTable refuse at once, and the pages of their lists.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportTableToPointInTime.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn, TypeVar

from migrate.sandbox.refusals import Refused

T = TypeVar("T")
_MAX_PREFIX = 1024
_TOKEN_LENGTH = 112  # botocore refuses a shorter NextToken of ListImports
_PAGE = 25
_CLOCK_SKEW = timedelta(seconds=60)
_ACCOUNT = re.compile(r"\d{12}")


def refuse(code: str, message: str) -> NoReturn:
    """Answers the request with this DynamoDB error (HTTP 400)."""
    raise Refused(code, message)


def validate(request: Mapping[str, Any]) -> None:
    """Refuses an export request that AWS would refuse, or that asks for what the sandbox does not emulate."""
    if request.get("ExportType", "FULL_EXPORT") != "FULL_EXPORT" or request.get("IncrementalExportSpecification"):
        not_emulated("ExportType=INCREMENTAL_EXPORT")
    if request.get("ExportFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
        not_emulated(f"ExportFormat={request['ExportFormat']}")
    if request.get("FilterSpecification"):
        not_emulated("FilterSpecification")
    if len(request.get("S3Prefix") or "") > _MAX_PREFIX:
        refuse("ValidationException", f"S3Prefix is longer than {_MAX_PREFIX} characters")
    check_owner(request.get("S3BucketOwner"))
    if request.get("S3SseAlgorithm") not in (None, "AES256", "KMS"):
        refuse("ValidationException", "S3SseAlgorithm must be AES256 or KMS")
    if request.get("S3SseKmsKeyId") and request.get("S3SseAlgorithm") != "KMS":
        refuse("ValidationException", "S3SseKmsKeyId needs S3SseAlgorithm=KMS")


def check_owner(owner: str | None) -> None:
    """Refuses an S3BucketOwner that is no account id."""
    if owner is not None and not _ACCOUNT.fullmatch(owner):
        refuse("ValidationException", "S3BucketOwner must be an account id of 12 digits")


def not_emulated(what: str) -> NoReturn:
    """Refuses what AWS can do and the sandbox can't."""
    refuse("ValidationException", f"The sandbox does not emulate {what}.")


def check_time(asked: Any, earliest: Any, now: datetime) -> datetime:
    """The moment an export shows: now, or ExportTime if that lies in the recovery window and in the last minute."""
    if asked is None:
        return now
    moment = _moment(asked)
    # Clients send whole seconds, so the very second in which recovery was switched on counts.
    start = _moment(earliest or 0).replace(microsecond=0)
    if moment > now or moment < start:
        refuse("InvalidExportTimeException", "ExportTime is outside of the point in time recovery window")
    if now - moment > _CLOCK_SKEW:
        not_emulated("an ExportTime more than a minute ago")
    return moment


def _moment(value: Any) -> datetime:
    """A time that moto keeps as seconds since 1970 or as a datetime, which is in UTC if it is naive."""
    if not isinstance(value, datetime):
        return datetime.fromtimestamp(float(value), timezone.utc)
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def paginate(found: Sequence[T], size: int | None, token: str | None) -> tuple[Sequence[T], str | None]:
    """One page, and the token of the next. `size` is from 1 to 25, which is also the default."""
    if size is not None and not 1 <= size <= _PAGE:
        refuse("ValidationException", f"The page size must be between 1 and {_PAGE}")
    if token is not None and not token.isdigit():
        refuse("ValidationException", "Invalid NextToken")
    start = int(token or 0)
    end = start + (size or _PAGE)
    return found[start:end], f"{end:0{_TOKEN_LENGTH}d}" if end < len(found) else None
