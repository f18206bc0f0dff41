"""A plan as JSON (`schemas/plan.schema.json`), for pipelines and to be applied later, and back."""

from __future__ import annotations

from migrate.core.codec import Json, Undecodable, decode
from migrate.core.diagnostics import error
from migrate.core.errors import ManifestInvalid, StateUnusable
from migrate.plan.model import FORMAT_VERSION, Plan

_MAKE_IT_AGAIN = "make it again: migrate plan manifest.yaml --out FILE"


def plan_document(plan: Plan) -> dict[str, Json]:
    """The plan with its id and with what pipelines ask for first: accounts by side, summary, verdicts.

    `read_plan` reads it back; `plan_id` and what is derived tell whether anything was changed.
    """
    body = plan.body
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


def plan_digest(plan: Plan) -> str:
    """`sha256:` and the plan's id: what an approver names, and what `apply --expect` compares."""
    return f"sha256:{plan.plan_id}"


def read_plan(value: Json, where: str) -> Plan:
    """The plan in a plan file's JSON. Raises `ManifestInvalid`, or `StateUnusable` for a newer version's."""
    version = value.get("format_version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise StateUnusable(f"{where} was written by a newer version of migrate", hint="upgrade migrate")
    try:
        plan = decode(Plan, value)
    except Undecodable as problem:
        raise ManifestInvalid([error(f"{where} is no plan: {problem}", hint=_MAKE_IT_AGAIN)]) from None
    if value != plan_document(plan):
        what = f"{where} was changed by hand: its plan_id, or what is derived, does not match its content"
        raise ManifestInvalid([error(what, why="nothing of it is carried out", hint=_MAKE_IT_AGAIN)])
    return plan
