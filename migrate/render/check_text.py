"""What `migrate restore-check` has found, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.codec import Json, encode
from migrate.plan.model import Plan
from migrate.render.style import Style, plural
from migrate.state.model import State

FORMAT_VERSION = 1


@dataclass(frozen=True)
class CheckReport:
    """One check. `differs`, `missing` (in the copy) and `extra` (only in it) are numbers of keys; some are named."""

    table: str
    scratch_table: str
    recovery_point: str
    created: str
    source_items: int
    copy_items: int
    same: int
    differs: int
    missing: int
    extra: int
    errors: int
    allowed: int
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan, state: State, allowed: int) -> CheckReport:
        """The report of a plan that was carried out to its end."""
        action = next(one for one in plan.actions if one.kind == "restore-check")
        record = state.record(action.address)
        found = record.outputs if record else {}
        counts = {name: int(found.get(name) or 0) for name in ("same", "differs", "missing", "extra", "errors")}
        return cls(
            table=action.params["source_table"],
            scratch_table=action.params["target_table"],
            recovery_point=action.params["recovery_point_arn"],
            created=action.params["created"],
            source_items=int(found.get("source_items") or 0),
            copy_items=int(found.get("target_items") or 0),
            allowed=allowed,
            named=tuple(found.get("named") or ()),
            **counts,
        )

    @property
    def changed(self) -> int:
        """Keys that are not the same on both sides."""
        return self.differs + self.missing + self.extra

    @property
    def is_accepted(self) -> bool:
        """True when no more keys differ than the user has allowed, and every item could be compared."""
        return self.changed <= self.allowed and not self.errors

    @property
    def compared(self) -> str:
        """What the result rests on, in plain words."""
        what = f"every item of {self.table} as it is now with every item of the copy of {self.created}"
        if not self.changed:
            return f"{what}: nothing has changed since"
        return f"{what}: a key that differs was written since, or the copy is damaged; this cannot tell which"


def check_document(report: CheckReport) -> Json:
    """The JSON document (`schemas/restore-check.schema.json`)."""
    more = {"changed": report.changed, "is_accepted": report.is_accepted, "compared": report.compared}
    return {"format_version": FORMAT_VERSION, **encode(report), **more}


def check_text(report: CheckReport, style: Style) -> str:
    """A few lines: what was restored, what was compared, what differs."""
    word = style.paint("passed", "green") if report.is_accepted else style.paint("FAILED", "red")
    counts = {
        "different": report.differs,
        "not in the copy": report.missing,
        "only in the copy": report.extra,
        "not comparable": report.errors,
    }
    found = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    lines = [
        f"{style.paint(report.table, 'bold')}: restore-check {word}",
        f"  restored  {report.recovery_point} of {report.created}",
        f"  compared  {report.compared}",
        f"  result    {plural(report.same, 'item')} equal{f', {found}' if found else ''}",
        *(f"            {one}" for one in report.named),
    ]
    if report.changed and report.is_accepted:
        lines.append(f"  allowed   {plural(report.allowed, 'key')} may differ (--allow-changed)")
    if not report.is_accepted:
        lines.append(
            "  next      if the table is written to: migrate restore-check MANIFEST "
            f"{report.table} --allow-changed N; if it is not, this copy is no copy of it: do not rely on it"
        )
    lines.append(f"  dropped   scratch table {report.scratch_table}")
    return "\n".join(lines)
