"""The item port on boto3's own client.

The reference that the lean transport is held to, and the way out for proxies and endpoints that it cannot reach. Ten
times slower, since every value becomes a Python object and back.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from migrate.aws.errors import call, translate
from migrate.aws.session import Account
from migrate.core.clock import Clock, SystemClock
from migrate.core.errors import AwsError
from migrate.data.endpoints import EndpointSpec, OpenTransport, open_lean
from migrate.data.failures import damaged
from migrate.data.rawitems import BatchAnswer, PutAnswer, RawItem, RawPage, Refusals, ignore_refusal, parse_item
from migrate.data.retry import PATIENCE_SECONDS, Retries
from migrate.data.transport import CONDITION_FAILED, Credentials, Endpoint, never


class BotoTransport:
    """`ItemTransport` on boto3. Credentials are asked for before each request, as the lean transport does."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock | None = None,
        connections: int = 32,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.endpoint = endpoint
        self._retries = Retries(clock or SystemClock(), patience)
        self._client = _client_of(endpoint, connections)

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
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> RawPage:
        """See `ItemTransport.scan_raw`. The page's size is that of its items."""
        request: dict[str, Any] = {
            "Segment": segment,
            "TotalSegments": total_segments,
            "ConsistentRead": consistent,
        }
        if count_only:
            request["Select"] = "COUNT"
        if limit is not None:
            request["Limit"] = limit
        if start_key is not None:
            request["ExclusiveStartKey"] = _from_wire_item(parse_item(start_key))
        wanted = ("Count",) if count_only else ("Items", "Count")
        answer = self._call("scan", wanted, should_stop, on_refusal, TableName=table, **request)
        items = [_raw(item) for item in answer.get("Items", ())]
        last = answer.get("LastEvaluatedKey")
        return RawPage(items, _raw(last) if last else None, _units(answer), sum(map(len, items)), answer["Count"])

    def batch_write_raw(
        self,
        table: str,
        items: Sequence[RawItem],
        *,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> BatchAnswer:
        """See `ItemTransport.batch_write_raw`."""
        requests = [{"PutRequest": {"Item": _from_wire_item(parse_item(item))}} for item in items]
        answer = self._call(
            "batch_write_item", ("UnprocessedItems",), should_stop, on_refusal, RequestItems={table: requests}
        )
        left = [
            _raw(request["PutRequest"]["Item"])
            for requests in answer.get("UnprocessedItems", {}).values()
            for request in requests
        ]
        charged = answer.get("ConsumedCapacity", [])
        return BatchAnswer(left, sum(float(one.get("CapacityUnits", 0.0)) for one in charged))

    def put_raw(
        self,
        table: str,
        item: RawItem,
        *,
        unless_exists: str,
        should_stop: Callable[[], bool] = never,
        on_refusal: Refusals = ignore_refusal,
    ) -> PutAnswer:
        """See `ItemTransport.put_raw`."""
        try:
            answer = self._call(
                "put_item",
                (),
                should_stop,
                on_refusal,
                TableName=table,
                Item=_from_wire_item(parse_item(item)),
                ConditionExpression="attribute_not_exists(#k)",
                ExpressionAttributeNames={"#k": unless_exists},
            )
        except AwsError as error:
            if error.code != CONDITION_FAILED:
                raise
            return PutAnswer(True, 0.0)
        return PutAnswer(False, _units(answer))

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def _call(
        self,
        method: str,
        fields: Iterable[str],
        should_stop: Callable[[], bool],
        on_refusal: Refusals,
        **params: Any,
    ) -> dict[str, Any]:
        """The answer, which has these fields: of what is no JSON, botocore makes an empty answer."""
        operation = self._client.meta.method_to_api_mapping[method]

        def once() -> dict[str, Any]:
            from botocore.exceptions import BotoCoreError, ClientError

            try:
                answer: dict[str, Any] = getattr(self._client, method)(ReturnConsumedCapacity="TOTAL", **params)
            except (ClientError, BotoCoreError) as error:
                raise translate(error, "dynamodb", operation, f"table {params.get('TableName', '')}".strip()) from error
            if not all(field in answer for field in fields):
                where = self.endpoint.name or self.endpoint.region
                raise damaged(operation, f"{operation} ({where})", "a part of it is missing")
            return answer

        return self._retries.call(once, should_stop, on_refusal)


def open_boto3(endpoint: Endpoint, connections: int, patience: float) -> BotoTransport:
    """boto3's own client: see `BotoTransport`."""
    return BotoTransport(endpoint, connections=connections, patience=patience)


TRANSPORTS: dict[str, OpenTransport] = {"lean": open_lean, "boto3": open_boto3}
"""The implementations by the name that the user gives."""


def endpoint(account: Account, transport: str | None = None) -> EndpointSpec:
    """Where the items of an account are, its credentials, and what carries them (a name of `TRANSPORTS`; else lean)."""

    def credentials() -> Credentials:
        return Credentials(*account.credentials())

    url, name = account.endpoint("dynamodb"), f"{account.side} {account.id}"
    return EndpointSpec(url, account.region, credentials, name, TRANSPORTS[transport or "lean"])


def _client_of(endpoint: Endpoint, connections: int) -> Any:
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    # botocore has no public setter for credentials that are asked for each time.
    session._credentials = _Asked(endpoint)
    client = session.create_client(
        "dynamodb",
        region_name=endpoint.region,
        endpoint_url=endpoint.url,
        config=Config(
            # The loop around it repeats; two loops would multiply.
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=connections,
        ),
    )
    client.meta.events.register("after-call.dynamodb", _check_sum)
    return client


def _check_sum(http_response: Any, model: Any, **_more: Any) -> None:
    """botocore compares checksums only to decide whether to repeat, and takes what the last attempt has brought."""
    expected = http_response.headers.get("x-amz-crc32")
    if expected is not None and expected != str(zlib.crc32(http_response.content)):
        raise damaged(model.name, model.name, "its checksum is not the service's")


def sample_items(account: Account, table: str, limit: int) -> tuple[list[dict[str, Any]], float]:
    """The first items of a table in wire form, and the read units that they cost: one Scan with a Limit."""
    answer = call(account, "dynamodb", "Scan", TableName=table, Limit=limit, ReturnConsumedCapacity="TOTAL")
    items = [{name: _to_wire(value) for name, value in item.items()} for item in answer.get("Items", ())]
    return items, _units(answer)


class _Asked:
    """Credentials as botocore wants them: frozen for each request."""

    method = "asked"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def get_frozen_credentials(self) -> Any:
        from botocore.credentials import ReadOnlyCredentials

        now = self._endpoint.credentials()
        return ReadOnlyCredentials(now.access_key, now.secret_key, now.token)

    def get_deferred_property(self, name: str) -> Any:
        return lambda: getattr(self.get_frozen_credentials(), name, None)


def _units(answer: dict[str, Any]) -> float:
    return float((answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0.0))


def _raw(item: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: _to_wire(value) for name, value in item.items()})


def _from_wire_item(item: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: _from_wire(value) for name, value in item.items()}


def _to_wire(typed: dict[str, Any]) -> dict[str, Any]:
    return {kind: _map_value(kind, value, _to_wire, _encoded) for kind, value in typed.items()}


def _from_wire(typed: dict[str, Any]) -> dict[str, Any]:
    return {kind: _map_value(kind, value, _from_wire, base64.b64decode) for kind, value in typed.items()}


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _map_value(kind: str, value: Any, inner: Callable[[dict[str, Any]], Any], binary: Callable[[Any], Any]) -> Any:
    """boto3's form and the wire's differ in binary values only."""
    if kind == "B":
        return binary(value)
    if kind == "BS":
        return [binary(one) for one in value]
    if kind == "L":
        return [inner(one) for one in value]
    if kind == "M":
        return {name: inner(one) for name, one in value.items()}
    return value
