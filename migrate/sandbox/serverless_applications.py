"""Applications of EMR Serverless: create, get, list, start, stop, delete; tags.

https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_CreateApplication.html
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/applications.html

CREATING, CREATED; STARTING, STARTED by the first run or by StartApplication; STOPPED when it was stopped or idle too
long; TERMINATED when it was deleted. The same clientToken with the same request gives the same application, with
another one ConflictException. Not emulated: UpdateApplication, pre-initialized capacity, limits of capacity, networks.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from migrate.sandbox import clock
from migrate.sandbox.emr_clusters import RELEASE
from migrate.sandbox.engine_store import shelf
from migrate.sandbox.jobs import STARTING, schedule
from migrate.sandbox.refusals import Refused
from migrate.sandbox.rest_json import Call, operation
from migrate.sandbox.settings import Timing

_KEPT = (
    "name releaseLabel type architecture tags maximumCapacity initialCapacity autoStartConfiguration "
    "autoStopConfiguration networkConfiguration runtimeConfiguration monitoringConfiguration"
)
_timing = Timing()


def install(timing: Timing) -> None:
    """Sets how long an application takes to come, to start and to stop."""
    global _timing
    _timing = timing


@dataclass(eq=False)
class Application:
    """One application with its runs, oldest first."""

    account: str
    region: str
    wish: dict[str, Any]
    id: str = field(default_factory=lambda: new_id())
    state: str = "CREATING"
    details: str = ""
    created: datetime = field(default_factory=clock.moment)
    updated: datetime = field(default_factory=clock.moment)
    runs: dict[str, Any] = field(default_factory=dict)
    idle_since: float = 0.0

    @property
    def arn(self) -> str:
        """The application's ARN."""
        return f"arn:aws:emr-serverless:{self.region}:{self.account}:/applications/{self.id}"

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        found: dict[str, str] = self.wish.setdefault("tags", {})
        return found

    def become(self, state: str, details: str = "") -> None:
        """Another state."""
        self.state, self.details, self.updated = state, details, clock.moment()

    def summary(self) -> dict[str, Any]:
        """The structure ApplicationSummary."""
        return {
            **{name: self.wish[name] for name in ("name", "releaseLabel", "type", "architecture") if name in self.wish},
            "id": self.id,
            "arn": self.arn,
            "state": self.state,
            "stateDetails": self.details,
            "createdAt": self.created,
            "updatedAt": self.updated,
        }

    def describe(self) -> dict[str, Any]:
        """The structure Application."""
        shown = {name: value for name, value in self.summary().items() if name != "id"}
        return {**self.wish, **shown, "applicationId": self.id}


def new_id() -> str:
    """Of an application or a run: 16 letters and digits."""
    return "00" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(14))


def find(call: Call) -> Application:
    """The application that a call means. Raises ResourceNotFoundException."""
    id = call.body["applicationId"]
    application: Application | None = shelf(call.account, call.region).applications.get(id)
    if application is None:
        raise Refused("ResourceNotFoundException", f"Application {id} does not exist", 404)
    return application


def invalid(message: str) -> Refused:
    """ValidationException."""
    return Refused("ValidationException", message)


def once(call: Call, scope: str, accept: Any) -> str:
    """What `accept` makes, or what an earlier call with the same token and the same request made."""
    tokens, request = shelf(call.account, call.region).tokens, dict(call.body)
    token = f"{scope}/{request.pop('clientToken')}"
    made, is_other = tokens.find(token, request)
    if is_other:
        raise Refused("ConflictException", "The client token was used before with other parameters.", 409)
    if made is None:
        made = str(accept(request))
        tokens.keep(token, request, made)
    return made


@operation("emr-serverless", "CreateApplication", f"clientToken {_KEPT}")
def create(call: Call) -> dict[str, Any]:
    kept = shelf(call.account, call.region).applications
    application = kept[once(call, "CreateApplication", lambda wish: _accept(call, wish).id)]
    shown = {"applicationId": application.id, "arn": application.arn}
    return shown | ({"name": application.wish["name"]} if "name" in application.wish else {})


def _accept(call: Call, wish: dict[str, Any]) -> Application:
    if wish["type"].upper() != "SPARK":
        raise Refused("NotImplemented", "The sandbox only emulates applications of type SPARK", 501)
    if not RELEASE.fullmatch(wish["releaseLabel"]):
        raise invalid(f"Release label {wish['releaseLabel']} is invalid.")
    defaults = {
        "architecture": "X86_64",
        "autoStartConfiguration": {"enabled": True},
        "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 15},
    }
    application = Application(call.account, call.region, {**defaults, **wish, "type": "Spark"})
    shelf(call.account, call.region).applications[application.id] = application
    _later(application, "CREATING", "CREATED")
    return application


@operation("emr-serverless", "GetApplication", "applicationId")
def get(call: Call) -> dict[str, Any]:
    return {"application": find(call).describe()}


@operation("emr-serverless", "ListApplications", "nextToken maxResults states")
def list_all(call: Call) -> dict[str, Any]:
    states = call.body.get("states")
    found = [one for one in shelf(call.account, call.region).applications.values() if not states or one.state in states]
    return call.page("applications", [one.summary() for one in found], "maxResults", "nextToken")


@operation("emr-serverless", "StartApplication", "applicationId")
def start(call: Call) -> dict[str, Any]:
    application = find(call)
    if application.state not in ("CREATED", "STOPPED", "STARTING", "STARTED"):
        raise invalid(f"Application {application.id} cannot be started in state {application.state}.")
    wake(application)
    return {}


def wake(application: Application) -> None:
    """Has an application start that is not running."""
    if application.state in ("CREATED", "STOPPED"):
        application.become("STARTING")
        _later(application, "STARTING", "STARTED")


def rest(application: Application) -> None:
    """To be called when no run is left: the application stops when that stays so."""
    policy = application.wish["autoStopConfiguration"]
    application.idle_since = clock.now()
    if policy.get("enabled", True):
        minutes = policy.get("idleTimeoutMinutes", 15)
        schedule(60 * minutes, partial(_stop_idle, application, application.idle_since))


@operation("emr-serverless", "StopApplication", "applicationId")
def stop(call: Call) -> dict[str, Any]:
    application = find(call)
    if application.state not in ("CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED"):
        raise invalid(f"Application {application.id} cannot be stopped in state {application.state}.")
    if is_busy(application):
        raise invalid(f"Application {application.id} has running jobs: cancel them or wait for their end.")
    if application.state in ("STARTING", "STARTED"):
        application.become("STOPPING")
        _later(application, "STOPPING", "STOPPED")
    return {}


@operation("emr-serverless", "DeleteApplication", "applicationId")
def delete(call: Call) -> dict[str, Any]:
    application = find(call)
    if application.state not in ("CREATED", "STOPPED"):
        raise invalid(
            f"Application {application.id} must be CREATED or STOPPED to be deleted, not {application.state}."
        )
    application.become("TERMINATED")
    return {}


@operation("emr-serverless", "ListTagsForResource", "resourceArn")
def list_tags(call: Call) -> dict[str, Any]:
    return {"tags": _by_arn(call).tags}


@operation("emr-serverless", "TagResource", "resourceArn tags")
def tag(call: Call) -> dict[str, Any]:
    _by_arn(call).tags.update(call.body["tags"])
    return {}


def is_busy(application: Application) -> bool:
    """Whether a run has not ended."""
    return any(run.ended is None for run in application.runs.values())


def _by_arn(call: Call) -> Application:
    kept = shelf(call.account, call.region).applications.values()
    found: Application | None = next((one for one in kept if one.arn == call.body["resourceArn"]), None)
    if found is None:
        raise Refused("ResourceNotFoundException", f"{call.body['resourceArn']} does not exist", 404)
    return found


def _later(application: Application, now: str, then: str) -> None:
    schedule(_timing.provision / 2, partial(_change, application, now, then))


def _change(application: Application, now: str, then: str) -> None:
    with STARTING:
        if application.state == now:
            application.become(then)
            if then == "STARTED" and not is_busy(application):
                rest(application)


def _stop_idle(application: Application, since: float) -> None:
    with STARTING:
        if application.state == "STARTED" and application.idle_since == since and not is_busy(application):
            application.become("STOPPED", "Application was idle for too long")
