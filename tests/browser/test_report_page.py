"""The report's page in a real browser: what it shows, that it fetches nothing, in light, dark and on paper.

Runs where Chromium is installed. In CI (CI=true) it must be: there the test fails without it.
"""

from __future__ import annotations

import base64
import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.render.report.build import build_report
from migrate.render.report.page import page
from tests.browser.chromium import Tab, browser, installed
from tests.reports import carried_out, facts_of, failing, plan_for

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    program = installed()
    if program is None:
        assert os.environ.get("CI") != "true", "CI must have Chromium: make browser"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with browser(program) as tab:
        yield tab


def written(folder: Path, count: int, *failed: str) -> Path:
    plan = plan_for(count)
    path = folder / "report.html"
    path.write_text(page(build_report(facts_of(carried_out(plan, failures=failing(failed)), plan))), encoding="utf-8")
    return path


def colours(png: bytes) -> Counter[tuple[int, ...]]:
    """How often each colour stands in a screenshot, by every eighth row."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    at, data = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        data += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    raw, before, found = zlib.decompress(data), bytearray(width * size), Counter[tuple[int, ...]]()
    for row in range(height):
        start = row * (width * size + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * size]), before, size)
        if row % 8 == 0:
            found.update(tuple(before[x : x + 3]) for x in range(0, len(before), size))
    return found


def _unfiltered(kind: int, line: bytearray, above: bytearray, size: int) -> bytearray:
    """A row of a PNG as it was before it was filtered (https://www.w3.org/TR/png/#9Filters)."""
    for x in range(len(line)):
        left, corner = (line[x - size], above[x - size]) if x >= size else (0, 0)
        line[x] = (line[x] + _predicted(kind, left, above[x], corner)) & 255
    return line


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda one: abs(guess - one))
    return (0, left, up, (left + up) // 2)[kind]


def test_a_few_tables(tab: Tab, tmp_path: Path) -> None:
    path = written(tmp_path, 3, "shop-0001/import")
    tab.open(path)
    shown = tab.text()
    for wanted in ("Failed: shop-0001. 2 of 3 tables done.", "migrate apply /home/ana/move/manifest.yaml", "Timeline"):
        assert wanted in shown
    assert shown.count("every item, by digest") == 2  # few tables stand open
    assert tab.requests() == [path.as_uri()]
    assert tab.complaints() == []
    light = colours(tab.look(width=700, height=300, prefers_color_scheme="light"))
    dark = colours(tab.look(width=700, height=300, prefers_color_scheme="dark"))
    assert (light.most_common(1)[0][0], dark.most_common(1)[0][0]) == ((255, 255, 255), (20, 24, 30))
    assert light[179, 38, 30] > 20  # the verdict's red
    wide = tab.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")["result"]["value"]
    assert wide <= 700


def test_many_tables(tab: Tab, tmp_path: Path) -> None:
    tab.open(written(tmp_path, 200, "shop-0150/import"))
    shown = tab.text()
    assert "199 of 200" in shown
    assert shown.count("every item, by digest") == 0  # folded away; what failed is open
    assert "first key PK" in shown
    assert tab.complaints() == []


def test_on_paper_everything_is_unfolded(tab: Tab, tmp_path: Path) -> None:
    tab.open(written(tmp_path, 8))
    assert "same Region" not in tab.text()
    pdf = base64.b64decode(tab.call("Page.printToPDF")["data"])
    assert len(re.findall(rb"/Type /Page\b", pdf)) > 8


def test_a_page_that_fetches_or_complains_would_be_noticed(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src=missing.png><script>console.log('here');nothing()</script>")
    tab.open(path)
    assert len(tab.requests()) == 2
    assert len(tab.complaints()) >= 2
