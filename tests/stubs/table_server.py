"""The scan stub with tables that can be written: BatchWriteItem and PutItem, as strict as DynamoDB is."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from migrate.data.endpoints import EndpointSpec, OpenTransport, open_lean
from migrate.data.transport import Credentials
from tests.stubs.scan_server import Item, ScanServer

WRITE_FAULTS = ("throttle", "busy", "damaged", "drop", "cut", "torn", "lost", "unprocessed")
"""lost: the write is carried out, the answer never comes. unprocessed: a part of the batch comes back."""


def credentials() -> Credentials:
    return Credentials("AKID", "secret", "token")


class TableServer(ScanServer):
    """`written` has the tables as they were written: name -> key -> item. `puts` counts every put of a key."""

    def __init__(self, key_names: tuple[str, ...] = ("pk",), page_items: int = 100) -> None:
        super().__init__(key_names, page_items)
        self.written: dict[str, dict[str, Item]] = {}
        self.puts: Counter[str] = Counter()
        self.refuse: Callable[[Item], str | None] = lambda item: None
        """The service's reason not to take an item."""

        self.unprocessed = 0.4
        """Share of a batch that comes back with the fault `unprocessed`."""

        self._dice = random.Random(7)
        self._writing = threading.Lock()

    def spec(self, open_transport: OpenTransport = open_lean) -> EndpointSpec:
        return EndpointSpec(self.url, "eu-west-1", credentials, open_transport=open_transport)

    def key(self, item: Item) -> str:
        return json.dumps([item[name] for name in self.key_names])

    def table(self, name: str) -> list[Item]:
        return [item for _, item in sorted(self.written.get(name, {}).items())]

    def write(self, operation: str, request: dict[str, Any], fault: object) -> tuple[int, dict[str, Any]]:
        with self._writing:
            if operation == "PutItem":
                return self._put(request)
            (table, requests), *_ = request["RequestItems"].items()
            return self._batch(table, [one["PutRequest"]["Item"] for one in requests], fault)

    def _put(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        item, rows = request["Item"], self.written.setdefault(request["TableName"], {})
        reason = self.refuse(item)
        if reason:
            return 400, {"__type": "com.amazon.coral.validate#ValidationException", "message": reason}
        if self.key(item) in rows:
            return 400, {"__type": "x#ConditionalCheckFailedException", "message": "The conditional request failed"}
        self.puts[self.key(item)] += 1
        rows[self.key(item)] = item
        return 200, {"ConsumedCapacity": {"TableName": request["TableName"], "CapacityUnits": 1.0}}

    def _batch(self, table: str, items: list[Item], fault: object) -> tuple[int, dict[str, Any]]:
        keys = [self.key(item) for item in items]
        reason = next(filter(None, map(self.refuse, items)), None)
        if len(items) > 25:
            reason = "Too many items requested for the BatchWriteItem call"
        elif len(set(keys)) < len(keys):
            reason = "Provided list of item keys contains duplicates"
        if reason:
            return 400, {"__type": "com.amazon.coral.validate#ValidationException", "message": reason}
        left = []
        for key, item in zip(keys, items, strict=True):
            if "unprocessed" in str(fault) and self._dice.random() < self.unprocessed:
                left.append({"PutRequest": {"Item": item}})
                continue
            self.puts[key] += 1
            self.written.setdefault(table, {})[key] = item
        units = {"TableName": table, "CapacityUnits": float(len(items) - len(left))}
        self._dice.shuffle(left)
        return 200, {"UnprocessedItems": {table: left} if left else {}, "ConsumedCapacity": [units]}
