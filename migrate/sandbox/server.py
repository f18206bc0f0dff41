"""The sandbox's server: moto's applications behind the sandbox's own layers, on loopback only.

Layers, outermost first: control endpoints (/sandbox/...), call log, accounts, fault injection, DynamoDB front,
REST front (AWS Backup, Resource Access Manager, Glue, EMR, EMR Serverless, Service Quotas, Lambda's triggers), moto.

Control endpoints, all with JSON: GET health; POST reset; GET and DELETE calls (`calls.py`); GET, POST and DELETE faults
(`faults.py`); GET and POST clock {"advance_seconds"} (`clock.py`); POST organization {"account", "organization"}
(`organizations.py`); POST damage {"recovery_point"}, which changes one item of a backup and answers its key.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import flask
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server

from migrate.sandbox import (
    accounts,
    backup_copies,
    backup_jobs,
    backup_plans,
    backup_points,
    backup_restores,
    backup_settings,
    backup_snapshot,
    backup_vaults,
    buckets,
    changes,
    clock,
    conditions,
    dataplane,
    emr_clusters,
    emr_life,
    exports,
    glue_jobs,
    glue_runs,
    imports,
    insights,
    items,
    jobs,
    kinesis,
    kms,
    organizations,
    policies,
    quotas,
    ram,
    ram_lists,
    scaling,
    scans,
    serverless_applications,
    serverless_runs,
    simulation,
    spark_runs,
    table_settings,
    tables,
    tagging,
    triggers,
)  # fmt: skip
from migrate.sandbox.callers import account_of, caller_of
from migrate.sandbox.calls import CallLog, CallRecorder
from migrate.sandbox.faults import FaultLayer, Faults
from migrate.sandbox.front import DynamoFront
from migrate.sandbox.http import Handler
from migrate.sandbox.requests import Request, read_request
from migrate.sandbox.rest_json import RestFront
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT, Timing

EXTENSIONS = (
    accounts, items, tables, changes, table_settings, insights, kinesis, scaling, buckets, conditions, kms,
    exports, imports, backup_vaults, backup_points, backup_jobs, backup_copies, backup_restores, glue_runs, emr_life,
    serverless_applications, serverless_runs, simulation,
)  # fmt: skip
"""Modules whose `install(timing)` changes moto; the order matters where one builds on another."""

ANSWERS = (
    policies, dataplane, scans, backup_settings, backup_plans, ram, ram_lists, glue_jobs, emr_clusters, quotas,
    tagging, triggers,
)  # fmt: skip
"""Modules that only register answers to operations; importing them is enough."""

_BY_SCOPE_ONLY = {
    "application-autoscaling", "backup", "dynamodb", "glue", "iam", "kinesis", "kms", "logs", "organizations", "ram",
    "s3", "sts",
}  # fmt: skip
_CONTROL = "/v20180820/"
"""Begins the paths of S3 Control, which is signed as S3."""


class Dispatcher(DomainDispatcherApplication):
    """moto's dispatcher, which remembers the application of the services that need no look at the path."""

    def __init__(self) -> None:
        super().__init__(_create_app)
        self._remembered: dict[tuple[str, str], Any] = {}

    def get_application(self, environ: dict[str, Any]) -> Any:
        """The application for a request; see DomainDispatcherApplication."""
        service = read_request(environ).service
        target = environ.get("HTTP_X_AMZ_TARGET", "").split(".", 1)[0]
        if service not in _BY_SCOPE_ONLY or environ["PATH_INFO"].startswith(_CONTROL):
            return super().get_application(environ)
        app = self._remembered.get((service, target))
        if app is None:
            app = self._remembered[service, target] = super().get_application(environ)
        return app


def _create_app(service: Any) -> Any:
    app = create_backend_app(service)
    app.debug = False
    app.register_error_handler(Exception, _unexpected)
    return app


def _unexpected(error: BaseException) -> Any:
    """A gap or a bug must look like one: an error that no retry and no caller can take for a success."""
    if isinstance(error, HTTPException):
        return error
    code = "NotImplemented" if isinstance(error, NotImplementedError) else "InternalFailure"
    text = f"The sandbox does not emulate this: {type(error).__name__}: {error}"
    if flask.request.headers.get("X-Amz-Target"):
        return json.dumps({"__type": code, "message": text}), 501, {"Content-Type": "application/x-amz-json-1.0"}
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{escape(text)}</Message></Error></ErrorResponse>"
    return body, 501, {"Content-Type": "text/xml"}


class AccountLayer:
    """Tells moto which account a request belongs to."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = read_request(environ)
        request.account, request.caller = account_of(request.access_key), caller_of(request.access_key)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = request.account
        return self._app(environ, start_response)


class Sandbox:
    """An embedded AWS. One per process: moto's data is global.

    As a context manager it serves in a thread:
    `with Sandbox() as aws: boto3.client(..., endpoint_url=aws.endpoint_url)`.
    """

    def __init__(self, timing: Timing | None = None, port: int = 0, log: Path | None = None) -> None:
        self.calls = CallLog(log)
        self.set_timing(timing or Timing())
        accounts.seed()
        self.faults = Faults()
        self._app = CallRecorder(
            AccountLayer(FaultLayer(DynamoFront(RestFront(Dispatcher())), self.faults)), self.calls
        )
        self._server: BaseWSGIServer = make_server("127.0.0.1", port, self._serve, True, request_handler=Handler)
        self._server.daemon_threads = True
        spark_runs.serve_at(self.endpoint_url)
        self._thread: threading.Thread | None = None

    @property
    def endpoint_url(self) -> str:
        """Where the sandbox listens, for `endpoint_url=` of any AWS client."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def description(self) -> dict[str, Any]:
        """What the ready line says: endpoint and accounts."""
        return {
            "endpoint_url": self.endpoint_url,
            "accounts": {
                name: {"id": account, "role": f"arn:aws:iam::{account}:role/{ROLE_NAME}", "region": REGION}
                for name, account in (("source", SOURCE_ACCOUNT), ("target", TARGET_ACCOUNT))
            },
        }

    def start(self) -> Sandbox:
        """Serves in a thread of this process until `stop`."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops serving and frees the port. Idempotent."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        spark_runs.end_all()

    def serve(self) -> None:
        """Serves in this thread until `shutdown` is called from another one; no run of Spark outlives it."""
        self._server.serve_forever(0.05)
        spark_runs.end_all()

    def shutdown(self) -> None:
        """Makes `serve` return. Safe to call from any thread but the serving one."""
        self._server.shutdown()

    def set_timing(self, timing: Timing) -> None:
        """How long things take from now on; work that has begun keeps its time."""
        for extension in EXTENSIONS:
            extension.install(timing)

    def reset(self) -> None:
        """Drops all data of all accounts, pending jobs, fault rules and the call log; accounts and roles stay.

        Takes a few milliseconds. The timing stays; a role session goes on working, under the name `session`.
        """
        spark_runs.drop_all()
        jobs.drop()
        clock.set_ahead(0)
        BackendDict.reset()
        reset_model_data()
        accounts.seed()
        self.calls.clear()
        self.faults.clear()
        spark_runs.serve_at(self.endpoint_url)  # another sandbox of this process may have come and gone

    def advance(self, seconds: float) -> None:
        """Moves the sandbox's clock forward; jobs, schedules and lifecycles that fall due are carried out."""
        jobs.advance(seconds)

    def place(self, account: str, organization: str) -> str | None:
        """Puts an account into the organization "first" or "other", or into "none"; returns what is wrong, or None."""
        return organizations.place(account, organization)

    def damage(self, recovery_point_arn: str) -> dict[str, Any] | None:
        """Changes one item of a recovery point and returns its key; None if there is nothing to change."""
        point = backup_points.find_anywhere(recovery_point_arn)
        snapshot = point.snapshot if point else None
        return backup_snapshot.damage(snapshot) if snapshot is not None and len(snapshot.rows) else None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/sandbox/"):
            request = read_request(environ)
            status, answer = self._control(request)
            body = json.dumps(answer).encode()
            phrase = HTTPStatus(status).phrase
            start_response(f"{status} {phrase}", [("Content-Type", "application/json")])
            return [body]
        jobs.settle()  # jobs whose time is over end before anybody looks
        return self._app(environ, start_response)

    def _control(self, request: Request) -> tuple[int, Any]:
        name = request.path.removeprefix("/sandbox/").strip("/")
        if name == "health":
            return 200, {"status": "ok", **self.description()}
        if name == "reset" and request.method == "POST":
            self.reset()
            return 200, {}
        if name == "calls" and request.method == "GET":
            return 200, self.calls.select(**dict(parse_qsl(request.query)))
        if name == "calls" and request.method == "DELETE":
            self.calls.clear()
            return 200, {}
        if name == "faults":
            return self._control_faults(request)
        if name == "clock":
            return self._control_clock(request)
        if name == "organization" and request.method == "POST":
            wish = request.small_json()
            problem = self.place(str(wish.get("account")), str(wish.get("organization")))
            return (400, {"message": problem}) if problem else (200, {})
        if name == "damage" and request.method == "POST":
            key = self.damage(str(request.small_json().get("recovery_point")))
            return (200, {"key": key}) if key else (400, {"message": "recovery_point: the ARN of one that has items"})
        return 404, {"message": f"No such control endpoint: {request.method} {request.path}"}

    def _control_faults(self, request: Request) -> tuple[int, Any]:
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            try:
                problems = self.faults.replace(json.loads(request.body))
            except ValueError as error:
                problems = [str(error)]
            if problems:
                return 400, {"problems": problems}
        return 200, {"rules": self.faults.describe()}

    def _control_clock(self, request: Request) -> tuple[int, Any]:
        if request.method == "POST":
            seconds = request.small_json().get("advance_seconds")
            if not isinstance(seconds, (int, float)) or seconds < 0:
                return 400, {"message": "advance_seconds: a number of seconds, not negative"}
            self.advance(seconds)
        return 200, {"now": clock.moment().isoformat(), "ahead_seconds": clock.ahead()}
