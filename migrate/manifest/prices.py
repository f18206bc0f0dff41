"""A price file -> Prices: what AWS charges, by Region and as of one day. Estimates are made of it, never bills.

The table that is shipped (`schemas/prices.yaml`) is read in the same way as one that a user names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, error, has_errors
from migrate.core.schemas import schema_file
from migrate.manifest.conform import check_schema
from migrate.manifest.textfile import read_file
from migrate.manifest.yamltext import read_yaml


@dataclass(frozen=True)
class RegionPrices:
    """US dollars in one Region; what each is for stands in the JSON Schema. AWS's GB are GiB."""

    read_units_million: float
    write_units_million: float
    export_gb: float
    import_gb: float
    recovery_gb_month: float
    backup_gb_month: float
    restore_gb: float
    transfer_gb: float
    s3_gb_month: float
    kms_key_month: float
    warm_write_unit: float
    glue_dpu_hour: float
    glue_flex_dpu_hour: float
    emr_vcpu_hour: float
    emr_gb_hour: float
    emr_arm_vcpu_hour: float
    emr_arm_gb_hour: float
    cluster_vcpu_hour: float

    @property
    def read_unit(self) -> float:
        """One on-demand read request unit."""
        return self.read_units_million / 1_000_000

    @property
    def write_unit(self) -> float:
        """One on-demand write request unit."""
        return self.write_units_million / 1_000_000


@dataclass(frozen=True)
class Prices:
    """A table without errors. `file` is '' for the one that is shipped."""

    date: str
    regions: Mapping[str, RegionPrices]
    file: str = ""

    def of(self, region: str) -> RegionPrices:
        """The Region's prices; for one that is not in the table, those of its first Region."""
        return self.regions.get(region) or self.regions[self._first]

    def words(self, *regions: str) -> str:
        """Of which day and Regions the prices are, for a migration between these: said wherever dollars are."""
        wanted = list(dict.fromkeys(regions))
        absent = [region for region in wanted if region not in self.regions]
        used = [region if region in self.regions else self._first for region in wanted]
        text = f"prices of {self.date}, {' and '.join(dict.fromkeys(used))}"
        return f"{text}; {' and '.join(absent)} may differ" if absent else text

    @property
    def _first(self) -> str:
        return next(iter(self.regions))


def load_prices(path: str | Path, shown: str | None = None) -> tuple[Prices | None, list[Diagnostic]]:
    """Read and check the price file at `path`. Returns Prices exactly when no diagnostic is an error. Never raises."""
    text, problems = read_file(path, "price file")
    if text is None:
        return None, problems
    document, problems = read_yaml(text, str(path), "price file")
    if document is None:
        return None, problems
    problems = [*problems, *check_schema(document, "prices")]
    if has_errors(problems):
        return None, problems
    regions = {name: RegionPrices(**prices) for name, prices in document.value["regions"].items()}
    return Prices(document.value["date"], regions, str(path) if shown is None else shown), problems


@cache
def shipped_prices() -> Prices:
    """The table that comes with this version; read once. Raises `LookupError` for a broken installation."""
    path = schema_file("prices.yaml")
    prices, problems = load_prices(path, "")
    if prices is None:
        raise LookupError(f"{path}: {problems[0].summary}")
    return prices


def written(prices: Prices, notes: Mapping[str, str] | None = None) -> str:
    """The table as a price file. `notes` are comments, by name of a price."""
    lines = ["version: 1", f'date: "{prices.date}"', "regions:"]
    for region, table in prices.regions.items():
        lines.append(f"  {region}:")
        for name, value in vars(table).items():
            note = (notes or {}).get(name, "")
            lines.append(f"    {name}: {amount(value)}" + (f"   # {note}" if note else ""))
    return "\n".join(lines) + "\n"


def document(prices: Prices) -> Json:
    """The table as JSON, in the format of a price file: YAML is a superset of it, so it can be used as one."""
    return {"version": 1, "date": prices.date, "regions": {name: vars(one) for name, one in prices.regions.items()}}


def amount(dollars: float) -> str:
    """A price as a plain decimal number: never 1e-05, never a number that is longer than it was."""
    text = f"{dollars:.12f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def unknown_region(region: str, prices: Prices) -> Diagnostic:
    """What to say when somebody asks for a Region that the table does not have."""
    return error(
        f"there are no prices of {region} in {prices.file or 'the table that is shipped'}",
        hint=f"it has {', '.join(prices.regions)}; to ask AWS: migrate prices --region {region} --refresh --out FILE",
    )
