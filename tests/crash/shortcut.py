"""Calls of AWS clients straight into the sandbox of this process, without sockets: thousands of lives in minutes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from migrate.sandbox.http import HangUp
from migrate.sandbox.server import Sandbox


class _Raw(io.BytesIO):
    def stream(self, **_options: Any) -> Iterator[bytes]:
        """What urllib3's responses offer to botocore."""
        while block := self.read(1 << 16):
            yield block


def install(client: Any, sandbox: Sandbox) -> None:
    """Have `client` call `sandbox` directly. Everything before and after sending stays, but for the signature: nobody
    verifies it, and it takes an eighth of the time."""

    def send(request: Any, **_event: Any) -> AWSResponse:
        answer: list[Any] = []
        environ = _environ(request)
        environ["HTTP_AUTHORIZATION"] = _caller(client)
        try:
            content = b"".join(sandbox._serve(environ, lambda *given: answer.extend(given)))
        except HangUp as hang_up:
            raise ConnectionClosedError(endpoint_url=request.url, error=hang_up) from None
        return AWSResponse(request.url, int(answer[0][:3]), dict(answer[1]), _Raw(content))

    events = client.meta.events
    events.register("before-send", send, unique_id="straight into the sandbox")
    events.register("choose-signer", lambda **_event: UNSIGNED, unique_id="unsigned")


def _caller(client: Any) -> str:
    """Who calls, and where: what the sandbox reads of a signature."""
    key = client._request_signer._credentials.get_frozen_credentials().access_key
    scope = f"{client.meta.region_name}/{client.meta.service_model.signing_name}"
    return f"AWS4-HMAC-SHA256 Credential={key}/20260101/{scope}/aws4_request, SignedHeaders=host, Signature=none"


def _environ(request: Any) -> dict[str, Any]:
    url = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    body = body.encode() if isinstance(body, str) else bytes(body)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path),
        "RAW_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "REQUEST_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = text
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = text
    return environ
