"""The job's files in S3, named by what is in them: script and archive, of which a newer program makes others beside the
old ones, and a table's transform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from migrate.actions.base import Absent, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.export import delete_folder
from migrate.actions.places import Places
from migrate.actions.transform import transform_of
from migrate.aws import objects
from migrate.core.access import Access, allow
from migrate.plan.model import Action
from migrate.spark import archive, transforming
from migrate.state.model import OwnedResource


class JobFilesHandler:
    """Kind `job-files`: params `bucket`, `prefix`. Outputs `script` and `archive`, both `s3://bucket/key`."""

    slot: str | None = "control"
    outputs: tuple[str, ...] = ("script", "archive")

    def files(self, step: Step, context: Context) -> dict[str, bytes]:
        """Key -> content, in the order of `outputs`."""
        script, built = archive.script(), archive.build()
        folder = f"{step.params['prefix']}/{_name(script + built.content)}"
        return {f"{folder}/job.py": script, f"{folder}/migrate.zip": built.content}

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place, bucket = places.of(action.side), action.params["bucket"]
        yield allow(place.side, "s3:GetObject PutObject", place.objects(bucket, action.params["prefix"]))
        yield allow(
            place.side, "s3:ListBucket", place.bucket(bucket), when="S3 then says that a file is not there, not 403"
        )
        yield from places.objects_of(bucket, "GenerateDataKey Decrypt")

    def claims(self, step: Step, context: Context) -> tuple[OwnedResource, ...]:
        """The folder of the files."""
        return (_owned(step, is_confirmed=False),)

    def observe(self, step: Step, context: Context) -> Observation:
        """See `ActionHandler.observe`. Their names say what is in them, so that they are there is enough."""
        files = self.files(step, context).items()
        found = (objects.size(context.target, step.params["bucket"], key) for key, _ in files)
        return Satisfied() if list(found) == [len(content) for _, content in files] else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        for key, content in self.files(step, context).items():
            objects.write(context.target, step.params["bucket"], key, content)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        places = (f"s3://{step.params['bucket']}/{key}" for key in self.files(step, context))
        return Done(dict(zip(self.outputs, places, strict=True)), owned=(_owned(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the files."""
        delete_folder(context, _owned(step, is_confirmed=True).id)


class JobTransformHandler(JobFilesHandler):
    """Kind `job-transform`: params `bucket`, `prefix`, `transform`. Outputs `place`, `s3://bucket/key`.

    The user's Python files are in it, as they were planned with.
    """

    outputs = ("place",)

    def files(self, step: Step, context: Context) -> dict[str, bytes]:
        """See `JobFilesHandler.files`. Raises `Invalid` when a Python file has changed since."""
        transform = transform_of(step, context)
        assert transform is not None
        content = transforming.written(transform)
        return {f"{step.params['prefix']}/{_name(content)}.json": content}


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _owned(step: Step, *, is_confirmed: bool) -> OwnedResource:
    id = f"s3://{step.params['bucket']}/{step.params['prefix']}/"
    return OwnedResource(id, "job-files", "target", step.address, is_confirmed)
