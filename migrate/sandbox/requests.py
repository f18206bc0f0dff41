"""What the sandbox knows about one HTTP request: who sends it, and which AWS operation it is.

Follows https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html (credential scope).
Not emulated: signatures are never checked; operations of REST services other than S3 and
those in `routes.SERVICES` are named by method and path.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import flask

from migrate.sandbox.callers import ANONYMOUS, Caller
from migrate.sandbox.routes import SERVICES, operation_of
from migrate.sandbox.settings import REGION

PARSE_LIMIT = 20_000
"""Bodies above this many bytes are data: the call log and the fault rules don't parse them."""

CONTEXT_KEY = "sandbox.request"


@dataclass
class Request:
    """One request, parsed as far as routing needs it. `account` and `caller` are filled by the accounts layer."""

    access_key: str
    region: str
    service: str
    operation: str
    method: str
    path: str
    query: str
    body: bytes
    agent: str = ""
    account: str = ""
    caller: Caller = ANONYMOUS
    notes: dict[str, Any] = field(default_factory=dict)
    in_path: dict[str, Any] = field(default_factory=dict)
    """Parameters in path and query, of the services in `routes.SERVICES`."""

    def small_json(self) -> dict[str, Any]:
        """The parsed top level of a JSON body, or nothing when it is too large or no JSON."""
        if not self.body or len(self.body) > PARSE_LIMIT:
            return {}
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


def read_request(environ: dict[str, Any]) -> Request:
    """The request in this WSGI environment; the body stays readable for the layers below."""
    known = environ.get(CONTEXT_KEY)
    if isinstance(known, Request):
        return known
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    access_key, region, service = _credential_scope(environ)
    query = environ.get("QUERY_STRING", "")
    request = Request(
        access_key=access_key,
        region=region,
        service=service,
        operation="",
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/"),
        query=query,
        body=body,
        agent=environ.get("HTTP_USER_AGENT", ""),
    )
    request.operation = _operation(request, environ)
    environ[CONTEXT_KEY] = request
    return request


def current_caller() -> Caller:
    """Who sent the request that moto is answering in this thread."""
    return read_request(flask.request.environ).caller


def _credential_scope(environ: dict[str, Any]) -> tuple[str, str, str]:
    header = environ.get("HTTP_AUTHORIZATION", "")
    start = header.find("Credential=")
    if start >= 0:
        scope = header[start + 11 :].split(",", 1)[0].strip()
    else:
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if "AWSAccessKeyId" in query:  # a presigned URL of S3 in the older form, which some clients still make
            return query["AWSAccessKeyId"], REGION, "s3"
        scope = query.get("X-Amz-Credential", "")
    parts = scope.split("/")
    if len(parts) < 5:
        return "", REGION, ""
    return parts[0], parts[-3], parts[-2].lower()


def _operation(request: Request, environ: dict[str, Any]) -> str:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rsplit(".", 1)[-1]
    if request.service == "s3":
        return _s3_operation(request)
    if request.service in SERVICES:
        target = environ.get("REQUEST_URI", request.path)
        name, request.in_path = operation_of(request.service, request.method, target)
        return name
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(request.body[:PARSE_LIMIT].decode("utf-8", "replace")))
        return form.get("Action", "")
    return f"{request.method} {request.path}"


_S3_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Post", "HEAD": "Head"}
_S3_SUBRESOURCES = {
    "policy": "Policy",
    "versioning": "Versioning",
    "lifecycle": "LifecycleConfiguration",
    "encryption": "Encryption",
    "publicAccessBlock": "PublicAccessBlock",
    "ownershipControls": "OwnershipControls",
    "tagging": "Tagging",
    "location": "Location",
    "acl": "Acl",
    "requestPayment": "RequestPayment",
}


def _s3_operation(request: Request) -> str:
    bucket, _, key = request.path.lstrip("/").partition("/")
    names = {name for name, _ in parse_qsl(request.query, keep_blank_values=True)}
    verb = _S3_VERBS.get(request.method, request.method)
    if not bucket:
        return "ListBuckets"
    if key and request.method == "POST" and "uploads" in names:
        return "CreateMultipartUpload"
    if key and request.method == "POST" and "uploadId" in names:
        return "CompleteMultipartUpload"
    if key and request.method == "PUT" and "partNumber" in names:
        return "UploadPart"
    for name, suffix in _S3_SUBRESOURCES.items():
        if name in names:
            return f"{verb}{'Object' if key else 'Bucket'}{suffix}"
    if key:
        return f"{verb}Object"
    if request.method == "POST" and "delete" in names:
        return "DeleteObjects"
    return {"GET": "ListObjectsV2", "PUT": "CreateBucket"}.get(request.method, f"{verb}Bucket")
