"""A verification as text: one line for each table, the keys that differ, and one verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.render.style import Style, plural
from migrate.verify.report import DIFFERS, ERROR, EXTRA, MISSING, SAME, VerifyReport, key_text, unusable_words

_COLOURS = {SAME: "green", DIFFERS: "red", MISSING: "yellow", EXTRA: "yellow", ERROR: "red"}
_WORDS = {
    DIFFERS: "differs",
    MISSING: "only in the source",
    EXTRA: "only in the target",
}
LEGEND = "= same, * differs, + only in the source, - only in the target, ! could not be compared"


def report_text(reports: Sequence[VerifyReport], style: Style) -> str:
    """The whole report."""
    lines = [line for report in reports for line in table_lines(report, style)]
    unequal = sum(not report.is_accepted for report in reports)
    took = f"{sum(report.seconds for report in reports):.1f} s"
    if unequal:
        is_are = "is" if unequal == 1 else "are"
        verdict = style.paint(f"{unequal} of {plural(len(reports), 'table')} {is_are} not equal", "bold", "red")
        return "\n".join([*lines, "", f"{verdict}, in {took} ({LEGEND})."])
    is_equal = all(report.is_equal for report in reports)
    what = "Every table is equal" if is_equal else "Every table has what it should have"
    verdict = style.paint(what, "bold", "green")
    return "\n".join([*lines, "", f"{verdict}: {plural(len(reports), 'table')} compared in {took}."])


def table_lines(report: VerifyReport, style: Style) -> Iterator[str]:
    """One table: its counts, then each key that was named."""
    mark = SAME if report.is_accepted else DIFFERS
    name = style.paint(f"{report.source_table} -> {report.target_table}", "bold")
    yield f"{style.paint(mark, _COLOURS[mark], 'bold')} {name}   {_counts(report)}   {report.seconds:.1f} s"
    for one in report.named:
        yield f"    {style.paint(one.mark, _COLOURS[one.mark])} {key_text(one.key)}"
    for mark, count in _unequal(report).items():
        named = sum(one.mark == mark for one in report.named)
        if report.named and count > named:
            yield f"    {style.paint(mark, _COLOURS[mark])} and {count - named:,} more"


def _counts(report: VerifyReport) -> str:
    source = "source as transformed" if report.is_transformed else "source"
    sides = f"{source} {report.source_items:,}, target {report.target_items:,}"
    if report.mode == "counts":
        many = "as many items" if report.is_equal else "not as many items"
        return f"{many} on both sides (counts only): {sides}{_as_asked(report)}"
    if report.is_equal:
        return f"{plural(report.same, 'item')} equal: {sides}"
    found = [f"{count:,} {_words(mark, count, report)}" for mark, count in _unequal(report).items() if count]
    return f"{report.same:,} equal, {', '.join(found)}: {sides}{_as_asked(report)}"


def _as_asked(report: VerifyReport) -> str:
    """Why what is not equal is accepted all the same."""
    if report.is_equal or not report.is_accepted:
        return ""
    kept = "; items that differ were kept" if report.differs else ""
    return f" (the table had items before{kept}, on_conflict: {report.existing})"


def _words(mark: str, count: int, report: VerifyReport) -> str:
    if mark == ERROR:
        return unusable_words(report)
    return "differ" if mark == DIFFERS and count != 1 else _WORDS[mark]


def _unequal(report: VerifyReport) -> dict[str, int]:
    return {DIFFERS: report.differs, MISSING: report.missing, EXTRA: report.extra, ERROR: report.errors}
