"""Runs on real Spark, and that nothing of a run outlives who started it."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.sandbox.settings import TARGET_ACCOUNT
from migrate.sandbox.spark_process import last_words
from migrate.spark import archive
from migrate.spark.arguments import JobSpec, of
from tests.sandbox import aws
from tests.sandbox.engine_world import SLEEP, Glue, Serverless, is_alive, until
from tests.spark.running import needs_spark, spec_in

SPARK = needs_spark()
WORKERS = """
import os, time
import boto3

def work(number):
    key = f"seen-{number}-{os.getpid()}"
    s3 = boto3.client("s3")
    s3.put_object(Bucket=os.environ["HELD"], Key=key, Body=b"")
    time.sleep(float(os.environ["PAUSE"]))
    return number
"""
DRIVER = """
import os, sys
from pyspark import SparkConf, SparkContext
conf = SparkConf()
for name, flag in (("HELD", "--bucket"), ("PAUSE", "--pause")):
    conf.setExecutorEnv(name, sys.argv[sys.argv.index(flag) + 1])
context = SparkContext(conf=conf)
import shipped
print(sorted(context.parallelize(range(2), 2).map(shipped.work).collect()))
"""


@pytest.fixture
def glue(sandbox: Any) -> Glue:
    return Glue(sandbox)


def _shipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("shipped.py", WORKERS)
    return content.getvalue()


def _job(world: Glue, pause: float) -> str:
    archived = world.upload(_shipped(), "shipped.zip")
    arguments = {"--extra-py-files": archived, "--bucket": world.store, "--pause": str(pause)}
    world.job(DRIVER, DefaultArguments=arguments)
    return world.start()


def _seen(world: Glue) -> list[str]:
    found = world.s3.list_objects_v2(Bucket=world.store, Prefix="seen-").get("Contents", [])
    return [one["Key"] for one in found]


class TestRealSpark:
    pytestmark = SPARK

    def test_a_run_survives_the_loss_of_its_workers(self, glue: Glue) -> None:
        glue.fault("executor-killed", operation="StartJobRun", seconds=0, times=1)
        run = _job(glue, pause=2)
        found = glue.ended(run)
        assert found["JobRunState"] == "SUCCEEDED", glue.log("/aws-glue/jobs/error", run)
        assert glue.log("/aws-glue/jobs/output", run) == "[0, 1]"
        assert "Lost task" in glue.log("/aws-glue/jobs/error", run)

    def test_a_run_that_is_stopped_leaves_neither_jvm_nor_workers(self, glue: Glue) -> None:
        run = _job(glue, pause=600)
        seen = until(lambda: _seen(glue), lambda found: len(found) == 2)
        glue.glue.batch_stop_job_run(JobName="job", JobRunIds=[run])
        assert glue.ended(run)["JobRunState"] == "STOPPED"
        workers = [int(key.rpartition("-")[2]) for key in seen]
        until(lambda: [pid for pid in workers if is_alive(pid)], lambda left: not left)

    def test_the_job_of_this_project_copies_a_table(self, sandbox: Any) -> None:
        world = Serverless(sandbox)
        source, target = world.source("dynamodb"), world.target("dynamodb")
        for client, name in ((source, "orders"), (target, "copied")):
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            )
        for number in range(50):
            source.put_item(TableName="orders", Item={"pk": {"S": str(number)}, "n": {"N": "1.50"}})
        spec = spec_in(sandbox, "copy", "folder", work=f"s3://{world.store}/folder")
        spec = JobSpec(**{**vars(spec), **dict.fromkeys(("source_endpoint", "target_endpoint", "work_endpoint"))})
        wish = world.wish(archive.script().decode())
        driver = wish["jobDriver"]["sparkSubmit"]
        driver["entryPointArguments"] = [word for pair in of(spec).items() for word in pair]
        driver["sparkSubmitParameters"] = f"--py-files {world.upload(archive.build().content, 'migrate.zip')}"
        found = world.ended(world.emr.start_job_run(**wish)["jobRunId"])
        assert found["state"] == "SUCCESS", found["stateDetails"]
        assert json.loads(world.object("folder/result.json"))["written"] == 50
        copied = target.scan(TableName="copied")["Items"]
        assert sorted(copied, key=str) == sorted(source.scan(TableName="orders")["Items"], key=str)


@contextlib.contextmanager
def own_sandbox(*options: str) -> Iterator[tuple[subprocess.Popen[str], SimpleNamespace]]:
    """A sandbox in a process of its own."""
    command = [sys.executable, "-m", "migrate.sandbox", "--provision-seconds", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, SimpleNamespace(endpoint_url=json.loads(process.stdout.readline())["endpoint_url"])
        finally:
            process.kill()


@pytest.mark.usefixtures("without_java")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_run_outlives_the_sandbox(end: signal.Signals) -> None:
    with own_sandbox() as (process, sandbox):
        world = Glue(sandbox)
        world.job(
            f"import os, boto3\nboto3.client('s3').put_object(Bucket='{world.store}', Key=f'seen-{{os.getpid()}}')\n"
            + SLEEP
        )
        run = world.start()
        (key,) = until(lambda: world.look(run) and _seen(world), bool)
        process.send_signal(end)
        process.wait(20)
    until(lambda: is_alive(int(key.removeprefix("seen-"))), lambda alive: not alive)


@pytest.mark.usefixtures("without_java")
def test_what_ran_when_the_sandbox_stopped_is_failed_when_it_is_back(tmp_path: Path) -> None:
    kept = ("--state-file", str(tmp_path / "state"))
    with own_sandbox(*kept) as (process, sandbox):
        world = Glue(sandbox)
        world.job(SLEEP)
        run = world.start()
        assert world.running(run)["JobRunState"] == "RUNNING"
        process.terminate()
        process.wait(20)
    with own_sandbox(*kept) as (_, sandbox):
        world.glue = aws.client(sandbox.endpoint_url, "glue", TARGET_ACCOUNT)
        found = world.look(run)
    assert found["JobRunState"] == "FAILED"
    assert "The sandbox was stopped" in found["ErrorMessage"]


def test_the_last_words_are_the_scripts_own() -> None:
    log = "26/11/23 21:00:00 INFO SparkContext: hello"
    trace = 'Traceback (most recent call last):\n  File "job.py", line 1\n    x\nValueError: why\nand how'
    java = "py4j.protocol.Py4JJavaError: bad\n\tat org.apache.spark.Thing"
    assert last_words(f"{log}\n{trace}\n{log}\n") == "ValueError: why\nand how"
    assert last_words(f"{log}\nwhat went wrong\n{log}") == "what went wrong"
    assert last_words(f"Traceback (most recent call last):\n  x\n{java}") == "py4j.protocol.Py4JJavaError: bad"
    task = "Caused: Traceback (most recent call last):\n  y\nKeyError: 'k'\n\n\tat org.apache.spark.Thing"
    assert last_words(f"{trace}: x\n{task}") == "KeyError: 'k'"
    assert last_words(log) == ""
