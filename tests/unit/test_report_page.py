"""The report's page: well-formed, alone in the world, and inert whatever the names in it are."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import StepError
from migrate.core.printable import printable
from migrate.plan.model import PlannedTable
from migrate.render.report.build import build_report
from migrate.render.report.chart import ROWS_A_PART
from migrate.render.report.model import Report
from migrate.render.report.page import page
from migrate.render.report.scale import GAP, Scale
from tests.reports import BEGUN, carried_out, facts_of, failing, plan_for

ODD = [
    "</title></style></script><script>alert(1)</script>",
    '"><img src=https://evil.example/x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- <svg/onload=alert(1)> -->",
    "&lt;b&gt; &amp;copy; ]]>",
    "javascript:alert(1)",
    "red\x1b[31m\x00 and \u202eredro",
    "\ud800 lonely",
]
VOID = {"meta"}


class Page(HTMLParser):
    """What a browser would see. Raises when elements are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def report_of(count: int, **more: Any) -> Report:
    plan = plan_for(count)
    return build_report(facts_of(carried_out(plan, **more), plan))


def hostile(text: str) -> Report:
    """A report with `text` wherever text of others can stand."""
    report = report_of(1, failures=failing(["shop-0000/verify"]))
    error = StepError(text, text, text)
    one = report.tables[0]
    steps = tuple(dataclasses.replace(s, title=text, handle=text, error=error, address=f"x/{text}") for s in one.steps)
    lines = (text, text)
    table = dataclasses.replace(
        one, source=text, target=text, words=text, strategy=text, reason=text, carried=lines, set_by_manifest=lines,
        not_carried=lines, needs_user=lines, transform=lines, steps=steps,
    )  # fmt: skip
    account = dataclasses.replace(report.source, name=text, principals=(text,))
    run = dataclasses.replace(report.runs[0], by=text, agreed=text, approvals=(text,), outcome=text, version=text)
    return dataclasses.replace(
        report, migration=text, headline=text, details=lines, next=text, source=account, target=account, plan_id=text,
        manifest_file=text, prices_of=text, runs=(run,), tables=(table,), shared=steps, gaps=(text,),
        owned=tuple(dataclasses.replace(o, id=text, kind=text) for o in report.owned),
    )  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_text_stays_text(text: str) -> None:
    shown = printable(text)
    tame = "p" * len(shown)
    found, plain = Page(page(hostile(text))), Page(page(hostile(tame)))
    assert [(tag, sorted(attrs)) for tag, attrs in found.tags] == [(tag, sorted(attrs)) for tag, attrs in plain.tags]
    assert found.text.count(" ".join(shown.split())) == plain.text.count(tame) > 40


def test_the_page_needs_nothing_but_itself() -> None:
    text = page(report_of(3))
    found = Page(text)
    assert {tag for tag, _ in found.tags} <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div", "span", "p",
        "h1", "h2", "h3", "b", "i", "small", "strong", "code", "pre", "ul", "li", "dl", "dt", "dd", "a", "details",
        "summary", "table", "thead", "tbody", "tr", "th", "td", "svg", "g", "rect", "path", "text",
    }  # fmt: skip
    names = {name for _, attrs in found.tags for name in attrs}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "srcset", "style", "xlink:href"}
    links = [attrs["href"] or "" for _, attrs in found.tags if "href" in attrs]
    assert all(re.fullmatch(r"#t\d+", link) for link in links)
    assert not re.search(r"https?:|//|@import|url\(", text.replace("s3://", ""))
    assert "default-src 'none'" in str(found.tags)


def test_every_table_can_be_reached() -> None:
    found = Page(page(report_of(40)))
    links = [attrs["href"] for tag, attrs in found.tags if tag == "a"]
    places = [f"#{attrs['id']}" for _, attrs in found.tags if "id" in attrs]
    assert links == places == [f"#t{at}" for at in range(1, 41)]


def test_what_an_auditor_asks_stands_on_the_page() -> None:
    report = report_of(3)
    text = Page(page(report)).text
    for wanted in (
        report.headline,
        f"sha256:{report.plan_id}",
        "arn:aws:sts::111111111111:assumed-role/Migrator/ana",
        "at the terminal",
        "Begun (UTC) 2026-11-24 21:59:56",
        "prices of 2026-11-01",
        "same Region, no local index, no transform",
        "every item, by digest",
        "Changed in the source account shop-0000: point-in-time recovery: off -> on (35 days)",
        "arn:aws:dynamodb:eu-west-1:222222222222:table/shop-0002",
        "migrate verify /home/ana/move/manifest.yaml",
    ):
        assert wanted in text
    assert f"{report.totals.items:,} items compared and equal" in text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    plan = plan_for(1)
    state = carried_out(plan, is_recorded=False)
    gap = "the plan abc of move is not kept"
    text = Page(page(build_report(facts_of(state, plans={}, active=None, gaps=(gap,))))).text
    assert "what it should have done is not known any more" in text
    assert gap in text
    assert "Runs: not recorded." in text
    assert "principal not recorded" in text
    assert "Carried over from the source not recorded" in text
    assert "Approved not recorded" in text


def test_what_failed_is_open_and_explains_itself() -> None:
    found = Page(page(report_of(20, failures=failing(["shop-0007/import"]))))
    folded = ["open" in attrs for tag, attrs in found.tags if tag == "details"]
    assert [at for at, is_open in enumerate(folded) if is_open] == [7]
    assert 'first key PK "c#9981" (S)' in found.text
    assert "Next: migrate apply /home/ana/move/manifest.yaml" in found.text


@pytest.mark.parametrize(("count", "rows"), [(3, 30), (200, 202)])
def test_the_timeline_of_a_few_tables_and_of_many(count: int, rows: int) -> None:
    text = page(report_of(count))
    parts = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    labels = [re.findall(r'class="(?:name|head)" x="0" y="[\d.]+">([^<]+)', part) for part in parts]
    assert sum(map(len, labels)) >= rows
    assert max(map(len, labels)) <= ROWS_A_PART
    assert all("shop-" in " ".join(part) for part in labels)
    bars = [float(x) for part in parts for x in re.findall(r'<rect class="(?:move|read)" x="([\d.]+)"', part)]
    assert min(bars) >= 190
    assert max(bars) <= 1000


def test_an_attempt_that_failed_is_marked_and_says_why_on_hover() -> None:
    plan = plan_for(1)
    first = carried_out(plan, failures=failing(["shop-0000/import"]))
    both = carried_out(plan, before=first, begun=BEGUN + dt.timedelta(hours=30))
    text = page(build_report(facts_of(both, plan)))
    assert len(re.findall(r'<rect class="move bad"', text)) == 1
    assert "import, attempt 1: failed in" in text
    assert "items were refused by DynamoDB</title>" in text
    assert re.search(r"<title>nothing ran for \d+\.\d h", text)


spans = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)).map(
        lambda pair: (BEGUN + dt.timedelta(seconds=pair[0]), BEGUN + dt.timedelta(seconds=sum(pair)))
    ),
    min_size=1,
    max_size=30,
)


@given(spans)
def test_the_axis_keeps_the_order_and_can_be_read(found: list[tuple[dt.datetime, dt.datetime]]) -> None:
    scale = Scale(found, 800)
    moments = sorted(moment for span in found for moment in span)
    places = [scale.x(moment) for moment in moments]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 800 + 1e-6
    assert all(right - left <= GAP + 1e-6 for left, right, _ in scale.gaps())
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 24
    assert ticks[0].date
    assert all(other.x - one.x >= 36 for one, other in itertools.pairwise(ticks))


def test_a_night_in_which_nothing_ran_is_narrow() -> None:
    hour = dt.timedelta(hours=1)
    scale = Scale([(BEGUN, BEGUN + hour), (BEGUN + 23 * hour, BEGUN + 24 * hour)], 800)
    ((left, right, seconds),) = scale.gaps()
    assert (round(right - left), seconds) == (GAP, 22 * 3600)
    assert [tick.date for tick in scale.ticks() if tick.date] == ["24 Nov 2026", "25 Nov 2026"]


def test_a_table_that_is_moved_elsewhere_has_both_names() -> None:
    plan = plan_for(1)
    table = PlannedTable("orders-old", "shop-0000", "s3", is_move=True)
    plan = dataclasses.replace(plan, tables=(table,))
    assert "orders-old → shop-0000" in Page(page(build_report(facts_of(carried_out(plan), plan)))).text
