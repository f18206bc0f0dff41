"""HTTP/1.1 with connections that stay open, as AWS's endpoints do and werkzeug's development server does not."""

from __future__ import annotations

import io
import socket
from email.utils import formatdate
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from migrate.sandbox import clock


class HangUp(Exception):
    """Raised by a layer to close the connection without an answer."""


class Handler(MotoRequestHandler):
    """Reads the whole request, runs the application, answers in one write."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # collect the answer's pieces and send them in one packet

    def setup(self) -> None:
        """Without TCP_NODELAY an answer in two packets waits 40 ms."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def handle_expect_100(self) -> bool:
        """Lets the client send its body (S3 uploads ask first)."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """One request and its answer."""
        environ = self.make_environ()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else self.rfile.read(length)
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
