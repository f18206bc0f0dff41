"""How the sandbox reads heads of requests, byte by byte."""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

import pytest

from tests.sandbox.aws import Aws

GET = "GET /sandbox/health HTTP/1.1\r\n"
SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=111111111111/20260101/eu-west-1/dynamodb/aws4_request"


def connected(aws: Aws) -> socket.socket:
    port = urlsplit(aws.sandbox.endpoint_url).port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def exchange(aws: Aws, sent: str) -> str:
    """Everything that the sandbox answers until it closes the connection, or goes on to wait for more."""
    with connected(aws) as connection:
        connection.sendall(sent.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode("latin-1")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /sandbox/health\r\n\r\n", 400),
        ("GET /sandbox/health HTTP/2.0\r\n\r\n", 400),
        (f"{GET}no colon\r\n\r\n", 400),
        (f"{GET}A: b\r\n folded\r\n\r\n", 400),
        (f"{GET}A : b\r\n\r\n", 400),
        (GET + "A: b\r\n" * 101 + "\r\n", 431),
        (f"{GET}A: {'b' * 70_000}\r\n\r\n", 431),
        (f"{GET}A: b\r\n", 400),
    ],
)
def test_what_is_no_head_is_refused_and_ends_the_connection(aws: Aws, head: str, status: int) -> None:
    assert f" {status} " in exchange(aws, head).splitlines()[0]


def test_a_connection_serves_until_it_is_asked_to_close(aws: Aws) -> None:
    answers = exchange(aws, f"{GET}\r\n{GET}connection: Close\r\n\r\n{GET}\r\n")
    assert answers.count("HTTP/1.1 200 OK") == 2
    assert exchange(aws, "GET /sandbox/health HTTP/1.0\r\n\r\n" * 2).count(" 200 OK") == 1


def test_a_body_may_come_in_chunks_and_after_a_promise(aws: Aws) -> None:
    target = "X-Amz-Target: DynamoDB_20120810.DescribeTable"
    head = f"POST / HTTP/1.1\r\nHost: h\r\n{SIGNED}\r\n{target}\r\nExpect: 100-continue\r\n"
    answer = exchange(
        aws, f'{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"Tab\r\n10\r\nleName": "none"}}\r\n0\r\n\r\n'
    )
    assert answer.startswith("HTTP/1.1 100 Continue")
    assert "Table: none not found" in answer


@pytest.mark.parametrize("body", ["Content-Length: 9\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"])
def test_a_request_that_was_cut_short_is_not_carried_out(
    aws: Aws, body: str, capfd: pytest.CaptureFixture[str]
) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="cut", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    signed = SIGNED.replace("dynamodb", "s3")
    head = f"PUT /cut/short HTTP/1.1\r\nHost: h\r\n{signed}\r\n"
    assert exchange(aws, head + body) == ""
    assert "Contents" not in s3.list_objects_v2(Bucket="cut")
    assert exchange(aws, f"{head}Content-Length: 5\r\nConnection: close\r\n\r\nwhole").startswith("HTTP/1.1 200 OK")
    assert s3.get_object(Bucket="cut", Key="short")["Body"].read() == b"whole"
    assert not capfd.readouterr().err


def test_a_client_that_has_left_is_not_reported(aws: Aws, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        with connected(aws) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed with a reset
            connection.sendall(f"{GET}\r\n".encode() * 200)
    assert exchange(aws, f"{GET}Connection: close\r\n\r\n").startswith("HTTP/1.1 200 OK")
    assert not capfd.readouterr().err


def test_names_of_metadata_keep_their_underscores(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="underscores", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="underscores", Key="a b/ü", Body=b"x", Metadata={"my_key": "1", "other-key": "2"})
    assert s3.head_object(Bucket="underscores", Key="a b/ü")["Metadata"] == {"my_key": "1", "other-key": "2"}
