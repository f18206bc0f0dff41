"""How the items of two tables are to be hashed: tried on the first few of both, instead of assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.core.item import MalformedItem, key_digest
from migrate.data.endpoints import EndpointSpec
from migrate.data.pagedigest import CANONICAL, FORMS, SORTED
from migrate.data.rawitems import RawItem, RawPage, parse_item
from migrate.data.retry import PATIENCE_SECONDS

PROBE_ITEMS = 250
"""Of each table, which costs a few read units."""


def choose_form(here: Sequence[RawItem], there: Sequence[RawItem], key_names: tuple[str, ...]) -> str:
    """The cheapest form in which equal items of both samples look equal.

    A wrong choice costs reading the tables once more, and never a wrong answer. Without any item in both samples the
    form is one that does not depend on an order.
    """
    ours = _by_key(here, key_names)
    pairs = [(ours[key], item) for key, item in _by_key(there, key_names).items() if key in ours]
    equal = [pair for pair in pairs if _is_equal(CANONICAL, *pair)]
    if not equal:
        return SORTED
    return next(form for form in FORMS if all(_is_equal(form, *pair) for pair in equal))


def _is_equal(form: str, here: RawItem, there: RawItem) -> bool:
    one, other = FORMS[form]((here, there))
    return one == other


def _by_key(items: Sequence[RawItem], key_names: tuple[str, ...]) -> dict[bytes, RawItem]:
    found = {}
    for item in items:
        try:
            found[key_digest(parse_item(item), key_names)] = item
        except MalformedItem:
            continue
    return found


def sample(
    endpoint: EndpointSpec,
    table: str,
    segments: int,
    *,
    consistent: bool,
    rate: float | None,
    should_stop: Callable[[], bool],
) -> RawPage:
    """The first items of a table's first segment, read in this process. Raises what `scan_raw` raises.

    Of small items, no more than cost what a second brings at `rate`.
    """
    if endpoint.credentials is None:
        raise ValueError(f"{endpoint.name or endpoint.url}: no credentials")
    transport = endpoint.opened(1, PATIENCE_SECONDS, endpoint.credentials)
    try:
        return transport.scan_raw(
            table,
            segment=0,
            total_segments=segments,
            consistent=consistent,
            limit=PROBE_ITEMS if rate is None else max(1, min(PROBE_ITEMS, int(rate))),
            should_stop=should_stop,
        )
    finally:
        transport.close()
