"""Scan of a table: pages of 1 MB from stored JSON text, segment by segment.

Follows https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html and .../developerguide/Scan.html:
a page ends with the item that reaches 1 MB or with Limit items, both before any filter; a page that ended so has a
LastEvaluatedKey, even when nothing follows; ConsumedCapacity is that of the items read. A start key that lies in
another segment is refused. Scans of an index, and ScanFilter, go to moto: complete, but without page sizes and
capacity as AWS has them.
"""

from __future__ import annotations

import json
from typing import Any

from moto.dynamodb.comparisons import create_condition_expression_parser, get_filter_expression
from moto.dynamodb.responses import ProjectionExpressionParser, validate_attributes_used, validate_select

from migrate.sandbox.capacity import Consumption, level
from migrate.sandbox.dataplane import projection
from migrate.sandbox.front import Answer, Call, operation
from migrate.sandbox.keys import key_of
from migrate.sandbox.rows import WRITES, Row, RowKey, segment_range
from migrate.sandbox.stored_items import stored, with_bytes
from migrate.sandbox.values import canonical_value, invalid

_PAGE_BYTES = 1024 * 1024


@operation(
    "Scan",
    "TableName Limit Select ExclusiveStartKey ReturnConsumedCapacity TotalSegments Segment AttributesToGet "
    "ProjectionExpression FilterExpression ExpressionAttributeNames ExpressionAttributeValues ConsistentRead",
)
def scan(call: Call) -> Answer:
    """API_Scan."""
    table, wanted, body = call.table(), level(call.body), call.body
    segment, segments = _segments(body)
    _check_select(table, body)
    keep, project = _filter(body), _texts(body)
    after = _start(table, body, segment, segments)
    with WRITES:
        rows, size, last = _page(table, segment, segments, after, body.get("Limit"))
    kept = [row for row in rows if keep is None or keep(table, row)]
    tail: dict[str, Any] = {"Count": len(kept), "ScannedCount": len(rows)}
    if last is not None:
        item = json.loads(last[0])
        tail["LastEvaluatedKey"] = {name: item[name] for name in table.table_key_attrs}
    if wanted != "NONE":
        consumed = Consumption(table)
        consumed.read(size, bool(body.get("ConsistentRead")))
        tail["ConsumedCapacity"] = consumed.report(wanted)
    if body.get("Select") == "COUNT":
        return tail
    return f'{{"Items":[{",".join(project(table, row) for row in kept)}],{json.dumps(tail)[1:]}'


def _page(
    table: Any, segment: int, segments: int, after: RowKey | None, limit: int | None
) -> tuple[list[Row], int, Row | None]:
    rows: list[Row] = []
    size = 0
    for _, row in table.rows.walk(segment, segments, after):
        rows.append(row)
        size += row[1]
        if size >= _PAGE_BYTES or len(rows) == limit:
            return rows, size, row
    return rows, size, None


def _segments(body: dict[str, Any]) -> tuple[int, int]:
    segment, segments = body.get("Segment"), body.get("TotalSegments")
    if segment is None and segments is None:
        return 0, 1
    if segments is None:
        raise invalid(
            "The TotalSegments parameter is required but was not present in the request "
            "when Segment parameter is present"
        )
    if segment is None:
        raise invalid(
            "The Segment parameter is required but was not present in the request "
            "when parameter TotalSegments is present"
        )
    if not 1 <= segments <= 1_000_000:
        raise invalid(
            f"1 validation error detected: Value '{segments}' at 'totalSegments' failed to satisfy constraint"
        )
    if not 0 <= segment < segments:
        raise invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments")
    return segment, segments


def _start(table: Any, body: dict[str, Any], segment: int, segments: int) -> RowKey | None:
    key = body.get("ExclusiveStartKey")
    if key is None:
        return None
    place = key_of(table, key)
    low, high = segment_range(segment, segments)
    if not low <= place[0] < high:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    return place


def _check_select(table: Any, body: dict[str, Any]) -> None:
    limit = body.get("Limit")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise invalid(f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint")
    validate_select(
        operation="Scan",
        select=body.get("Select"),
        projection_expression=body.get("ProjectionExpression"),
        attributes_to_get=body.get("AttributesToGet"),
        table=table,
        index_name=None,
    )


def _filter(body: dict[str, Any]) -> Any:
    text, names = body.get("FilterExpression"), body.get("ExpressionAttributeNames", {})
    if text == "":
        raise invalid("Invalid FilterExpression: The expression can not be empty;")
    given = body.get("ExpressionAttributeValues")
    if text is None and given:
        raise invalid(
            "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null"
        )
    values = {name: with_bytes(canonical_value(value)[0]) for name, value in (given or {}).items()}
    try:
        parser = create_condition_expression_parser(text, names, values)
        parser.parse()
    except (ValueError, KeyError) as error:
        raise invalid(f"Invalid FilterExpression: {error}") from error
    used = list(parser.expr_attr_names_found)
    if body.get("ProjectionExpression"):
        paths = ProjectionExpressionParser(body["ProjectionExpression"], names)
        paths.parse()
        used += paths.expr_attr_names_found
    validate_attributes_used(names, used, validation_error_prefix=False)
    if text is None:
        return None
    condition = get_filter_expression(text, names, values)
    return lambda table, row: condition.expr(stored(table, row))


def _texts(body: dict[str, Any]) -> Any:
    if body.get("ProjectionExpression") is None and not body.get("AttributesToGet"):
        return lambda _, row: row[0]
    project = projection({**body, "FilterExpression": body.get("FilterExpression")})
    return lambda table, row: json.dumps(project(table, row))
