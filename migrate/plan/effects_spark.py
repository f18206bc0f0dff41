"""What the Spark job and its engines change in a simulated world."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.plan.effects import owned_removal
from migrate.plan.strategy import SPARK_VERIFICATIONS
from migrate.plan.transforms import planned_digest
from migrate.plan.world import Result, Turn, owned
from migrate.state.model import OwnedResource


def _files(turn: Turn) -> Result:
    folder = f"s3://{turn.params['bucket']}/{turn.params['prefix']}/"
    outputs = {"script": f"{folder}job.py", "archive": f"{folder}migrate.zip"}
    return outputs, (owned(turn.action, folder, "job-files"),), ()


def _transform(turn: Turn) -> Result:
    folder = f"s3://{turn.params['bucket']}/{turn.params['prefix']}/"
    return {"place": f"{folder}transform.json"}, (owned(turn.action, folder, "job-files"),), ()


def _glue_job(turn: Turn) -> Result:
    target, name = turn.world.before.target, turn.params["name"]
    arn = f"arn:{target.partition}:glue:{target.region}:{target.id}:job/{name}"
    return {"name": name}, (owned(turn.action, arn, "glue-job"),), ()


def _application(turn: Turn) -> Result:
    id = turn.record.token[:16]
    name = f"emr-serverless://{turn.world.before.target.id}/{turn.params['name']}"
    made = OwnedResource(name, "emr-application", "target", turn.action.address, is_confirmed=True, proof={"id": id})
    return {"application_id": id}, (made,), ()


def _run(turn: Turn) -> Result:
    outputs = {"table_id": turn.params["table_id"], "kept": 0, "source_items": 0, "source_digest": None}
    outputs |= planned_digest(turn.params)
    folder = f"s3://{turn.params['bucket']}/{turn.params['folder']}/"
    return outputs, (owned(turn.action, folder, "job-work"),), ()


def _verify(turn: Turn) -> Result:
    folder = f"s3://{turn.params['bucket']}/{turn.params['folder']}/"
    outputs = {"table_id": turn.params["table_id"], "mode": "digest"}
    return outputs, (owned(turn.action, folder, "job-work"),), ()


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    "job-files": _files,
    "job-transform": _transform,
    "glue-job": _glue_job,
    "glue-run": _run,
    "emr-application": _application,
    "emr-run": _run,
    "emr-cluster": _run,
    "emr-step": _run,
    **dict.fromkeys(SPARK_VERIFICATIONS, _verify),
    "job-files-removal": owned_removal,
    "job-work-removal": owned_removal,
    "glue-job-removal": owned_removal,
    "emr-application-removal": owned_removal,
}
