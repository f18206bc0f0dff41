"""Standing protection by AWS Backup: a backup plan for each setting, which copies into the target account's vault.

https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from migrate.core.codec import Json
from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.frozen import replace
from migrate.core.table import TableFacts
from migrate.manifest.model import Protection
from migrate.observe.inventory import BackupPlanFacts, SelectionFacts
from migrate.plan.model import Action, Change, Risk, Side
from migrate.plan.protection import PLAN, SELECTION, WHERE
from migrate.plan.strategy import ProtectRequest, Standing, TableRequest
from migrate.state.model import SHARED, Status
from migrate.strategies import backup_shared
from migrate.strategies.backup_options import plan_name
from migrate.strategies.backup_setup import Setup
from migrate.strategies.backup_verdict import judge

MOST_TABLES = 500
"""How many tables one selection can name."""

_RULE = "copy-to-target"
_COMPLETION_MINUTES = 10080
_WORDS = {
    "ScheduleExpression": "schedule",
    "ScheduleExpressionTimezone": "time zone",
    "StartWindowMinutes": "start window (minutes)",
    "CompletionWindowMinutes": "completion window (minutes)",
    "Lifecycle": "retention in the source vault",
    "CopyActions": "copy into the target account",
    "TargetBackupVaultName": "source vault",
    "RuleName": "rule",
}


def protect(request: ProtectRequest) -> Standing:
    """See `Protector.protect`."""
    setups = [_setup(request, table) for tables in request.settings.values() for table in tables]
    found = [one for setup in setups for one in _judged(setup.request)]
    parts = [_Part(setups[0], setting, tables) for setting, tables in request.settings.items()]
    found += [problem for part in parts for problem in part.problems()]
    reasons = tuple(dict.fromkeys(found))
    kept = backup_shared.in_use(setups[0]) | {address for part in parts for address in part.addresses}
    if any(one.is_error for one in reasons):
        return Standing(reasons=reasons, kept=kept)
    actions = [action for part in parts for action in part.actions()]
    # What all of this stands on is looked at whatever is planned: drift of a role or a grant counts too.
    shared = backup_shared.prerequisites(setups[0])
    before = tuple(action.address for action in shared)
    own = (replace(action, needs=(*before, *action.needs)) for action in actions)
    return Standing((*shared, *own), reasons, kept)


def _setup(request: ProtectRequest, table: TableFacts) -> Setup:
    return Setup(
        TableRequest(
            migration=request.migration,
            source=table,
            target_name=table.name,
            desired=table.spec,
            options=request.options,
            inventory=request.inventory,
            state=request.state,
            prices=request.prices,
        )
    )


def _judged(request: TableRequest) -> Iterator[Diagnostic]:
    verdict = judge(request)
    yield from (*verdict.reasons, *verdict.warnings)


@dataclasses.dataclass(frozen=True)
class _Part:
    """One setting and its tables."""

    setup: Setup
    setting: Protection
    tables: Sequence[TableFacts]

    @property
    def name(self) -> str:
        """Of the backup plan."""
        return plan_name(self.setup.request.migration, self.setting)

    @property
    def chunks(self) -> list[tuple[str, list[str]]]:
        """(address, ARNs) of each selection."""
        arns = [table.arn for table in self.tables]
        starts = range(0, len(arns), MOST_TABLES)
        last = [f".{number}" if number else "" for number in range(len(starts))]
        return [
            (f"{self._address(SELECTION)}{end}", arns[start : start + MOST_TABLES])
            for start, end in zip(starts, last, strict=True)
        ]

    @property
    def addresses(self) -> list[str]:
        """Of everything that is to stay."""
        return [self._address(PLAN), *(address for address, _ in self.chunks)]

    @property
    def there(self) -> BackupPlanFacts | None:
        """The plan of ours, as it was observed."""
        lineage = self.setup.request.state.lineage
        plans = self.setup.facts.source.plans
        return next((one for one in plans if one.name == self.name and one.lineage == lineage), None)

    def actions(self) -> Iterator[Action]:
        """What is missing or differs."""
        yield from self._plan()
        for address, arns in self.chunks:
            yield from self._selection(address, arns)

    def problems(self) -> Iterator[Diagnostic]:
        """What was not read, is somebody else's, or was added to the plan by somebody else."""
        unread = self.setup.facts.problems.get("source plans")
        if unread:
            yield unread
        for plan in self.setup.facts.source.plans:
            if plan.name == self.name and plan is not self.there:
                yield error(
                    f"the backup plan {self.name} exists in {self.setup.account('source').id} and is not of this state",
                    address=WHERE,
                    why="a second one would back up and copy every table twice",
                    hint=f"delete {plan.arn}, or use the state that made it (lineage {plan.lineage or 'unknown'})",
                )
        for one in self._foreign():
            yield warning(
                f"somebody has added the selection {one.name} to the backup plan {self.name}",
                address=WHERE,
                why="the tables that it selects are backed up and copied too; it is left as it is",
                hint=f"delete it if that is not meant: its id is {one.id}",
            )

    def _plan(self) -> Iterator[Action]:
        rule, address = self._rule(), self._address(PLAN)
        there = self.there
        if there is not None and there.rules == (rule,) and not _is_unfinished(self.setup, address):
            return
        setting, target = self.setting, self.setup.options.target_vault
        yield Action(
            address=address,
            kind=PLAN,
            side=Side.SOURCE,
            change=Change.UPDATE if there else Change.CREATE,
            title=f"backup plan {self.name}: {setting.schedule}, kept for {setting.delete_after_days} days; copies in "
            f"vault {target} of {self.setup.account('target').id} for {setting.copy_delete_after_days} days",
            params={"plan": self.name, "rules": [rule]},
            risk=Risk.SOURCE_WRITE,
            undo="backup-plan-removal",
            why="standing protection; the tables themselves are not touched",
            details=tuple(_differences(there.rules, rule)) if there else (),
        )

    def _selection(self, address: str, arns: list[str]) -> Iterator[Action]:
        ours = self._ours(address)
        role, vault = self.setup.role_arn("source"), self._copy_vault()
        params = {"plan": self.name, "role_arn": role, "tables": arns, "copies_to": vault}
        action = Action(
            address=address,
            kind=SELECTION,
            side=Side.SOURCE,
            change=Change.UPDATE if ours else Change.CREATE,
            title=f"protect {_named(arns)}",
            params=params,
            needs=(self._address(PLAN),),
            risk=Risk.SOURCE_WRITE,
            undo="backup-selection-removal",
            why="the tables that the backup plan backs up",
        )
        record = self.setup.request.state.record(address)
        was_made = record is not None and record.status is Status.DONE
        is_right = ours is not None and (ours.tables, ours.role, ours.is_plain) == (tuple(arns), role, True)
        if is_right and not _is_unfinished(self.setup, address):
            return
        details = list(_table_changes(ours, arns, role)) if ours else []
        if was_made and not ours:
            details = ["the selection that this migration made is gone: it was deleted or replaced by hand"]
        change = Change.UPDATE if was_made else action.change
        yield replace(action, change=change, details=tuple(details))

    def _ours(self, address: str) -> SelectionFacts | None:
        made = self._made()
        return next((one for one in self._selections() if made.get(one.id) == address), None)

    def _foreign(self) -> list[SelectionFacts]:
        """Those that no step of ours has made, nor may have made a moment before it died."""
        if any(_is_unfinished(self.setup, address) for address, _ in self.chunks):
            return []
        made = self._made()
        return [one for one in self._selections() if one.id not in made]

    def _made(self) -> dict[str, str]:
        """Address by id of the selections in the state."""
        file = self.setup.request.state.files.get(SHARED)
        found = (one for one in (file.owned.values() if file else ()) if one.kind == SELECTION)
        return {one.id.rpartition("/")[2]: one.address for one in found}

    def _selections(self) -> tuple[SelectionFacts, ...]:
        return self.there.selections if self.there else ()

    def _copy_vault(self) -> str:
        return self.setup.vault_arn("target", self.setup.options.target_vault)

    def _rule(self) -> dict[str, Json]:
        setting = self.setting
        return {
            "CompletionWindowMinutes": _COMPLETION_MINUTES,
            "CopyActions": [
                {
                    "DestinationBackupVaultArn": self._copy_vault(),
                    "Lifecycle": {"DeleteAfterDays": setting.copy_delete_after_days},
                }
            ],
            "Lifecycle": {"DeleteAfterDays": setting.delete_after_days},
            "RuleName": _RULE,
            "ScheduleExpression": setting.schedule,
            "ScheduleExpressionTimezone": "Etc/UTC",
            "StartWindowMinutes": setting.start_within_minutes,
            "TargetBackupVaultName": self.setup.options.source_vault,
        }

    def _address(self, kind: str) -> str:
        return f"{SHARED}/{kind}.{self.name.rpartition('-')[2]}"


def _is_unfinished(setup: Setup, address: str) -> bool:
    record = setup.request.state.record(address)
    return record is not None and record.status in (Status.STARTING, Status.RUNNING, Status.FAILED)


def _differences(found: Sequence[Any], rule: dict[str, Json]) -> Iterator[str]:
    """What was changed by hand, a line each."""
    same = next((one for one in found if one.get("RuleName") == rule["RuleName"]), None)
    for one in found:
        if one is not same:
            yield f"rule {one.get('RuleName')}: added by hand, is removed"
    if same is None:
        yield f"rule {rule['RuleName']}: is not there"
        return
    for name in sorted({*same, *rule}):
        if same.get(name) != rule.get(name):
            yield f"{_WORDS.get(name, name)}: {_text(same.get(name))} -> {_text(rule.get(name))}"


def _text(value: Any) -> str:
    if isinstance(value, dict) and set(value) <= {"DeleteAfterDays"}:
        return f"{value['DeleteAfterDays']} days" if value else "for ever"
    if isinstance(value, list):
        copies = (f"{one['DestinationBackupVaultArn']} {_text(one.get('Lifecycle') or {})}" for one in value)
        return ", ".join(copies) or "none"
    return "none" if value is None else str(value)


def _table_changes(ours: SelectionFacts, arns: Sequence[str], role: str) -> Iterator[str]:
    for mark, some in (("+", set(arns) - set(ours.tables)), ("-", set(ours.tables) - set(arns))):
        yield from (f"{mark} {arn.rpartition('/')[2]}" for arn in sorted(some))
    if ours.role != role:
        yield f"role: {ours.role} -> {role}"


def _named(arns: Sequence[str]) -> str:
    names = [arn.rpartition("/")[2] for arn in arns]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more} on this schedule"
