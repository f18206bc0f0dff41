"""AddJobFlowSteps, DescribeStep, ListSteps, CancelSteps.

https://docs.aws.amazon.com/emr/latest/APIReference/API_AddJobFlowSteps.html

It has no token either. Not emulated: ExecutionRoleArn (runtime roles), logs of a step in a place of its own.
"""

from __future__ import annotations

import itertools
from typing import Any

from migrate.sandbox import emr_life
from migrate.sandbox.emr_store import ENDED, Cluster, Step, find, new_id
from migrate.sandbox.engine_runs import doom_of
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation

_MOST_OPEN = 256


def add(call: Call, cluster: Cluster, wishes: list[dict[str, Any]]) -> list[str]:
    """Puts steps behind the cluster's others; their ids. A fault strikes the first of them."""
    dooms = itertools.chain([doom_of(call)], itertools.repeat(None))
    steps = [Step(new_id("s"), wish, doom) for wish, doom in zip(wishes, dooms, strict=False)]
    cluster.steps.update({step.id: step for step in steps})
    return [step.id for step in steps]


@operation("emr", "AddJobFlowSteps", "JobFlowId Steps")
def add_steps(call: Call) -> dict[str, Any]:
    cluster = find(call, "JobFlowId")
    if cluster.state in (*ENDED, "TERMINATING"):
        raise Refused(
            "ValidationException", "A job flow that is shutting down, terminated, or finished may not be modified."
        )
    open_steps = sum(step.state in ("PENDING", "RUNNING") for step in cluster.steps.values())
    if open_steps + len(call.body["Steps"]) > _MOST_OPEN:
        raise Refused("ValidationException", f"Maximum number of active steps ({_MOST_OPEN}) for the cluster exceeded.")
    ids = add(call, cluster, call.body["Steps"])
    emr_life.go_on(cluster)
    return {"StepIds": ids}


@operation("emr", "DescribeStep", "ClusterId StepId")
def describe(call: Call) -> dict[str, Any]:
    step = find(call).steps.get(call.body["StepId"])
    if step is None:
        raise Refused("InvalidRequestException", f"Step id '{call.body['StepId']}' is not valid.")
    return {"Step": step.describe()}


@operation("emr", "ListSteps", "ClusterId StepStates StepIds Marker")
def list_all(call: Call) -> dict[str, Any]:
    states, ids = call.body.get("StepStates"), call.body.get("StepIds")
    found = [
        step.describe()
        for step in reversed(list(find(call).steps.values()))
        if (not states or step.state in states) and (not ids or step.id in ids)
    ]
    return call.page("Steps", found, token="Marker")


@operation("emr", "CancelSteps", "ClusterId StepIds StepCancellationOption")
def cancel(call: Call) -> dict[str, Any]:
    """A running step is ended too, whichever option is given."""
    cluster, told = find(call), []
    for id in call.body["StepIds"]:
        step = cluster.steps.get(id)
        if step is not None and emr_life.cancel(step):
            told.append({"StepId": id, "Status": "SUBMITTED"})
        else:
            told.append({"StepId": id, "Status": "FAILED", "Reason": "The step is not known or has ended."})
    emr_life.go_on(cluster)
    return {"CancelStepsInfoList": told}
