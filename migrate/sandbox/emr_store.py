"""Clusters of EMR on EC2 and their steps, as they are kept and shown.

https://docs.aws.amazon.com/emr/latest/APIReference/API_Cluster.html
https://docs.aws.amazon.com/emr/latest/APIReference/API_Step.html
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from migrate.sandbox import clock
from migrate.sandbox.engine_store import shelf
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call
from migrate.sandbox.spark_runs import Doom

ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
STEP_ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")


@dataclass(eq=False)
class Step:
    """One step. `wish` is the StepConfig that asked for it."""

    id: str
    wish: dict[str, Any]
    doom: Doom | None
    state: str = "PENDING"
    is_cancelled: bool = False
    failure: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=clock.moment)
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def on_failure(self) -> str:
        """ActionOnFailure."""
        return str(self.wish.get("ActionOnFailure", "CONTINUE"))

    def end(self, state: str) -> None:
        """The final state."""
        self.state, self.ended = state, clock.moment()

    def describe(self) -> dict[str, Any]:
        """The structure Step."""
        jar = self.wish["HadoopJarStep"]
        properties = {one["Key"]: one["Value"] for one in jar.get("Properties", [])}
        status: dict[str, Any] = {
            "State": self.state,
            "StateChangeReason": {},
            "Timeline": _timeline(CreationDateTime=self.created, StartDateTime=self.began, EndDateTime=self.ended),
        }
        if self.failure:
            status["FailureDetails"] = self.failure
        return {
            "Id": self.id,
            "Name": self.wish["Name"],
            "Config": {"Jar": jar["Jar"], "Properties": properties, "Args": jar.get("Args", [])},
            "ActionOnFailure": self.on_failure,
            "Status": status,
        }


@dataclass(eq=False)
class Cluster:
    """One cluster. `wish` is the RunJobFlow request."""

    id: str
    account: str
    region: str
    wish: dict[str, Any]
    state: str = "STARTING"
    reason: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    is_failed: bool = False
    created: datetime = field(default_factory=clock.moment)
    ready: datetime | None = None
    ended: datetime | None = None
    idle_since: float | None = None

    @property
    def arn(self) -> str:
        """The cluster's ARN."""
        return f"arn:aws:elasticmapreduce:{self.region}:{self.account}:cluster/{self.id}"

    @property
    def is_transient(self) -> bool:
        """True for one that ends with its last step."""
        return not self.wish["Instances"].get("KeepJobFlowAliveWhenNoSteps", False)

    @property
    def is_protected(self) -> bool:
        """TerminationProtected."""
        return bool(self.wish["Instances"].get("TerminationProtected", False))

    def summary(self) -> dict[str, Any]:
        """The structure ClusterSummary."""
        timeline = _timeline(CreationDateTime=self.created, ReadyDateTime=self.ready, EndDateTime=self.ended)
        return {
            "Id": self.id,
            "Name": self.wish["Name"],
            "ClusterArn": self.arn,
            "NormalizedInstanceHours": 0,
            "Status": {"State": self.state, "StateChangeReason": self.reason, "Timeline": timeline},
        }

    def describe(self) -> dict[str, Any]:
        """The structure Cluster."""
        instances = self.wish["Instances"]
        names = ("LogUri", "ReleaseLabel", "ServiceRole")
        shown: dict[str, Any] = {name: self.wish[name] for name in names if name in self.wish}
        return {
            **self.summary(),
            **shown,
            "Applications": self.wish.get("Applications", []),
            "Tags": self.wish.get("Tags", []),
            "AutoTerminate": self.is_transient,
            "TerminationProtected": self.is_protected,
            "VisibleToAllUsers": True,
            "StepConcurrencyLevel": 1,
            "InstanceCollectionType": "INSTANCE_FLEET" if "InstanceFleets" in instances else "INSTANCE_GROUP",
            "Ec2InstanceAttributes": {
                "IamInstanceProfile": self.wish["JobFlowRole"],
                **{name: instances[name] for name in ("Ec2SubnetId", "Ec2KeyName") if name in instances},
            },
        }


def new_id(kind: str) -> str:
    """`j-` (a cluster) or `s-` (a step) with 13 letters and digits."""
    return f"{kind}-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(13))


def find(call: Call, member: str = "ClusterId") -> Cluster:
    """The cluster that a call means. Raises InvalidRequestException."""
    id = call.body[member]
    cluster: Cluster | None = shelf(call.account, call.region).clusters.get(id)
    if cluster is None:
        raise Refused("InvalidRequestException", f"Cluster id '{id}' is not valid.")
    return cluster


def _timeline(**moments: datetime | None) -> dict[str, datetime]:
    return {name: moment for name, moment in moments.items() if moment is not None}
