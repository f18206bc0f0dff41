"""One signed request to DynamoDB's JSON protocol over kept-alive connections: bytes in, bytes out, no judgement."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from migrate.core.clock import Clock
from migrate.data.signing import Keys, Signer

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0


class RawAnswer(NamedTuple):
    """What came back. `has_checksum` tells whether the service sent one; `is_sound` whether the body agrees with it."""

    status: int
    body: bytes
    has_checksum: bool
    is_sound: bool


class Wire:
    """Connections to one endpoint, opened when they are needed. Thread-safe; close it."""

    def __init__(self, url: str, region: str, *, clock: Clock, connections: int) -> None:
        self.url = url.rstrip("/") + "/"
        self._clock = clock
        self._pool = _open_pool(self.url, connections)
        self._send, self._address = _sender(self._pool, self.url)
        self._signer = Signer(self.url, region)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def post(self, operation: str, body: bytes, keys: Keys) -> RawAnswer:
        """Send the JSON `body` of an operation once. Raises urllib3's `HTTPError` when nothing whole comes back."""
        headers = self._signer.headers(operation, body, keys, self._clock.now())
        # What a proxy may rewrite is not signed.
        headers["Accept-Encoding"] = "identity"
        headers["User-Agent"] = "dynamodb-migrate"
        response = self._send(
            "POST", self._address, body=body, headers=headers, retries=False, redirect=False, decode_content=False
        )
        answer: bytes = response.data
        checksum = response.headers.get("x-amz-crc32")
        is_sound = checksum is None or checksum == str(zlib.crc32(answer))
        return RawAnswer(response.status, answer, checksum is not None, is_sound)


def _open_pool(url: str, connections: int) -> Any:
    """Connections as the AWS client would open them: same certificates, same proxy settings."""
    import urllib3
    from botocore.httpsession import get_cert_path

    options: dict[str, Any] = {
        "maxsize": connections,
        "block": True,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    parts = urlsplit(url)
    if parts.scheme == "https":
        options["ca_certs"] = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, num_pools=1, **options)
    return urllib3.PoolManager(num_pools=1, **options)


def _sender(pool: Any, url: str) -> tuple[Callable[..., Any], str]:
    """What sends a request, and its address there: past the manager, which would take the URL apart every time."""
    if pool.proxy is not None:
        return pool.urlopen, url
    return pool.connection_from_url(url).urlopen, quote(urlsplit(url).path, safe="/~%")
