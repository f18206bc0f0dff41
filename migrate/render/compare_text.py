"""A comparison of strategies as text: a summary, then a table for each table; many tables get a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.plan.compare import ComparedTable, Comparison, Option, totals
from migrate.plan.figures import about, dollars_words, minutes_words
from migrate.render.style import Style, plural, size

MOST_IN_FULL = 10
"""Tables of which everything is said at once; of more, each has a line."""

_NAME_WIDTH = 40


def compare_text(found: Comparison, style: Style, *, is_verbose: bool = False) -> str:
    """The whole comparison. `is_verbose` says everything of every table, and every reason."""
    source, target = (
        f"{account.id}{f' ({account.name})' if account.name else ''} {account.region}"
        for account in (found.source, found.target)
    )
    blocks = [f"{style.paint(found.migration, 'bold')}: {source}  ->  {target}", _summary(found, style)]
    if is_verbose or len(found.tables) <= MOST_IN_FULL:
        blocks += [_in_full(table, style, is_verbose) for table in found.tables]
        blocks.append("* auto takes it   > the manifest names it")
    else:
        blocks.append(_lines(found, style))
    return "\n\n".join(blocks)


def _summary(found: Comparison, style: Style) -> str:
    """How many tables each strategy can move, how many `auto` gives it, and what all of those take."""
    tables = [table for table in found.tables if table.options]
    rows = [("strategy", "can move", "auto takes", "those take")]
    for place, name in enumerate(_names(found)):
        options = [table.options[place] for table in tables]
        taken = [one for one in options if one.is_auto]
        able = sum(one.is_possible for one in options)
        rows.append((name, f"{able} of {len(tables)}", str(len(taken)), _all_of(taken)))
    whole = size(sum(table.bytes for table in found.tables))
    head = f"{plural(len(found.tables), 'table')}, {whole}; {found.prices_of}. Tables move side by side."
    return "\n".join([head, "", *_columns(rows, style)])


def _all_of(options: Sequence[Option]) -> str:
    minutes, dollars = totals(options)
    return f"{about(minutes_words(minutes))}, {about(dollars_words(dollars))}" if options else ""


def _in_full(table: ComparedTable, style: Style, is_verbose: bool) -> str:
    name = f"{table.source} -> {table.target}"
    head = f"{name}        {plural(table.items, 'item')}   {size(table.bytes)}   prefer: {table.prefer}"
    lines = [f"  {style.paint(head, 'bold')}"]
    if table.note:
        return "\n".join([*lines, f"    {table.note}"])
    possible = [one for one in table.options if one.is_possible]
    rows: list[tuple[str, ...]] = [("", "strategy", "time", "cost", "read from the source", "writers stop")]
    rows += [_row(one) for one in possible]
    if possible:
        lines += _columns(rows, style)
    for one in table.options:
        if not one.is_possible:
            more = len(one.reasons) - 1
            told = one.reasons if is_verbose else one.reasons[:1]
            rest = f" (and {plural(more, 'more reason')}: -v)" if more and not is_verbose else ""
            lines.append(f"    {one.strategy} cannot: {'; '.join(told)}{rest}")
    for one in possible:
        lines += [style.paint(f"    {line}", "dim") for line in _asks(one, is_verbose)]
    lines += _everywhere(possible)
    if table.auto is None:
        lines.append(f"    {style.paint('auto would take none of them', 'yellow')}")
    return "\n".join(lines)


def _row(one: Option) -> tuple[str, ...]:
    mark = ("*" if one.is_auto else "") + (">" if one.is_named else "")
    reads = plural(one.source_read_units, "unit") if one.source_read_units else "nothing"
    minutes, stopped = (about(minutes_words(span)) for span in (one.took, one.downtime or one.took))
    return mark, one.strategy, minutes, about(dollars_words(one.cost)), reads, f"{one.writers}, {stopped}"


def _asks(one: Option, is_verbose: bool) -> Iterator[str]:
    """What a strategy asks for: before, and after the load."""
    parts = [f"write {text}" for text in one.to_write]
    if one.made:
        abroad = sum(text.startswith("source:") for text in one.made)
        parts.append(
            f"makes {plural(len(one.made), 'thing')} first ({abroad} in the source{'' if is_verbose else '; -v'})"
        )
    if one.set_again:
        parts.append(f"sets after the load: {', '.join(one.set_again)}")
    if parts:
        yield f"{one.strategy}: {'; '.join(parts)}"
    if is_verbose:
        yield from (f"    {text}" for text in one.made)


def _everywhere(options: Sequence[Option]) -> Iterator[str]:
    """What the verification reads, and what is left to the user: with which strategies."""
    reads = {one.strategy: one.estimate.source_read_units - one.source_read_units for one in options if one.estimate}
    for units in sorted(set(reads.values()) - {0}):
        those = [name for name, found in reads.items() if found == units]
        yield f"    verifying{_with(those, options)} reads {plural(units, 'unit')} of the source more"
    for text in dict.fromkeys(text for one in options for text in one.left):
        those = [one.strategy for one in options if text in one.left]
        yield f"    needs you{_with(those, options)}: {text}"


def _with(names: Sequence[str], options: Sequence[Option]) -> str:
    return "" if len(names) == len(options) else f" ({', '.join(names)})"


def _lines(found: Comparison, style: Style) -> str:
    rows = [("table", "size", *_names(found))]
    for table in found.tables:
        name = table.source if len(table.source) <= _NAME_WIDTH else f"{table.source[: _NAME_WIDTH - 1]}…"
        cells = [_cell(one) for one in table.options] or [table.note]
        rows.append((name, size(table.bytes), *cells))
    legend = "* auto takes it · - it cannot. Everything of one table: --only TABLE; of all: -v."
    return "\n".join([*_columns(rows, style), "", legend])


def _cell(one: Option) -> str:
    if not one.is_possible:
        return "-"
    mark = "*" if one.is_auto else ""
    return f"{mark}{minutes_words(one.took)} {dollars_words(one.cost)}"


def _names(found: Comparison) -> list[str]:
    return next(([one.strategy for one in table.options] for table in found.tables if table.options), [])


def _columns(rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """Rows in columns; the first is the heading."""
    count = max(len(row) for row in rows)
    width = [max((len(row[at]) for row in rows if at + 1 < len(row)), default=0) for at in range(count)]
    lines = ["   ".join(cell.ljust(width[at]) for at, cell in enumerate(row)).rstrip() for row in rows]
    return [f"    {style.paint(line, 'dim') if not number else line}" for number, line in enumerate(lines)]
