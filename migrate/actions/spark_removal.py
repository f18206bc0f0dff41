"""Clean-up of what the Spark job needed: its files, its work folders, Glue jobs, EMR Serverless applications."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.actions import emr_serverless, glue_job
from migrate.actions.base import Again, Context, Done, Running, Step, StepResult
from migrate.actions.places import LATER, Places
from migrate.actions.removal import ExportRemoval, Removal
from migrate.core.access import Access, allow
from migrate.plan.model import Action
from migrate.state.model import OwnedResource


class JobFilesRemoval(ExportRemoval):
    """Kind `job-files-removal`: script and archive."""

    kind = "job-files"


class JobWorkRemoval(ExportRemoval):
    """Kind `job-work-removal`: books, dead letters, results and logs of the runs of one table."""

    kind = "job-work"

    def folder(self, action: Action, places: Places) -> tuple[str, str]:
        """See `ExportRemoval`."""
        return places.made(action, "bucket"), places.made(action, "folder")


class GlueJobRemoval(Removal):
    """Kind `glue-job-removal`: a Glue job that carries our lineage."""

    kind = "glue-job"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.target
        job = place.arn("glue", f"job/{places.made(action, 'name')}")
        yield allow(place.side, "glue:GetJob GetTags DeleteJob", job)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`."""
        return not glue_job.is_owned(context.target, _name(resource), context.lineage)

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        glue_job.remove_job(context.target, _name(resource), context.lineage)


class EmrApplicationRemoval(Removal):
    """Kind `emr-application-removal`: stopped first, then deleted."""

    kind = "emr-application"

    def access(self, action: Action, places: Places) -> Iterator[Access]:
        """See `ActionHandler.access`."""
        place = places.target
        ours = {"StringEquals": {"aws:ResourceTag/migrate:address": action.params["of"]}}
        names = "emr-serverless:StopApplication DeleteApplication"
        yield allow(place.side, "emr-serverless:GetApplication", place.arn(*emr_serverless.ANY), wide=LATER)
        yield allow(place.side, names, place.arn(*emr_serverless.ANY), condition=ours, wide=LATER)

    def is_gone(self, resource: OwnedResource, context: Context) -> bool:
        """See `Removal`. What was only announced and never confirmed has no id."""
        id = resource.proof.get("id")
        return not id or emr_serverless.owned_application(context.target, id, context.lineage) is None

    def remove(self, resource: OwnedResource, step: Step, context: Context) -> None:
        """See `Removal`."""
        found = emr_serverless.owned_application(context.target, resource.proof.get("id", ""), context.lineage)
        if found is not None:
            emr_serverless.end_application(context.target, found)

    def poll(self, step: Step, context: Context) -> StepResult:
        """See `Removal`. Once it has stopped, it is started again to delete it."""
        ours = self.ours(step)
        left = [one for one in ours if not self.is_gone(one, context)]
        if not left:
            return Done(released=tuple(one.id for one in ours))
        found = (emr_serverless.owned_application(context.target, one.proof["id"], context.lineage) for one in left)
        is_stopped = any(one is not None and one["state"] in ("CREATED", "STOPPED") for one in found)
        return Again(0.5) if is_stopped else Running(0.5)


def _name(resource: OwnedResource) -> str:
    return resource.id.rpartition("/")[2]
