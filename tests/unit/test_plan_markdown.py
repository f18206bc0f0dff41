"""A plan as a pull request's comment: folded, small enough, and inert whatever the names and values hold."""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser

import pytest

from migrate.core.diagnostics import error, warning
from migrate.core.printable import printable
from migrate.plan.model import Action, Change, Plan, PlannedAccount, PlannedTable, Risk, Side
from migrate.plan.planfile import plan_digest
from migrate.render.plan_markdown import MOST_BYTES, escape, plan_markdown
from tests.worlds import HEAD, facts, inventory, manifest_of, plan_of

ODD = [
    "</summary></details><script>alert(1)</script>",
    "```\n# Approved\n```",
    "~~~~ `` ` ```` @everyone #1 [x](http://evil.example) ![x](y)",
    "a|b\\|c *bold* __init__ $x$ &lt; <!-- -->",
    "line\r\nbreak\u2028and\x1b[31mred\x00",
    "\ud800 lonely",
    "orders\u202esredro",
    "www.evil.example https://evil.example",
]


def plan_with(text: str) -> Plan:
    """A plan that carries `text` wherever text can stand."""
    action = Action(
        address="orders/tags",
        kind="setting.tags",
        side=Side.TARGET,
        change=Change.DELETE,
        title=text,
        why=text,
        details=(text, text),
    )
    table = PlannedTable(text, "orders", text, reason=text, is_move=True, needs_user=(text,))
    account = PlannedAccount("111111111111", "eu-west-1", text)
    found = (warning(text, why=text, hint=text, address=text), error(text))
    return Plan("move", "l", account, account, "", "", text, tables=(table,), actions=(action,), diagnostics=found)


def many(count: int) -> Plan:
    manifest = manifest_of(HEAD + "tables:\n  - match: '*'\n")
    return plan_of(manifest, inventory(*(facts(f"table-{number:04}") for number in range(count))))


class Tags(HTMLParser):
    """The HTML tags in a rendered page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)


@pytest.mark.parametrize("text", ODD)
def test_odd_text_stays_text(text: str) -> None:
    from markdown_it import MarkdownIt

    comment = plan_markdown(plan_with(text), file=text)
    page = MarkdownIt("gfm-like", {"linkify": False}).render(comment)
    tags = Tags()
    tags.feed(page)
    assert set(tags.found) <= {"h3", "p", "strong", "code", "ul", "li", "br", "details", "summary", "pre"}
    assert tags.found.count("details") == tags.found.count("pre") == 1
    assert tags.found.count("h3") == 1
    assert tags.found.count("li") == 2
    shown = html.unescape(re.sub(r"<[^>]*>", "", page))
    for line in re.split(r"[\x00-\x1f\u2028]+", text):
        assert shown.count(printable(line.strip())) >= 3  # title, details, needs you, the findings


def test_nothing_invisible_is_in_a_comment() -> None:
    comment = plan_markdown(plan_with("orders\u202esredro\u200b\ud800"))
    assert not re.search("[\u202e\u200b\ud800]", comment)
    assert "orders\\u202esredro" in comment


def test_no_link_and_no_mention_comes_of_text() -> None:
    assert escape("see http://a.example, www.a.example, me@a.example and @me") == (
        "see http&#58;//a.example, www&#46;a.example, me&#64;a.example and &#64;me"
    )


def test_what_a_reviewer_needs_first_stands_first() -> None:
    plan = many(2)
    comment = plan_markdown(plan, file="plan.json")
    head = comment.split("<details>")[0]
    assert "2 tables (2.0 MiB) to move" in head
    assert "2 steps change the source, 4 steps delete" in head
    assert plan_digest(plan) in head
    assert comment.count("<details>") == 4  # shared, two tables, afterwards
    assert "left out" not in comment


@pytest.mark.parametrize("count", [60, 90, 500])
def test_a_comment_is_never_too_long(count: int) -> None:
    plan = many(count)
    comment = plan_markdown(plan, file="plan.json", link="https://ci.example/runs/1")
    assert len(comment.encode()) < MOST_BYTES < 60_000
    shown = comment.count("<details>")
    if shown < count + 2:
        assert f"**{count + 2 - shown} tables or parts left out, for want of room.**" in comment
        assert "[plan.json](<https://ci.example/runs/1>)" in comment
    assert comment.count("</details>") == shown
    assert f"{count} tables" in comment.split("<details>")[0]


def test_a_thousand_findings_do_not_hide_the_plan() -> None:
    plan = dataclasses.replace(many(3), diagnostics=tuple(warning(f"odd {n} " + "x" * 200) for n in range(1000)))
    comment = plan_markdown(dataclasses.replace(plan, diagnostics=(*plan.diagnostics, error("stop here"))))
    assert len(comment.encode()) < MOST_BYTES
    assert comment.index("stop here") < comment.index("odd 0")
    assert comment.count("<details>") == 5
    assert re.search(r"\*\*9\d\d findings left out", comment)


def test_a_table_too_large_for_any_comment_is_counted() -> None:
    action = Action("orders/tags", "setting.tags", Side.TARGET, Change.UPDATE, "x" * 70_000, risk=Risk.NONE)
    table = PlannedTable("orders", "orders", "s3")
    plan = dataclasses.replace(many(1), tables=(table,), actions=(action,))
    comment = plan_markdown(plan, file="plan.json")
    assert "1 table or part left out" in comment
    assert "migrate show plan.json --json" in comment


def test_no_changes() -> None:
    plan = dataclasses.replace(many(1), actions=())
    assert "No changes" in plan_markdown(plan)
    assert "<details>" not in plan_markdown(plan)
