"""Items as slices of wire JSON, and the port through which they are read and written.

A page is split into its items without building Python values, and the slices are joined into the body of a write, so
every type, number and name arrives exactly as it was sent. Only who must look into an item parses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from migrate.core.errors import AwsError, Invalid
from migrate.core.item import key_digest, key_of
from migrate.data.jsonengine import msgspec

RawItem = bytes | msgspec.Raw
"""One item in wire JSON, braces included. A `Raw` keeps the answer alive that it was cut from."""

Refusals = Callable[[AwsError], None]
"""Told of every attempt that failed and will be repeated."""

BATCH_ITEMS = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""


def ignore_refusal(_error: AwsError) -> None:
    """The `Refusals` of a caller that does not care."""


@dataclass(frozen=True)
class RawPage:
    """One answer of Scan. `last_key` is wire JSON, None only at the end of the segment; `size` is bytes as sent."""

    items: Sequence[RawItem]
    last_key: bytes | None
    units: float
    size: int
    counted: int = 0
    """Number of items of a page that was only counted, and has none."""

    @property
    def count(self) -> int:
        """Number of items, also of a page that was only counted."""
        return len(self.items) or self.counted


@dataclass(frozen=True)
class BatchAnswer:
    """What BatchWriteItem did not do, as the service gives it back, and the write units that it charged."""

    unprocessed: Sequence[RawItem]
    units: float


@dataclass(frozen=True)
class PutAnswer:
    """`is_kept`: an item with this key was there, and stays as it is."""

    is_kept: bool
    units: float


class ItemTransport(Protocol):
    """What moves items to and from one endpoint. Thread-safe.

    Throttling, faults and lost connections are repeated inside, with growing pauses, until nothing has succeeded for
    the transport's patience; each failed attempt is told to `on_refusal` first. So a write may be carried out more than
    once. Raises the classes of `core.errors`, and `Interrupted` soon after `should_stop()` becomes true.
    """

    def scan_raw(
        self,
        table: str,
        *,
        segment: int,
        total_segments: int,
        start_key: bytes | None = None,
        consistent: bool = False,
        limit: int | None = None,
        count_only: bool = False,
        should_stop: Callable[[], bool] = ...,
        on_refusal: Refusals = ...,
    ) -> RawPage:
        """One page of a segment, from behind `start_key` (wire JSON, as a page's `last_key`)."""

    def batch_write_raw(
        self,
        table: str,
        items: Sequence[RawItem],
        *,
        should_stop: Callable[[], bool] = ...,
        on_refusal: Refusals = ...,
    ) -> BatchAnswer:
        """Put up to 25 items, of different keys, over whatever is there."""

    def put_raw(
        self,
        table: str,
        item: RawItem,
        *,
        unless_exists: str,
        should_stop: Callable[[], bool] = ...,
        on_refusal: Refusals = ...,
    ) -> PutAnswer:
        """Put one item where its key is free. `unless_exists` is the name of the partition key."""

    def close(self) -> None:
        """Close the idle connections."""


class _Units(msgspec.Struct):
    CapacityUnits: float = 0.0


class _ScanAnswer(msgspec.Struct):
    Items: list[msgspec.Raw]
    Count: int
    LastEvaluatedKey: msgspec.Raw = msgspec.Raw(b"")
    ConsumedCapacity: _Units | None = None


class _CountAnswer(msgspec.Struct):
    Count: int
    LastEvaluatedKey: msgspec.Raw = msgspec.Raw(b"")
    ConsumedCapacity: _Units | None = None


class _Put(msgspec.Struct):
    Item: msgspec.Raw


class _Request(msgspec.Struct):
    PutRequest: _Put


class _BatchAnswer(msgspec.Struct):
    UnprocessedItems: dict[str, list[_Request]]
    ConsumedCapacity: list[_Units] | None = None


class _PutAnswer(msgspec.Struct):
    ConsumedCapacity: _Units | None = None


class _Keys(msgspec.Struct):
    Keys: list[msgspec.Raw]


class _GetAnswer(msgspec.Struct):
    Responses: dict[str, list[msgspec.Raw]]
    UnprocessedKeys: dict[str, _Keys]
    ConsumedCapacity: list[_Units] | None = None


class _KeyLine(msgspec.Struct):
    key: msgspec.Raw


_scan_decoder = msgspec.json.Decoder(_ScanAnswer)
_count_decoder = msgspec.json.Decoder(_CountAnswer)
_batch_decoder = msgspec.json.Decoder(_BatchAnswer)
_put_decoder = msgspec.json.Decoder(_PutAnswer)
_get_decoder = msgspec.json.Decoder(_GetAnswer)
_line_decoder = msgspec.json.Decoder(_Put)
_key_decoder = msgspec.json.Decoder(_KeyLine)


def scan_body(
    table: str,
    segment: int,
    total_segments: int,
    start_key: bytes | None,
    consistent: bool,
    limit: int | None,
    count_only: bool,
) -> bytes:
    """The body of a Scan request."""
    request: dict[str, Any] = {
        "TableName": table,
        "Segment": segment,
        "TotalSegments": total_segments,
        "ConsistentRead": consistent,
        "ReturnConsumedCapacity": "TOTAL",
    }
    if count_only:
        request["Select"] = "COUNT"
    if limit is not None:
        request["Limit"] = limit
    if start_key is not None:
        request["ExclusiveStartKey"] = msgspec.Raw(start_key)
    return msgspec.json.encode(request)


def batch_body(table: str, items: Iterable[RawItem]) -> bytes:
    """The body of a BatchWriteItem request that puts `items`."""
    start = f'{{"RequestItems":{{{json.dumps(table)}:[{{"PutRequest":{{"Item":'.encode()
    joined = b'}},{"PutRequest":{"Item":'.join(items)
    return b"".join((start, joined, b'}}]},"ReturnConsumedCapacity":"TOTAL"}'))


def put_body(table: str, item: RawItem, unless_exists: str) -> bytes:
    """The body of a PutItem request that changes nothing where the key exists."""
    return msgspec.json.encode(
        {
            "TableName": table,
            "Item": msgspec.Raw(item),
            "ConditionExpression": "attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": unless_exists},
            "ReturnConsumedCapacity": "TOTAL",
        }
    )


def read_page(body: bytes, table: str, *, count_only: bool = False) -> RawPage:
    """A Scan's answer, cut into items. Raises `Invalid` when it is not one, since items would be missed in silence."""
    items: list[msgspec.Raw] = []
    answer: _ScanAnswer | _CountAnswer
    try:
        if count_only:
            answer = _count_decoder.decode(body)
        else:
            answer = _scan_decoder.decode(body)
            items = answer.Items
    except msgspec.MsgspecError as error:
        raise _not_an_answer("Scan", table, body) from error
    if not count_only and answer.Count != len(items):
        raise _not_an_answer("Scan", table, body)
    last = bytes(answer.LastEvaluatedKey)
    units = answer.ConsumedCapacity.CapacityUnits if answer.ConsumedCapacity else 0.0
    return RawPage(items, last if last not in (b"", b"null") else None, units, len(body), answer.Count)


def read_batch_answer(body: bytes, table: str) -> BatchAnswer:
    """A BatchWriteItem's answer. Raises `Invalid` when it is not one, since nothing may have been written."""
    try:
        answer = _batch_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise _not_an_answer("BatchWriteItem", table, body) from error
    left = [request.PutRequest.Item for requests in answer.UnprocessedItems.values() for request in requests]
    return BatchAnswer(left, sum(one.CapacityUnits for one in answer.ConsumedCapacity or ()))


def read_put_answer(body: bytes, table: str) -> PutAnswer:
    """A PutItem's answer. Raises `Invalid` when it is not one."""
    try:
        answer = _put_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise _not_an_answer("PutItem", table, body) from error
    return PutAnswer(False, answer.ConsumedCapacity.CapacityUnits if answer.ConsumedCapacity else 0.0)


@dataclass(frozen=True)
class GetAnswer:
    """What BatchGetItem found; the keys that it did not look at; the read units that it charged."""

    items: Sequence[RawItem]
    unprocessed: Sequence[RawItem]
    units: float


def get_body(table: str, keys: Iterable[RawItem], *, consistent: bool) -> bytes:
    """The body of a BatchGetItem request."""
    wanted = {"Keys": [msgspec.Raw(key) for key in keys], "ConsistentRead": consistent}
    return msgspec.json.encode({"RequestItems": {table: wanted}, "ReturnConsumedCapacity": "TOTAL"})


def read_get_answer(body: bytes, table: str) -> GetAnswer:
    """A BatchGetItem's answer. Raises `Invalid` when it is not one."""
    try:
        answer = _get_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise _not_an_answer("BatchGetItem", table, body) from error
    items = [item for found in answer.Responses.values() for item in found]
    keys = [key for left in answer.UnprocessedKeys.values() for key in left.Keys]
    return GetAnswer(items, keys, sum(one.CapacityUnits for one in answer.ConsumedCapacity or ()))


def item_of_line(line: bytes) -> RawItem:
    """The item in a line of an export's data file (`{"Item":{...}}`). Raises `ValueError`."""
    try:
        return _line_decoder.decode(line).Item
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def key_of_line(line: bytes) -> RawItem:
    """The key in a line `{"key":{...}}`. Raises `ValueError`."""
    try:
        return _key_decoder.decode(line).key
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def parse_item(item: RawItem) -> dict[str, dict[str, Any]]:
    """The item in wire form, as Python values. Raises `msgspec.DecodeError` when it is no JSON."""
    parsed: dict[str, dict[str, Any]] = msgspec.json.decode(item)
    return parsed


def raw_key(item: RawItem, key_names: tuple[str, ...]) -> bytes:
    """16 bytes that are the same for items of the same key, however their numbers are written."""
    return key_digest(parse_item(item), key_names)


def key_in_words(item: RawItem, key_names: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    """The key attributes in wire form: what GetItem takes."""
    return key_of(parse_item(item), key_names)


def _not_an_answer(operation: str, table: str, body: bytes) -> Invalid:
    return Invalid(
        f"{operation} {table}: the answer is not DynamoDB's",
        operation=operation,
        why=f"{len(body)} bytes that are no answer to {operation}",
        hint="check the endpoint and the proxy",
    )
