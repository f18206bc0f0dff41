"""Writes batches that mix several segments, and finds the one whose keys are hot when the service says that one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.core.clock import Clock
from migrate.core.errors import AwsError, Throttled
from migrate.data.mixer import Mixer, Part, Refused
from migrate.data.rawitems import RawItem
from migrate.data.reactions import KEY_RANGE, cause_of
from migrate.data.writing import BatchWriter, Outcome, Progressed

_HOT_SECONDS = 30.0
"""For so long after a hot key range was named, items that come back without a reason are taken for its own."""


class PartWriter:
    """The batches of one thread. `note(error, items)` is told of each refusal, `unprocessed(items)` of what came back.

    A batch that is refused for a hot key range is written again segment by segment: those that are not hot go through
    at once. A hot one goes back to the mixer, which deals it again after a while, so that no thread waits for it; when
    nothing at all is acknowledged for `patience` seconds, the refusal is raised.
    """

    def __init__(
        self,
        mixer: Mixer,
        clock: Clock,
        progress: Progressed,
        patience: float,
        note: Callable[[AwsError, int], None],
        unprocessed: Callable[[int], None],
    ) -> None:
        self._mixer = mixer
        self._clock = clock
        self._progress = progress
        self._patience = patience
        self._note = note
        self._unprocessed = unprocessed
        self._parts: Sequence[Part] = ()
        self._gives_way = False
        self._hot_since: float | None = None
        self._hot_until = float("-inf")

    def write(
        self, writer: BatchWriter, parts: list[Part], should_stop: Callable[[], bool], *, may_repeat: bool
    ) -> None:
        """Every item of the parts written, set aside or given back to the mixer. Raises what `BatchWriter.write` does.

        `may_repeat`: an item of a batch that was refused may be sent twice.
        """
        self._gives_way = may_repeat
        try:
            self._send(writer, parts, should_stop)
        except _HotKeys:
            for part in parts:
                self._send_alone(writer, part, should_stop)

    def refused(self, error: AwsError) -> None:
        """The `on_refusal` of the writer."""
        self._note(error, sum(len(part.items) for part in self._parts))
        if not isinstance(error, Throttled) or cause_of(error.reason) != KEY_RANGE:
            return
        self._hot_until = self._clock.monotonic() + _HOT_SECONDS
        if self._gives_way:
            raise _HotKeys(error)
        self._slow_down(self._parts)

    def came_back(self, items: Sequence[RawItem]) -> None:
        """The `on_unprocessed` of the writer."""
        self._unprocessed(len(items))
        if self._clock.monotonic() < self._hot_until:
            theirs = {id(item) for item in items}
            self._slow_down([part for part in self._parts if any(id(item) in theirs for item in part.items)])

    def _send_alone(self, writer: BatchWriter, part: Part, should_stop: Callable[[], bool]) -> None:
        try:
            self._send(writer, [part], should_stop)
        except _HotKeys as hot:
            self._lose_patience(hot)
            self._slow_down([part])
            self._mixer.give_back(part)

    def _lose_patience(self, hot: _HotKeys) -> None:
        now = self._clock.monotonic()
        if self._hot_since is None or self._progress.at > self._hot_since:
            self._hot_since = now
        elif now - self._hot_since > self._patience:
            raise hot.error

    def _send(self, writer: BatchWriter, parts: list[Part], should_stop: Callable[[], bool]) -> None:
        self._parts = parts
        outcome = writer.write([item for part in parts for item in part.items], should_stop)
        _share_out(outcome, parts)
        self._mixer.finish(parts)

    def _slow_down(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._mixer.slow_down(part.page.segment)


class _HotKeys(Exception):
    """A key range of this batch is hot: give up the batch as it is."""

    def __init__(self, error: AwsError) -> None:
        super().__init__(error.summary)
        self.error = error


def _share_out(outcome: Outcome, parts: list[Part]) -> None:
    """What was kept and rejected, to the parts of the batch that it came from."""
    if not outcome.kept and not outcome.rejected:
        return
    kept = {id(item) for item in outcome.kept}
    rejected = {id(one.item): one for one in outcome.rejected}
    for part in parts:
        part.kept = sum(id(item) in kept for item in part.items)
        found = [rejected[id(item)] for item in part.items if id(item) in rejected]
        part.rejected = [Refused(bytes(one.item), one.code, one.reason) for one in found]
