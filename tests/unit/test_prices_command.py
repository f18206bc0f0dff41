"""`migrate prices`: the table in force, and a refresh from a price list that answers, refuses, or is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from migrate.cli.main import main
from migrate.manifest.prices import load_prices, shipped_prices
from tests.unit.test_prices import ANSWERS


class PriceList(BaseHTTPRequestHandler):
    """Answers GetProducts; refuses the services in `refused`."""

    refused: frozenset[str] = frozenset()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["ServiceCode"]
        body: dict[str, object] = {"PriceList": ANSWERS.get(asked, [])}
        status = 400 if asked in self.refused else 200
        if status == 400:
            body = {"__type": "AccessDeniedException", "Message": "no"}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        """Silent."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), PriceList)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
    yield str(server.server_port)
    server.shutdown()
    server.server_close()


REFRESH = ["prices", "--refresh", "--region", "eu-west-1", "--out", "mine.yaml"]


@pytest.mark.usefixtures("address")
def test_a_refresh_writes_a_file_that_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    """What the list does not have keeps its price, and says so."""
    assert main(REFRESH) == 0
    prices, problems = load_prices("mine.yaml")
    assert prices is not None, problems
    found, shipped = prices.regions["eu-west-1"], shipped_prices().of("us-east-1")
    assert (found.read_units_million, found.export_gb) == (0.1415, 0.113)
    assert found.restore_gb == shipped.restore_gb
    text = Path("mine.yaml").read_text()
    assert f"restore_gb: 0.15   # not in the price list: of {shipped_prices().date}, us-east-1" in text
    assert prices.date > shipped_prices().date
    assert "note: restore_gb is not in the price list" in capsys.readouterr().err
    assert main(["prices", "--prices", "mine.yaml", "--region", "eu-west-1"]) == 0
    assert "0.1415" in capsys.readouterr().out


@pytest.mark.usefixtures("address")
def test_a_refused_list_leaves_no_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PriceList, "refused", frozenset({"AWSGlue"}))
    assert main(REFRESH) == 9
    told = capsys.readouterr().err
    assert "allow pricing:GetProducts" in told
    assert "Nothing was written" in told
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("address")
def test_an_empty_list_leaves_no_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "AmazonDynamoDB", [])
    monkeypatch.setitem(ANSWERS, "AmazonS3", [])
    monkeypatch.setitem(ANSWERS, "AWSGlue", [])
    assert main(REFRESH) == 1
    assert "no prices of eu-west-1; nothing was written" in capsys.readouterr().err
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["prices", "--region", "eu-west-9"], 3, "no prices of eu-west-9"),
        (["prices", "--refresh"], 64, "--refresh needs --region"),
        (["prices", "--prices", "none.yaml"], 3, "none.yaml does not exist"),
        (["prices", "--out", "no/such/folder.yaml"], 1, "cannot write no/such/folder.yaml"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert said in capsys.readouterr().err


def test_the_table_as_json_is_a_price_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["prices", "--json"]) == 0
    (tmp_path / "prices.json").write_text(capsys.readouterr().out)
    prices, problems = load_prices(tmp_path / "prices.json")
    assert prices is not None, problems
    assert prices.regions == shipped_prices().regions


def test_every_price_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices"]) == 0
    out = capsys.readouterr().out
    assert f"Prices of {shipped_prices().date} in US dollars" in out
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ") and len(line.split()) > 2}
    assert set(lines) == set(vars(shipped_prices().of("us-east-1")))
