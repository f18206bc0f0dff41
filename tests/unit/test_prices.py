"""Price files: what is wrong with one, where; what the shipped one says; what AWS's price list is read as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.aws import pricing
from migrate.core.clock import SystemClock
from migrate.core.errors import AccessDenied
from migrate.core.schemas import read_schema
from migrate.manifest.prices import Prices, load_prices, shipped_prices, written

SHIPPED = written(shipped_prices())


def read(folder: Path, text: str) -> tuple[Prices | None, list[str]]:
    (folder / "prices.yaml").write_text(text)
    prices, found = load_prices(folder / "prices.yaml")
    return prices, [f"{one.location}: {one.summary} | {one.hint}" for one in found]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("export_gb: 0.1\n", "export_gb: -0.1\n", ":7:16: regions.us-east-1.export_gb must be 0 or more"),
        ("export_gb: 0.1\n", "export_gb: cheap\n", ":7:16: regions.us-east-1.export_gb must be a number"),
        ("export_gb: 0.1\n", "export_gb:\n", ":7:5: regions.us-east-1.export_gb has no value"),
        ("    export_gb: 0.1\n", "", ":4:3: regions.us-east-1.export_gb is missing"),
        ("export_gb:", "exprt_gb:", ":7:5: regions.us-east-1.exprt_gb is not a known key | did you mean `export_gb`?"),
        ("us-east-1:", "Virginia:", ":4:3: regions.Virginia as a name must be a Region such as eu-west-1"),
        ('"2026-11-01"', "yesterday", ":2:7: date must be a day such as"),
        ("version: 1", "version: 2", ":1:10: version must be 1"),
        (SHIPPED, "", ":1:1: the file is empty | `migrate prices --out FILE` writes one"),
    ],
)
def test_what_is_wrong_with_a_price_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SHIPPED
    prices, told = read(tmp_path, SHIPPED.replace(old, new))
    assert prices is None
    assert any(said in one for one in told), told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    prices, found = load_prices(tmp_path / "none.yaml")
    assert prices is None
    assert "none.yaml does not exist" in found[0].summary
    assert "migrate prices" in found[0].hint


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    prices, told = read(tmp_path, written(shipped_prices(), {"export_gb": "a note"}))
    assert prices is not None, told
    assert (prices.date, prices.regions) == (shipped_prices().date, shipped_prices().regions)


def test_the_regions_that_are_used_are_said() -> None:
    prices = shipped_prices()
    assert prices.words("us-east-1", "us-east-1") == f"prices of {prices.date}, us-east-1"
    assert prices.words("eu-west-1", "us-east-1") == f"prices of {prices.date}, us-east-1; eu-west-1 may differ"
    assert prices.of("eu-west-1") is prices.of("us-east-1")


def test_the_schema_of_prices_is_sound() -> None:
    schema = read_schema("prices")
    Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


def product(usage: str, *tiers: tuple[float, str]) -> str:
    dimensions = {str(at): {"beginRange": f"{at:g}", "pricePerUnit": {"USD": dollars}} for at, dollars in tiers}
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage}},
            "terms": {"OnDemand": {"T": {"priceDimensions": dimensions}}},
        }
    )


ANSWERS = {
    "AmazonDynamoDB": [
        product("EUW1-ReadRequestUnits", (0, "0.0000001415")),
        product("EUW1-IA-ReadRequestUnits", (0, "0.0000001770")),
        product("EUW1-ExportDataSize-Bytes", (0, "0.1130000000")),
        product("EUW1-IncrementalExportDataSize-Bytes", (0, "0.2")),
        product("EUW1-ImportDataSize-Bytes", (0, "0.16")),
        product("EUW1-ImportDataSize-Bytes", (0, "0.17")),
    ],
    "AmazonS3": [product("EU-TimedStorage-ByteHrs", (0, "0.023"), (51200, "0.022"))],
    "AWSGlue": [product("EUW1-ETL-DPU-Hour", (0, "0"), (1, "0.44"))],
}


def stubbed(answers: dict[str, list[str]]) -> Any:
    """The price list as botocore's stubber plays it, which holds every request against the service model."""
    from botocore.stub import Stubber

    account = pricing.price_list("eu-west-1", SystemClock())
    account.pacer = None
    stub = Stubber(account.client("pricing"))
    for service in ("AmazonDynamoDB", "AWSBackup", "AmazonS3", "AWSGlue", "ElasticMapReduce"):
        found = answers.get(service, [])
        pages = [found[:3], found[3:]] if len(found) > 3 else [found]
        for number, page in enumerate(pages):
            asked: dict[str, Any] = {
                "ServiceCode": service,
                "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}],
            }
            if number:
                asked["NextToken"] = "more"
            more = {"NextToken": "more"} if number + 1 < len(pages) else {}
            stub.add_response("get_products", {"PriceList": page, **more}, asked)
    stub.activate()
    return account


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.mark.usefixtures("credentials")
def test_the_price_list_is_read_by_usage_types() -> None:
    """What is not there, and what is there twice with two prices, is left out: nothing is guessed."""
    assert pricing.region_prices(stubbed(ANSWERS), "eu-west-1") == {
        "read_units_million": 0.1415,
        "export_gb": 0.113,
        "s3_gb_month": 0.023,
        "glue_dpu_hour": 0.44,
    }


@pytest.mark.usefixtures("credentials")
def test_a_refused_price_list_says_which_permission() -> None:
    from botocore.stub import Stubber

    account = pricing.price_list("us-west-2", SystemClock())
    stub = Stubber(account.client("pricing"))
    stub.add_client_error("get_products", "AccessDeniedException", "not authorized", http_status_code=400)
    stub.activate()
    with pytest.raises(AccessDenied) as refused:
        pricing.region_prices(account, "us-west-2")
    assert "pricing:GetProducts" in refused.value.hint
    assert account.region == "us-east-1"


def test_every_usage_is_of_a_price() -> None:
    assert set(pricing.USAGE) <= set(vars(shipped_prices().of("us-east-1")))
