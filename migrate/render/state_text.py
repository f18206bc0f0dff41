"""A state as text and as JSON: every step and every owned resource."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.codec import Json, encode
from migrate.render.style import Style
from migrate.state.model import SHARED, State, StepFile, StepRecord

FORMAT_VERSION = 1


def state_document(state: State) -> Json:
    """All files of a state in one document (`schemas/state.schema.json`)."""
    return {
        "format_version": FORMAT_VERSION,
        "migration": encode(state.migration),
        "files": {name: encode(file) for name, file in sorted(state.files.items())},
    }


def state_text(state: State, style: Style) -> str:
    """The state, file by file."""
    file = state.migration
    active = file.active
    plan = f"plan {active.plan_id[:12]} of {active.manifest_file}" if active else "no plan yet"
    end = ", finished" if active and active.is_finished else ""
    lines = [
        f"{style.paint(file.migration, 'bold')}: {file.source_account or '?'}  ->  {file.target_account or '?'}",
        f"  lineage {file.lineage}, serial {file.serial}, {plan}{end}",
    ]
    for name in sorted(state.files, key=lambda name: (name != SHARED, name)):
        lines += ["", *_file(state.files[name], style)]
    return "\n".join(lines)


def _file(file: StepFile, style: Style) -> Iterator[str]:
    source = f"from {file.source}, " if file.source else ""
    yield f"  {style.paint(file.name, 'bold')}   {source}serial {file.serial}"
    for record in file.steps.values():
        yield _step(record)
        if record.handle and not record.handle.startswith("local:"):
            yield f"      {record.handle}"
        if record.error:
            yield f"      {record.error.summary}"
    for resource in file.owned.values():
        sure = "" if resource.is_confirmed else ", not confirmed"
        yield f"    owns     {resource.id} ({resource.kind} of {resource.address}{sure})"


def _step(record: StepRecord) -> str:
    times = f"{record.started or '-'} to {record.ended or '-'}"
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    return f"    {record.status.value:<8} {record.address}   {times}{attempt}"
