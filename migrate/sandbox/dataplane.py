"""Item calls that a copier uses, answered on JSON text without moto's parser and serializer.

PutItem, GetItem, DeleteItem, BatchWriteItem, BatchGetItem; conditions and projections are evaluated by moto. Follows
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html (25 requests, 16 MB, the whole
call is rejected for one bad item) and .../API_BatchGetItem.html (100 keys, 16 MB, the rest comes back in
UnprocessedKeys). Not emulated: ItemCollectionMetrics (only NONE is accepted). UpdateItem, Query and transactions are
moto's: their ConsumedCapacity is moto's too.
"""

from __future__ import annotations

import json
from typing import Any

from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.responses import ProjectionExpressionParser, validate_attributes_used

from migrate.sandbox.capacity import Consumption, level
from migrate.sandbox.front import Call, operation
from migrate.sandbox.items import check_condition, store
from migrate.sandbox.keys import check_keys, key_of
from migrate.sandbox.rows import WRITES, Row, RowKey, row_key
from migrate.sandbox.stored_items import stored, wire_of
from migrate.sandbox.values import canonical_item, invalid

_CONDITION = (
    "Expected ConditionExpression ExpressionAttributeNames ExpressionAttributeValues ReturnValues "
    "ReturnValuesOnConditionCheckFailure ReturnConsumedCapacity"
)
_BATCH_BYTES = 16 * 1024 * 1024


@operation("PutItem", f"TableName Item {_CONDITION}")
def put_item(call: Call) -> dict[str, Any]:
    """API_PutItem."""
    table, wanted = call.table(), level(call.body)
    item, size = canonical_item(call.body["Item"])
    check_keys(table, item)
    place = row_key(item[table.hash_key_attr], item.get(table.range_key_attr))
    with WRITES:
        old = table.rows.get(place)
        _check(call, table, old)
        new = store(table, item, size)
    return _written(call, table, wanted, old, (new.text, size))


@operation("DeleteItem", f"TableName Key {_CONDITION}")
def delete_item(call: Call) -> dict[str, Any]:
    """API_DeleteItem."""
    table, wanted = call.table(), level(call.body)
    place = key_of(table, call.body["Key"])
    with WRITES:
        old = table.rows.get(place)
        _check(call, table, old)
        _delete(table, old)
    return _written(call, table, wanted, old, None)


def _check(call: Call, table: Any, old: Row | None) -> None:
    body = call.body
    if body.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    text, names = body.get("ConditionExpression"), body.get("ExpressionAttributeNames", {})
    values = body.get("ExpressionAttributeValues")
    if text is not None:
        parser = create_condition_expression_parser(text, names, values)
        try:
            parser.parse()
        except (ValueError, KeyError) as error:
            raise invalid(f"Invalid ConditionExpression: {error}") from error
        validate_attributes_used(names, parser.expr_attr_names_found)
        validate_attributes_used(values, parser.expr_attr_values_found, "Values")
    elif names or values:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    show_old = body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    if text is not None or body.get("Expected"):
        check_condition(table, old, body.get("Expected"), (text, names, values), show_old)


def _written(call: Call, table: Any, wanted: str, old: Row | None, new: Row | None) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if call.body.get("ReturnValues") == "ALL_OLD" and old is not None:
        answer["Attributes"] = json.loads(old[0])
    if wanted != "NONE":
        consumed = Consumption(table)
        consumed.write(old, new)
        answer["ConsumedCapacity"] = consumed.report(wanted)
    return answer


def _delete(table: Any, old: Row | None) -> None:
    if old is None:
        return
    item = stored(table, old)
    table.delete_item(item.hash_key, item.range_key)


@operation(
    "GetItem",
    "TableName Key AttributesToGet ConsistentRead ProjectionExpression ExpressionAttributeNames ReturnConsumedCapacity",
)
def get_item(call: Call) -> dict[str, Any]:
    """API_GetItem."""
    table, wanted = call.table(), level(call.body)
    row = table.rows.get(key_of(table, call.body["Key"]))
    project = projection(call.body)
    answer: dict[str, Any] = {}
    if row is not None:
        answer["Item"] = project(table, row)
    if wanted != "NONE":
        consumed = Consumption(table)
        consumed.read(row[1] if row else 0, bool(call.body.get("ConsistentRead")))
        answer["ConsumedCapacity"] = consumed.report(wanted)
    return answer


def projection(request: dict[str, Any]) -> Any:
    """A function (table, row) -> attributes for ProjectionExpression or AttributesToGet of a read request."""
    text, names = request.get("ProjectionExpression"), request.get("ExpressionAttributeNames")
    plain = request.get("AttributesToGet")
    if text is not None and plain:
        raise invalid(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
            "{AttributesToGet} Expression parameters: {ProjectionExpression}"
        )
    if text == "":
        raise invalid("Invalid ProjectionExpression: The expression can not be empty;")
    if plain:
        return lambda _, row: {n: v for n, v in json.loads(row[0]).items() if n in plain}
    if text is None:
        return lambda _, row: json.loads(row[0])
    parser = ProjectionExpressionParser(text, names)
    paths = parser.parse()
    if "FilterExpression" not in request:
        validate_attributes_used(names, parser.expr_attr_names_found, validation_error_prefix=False)
    return lambda table, row: wire_of(stored(table, row).project(paths))


@operation("BatchWriteItem", "RequestItems ReturnConsumedCapacity")
def batch_write_item(call: Call) -> dict[str, Any]:
    """API_BatchWriteItem: everything is checked before anything is written."""
    wanted, requests = level(call.body), call.body.get("RequestItems") or {}
    count = sum(len(entries) for entries in requests.values())
    if not 1 <= count <= 25 or len(call.request.body) > _BATCH_BYTES * 2:
        raise invalid(
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
            "Map value must satisfy constraint: [Member must have length less than or equal to 25, "
            "Member must have length greater than or equal to 1]"
        )
    checked = [(table, _checked_entries(table, entries)) for table, entries in _with_tables(call, requests)]
    consumed = []
    with WRITES:
        for table, entries in checked:
            used = Consumption(table)
            for place, item, size in entries:
                _write(table, place, item, size, used if wanted != "NONE" else None)
            consumed.append(used)
    answer: dict[str, Any] = {"UnprocessedItems": {}}
    if wanted != "NONE":
        answer["ConsumedCapacity"] = [used.report(wanted) for used in consumed]
    return answer


def _write(table: Any, place: RowKey, item: dict[str, Any] | None, size: int, used: Consumption | None) -> None:
    old = table.rows.get(place)
    if item is None:
        _delete(table, old)
    else:
        stored_item = store(table, item, size)
    if used is not None:
        used.write(old, None if item is None else (stored_item.text, size))


def _with_tables(call: Call, requests: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(call.table(name), entries) for name, entries in requests.items()]


def _checked_entries(table: Any, entries: list[dict[str, Any]]) -> list[tuple[RowKey, dict[str, Any] | None, int]]:
    checked: list[tuple[RowKey, dict[str, Any] | None, int]] = []
    for entry in entries:
        if "PutRequest" in entry:
            item, size = canonical_item(entry["PutRequest"].get("Item"))
            check_keys(table, item)
            place = row_key(item[table.hash_key_attr], item.get(table.range_key_attr))
            checked.append((place, item, size))
        elif "DeleteRequest" in entry:
            checked.append((key_of(table, entry["DeleteRequest"].get("Key")), None, 0))
        else:
            raise invalid(
                "Supplied WriteRequest is empty, must contain exactly one of the supported: PutRequest, DeleteRequest"
            )
    if len({place for place, _, _ in checked}) != len(checked):
        raise invalid("Provided list of item keys contains duplicates")
    if sum(size for _, _, size in checked) > _BATCH_BYTES:
        raise invalid("Total size of the batch exceeds 16 MB")
    return checked


@operation("BatchGetItem", "RequestItems ReturnConsumedCapacity")
def batch_get_item(call: Call) -> dict[str, Any]:
    """API_BatchGetItem."""
    wanted, requests = level(call.body), call.body.get("RequestItems") or {}
    if not 1 <= sum(len(request.get("Keys", [])) for request in requests.values()) <= 100:
        raise invalid("Too many items requested for the BatchGetItem call")
    answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    consumed, room = [], _BATCH_BYTES
    for name, request in requests.items():
        table, project = call.table(name), projection(request)
        places = [key_of(table, key) for key in request["Keys"]]
        if len(set(places)) != len(places):
            raise invalid("Provided list of item keys contains duplicates")
        used, found, left = Consumption(table), [], []
        for place, key in zip(places, request["Keys"], strict=True):
            row = table.rows.get(place)
            if row is not None and row[1] > room:
                left.append(key)
                continue
            used.read(row[1] if row else 0, bool(request.get("ConsistentRead")))
            if row is not None:
                room -= row[1]
                found.append(project(table, row))
        answer["Responses"][name] = found
        if left:
            answer["UnprocessedKeys"][name] = {**request, "Keys": left}
        consumed.append(used)
    if wanted != "NONE":
        answer["ConsumedCapacity"] = [used.report(wanted) for used in consumed]
    return answer
