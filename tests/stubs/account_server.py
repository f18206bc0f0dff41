"""Two AWS accounts, in a process of their own, with as many DynamoDB tables as are asked for: cheap answers, late.

Every answer takes the same time, however many are under way, as a service over a network does, and next to no CPU: what
a client takes is its own. The source account has every table that is asked about; the target account has none. Every
second table has a tag. Counts what was asked.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs

SOURCE = "111111111111"
REGION = "eu-west-1"
_PAGE = 100
_STRINGS = ("pk", "sk", "gsi")


def _table(name: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "TableArn": _arn(name),
        "TableId": "7e0c3c3b-0000-4000-8000-000000000000",
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in _STRINGS],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0},
        "TableSizeBytes": 5_000_000_000,
        "ItemCount": 5_000_000,
        "CreationDateTime": 1.7e9,
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-gsi",
                "IndexStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "gsi", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
            }
        ],
    }


def _arn(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/{name}"


class Accounts:
    """What is answered. `tables` is how many of them the tags are listed for."""

    def __init__(self, tables: int) -> None:
        self.calls: Counter[str] = Counter()
        self.tagged = [f"table-{number:04d}" for number in range(0, tables, 2)]

    def answer(self, head: str, body: bytes) -> tuple[int, str]:
        """Status and body of one answer."""
        account = head.partition("Credential=STUB")[2][:12]
        target = next((line for line in head.split("\r\n") if line.lower().startswith("x-amz-target:")), "")
        operation = target.rpartition(".")[2].strip()
        if operation:
            self.calls[f"{account}/{operation}"] += 1
            return self._json(operation, account, json.loads(body or b"{}"))
        if head.startswith("HEAD "):
            self.calls[f"{account}/HeadBucket"] += 1
            return 404, ""
        if head.startswith("GET /stub/calls"):
            return 200, json.dumps(self.calls)
        form = parse_qs(body.decode())
        return 200, self._sts(form["Action"][0], form, account)

    def _json(self, operation: str, account: str, body: dict[str, Any]) -> tuple[int, str]:
        name = str(body.get("TableName") or body.get("ResourceArn", "")).rpartition("/")[2]
        if operation == "DescribeTable" and account != SOURCE:
            return 400, json.dumps({"__type": "x#ResourceNotFoundException", "message": f"Table: {name} not found"})
        if operation == "GetResourcePolicy":
            return 400, json.dumps({"__type": "x#PolicyNotFoundException", "message": "no policy"})
        return 200, json.dumps(self._found(operation, name, body))

    def _found(self, operation: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeTable":
            return {"Table": _table(name)}
        if operation == "DescribeContinuousBackups":
            return {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}}
        if operation == "DescribeTimeToLive":
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        if operation == "GetResources":
            start = int(body.get("PaginationToken") or 0)
            page = self.tagged[start : start + _PAGE]
            token = str(start + _PAGE) if start + _PAGE < len(self.tagged) else ""
            tags = [{"Key": "team", "Value": "checkout"}]
            listed = [{"ResourceARN": _arn(name), "Tags": tags} for name in page]
            return {"ResourceTagMappingList": listed, "PaginationToken": token}
        return {}  # no tags, no streams, no insights, no scaling

    def _sts(self, action: str, form: dict[str, list[str]], account: str) -> str:
        if action == "AssumeRole":
            account = form["RoleArn"][0].split(":")[4]
            found = (
                f"<Credentials><AccessKeyId>STUB{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            )
        else:
            arn = f"arn:aws:sts::{account}:assumed-role/MigrateSandbox/migrate"
            found = f"<Account>{account}</Account><Arn>{arn}</Arn><UserId>u</UserId>"
        return f"<{action}Response><{action}Result>{found}</{action}Result></{action}Response>"


class _Connection(asyncio.Protocol):
    def __init__(self, accounts: Accounts, seconds: float) -> None:
        self.accounts = accounts
        self.seconds = seconds
        self.buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).decode("latin-1")
        length = head.lower().partition("content-length:")[2].partition("\r\n")[0].strip()
        size = end + 4 + int(length or 0)
        if len(self.buffer) < size:
            return
        status, text = self.accounts.answer(head, bytes(self.buffer[end + 4 : size]))
        del self.buffer[:size]
        answer = f"HTTP/1.1 {status} Stub\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        asyncio.get_running_loop().call_later(self.seconds, self.transport.write, answer)


def _serve(tables: int, seconds: float, answers_to: Connection) -> None:
    async def run() -> None:
        accounts = Accounts(tables)
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(accounts, seconds), "127.0.0.1", 0)
        answers_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def account_server(tables: int, seconds: float = 0.0) -> Iterator[str]:
    """The URL of a server that lives as long as the block, and takes so many seconds for every answer."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(tables, seconds, theirs), daemon=True)
    process.start()
    theirs.close()  # so that a server that cannot start is noticed
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.kill()
        process.join()


def calls_of(url: str) -> Counter[str]:
    """`account/Operation` -> how often it was asked of the server at `url`; STS is not counted."""
    with urllib.request.urlopen(f"{url}/stub/calls") as answer:
        return Counter(json.loads(answer.read()))
