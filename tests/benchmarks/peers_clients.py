"""The contestants in Python, each a process: `python -m tests.benchmarks.peers_clients NAME URL SOURCE TARGET`.

Each imports only what it needs itself: starting it is part of its cost.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def engine_copy(url: str, source: str, target: str) -> None:
    """Our engine alone, called as the copy step of `migrate apply` calls it for a table of this size."""
    from migrate.data.copy import CopyJob, copy_table
    from migrate.data.endpoints import EndpointSpec
    from migrate.data.transport import Credentials

    spec = EndpointSpec(url, "eu-west-1", lambda: Credentials("AKID", "secret"))
    with tempfile.TemporaryDirectory() as folder:
        copy_table(spec, spec, CopyJob(source, target, ("pk", "sk"), Path(folder), processes=0))


def boto3_copy(url: str, source: str, target: str) -> None:
    """What one writes by hand: eight threads, a segment each, 25 items at a time."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(max_pool_connections=8),
    )

    def copy(segment: int) -> None:
        start: dict[str, Any] = {}
        while True:
            page = client.scan(TableName=source, Segment=segment, TotalSegments=8, **start)
            requests = [{"PutRequest": {"Item": item}} for item in page["Items"]]
            for first in range(0, len(requests), 25):
                client.batch_write_item(RequestItems={target: requests[first : first + 25]})
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(copy, range(8)))


if __name__ == "__main__":
    {"engine": engine_copy, "loop": boto3_copy}[sys.argv[1]](*sys.argv[2:])
