"""A plan as JSON (`schemas/plan.schema.json`): for pipelines, and to be applied later."""

from __future__ import annotations

from migrate.core.codec import Json, encode
from migrate.plan.model import Plan


def plan_document(plan: Plan) -> dict[str, Json]:
    """The plan with its id, its summary, and its accounts under the names that the manifest uses.

    `migrate apply FILE` reads it back; what is derived is checked then by `plan_id`.
    """
    body = encode(plan)
    return {
        "format_version": plan.format_version,
        "plan_id": plan.plan_id,
        "migration": plan.migration,
        "accounts": {"source": body["source"], "target": body["target"]},
        "summary": plan.summary(),
        "applyable": plan.is_applyable,
        "errored": plan.is_errored,
        **body,
    }
