"""Which prices estimates are made with: the table that is shipped, or the one that the user names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from migrate.manifest.prices import Prices

VARIABLE = "MIGRATE_PRICES"

PRICES = typer.Option(
    "", "--prices", metavar="FILE", envvar=VARIABLE, help="Price table for estimates (migrate prices)."
)


def read_prices(named: str = "") -> Prices:
    """The prices in the file called `named`, or in that of MIGRATE_PRICES, or those that are shipped.

    Commands without the option choose strategies by the same prices as those that have it. Raises `ManifestInvalid`.
    """
    from migrate.core.errors import ManifestInvalid
    from migrate.manifest.prices import load_prices, shipped_prices

    named = named or os.environ.get(VARIABLE, "")
    if not named:
        return shipped_prices()
    prices, problems = load_prices(named)
    if prices is None:
        raise ManifestInvalid(problems)
    return prices
