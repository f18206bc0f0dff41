"""One table on the page: a line that opens, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.plan.figures import about, dollars_words, minutes_words
from migrate.render.plan_text import setting_words
from migrate.render.report.markup import Content, Html, tag
from migrate.render.report.model import ReportTable, ReportVerification
from migrate.render.report.parts import bullets, facts, pill, steps_table
from migrate.render.report.words import NOT_RECORDED, clock_time, number, took
from migrate.render.style import size

_FORMS = {"digest": "every item, by digest", "counts": "only the numbers of items"}


def table_part(table: ReportTable, at: int, *, is_open: bool) -> Html:
    """The table number `at`."""
    names = table.target if table.source in ("", table.target) else f"{table.source} → {table.target}"
    line = tag("summary", tag("b", names), pill(table.verdict), tag("span", table.words, class_="end"))
    blocks = [
        tag("span", id=f"t{at}", class_="anchor"),
        tag("div", _movement(table), _verification(table.verification), class_="pair"),
        tag("div", *_settings(table), class_="pair"),
        tag("h3", "Steps"),
        steps_table(table.steps) if table.steps else tag("p", "None.", class_="soft"),
    ]
    return tag("details", line, tag("div", *blocks, class_="inside"), open=is_open)


def _movement(table: ReportTable) -> Html:
    pairs: list[tuple[str, Content]] = [("Strategy", table.strategy)]
    if table.reason:
        pairs.append(("Why", table.reason))
    pairs.append(("Source, as planned", f"{number(table.planned_items)} items, {_size(table.bytes)}"))
    if table.loaded:
        pairs.append(("Loaded", _loaded(table.loaded)))
    pairs += [
        ("Time", f"{took(table.minutes)}{_estimated(table)}"),
        ("Cost", f"{about(dollars_words(table.estimate.cost))}, estimated" if table.estimate else None),
    ]
    if table.begun:
        ended = f" to {clock_time(table.ended)}" if table.ended else "; not ended"
        pairs.append(("When (UTC)", f"{clock_time(table.begun)}{ended}"))
    return tag("div", tag("h3", "Move"), facts(pairs))


def _loaded(books: Mapping[str, int]) -> str:
    words = [f"{number(books['items'])} items"] * ("items" in books) + [size(books["bytes"])] * ("bytes" in books)
    more = {"filtered": "left out by the transform", "extra": "more by splitting", "kept": "kept as they were"}
    return ", ".join([*words, *(f"{books[name]:,} {said}" for name, said in more.items() if books.get(name))])


def _estimated(table: ReportTable) -> str:
    return f" (estimated {minutes_words(table.estimate.took)})" if table.estimate else ""


def _size(count: int | None) -> str:
    return f"size {NOT_RECORDED}" if count is None else size(count)


def _verification(seen: ReportVerification | None) -> Html:
    head = tag("h3", "Verification")
    if seen is None:
        return tag("div", head, tag("p", "No comparison of this table is recorded.", class_="soft"))
    pairs: list[tuple[str, Content]] = [
        ("Result", _result(seen)),
        ("Compared", _how(seen)),
        ("When (UTC)", clock_time(seen.ended)),
        ("Items", f"source {number(seen.source_items)}, target {number(seen.target_items)}"),
        ("Marks", _marks(seen)),
    ]
    if seen.mode == "digest":
        pairs.append(("Digest, source", tag("code", seen.source_digest) if seen.source_digest else None))
        pairs.append(("Digest, target", tag("code", seen.target_digest) if seen.target_digest else None))
    if seen.seconds is not None:
        pairs.append(("Cost", f"{took(seen.seconds / 60)}, {seen.read_units or 0:,.0f} read units"))
    error = tag("p", seen.error.why, class_="lines soft") if seen.error and seen.error.why else ""
    return tag("div", head, facts(pairs), error)


def _result(seen: ReportVerification) -> str:
    if not seen.is_current:
        return "out of date: the items were loaded again after it, so it proves nothing"
    if not seen.is_accepted:
        return "source and target are not equal"
    if seen.mode == "counts":
        return "as many items in both tables; they were not compared"
    if seen.existing:
        return "every key of the source is in the target, which had items before"
    if seen.source_digest != seen.target_digest and seen.is_equal:
        return "equal; the sums differ, so every item of the segments in question was compared by value"
    return "equal"


def _how(seen: ReportVerification) -> str:
    words = _FORMS.get(seen.mode or "", NOT_RECORDED)
    words += ", with what the copy had read" if seen.compared_with == "copy" else ""
    words += ", after the transform" if seen.is_transformed else ""
    return words + (f"; on conflict: {seen.existing}" if seen.existing else "")


def _marks(seen: ReportVerification) -> str:
    if seen.mode == "counts":
        return f"only counted: {number(seen.missing)} more in the source, {number(seen.extra)} more in the target"
    marks = (
        ("=", seen.same, "same"),
        ("*", seen.differs, "differ"),
        ("+", seen.missing, "only in the source"),
        ("-", seen.extra, "only in the target"),
        ("!", seen.errors, "could not be compared"),
    )
    return ",  ".join(f"{mark} {number(count)} {words}" for mark, count, words in marks)


def _settings(table: ReportTable) -> tuple[Html, ...]:
    return (
        *_block("Carried over from the source", setting_words(table.carried) if table.carried is not None else None),
        *_block("Set by the manifest", table.set_by_manifest),
        *_block("Not carried over, and why", table.not_carried),
        *_block("Needs you", table.needs_user, is_always=False),
        *_block("Transform", table.transform, is_always=False),
    )


def _block(title: str, lines: tuple[str, ...] | list[str] | None, *, is_always: bool = True) -> Iterator[Html]:
    if not lines and not is_always:
        return
    if lines is None:
        said = tag("p", NOT_RECORDED, class_="soft")
    elif title.startswith("Carried"):
        said = tag("p", ", ".join(lines) or "nothing beside AWS's defaults")
    else:
        said = bullets(lines) or tag("p", "nothing", class_="soft")
    yield tag("div", tag("h3", title), said)
