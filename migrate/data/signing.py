"""Signature version 4 of a POST to one URL, with all that does not change computed once.

botocore's signer is general, and spends as much on each request as everything else here together; the tests hold this
one to it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import Protocol
from urllib.parse import SplitResult, quote, urlsplit

CONTENT_TYPE = "application/x-amz-json-1.0"
_SERVICE = "dynamodb"


class Keys(Protocol):
    """What signs: see `transport.Credentials`."""

    @property
    def access_key(self) -> str:
        """Its id."""

    @property
    def secret_key(self) -> str:
        """Never sent."""

    @property
    def token(self) -> str | None:
        """Of temporary credentials."""


class Signer:
    """Signs requests of DynamoDB's JSON protocol to one URL. Thread-safe."""

    def __init__(self, url: str, region: str) -> None:
        parts = urlsplit(url)
        self._path = quote(parts.path, safe="/~") or "/"
        self._host = _host_of(parts)
        self._region = region
        self._key: tuple[tuple[str, str], bytes] | None = None

    def headers(self, operation: str, body: bytes, keys: Keys, now: dt.datetime) -> dict[str, str]:
        """All headers that the signature covers, but Host, and the signature."""
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        day, target = moment[:8], f"DynamoDB_20120810.{operation}"
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target, "X-Amz-Date": moment}
        lines = f"content-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{moment}\n"
        names = "content-type;host;x-amz-date;x-amz-target"
        if keys.token:
            headers["X-Amz-Security-Token"] = keys.token
            lines += f"x-amz-security-token:{' '.join(keys.token.split())}\n"
            names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        checksum = hashlib.sha256(body).hexdigest()
        canonical = f"POST\n{self._path}\n\n{lines}x-amz-target:{target}\n\n{names}\n{checksum}"
        scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._signing_key(keys.secret_key, day), text.encode(), "sha256").hexdigest()
        credential = f"{keys.access_key}/{scope}"
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        known = self._key
        if known is None or known[0] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, _SERVICE, "aws4_request"):
                key = hmac.new(key, part.encode(), "sha256").digest()
            known = self._key = ((secret, day), key)
        return known[1]


def _host_of(parts: SplitResult) -> str:
    """As the Host header has it: without the scheme's own port."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    is_usual = parts.port is None or parts.port == {"http": 80, "https": 443}.get(parts.scheme)
    return host if is_usual else f"{host}:{parts.port}"
