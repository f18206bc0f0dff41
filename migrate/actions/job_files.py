"""The job's script and archive in S3, named by what is in them: a newer program makes files beside the old ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from migrate.actions.base import Absent, Context, Done, Observation, Satisfied, Step, StepResult
from migrate.actions.export import delete_folder
from migrate.actions.places import Places
from migrate.aws import objects
from migrate.core.access import Access, allow
from migrate.plan.model import Action
from migrate.spark import archive
from migrate.state.model import OwnedResource


class JobFilesHandler:
    """Kind `job-files`: params `bucket`, `prefix`. Outputs `script` and `archive`, both `s3://bucket/key`."""

    slot: str | None = "control"

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
        files = job_files(step).items()
        found = (objects.size(context.target, step.params["bucket"], key) for key, _ in files)
        return Satisfied() if list(found) == [len(content) for _, content in files] else Absent()

    def start(self, step: Step, context: Context) -> str | None:
        """See `ActionHandler.start`."""
        for key, content in job_files(step).items():
            objects.write(context.target, step.params["bucket"], key, content)
        return None

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `ActionHandler.poll`."""
        script, packed = (f"s3://{step.params['bucket']}/{key}" for key in job_files(step))
        return Done({"script": script, "archive": packed}, owned=(_owned(step, is_confirmed=True),))

    def undo(self, step: Step, context: Context) -> None:
        """Delete the files."""
        delete_folder(context, _owned(step, is_confirmed=True).id)


def job_files(step: Step) -> dict[str, bytes]:
    """Key -> content: the script, then the archive."""
    script, built = archive.script(), archive.build()
    name = hashlib.sha256(script + built.content).hexdigest()[:16]
    folder = f"{step.params['prefix']}/{name}"
    return {f"{folder}/job.py": script, f"{folder}/migrate.zip": built.content}


def _owned(step: Step, *, is_confirmed: bool) -> OwnedResource:
    id = f"s3://{step.params['bucket']}/{step.params['prefix']}/"
    return OwnedResource(id, "job-files", "target", step.address, is_confirmed)
