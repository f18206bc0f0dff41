"""What is sent is what was signed: the signature is computed again, by hand, from the request as it arrived."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import msgspec
import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from migrate.data.signing import Signer
from migrate.data.transport import Credentials, Endpoint, Transport
from tests.stubs.scan_server import ScanServer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_of(headers: dict[str, str], body: bytes, secret: str) -> str:
    """Signature version 4 of a POST to `/`, following AWS's description of it step by step.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    received = {name.lower(): value for name, value in headers.items()}
    credential, signed, _ = (part.split("=", 1)[1] for part in received["authorization"].split(", "))
    names = signed.split(";")
    canonical = "\n".join(
        ["POST", "/", "", *(f"{name}:{received[name]}" for name in names), "", signed, hashlib.sha256(body).hexdigest()]
    )
    scope = credential.split("/", 1)[1]
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = keyed(key, part)
    return keyed(key, "\n".join(["AWS4-HMAC-SHA256", received["x-amz-date"], scope, hashed])).hex()


@pytest.mark.parametrize("token", [None, "session/token+=="])
def test_the_service_would_accept_the_signature(token: str | None) -> None:
    with ScanServer() as server:
        server.put_table("tëst", [{"pk": {"S": "a"}}])
        endpoint = Endpoint(server.url, "eu-central-1", lambda: Credentials("AKID", SECRET, token))
        with Transport(endpoint) as transport:
            transport.scan_raw("tëst", start_key='{"pk":{"S":"é"}}'.encode(), segment=0, total_segments=1)
    headers, body = server.headers[0], msgspec.json.encode(server.requests[0])
    sent = headers["Authorization"].rpartition("Signature=")[2]
    assert sent == signature_of(headers, body, SECRET)
    assert sent != signature_of(headers, body, "another secret")
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-target"} <= set(signed)
    assert ("x-amz-security-token" in signed) == (token is not None)
    assert "accept-encoding" not in signed


URLS = [
    "https://dynamodb.eu-west-1.amazonaws.com",
    "http://127.0.0.1:4599/",
    "https://proxy.example:443/a b/ü%20/",
    "http://[::1]:80/",
]
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@given(st.sampled_from(URLS), words, words, words | st.none(), st.binary(), st.dates(dt.date(2020, 1, 1)))
def test_it_is_what_botocore_would_sign(
    url: str, access: str, secret: str, token: str | None, body: bytes, day: dt.date
) -> None:
    now = dt.datetime.combine(day, dt.time(23, 59, 58), dt.timezone.utc)
    keys = Credentials(access, secret, token)
    ours = Signer(url, "eu-central-1").headers("Scan", body, keys, now)
    request = AWSRequest("POST", url, data=body)
    for name in ("Content-Type", "X-Amz-Target"):
        request.headers[name] = ours[name]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda: now)
        auth.SigV4Auth(keys, "dynamodb", "eu-central-1").add_auth(request)
    assert ours == dict(request.headers.items())
