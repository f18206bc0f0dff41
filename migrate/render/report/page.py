"""The report as one HTML file: nothing is fetched, nothing is executed, and it reads the same on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from migrate.plan.figures import about, dollars_words, minutes_words
from migrate.render.report.chart import chart
from migrate.render.report.markup import Content, Html, joined, tag, text, void
from migrate.render.report.model import (
    COUNTED,
    FAILED,
    SETTLED,
    VERIFIED,
    Report,
    ReportAccount,
    ReportStep,
    ReportTable,
)
from migrate.render.report.parts import TONES, bullets, facts, legend, pill, steps_table, table
from migrate.render.report.style import CSS
from migrate.render.report.table_part import table_part
from migrate.render.report.timeline import timeline_of
from migrate.render.report.times import moment
from migrate.render.report.words import NOT_RECORDED, clock_time, lasting, number, took
from migrate.render.style import plural, size

GENERATOR = "migrate report"
"""What the page says that it was made by: no other file is overwritten."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MOST_OPEN = 5
_MOST_DETAILS = 6


def page(report: Report) -> str:
    """The whole page, UTF-8."""
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width,initial-scale=1"),
        void("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        void("meta", name="generator", content=f"{GENERATOR} {report.version}"),
        tag("title", f"Migration report: {report.migration}"),
        tag("style", Html(CSS)),
    )
    body = tag("body", _header(report), tag("main", *_sections(report)), _footer(report))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _header(report: Report) -> Html:
    tone, _ = TONES[report.outcome]
    shown = report.details[:_MOST_DETAILS]
    more = len(report.details) - len(shown)
    lines = [tag("p", line) for line in (*shown, *([f"and {more} more"] if more else []))]
    following = [tag("p", "Next: ", tag("code", report.next))] if report.next else []
    gaps = tag("div", *(tag("p", gap) for gap in report.gaps), class_="verdict warn") if report.gaps else ""
    return tag(
        "header",
        tag("p", "Migration report", class_="over"),
        tag("h1", report.migration),
        tag("p", f"{_where(report.source)}  →  {_where(report.target)}", class_="way"),
        tag("div", tag("strong", report.headline), *lines, *following, class_=f"verdict {tone}"),
        gaps,
        _tiles(report),
    )


def _where(account: ReportAccount) -> str:
    name = f" ({account.name})" if account.name else ""
    return f"{account.id or 'account ' + NOT_RECORDED}{name} {account.region or ''}".rstrip()


def _tiles(report: Report) -> Html:
    totals = report.totals
    verified = totals.verdicts.get(VERIFIED, 0)
    failed = totals.verdicts.get(FAILED, 0)
    counted = totals.verdicts.get(COUNTED, 0)
    rest = totals.tables - verified - failed - counted
    counts = ((failed, "failed"), (counted, "only counted"), (rest, "not verified"))
    words = [f"{count:,} {said}" for count, said in counts if count]
    tiles = [
        (f"{totals.tables:,}", "table" if totals.tables == 1 else "tables"),
        (f"{verified:,} of {totals.tables:,}", f"verified{''.join(f', {word}' for word in words)}"),
        (f"{totals.items:,}", "items compared and equal"),
        (size(totals.bytes) if totals.bytes is not None else "–", "in the source, as planned"),
        (
            took(totals.busy_minutes) if totals.busy_minutes is not None else "–",
            f"of work; estimated {minutes_words(totals.planned_minutes)}"
            if totals.planned_minutes is not None
            else "of work",
        ),
        (
            about(dollars_words(totals.dollars)).replace("less than", "<") if totals.dollars is not None else "–",
            "estimated, never a bill" if totals.dollars is not None else f"cost {NOT_RECORDED}",
        ),
    ]
    return tag(
        "div", *(tag("div", tag("b", big), tag("span", small), class_="tile") for big, small in tiles), class_="tiles"
    )


def _sections(report: Report) -> Iterator[Html]:
    yield _section("Who, what, when", _who(report), _runs(report))
    timeline = timeline_of(report)
    if timeline is not None:
        what = (
            "Each step has a line." if timeline.is_detailed else "Each table has a line; close steps are drawn as one."
        )
        narrow = "Spells in which nothing ran are narrow and grey. Times are UTC."
        bars = [bar for row in timeline.rows for bar in row.bars]
        has_failed, has_open = any(bar.is_failed for bar in bars), any(bar.is_open for bar in bars)
        yield _section(
            "Timeline",
            legend(has_failed=has_failed, has_open=has_open),
            chart(timeline),
            tag("p", f"{what} {narrow}", class_="soft"),
        )
    if report.tables:
        yield _section("Tables", _overview(report.tables))
        is_open = len(report.tables) <= _MOST_OPEN
        parts = [
            table_part(one, at, is_open=is_open or one.verdict == FAILED) for at, one in enumerate(report.tables, 1)
        ]
        yield _section("Table by table", *parts)
    if report.shared:
        yield _section("Shared steps", steps_table(report.shared))
    yield _section("Changed, made, removed, left", *_effects(report))
    yield _section("Check it yourself", *_commands(report))


def _section(title: str, *content: Content) -> Html:
    return tag("section", tag("h2", title), *content)


def _who(report: Report) -> Html:
    last = report.runs[-1] if report.runs else None
    unasked = "no policy asked for it" if report.runs else None
    approvals = dict.fromkeys(words for run in report.runs for words in run.approvals)
    return facts(
        [
            ("Source", _account(report.source)),
            ("Target", _account(report.target)),
            ("Begun (UTC)", clock_time(report.begun) if report.begun else None),
            ("Ended (UTC)", clock_time(report.ended) if report.ended else _no_end(report)),
            ("Plan", tag("code", f"sha256:{report.plan_id}") if report.plan_id else None),
            ("Agreed", last.agreed if last else None),
            (
                "Approved",
                joined(*(tag("div", words) for words in approvals)) if approvals else unasked,
            ),
            ("Manifest", report.manifest_file),
            ("Its digest", tag("code", report.manifest_digest) if report.manifest_digest else None),
            ("Estimates", report.prices_of),
            ("Carried out by", f"migrate {', '.join(_versions(report))}" if _versions(report) else None),
            ("Lineage", tag("code", report.lineage) if report.lineage else None),
        ]
    )


def _no_end(report: Report) -> str | None:
    return None if report.outcome in SETTLED else "not ended"


def _versions(report: Report) -> list[str]:
    return list(dict.fromkeys(run.version for run in report.runs if run.version))


def _account(account: ReportAccount) -> Html:
    who = [tag("div", "as ", tag("code", arn)) for arn in account.principals]
    return joined(text(_where(account)), *(who or [tag("div", f"principal {NOT_RECORDED}", class_="soft")]))


def _runs(report: Report) -> Html:
    heads = [("Run", "n"), ("Begun (UTC)", "t"), ("Took", "n"), ("Ended", ""), ("By", ""), ("Plan", "")]
    if not report.runs:
        return tag("p", f"Runs: {NOT_RECORDED}.", class_="soft")
    rows: list[Sequence[Content]] = []
    for number_, run in enumerate(report.runs, 1):
        lasted = lasting(moment(run.begun), moment(run.ended)) if run.ended else "–"
        plan = joined(tag("code", run.plan_id[:12]), tag("small", f"agreed: {run.agreed}") if run.agreed else "")
        rows.append((number_, clock_time(run.begun), lasted, run.outcome or "no end recorded", run.by, plan))
    return joined(tag("h3", "Runs"), table(heads, rows))


def _overview(tables: Sequence[ReportTable]) -> Html:
    heads = [
        ("Table", ""),
        ("Strategy", ""),
        ("Items, source", "n"),
        ("Items, target", "n"),
        ("Size", "n"),
        ("Estimated", "n"),
        ("Took", "n"),
        ("Verdict", ""),
    ]
    return table(heads, [_row(one, at) for at, one in enumerate(tables, 1)])


def _row(one: ReportTable, at: int) -> Sequence[Content]:
    seen = one.verification
    known = seen.source_items if seen and seen.source_items is not None else None
    planned = f"~{one.planned_items:,}" if one.planned_items is not None else "–"
    return (
        tag("a", one.target, href=f"#t{at}"),
        one.strategy or "–",
        planned if known is None else number(known),
        number(seen.target_items) if seen and seen.target_items is not None else "–",
        size(one.bytes) if one.bytes is not None else "–",
        minutes_words(one.estimate.took) if one.estimate else "–",
        took(one.minutes) if one.minutes is not None else "–",
        pill(one.verdict),
    )


def _effects(report: Report) -> Iterator[Html]:
    steps = list(report.steps())
    changed = [one for one in steps if one.changes_source and one.status == "done"]
    yield from _list("Changed in the source account", map(_what, changed), "nothing")
    done = [one for one in steps if one.status == "done" and one.started]
    for title, change in (("Made", "+"), ("Removed", "-")):
        yield from _list(title, map(_what, (one for one in done if one.change == change)), "nothing")
    moved = Counter(one.kind for one in report.owned)
    count = ", ".join(plural(n, kind) for kind, n in sorted(moved.items()))
    yield tag("h3", f"Left: made by this migration and still there{f' ({count})' if count else ''}")
    lines = [
        joined(
            f"{one.kind}, {one.side}: ",
            tag("code", one.id),
            "" if one.is_confirmed else " (perhaps: the call had no answer)",
        )
        for one in report.owned
    ]
    yield bullets(lines) or tag("p", "nothing", class_="soft")


def _list(title: str, lines: Iterator[str], otherwise: str) -> Iterator[Html]:
    yield tag("h3", title)
    yield bullets(lines) or tag("p", otherwise, class_="soft")


def _what(step: ReportStep) -> str:
    owner = step.address.split("/", 1)[0]
    return f"{step.title}" if owner == "shared" else f"{owner}: {step.title}"


def _commands(report: Report) -> Iterator[Html]:
    lines = [f"migrate report {report.migration}   # this report again, from the state"]
    if report.manifest_file:
        lines.insert(0, f"migrate verify {report.manifest_file}   # compares every item of source and target again")
        lines.insert(1, f"migrate plan {report.manifest_file}   # 'No changes' when the target is as the manifest says")
    yield tag("pre", tag("code", "\n".join(lines)))
    yield tag(
        "p",
        "A digest is the sum of the digests of all items of a table: it depends neither on their order nor on how the "
        "table was read. Equal sums prove that the tables hold the same items; where sums differ, items are compared "
        "one by one. Minutes and dollars are estimates from a dated table of prices. Sizes are those that DynamoDB "
        "tells, up to six hours late.",
        class_="soft",
    )


def _footer(report: Report) -> Html:
    return tag(
        "footer",
        f"Written {clock_time(report.written)} UTC by migrate {report.version}, from the migration's state; AWS was "
        f"not asked. “{NOT_RECORDED.capitalize()}” means what it says: it is neither yes nor no.",
    )
