"""What `migrate doctor` has found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.codec import Json, encode
from migrate.plan.check import Check, Result
from migrate.plan.checkup import MIGRATION, SIDES, Checkup
from migrate.render.style import Style, plural

FORMAT_VERSION = 1
SHOWN_DETAILS = 10
_COLOURS = {Result.OK: "green", Result.WARN: "yellow", Result.FAIL: "red", Result.UNKNOWN: "cyan"}
_MARGIN = " " * 33


def checkup_text(checkup: Checkup, next_command: str, style: Style) -> str:
    """One line per check, by account, with reason and fix below; then how many came out how, and the next command."""
    lines = []
    for group in (*SIDES, MIGRATION):
        checks = [check for check in checkup.checks if check.account == group]
        if checks:
            lines += ["", style.paint(_heading(checkup, group), "bold")]
            lines += [line for check in checks for line in _lines(check, style)]
    counts = [(result, checkup.count(result)) for result in Result]
    told = ", ".join(style.paint(f"{count} {result.value}", _COLOURS[result]) for result, count in counts if count)
    return "\n".join(
        [*lines[1:], "", f"{plural(len(checkup.checks), 'check')}: {told}. Nothing was changed.", next_command]
    )


def checkup_document(checkup: Checkup, exit_code: int) -> Json:
    """The JSON document (`schemas/checkup.schema.json`)."""
    return {
        "format_version": FORMAT_VERSION,
        "migration": checkup.migration,
        "accounts": {side: encode(facts) for side, facts in checkup.accounts.items()},
        "checks": encode(list(checkup.checks)),
        "summary": {result.value: checkup.count(result) for result in Result},
        "exit_code": exit_code,
    }


def _heading(checkup: Checkup, group: str) -> str:
    facts = checkup.accounts.get(group)
    return f"{group} {facts.id} {facts.region}" if facts else group


def _lines(check: Check, style: Style) -> Iterator[str]:
    word = style.paint(f"{check.result.value:<9}", _COLOURS[check.result])
    first, *more = check.summary.splitlines()
    yield f"  {word}{check.name:<22}{first}"
    yield from (f"{_MARGIN}{line}" for line in more)
    yield from (f"{_MARGIN}- {line}" for line in check.details[:SHOWN_DETAILS])
    if len(check.details) > SHOWN_DETAILS:
        yield f"{_MARGIN}- and {len(check.details) - SHOWN_DETAILS:,} more (--json names all)"
    if check.result is not Result.OK:
        for label, text in (("why", check.why), ("fix", check.fix)):
            yield from (
                f"{_MARGIN}{label if not number else '   '}: {line}" for number, line in enumerate(text.splitlines())
            )
