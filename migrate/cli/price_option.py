"""Which prices estimates are made with: the table that is shipped, or the one that the user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from migrate.manifest.prices import Prices

PRICES = typer.Option(
    "", "--prices", metavar="FILE", envvar="MIGRATE_PRICES", help="Price table for estimates (migrate prices)."
)


def read_prices(named: str = "") -> Prices:
    """The prices in the file called `named`, or those that are shipped. Raises `ManifestInvalid`."""
    from migrate.core.errors import ManifestInvalid
    from migrate.manifest.prices import load_prices, shipped_prices

    if not named:
        return shipped_prices()
    prices, problems = load_prices(named)
    if prices is None:
        raise ManifestInvalid(problems)
    return prices
