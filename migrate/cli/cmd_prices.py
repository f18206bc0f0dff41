"""`migrate prices`: the price table in force, and a fresh one from AWS."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console
from migrate.cli.price_option import PRICES, read_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrate.manifest.prices import Prices


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("prices")
    def prices(
        region: str = typer.Option("", "--region", metavar="REGION", help="Only this Region."),
        refresh: bool = typer.Option(False, "--refresh", help="Ask AWS's Price List (pricing:GetProducts)."),
        out: str = typer.Option("", "--out", metavar="FILE", help="Write a price file, for --prices."),
        as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
        named: str = PRICES,
    ) -> int:
        """Show the prices that estimates are made with, or ask AWS for today's."""
        return run(region, refresh=refresh, out=out, as_json=as_json, named=named)


def run(region: str, *, refresh: bool, out: str, as_json: bool, named: str) -> int:
    """See the command."""
    from migrate.cli.cmd_plan import write_text
    from migrate.core.errors import ManifestInvalid
    from migrate.manifest.prices import document, unknown_region, written

    table = read_prices(named)
    notes: Mapping[str, str] = {}
    if refresh:
        if not region:
            raise typer.BadParameter("--refresh needs --region: which Region to ask for")
        table, notes = refreshed(table, region)
    elif region:
        if region not in table.regions:
            raise ManifestInvalid([unknown_region(region, table)])
        table = dataclasses.replace(table, regions={region: table.regions[region]})
    if out:
        write_text(out, written(table, notes))
        console.say(f"Wrote {out}. To estimate with it: migrate plan MANIFEST --prices {out}")
        for name, note in notes.items():
            console.say(f"note: {name} is {note}")
    if as_json:
        console.json(document(table))
    elif not out:
        show(table, notes)
    return 0


def refreshed(table: Prices, region: str) -> tuple[Prices, Mapping[str, str]]:
    """Today's prices of one Region, and notes on those that the list does not have: they stay what they were.

    Raises `AwsError` when the list cannot be read, and `MigrateError` when it has nothing of the Region.
    """
    from migrate.aws.pricing import price_list, region_prices
    from migrate.core.clock import SystemClock
    from migrate.core.errors import AwsError, MigrateError

    clock = SystemClock()
    try:
        found = region_prices(price_list(region, clock), region)
    except AwsError as error:
        error.why = f"{error.why}. Nothing was written; estimates go on with the prices of {table.date}"
        raise
    if not found:
        raise MigrateError(
            f"AWS's price list has no prices of {region}; nothing was written",
            hint="check the name of the Region; or write the file by hand: migrate prices --out FILE",
        )
    prices = dataclasses.replace(table.of(region), **found)
    old = f"not in the price list: of {table.date}, {region if region in table.regions else next(iter(table.regions))}"
    notes = {name: old for name in vars(prices) if name not in found}
    return dataclasses.replace(table, date=clock.now().date().isoformat(), regions={region: prices}), notes


def show(table: Prices, notes: Mapping[str, str]) -> None:
    """Print the table: every price with what it is for."""
    from migrate.core.schemas import read_schema
    from migrate.manifest.prices import amount

    described = read_schema("prices")["$defs"]["prices"]["properties"]
    console.result(f"Prices of {table.date} in US dollars, {f'from {table.file}' if table.file else 'as shipped'}")
    for region, prices in table.regions.items():
        console.result(f"\n  {region}")
        for name, value in vars(prices).items():
            note = f" ({notes[name]})" if name in notes else ""
            console.result(f"  {name:<20} {amount(value):>10}   {described[name]['description']}{note}")
    console.result("\nA Region that is not here is estimated with the first one; its own prices may differ.")
