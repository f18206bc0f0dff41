"""Amazon EMR on EC2: clusters and their steps. API reference: 2009-03-31.

RunJobFlow and AddJobFlowSteps have no client token: callers look for theirs first, by name and tag.
https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from migrate.aws.errors import call, pages
from migrate.aws.session import Account
from migrate.core.errors import Invalid

SERVICE = "emr"
_NEXT = ("Marker", "Marker")
_LIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")


def run_cluster(account: Account, **params: Any) -> str:
    """Start a cluster; its id (j-...)."""
    return str(call(account, SERVICE, "RunJobFlow", **params)["JobFlowId"])


def describe_cluster(account: Account, id: str) -> dict[str, Any] | None:
    """A cluster: Name, Status (State, StateChangeReason), Tags, LogUri, ...; None when it is not known."""
    try:
        found: dict[str, Any] = call(account, SERVICE, "DescribeCluster", ClusterId=id)["Cluster"]
    except Invalid as error:
        if not _is_unknown(error):
            raise
        return None
    return found


def _is_unknown(error: Invalid) -> bool:
    """EMR has no code of its own for a cluster that does not exist: "Cluster id 'j-...' is not valid."."""
    return "not valid" in error.why


def clusters_named(account: Account, name: str, since: dt.datetime | None) -> Iterator[dict[str, Any]]:
    """Clusters of that name in any state, described."""
    return _clusters(account, lambda found: found == name, {"CreatedAfter": since} if since else {})


def live_clusters(account: Account, prefix: str) -> Iterator[dict[str, Any]]:
    """Clusters whose names begin so and that are not ending, described."""
    return _clusters(account, lambda found: found.startswith(prefix), {"ClusterStates": list(_LIVE)})


def _clusters(account: Account, is_meant: Callable[[str], bool], params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for page in pages(account, SERVICE, "ListClusters", token=_NEXT, **params):
        for summary in page.get("Clusters", []):
            found = describe_cluster(account, summary["Id"]) if is_meant(str(summary.get("Name"))) else None
            if found is not None:
                yield found


def terminate_cluster(account: Account, id: str) -> None:
    """Ask a cluster to terminate; one that has done so stays as it is."""
    call(account, SERVICE, "TerminateJobFlows", JobFlowIds=[id])


def add_step(account: Account, cluster: str, step: dict[str, Any]) -> str:
    """Add a step to a running cluster; its id (s-...)."""
    return str(call(account, SERVICE, "AddJobFlowSteps", JobFlowId=cluster, Steps=[step])["StepIds"][0])


def list_steps(account: Account, cluster: str) -> Iterator[dict[str, Any]]:
    """The steps of a cluster, newest first: Id, Name, Status, Config; none when the cluster is not known."""
    try:
        for page in pages(account, SERVICE, "ListSteps", token=_NEXT, ClusterId=cluster):
            yield from page.get("Steps", [])
    except Invalid as error:
        if not _is_unknown(error):
            raise


def describe_step(account: Account, cluster: str, step: str) -> dict[str, Any]:
    """A step: Name, Status (State, StateChangeReason, FailureDetails)."""
    found: dict[str, Any] = call(account, SERVICE, "DescribeStep", ClusterId=cluster, StepId=step)["Step"]
    return found


def cancel_step(account: Account, cluster: str, step: str) -> None:
    """Ask a step to stop; one that has ended stays as it is."""
    call(account, SERVICE, "CancelSteps", ClusterId=cluster, StepIds=[step])
