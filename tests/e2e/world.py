"""A sandbox as a process of its own, and the command line run against it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from migrate.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SOURCE, TARGET, REGION = "111111111111", "222222222222", "eu-west-1"
QUICK = [word for name in ("create", "update", "export", "load", "settings") for word in (f"--{name}-seconds", "0")]
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "anybody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class World:
    """One test's folder and its view of the sandbox."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._clients: dict[tuple[str, str], Any] = {}
        self.source = self.client("dynamodb", SOURCE)
        self.target = self.client("dynamodb", TARGET)

    def client(self, service: str, account: str) -> Any:
        if (service, account) not in self._clients:
            self._clients[service, account] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=account,
                aws_secret_access_key="secret",
                config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
            )
        return self._clients[service, account]

    def table(self, name: str, items: int = 5, **changes: Any) -> None:
        """A table of the source account with the key `id` (S), and so many small items."""
        wish = {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            **changes,
        }
        self.source.create_table(**wish)
        for number in range(items):
            self.source.put_item(TableName=name, Item={"id": {"S": f"i{number}"}, "n": {"N": str(number)}})

    def manifest(
        self, tables: str = "[{name: orders}]", *, name: str = "move", file: str = "m.yaml", **more: Any
    ) -> str:
        """Writes a manifest. `tables` is YAML; `source` and `target` replace fields of the accounts."""
        text = [f"version: 1\nname: {name}\naccounts:"]
        for side, id in (("source", SOURCE), ("target", TARGET)):
            fields = {
                "id": id,
                "region": REGION,
                "role": f"arn:aws:iam::{id}:role/MigrateSandbox",
                "endpoint_url": self.url,
                **more.pop(side, {}),
            }
            text.append(f"  {side}: {json.dumps({k: v for k, v in fields.items() if v is not None})}")
        more.setdefault("strategies", {"s3": {"bucket": f"migration-{TARGET}", "create_bucket": True}})
        text += [f"{key}: {json.dumps(value)}" for key, value in more.items()]
        text.append(f"tables: {tables}\n")
        (self.folder / file).write_text("\n".join(text))
        return file

    def run(self, *words: str) -> Outcome:
        """The command line, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(words))
        return Outcome(code, out.getvalue(), err.getvalue())

    def ok(self, *words: str) -> Outcome:
        """As `run`; the command must succeed."""
        outcome = self.run(*words)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome

    def process(self, *words: str, **arguments: Any) -> subprocess.CompletedProcess[str]:
        """The command line as a process of its own."""
        command = [sys.executable, "-m", "migrate", *words]
        return subprocess.run(
            command, cwd=self.folder, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, **arguments
        )

    def faults(self, *rules: dict[str, Any]) -> None:
        """From now on, these calls fail (see `migrate/sandbox/faults.py`)."""
        control(self.url, "faults", {"rules": list(rules)})

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The calls of an operation that the sandbox has answered."""
        with urllib.request.urlopen(f"{self.url}/sandbox/calls?operation={operation}") as answer:
            return list(json.load(answer))

    def items(self, account: str, table: str) -> list[dict[str, Any]]:
        pages = self.client("dynamodb", account).get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]


def control(url: str, name: str, body: Any = None) -> Any:
    """POST to one of the sandbox's own endpoints; its answer."""
    request = urllib.request.Request(f"{url}/sandbox/{name}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


@contextlib.contextmanager
def sandbox(log: Path, **more: str) -> Iterator[str]:
    """A sandbox without waiting times, with `more` in its environment; gives its URL."""
    command = [sys.executable, "-m", "migrate.sandbox", "--with-parent", *QUICK]
    environment = {**os.environ, **ENVIRONMENT, **more}
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            yield json.loads(line)["endpoint_url"]
        finally:
            process.kill()
