"""Point-in-time recovery of a source table, when this migration itself has turned it on for an export."""

from __future__ import annotations

import dataclasses

from migrate.core.table import TableFacts
from migrate.state.model import State, Status

_BEGUN = (Status.STARTING, Status.RUNNING, Status.DONE)


def is_recovery_ours(state: State, target_name: str) -> bool:
    """True when this migration has turned the source's recovery on, and not off again since."""
    turned_on = state.record(f"{target_name}/source-recovery")
    if turned_on is None or turned_on.status not in _BEGUN:
        return False
    turned_off = state.record(f"{target_name}/source-recovery-off")
    if turned_off is None or turned_off.status is not Status.DONE:
        return True
    return (turned_off.ended or "") < (turned_on.started or "")


def as_it_was(source: TableFacts, state: State, target_name: str) -> TableFacts:
    """The source's facts without what this migration has changed in it: that is no setting to carry over."""
    if source.spec.recovery_days is None or not is_recovery_ours(state, target_name):
        return source
    return dataclasses.replace(source, spec=dataclasses.replace(source.spec, recovery_days=None))
