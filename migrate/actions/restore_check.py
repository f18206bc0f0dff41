"""Compare a table with what was restored from its backup. A difference is a result, so that what follows is done."""

from __future__ import annotations

from migrate.actions.base import Done, Step, StepResult
from migrate.actions.verify import VerifyHandler
from migrate.core.codec import encode
from migrate.verify.report import VerifyReport, key_text

_NAMED = 20


class RestoreCheckHandler(VerifyHandler):
    """Kind `restore-check`: params as for `verify`. It ends well whatever it finds; the outputs say what that was."""

    def result(self, report: VerifyReport, step: Step) -> StepResult:
        """Counts, and the first keys that differ."""
        outputs = {name: value for name, value in encode(report).items() if name != "named"}
        named = [f"{one.mark} {key_text(one.key)}" for one in report.named[:_NAMED]]
        return Done({**outputs, "named": named, "table_id": step.params["table_id"]})
