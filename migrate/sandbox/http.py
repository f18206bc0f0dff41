"""HTTP/1.1 with connections that stay open, as AWS's endpoints do and werkzeug's development server does not."""

from __future__ import annotations

import contextlib
import io
import socket
import sys
from email.utils import formatdate
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from werkzeug.serving import DechunkedInput, WSGIRequestHandler

from migrate.sandbox import clock

_LONGEST_LINE = 65_536
_MOST_FIELDS = 100


class HangUp(Exception):
    """Raised by a layer to close the connection without an answer."""


class BadHead(Exception):
    """The lines before the body are no request of HTTP/1.x. Holds the status and why."""


class Handler(WSGIRequestHandler):
    """Reads the whole request, runs the application, answers in one write.

    Heads are read here: `http.server` parses them as mail, which takes longer than most answers.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # collect the answer's pieces and send them in one packet

    def setup(self) -> None:
        """Without TCP_NODELAY an answer in two packets waits 40 ms."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()
        self._fixed = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": self.server.multithread,
            "wsgi.multiprocess": self.server.multiprocess,
            "wsgi.run_once": False,
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": self.client_address[1],
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
        }

    def finish(self) -> None:
        """The client may have left without its answer, which is its own affair."""
        with contextlib.suppress(ConnectionError):
            super().finish()

    def parse_request(self) -> bool:
        """Reads the request line and the fields; False if they were answered with an error."""
        self.command, self.request_version, self.close_connection = "", "HTTP/1.1", True
        self.requestline = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        try:
            self.command, self.path, self.request_version = _request_line(self.requestline)
            self._fields = self._read_fields()
        except BadHead as error:
            self.send_error(*error.args)
            return False
        given = {name.lower(): value.lower() for name, value in self._fields}
        wish = given.get("connection", "")
        self.close_connection = wish == "close" or (self.request_version == "HTTP/1.0" and wish != "keep-alive")
        return given.get("expect") != "100-continue" or self.handle_expect_100()

    def _read_fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while True:
            line = self.rfile.readline(_LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n"):
                return fields
            name, colon, value = line.decode("latin-1").partition(":")
            if len(line) > _LONGEST_LINE or len(fields) == _MOST_FIELDS:
                raise BadHead(431, "Too many or too long header fields")
            if not colon or not name or name != name.strip():
                raise BadHead(400, "Bad header field")
            fields.append((name, value.strip()))

    def make_environ(self) -> dict[str, Any]:
        """What WSGI says of the request; moto wants names of metadata that have an underscore as they were sent."""
        url = urlsplit(self.path)
        target = _as_wsgi(self.path)
        environ = {
            **self._fixed,
            "wsgi.input": self.rfile,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": _as_wsgi(unquote(url.path)),
            "QUERY_STRING": _as_wsgi(url.query),
            "REQUEST_URI": target,
            "RAW_URI": target,
            "SERVER_PROTOCOL": self.request_version,
        }
        for name, value in self._fields:
            if "_" not in name:
                _add(environ, _key(name), value)
        if url.netloc:
            environ["HTTP_HOST"] = url.netloc
        kept: dict[str, str] = {}
        for name, value in self._fields:
            if "_" in name and should_preserve_original_header_name(name):
                key = _key(name)
                if key in kept or key not in environ:  # it never stands in for a name with dashes
                    kept.setdefault(key, name)
                    _add(environ, key, value)
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = kept
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            environ["wsgi.input_terminated"] = True
            environ["wsgi.input"] = DechunkedInput(self.rfile)
        return environ

    def handle_expect_100(self) -> bool:
        """Lets the client send its body (S3 uploads ask first)."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """One request and its answer."""
        environ = self.make_environ()
        try:
            body = self._body(environ)
        except OSError:  # who was killed half-way through a request has asked for nothing
            self.close_connection = True
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.input_terminated"] = True
        environ["CONTENT_LENGTH"] = str(len(body))
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            answer[:] = [status, headers]
            return lambda _: None

        content = None
        try:
            content = b"".join(self.server.app(environ, start_response))
        except HangUp:
            self.close_connection = True
            return
        finally:
            if content is None and not self.close_connection:
                # A bug in the sandbox: its traceback goes to stderr, and the caller gets an answer that nobody retries.
                self.close_connection = True
                self._answer(
                    "501 Not Implemented", [], b'{"__type": "InternalFailure", "message": "Bug in the sandbox"}'
                )
        self._answer(answer[0], answer[1], content)

    def _body(self, environ: dict[str, Any]) -> bytes:
        """All of it. Raises `OSError` when the client leaves before its end."""
        if environ.get("wsgi.input_terminated"):
            chunked: bytes = environ["wsgi.input"].read()
            return chunked
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError(f"{len(body)} of {length} bytes")
        return body

    def _answer(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        lines = [f"HTTP/1.1 {status}"]
        given = {name.lower() for name, _ in headers}
        lines += [f"{name}: {value}" for name, value in headers]
        if "date" not in given:  # of the sandbox's clock: whoever sets that ahead sees a skew
            lines.append(f"Date: {formatdate(clock.now(), usegmt=True)}")
        if "content-length" not in given and not status.startswith(("204", "304")):
            lines.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            lines.append("Connection: close")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: Any) -> None:
        """No access log: the call log has the requests."""


def _request_line(line: str) -> tuple[str, str, str]:
    words = line.split()
    if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadHead(400, f"Bad request line ({line!r})")
    method, target, version = words
    # Two slashes would make a host of the first part of the path.
    return method, "/" + target.lstrip("/") if target.startswith("//") else target, version


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """A field's name in WSGI."""
    return environ_key_for_header(name)


def _add(environ: dict[str, Any], key: str, value: str) -> None:
    """A field that comes twice is one list, except for the two that hold one value."""
    known = environ.get(key) if key not in ("CONTENT_TYPE", "CONTENT_LENGTH") else None
    environ[key] = value if known is None else f"{known},{value}"


def _as_wsgi(text: str) -> str:
    """WSGI's strings hold bytes."""
    return text.encode().decode("latin-1")
