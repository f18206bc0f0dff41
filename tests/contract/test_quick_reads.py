"""The short way for DynamoDB's small reads against boto3's: the same answers, the same refusals, the same patience."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from migrate.aws import quick, session
from migrate.aws.errors import call
from migrate.aws.readonly import is_reading
from migrate.core.errors import AccessDenied, AwsError, CredentialsExpired, Invalid, NotFound, Throttled

NUMBER, MOMENT = 7, 1_700_000_000.25


class Service:
    """Answers every request with the next of `answers` (status, body, extra headers), the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[tuple[str, Any]] = []
        self.agents: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append((self.headers["X-Amz-Target"], json.loads(body)))
                service.agents.append(self.headers["User-Agent"])
                status, answer, more = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Not to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


@pytest.fixture
def account(service: Service, monkeypatch: pytest.MonkeyPatch) -> session.Account:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    access = session.AccountAccess("source", "111111111111", "eu-west-1", endpoint_url=service.url)
    return session.connect(access, read_only=True)


def model(account: session.Account, operation: str) -> Any:
    return account.client("dynamodb").meta.service_model.operation_model(operation)


def filled(shape: Any) -> Any:
    """A value on the wire with every member of the shape, down to the leaves."""
    if shape.type_name == "structure":
        return {name: filled(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [filled(shape.member)] * 2
    if shape.type_name == "map":
        return {"key": filled(shape.value)}
    leaves = {"string": "ACTIVE", "boolean": True, "timestamp": MOMENT, "double": 0.5}
    return leaves.get(shape.type_name, NUMBER)


def with_checksum(status: int, answer: Any) -> tuple[int, bytes, dict[str, str]]:
    body = json.dumps(answer).encode()
    return status, body, {"x-amz-crc32": str(zlib.crc32(body))}


def refusal(code: str, status: int = 400) -> tuple[int, bytes, dict[str, str]]:
    return with_checksum(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "not here"})


def by_boto3(account: session.Account, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(account.client("dynamodb"), xform_name(operation))(**params)
    del answer["ResponseMetadata"]
    return answer


def leaves_of(shape: Any) -> Iterator[str]:
    if shape.type_name == "structure":
        for member in shape.members.values():
            yield from leaves_of(member)
    elif shape.type_name in ("list", "map"):
        yield from leaves_of(shape.member if shape.type_name == "list" else shape.value)
    else:
        yield shape.type_name


def params_of(account: session.Account, operation: str) -> dict[str, Any]:
    return dict.fromkeys(model(account, operation).input_shape.required_members, "orders")


@pytest.mark.parametrize("operation", sorted(quick.OPERATIONS))
def test_what_goes_the_short_way_only_reads_and_carries_no_bytes(account: session.Account, operation: str) -> None:
    assert is_reading("dynamodb", operation)
    shapes = model(account, operation).input_shape, model(account, operation).output_shape
    assert "blob" not in {leaf for shape in shapes for leaf in leaves_of(shape)}


@pytest.mark.parametrize("operation", sorted(quick.OPERATIONS))
def test_an_answer_with_every_member_is_boto3s(account: session.Account, service: Service, operation: str) -> None:
    wire = filled(model(account, operation).output_shape)
    service.answers = [with_checksum(200, {**wire, "ANewMember": {"NotInTheModel": 1}})]
    params = params_of(account, operation)
    short = call(account, "dynamodb", operation, **params)
    assert short == by_boto3(account, operation, params)
    assert short.keys() == wire.keys()
    first, second = service.asked
    assert first == second
    assert [agent.split("/")[0] for agent in service.agents] == ["dynamodb-migrate", "Botocore"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ResourceNotFoundException", NotFound),
        ("PolicyNotFoundException", NotFound),
        ("AccessDeniedException", AccessDenied),
        ("ValidationException", Invalid),
        ("SomethingNewException", Invalid),
    ],
)
def test_a_final_refusal_is_boto3s_and_is_not_asked_twice(
    account: session.Account, service: Service, code: str, expected: type[AwsError]
) -> None:
    service.answers = [refusal(code)]
    with pytest.raises(expected) as short:
        call(account, "dynamodb", "DescribeTable", TableName="orders")
    assert len(service.asked) == 1
    with pytest.raises(ClientError) as usual:
        by_boto3(account, "DescribeTable", {"TableName": "orders"})
    assert isinstance(short.value.__cause__, ClientError)
    assert short.value.__cause__.response["Error"] == usual.value.response["Error"]
    assert str(short.value.__cause__) == str(usual.value)


GOOD = with_checksum(200, {"Table": {"TableName": "orders"}})
CUT = GOOD[1][:-4]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param((200, GOOD[1], {"x-amz-crc32": "1"}), id="wrong checksum"),
        pytest.param((200, CUT, {}), id="cut, without checksum"),
        pytest.param(
            (200, CUT, {"Content-Length": str(len(GOOD[1])), "Connection": "close"}), id="cut, connection lost"
        ),
        pytest.param((200, b"<html>log in</html>", {}), id="a proxy's page"),
        pytest.param((400, b"<html>no</html>", {}), id="a proxy's refusal"),
        pytest.param((302, b"", {"Location": "/elsewhere"}), id="a redirection"),
        pytest.param((503, b"", {}), id="unavailable"),
        pytest.param(refusal("InternalServerError", 500), id="fault"),
        pytest.param(refusal("ThrottlingException"), id="throttled"),
        pytest.param(refusal("ExpiredTokenException"), id="expired"),
    ],
)
def test_whatever_else_comes_back_is_asked_again_the_general_way(
    account: session.Account, service: Service, spoilt: tuple[int, bytes, dict[str, str]]
) -> None:
    service.answers = [spoilt, GOOD]
    assert call(account, "dynamodb", "DescribeTable", TableName="orders") == {"Table": {"TableName": "orders"}}
    assert [agent.split("/")[0] for agent in service.agents] == ["dynamodb-migrate", "Botocore"]
    assert account.calls == {"DescribeTable": 1}


@pytest.mark.parametrize(
    ("code", "expected"), [("ThrottlingException", Throttled), ("ExpiredToken", CredentialsExpired)]
)
def test_what_lasts_is_told_as_ever(
    account: session.Account, service: Service, code: str, expected: type[AwsError]
) -> None:
    service.answers = [refusal(code)]
    with pytest.raises(expected):
        call(account, "dynamodb", "DescribeTable", TableName="orders")


def test_nobody_there_is_told_as_ever(account: session.Account, service: Service) -> None:
    service.answers = [GOOD]
    service.stop()
    with pytest.raises(AwsError) as told:
        call(account, "dynamodb", "DescribeTable", TableName="orders")
    assert told.value.code == "EndpointConnectionError"
