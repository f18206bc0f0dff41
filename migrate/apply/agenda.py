"""What is done next: of all actions whose needs are done, the one with the longest way to go that the quotas let in.

Pure: no clock, no thread, no AWS. The scheduler asks it while applying, a simulator (`tests/benchmarks/scheduling.py`)
without applying anything.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from migrate.apply.quotas import Demand, Quota, Share
from migrate.plan.model import Action

Rank = tuple[bool, float, int]
"""Sorts what is ready: what an earlier run has begun, then the longest way to the end, then the plan's order."""


@dataclass
class _Slot:
    """A quota, what is held of it, and seconds of the whole quota that all actions not yet begun will take."""

    quota: Quota
    count: int = 0
    bytes: int = 0
    left_by_count: float = 0.0
    left_by_bytes: float = 0.0
    waiting: str = ""
    """The first that did not fit. Whatever begins before it must leave room for it, so that nothing waits for ever."""

    overtakers: dict[str, Share] = field(default_factory=dict)

    def lets_in(self, share: Share, waits: Share | None) -> bool:
        """True when there is room. What is larger than the quota has it alone. `waits` is what `waiting` will take."""
        most = self.quota.bytes
        if self.count and self.count + share.count > self.quota.count:
            return False
        if most is not None and self.bytes and self.bytes + share.bytes > most:
            return False
        if waits is None:
            return True
        others = self.overtakers.values()
        if sum(one.count for one in others) + share.count + waits.count > self.quota.count:
            return False
        return most is None or sum(one.bytes for one in others) + share.bytes + waits.bytes <= most

    @property
    def wants_small(self) -> bool:
        """True when the bytes are what is scarce, and more of them are held than of the places.

        Both are held in the proportion in which they are needed to the end: if the largest all went first, they would
        hold the bytes with most places idle, and the small ones after them the places with most bytes idle.
        """
        most = self.quota.bytes
        if most is None or self.left_by_bytes <= self.left_by_count:
            return False
        return self.bytes / most * self.left_by_count > self.count / self.quota.count * self.left_by_bytes

    def note(self, share: Share, seconds: float) -> None:
        """So many seconds more (or less) of work are left."""
        self.left_by_count += seconds * share.count / self.quota.count
        if self.quota.bytes is not None:
            self.left_by_bytes += seconds * min(share.bytes, self.quota.bytes) / self.quota.bytes


class Agenda:
    """Actions, what they need, and what they hold. Not thread-safe.

    An action is taken, and holds its demand until it is finished or dropped. `seconds` is about how long one runs: only
    the order follows from it.
    """

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        demand: Callable[[Action], Demand] = lambda _action: (),
        quotas: Mapping[str, Quota] | None = None,
        seconds: Callable[[Action], float] = lambda _action: 1.0,
        is_begun: Callable[[Action], bool] = lambda _action: False,
    ) -> None:
        self._actions = {action.address: action for action in actions}
        self._demands = {address: demand(action) for address, action in self._actions.items()}
        self._seconds = {address: seconds(action) for address, action in self._actions.items()}
        self._slots = {name: _Slot(quota) for name, quota in (quotas or {}).items()}
        self._dependents: defaultdict[str, list[str]] = defaultdict(list)
        self._needs: Counter[str] = Counter()
        self._dropped: set[str] = set()
        for address, action in self._actions.items():
            for need in self._actions.keys() & set(action.needs):
                self._dependents[need].append(address)
                self._needs[address] += 1
            for slot, share in self._held(address):
                slot.note(share, self._seconds[address])
        self._ranks = self._ranked(is_begun)
        self._ready: defaultdict[tuple[tuple[str, int, int], ...], list[Rank]] = defaultdict(list)
        self._order = list(self._actions)
        for address in self._actions:
            if not self._needs[address]:
                self._make_ready(address)

    @property
    def has_ready(self) -> bool:
        """True when an action waits for nothing but its turn."""
        return any(self._ready.values())

    def take(self) -> Action | None:
        """The next action to begin, which holds its demand from now on; None when none can begin now."""
        for queue in sorted(filter(None, self._ready.values()), key=self._turn):
            address = self._address(queue[0])
            if all(slot.lets_in(share, self._waits(share, address)) for slot, share in self._held(address)):
                heapq.heappop(queue)
                self._begin(address)
                return self._actions[address]
            for slot, _ in self._held(address):
                if not slot.waiting or self._ranks[address] < self._ranks[slot.waiting]:
                    slot.waiting = address
        return None

    def finish(self, address: str) -> None:
        """`address` is done: what it held is free, and what only waited for it is ready."""
        self._free(address)
        for dependent in self._dependents.pop(address, ()):
            self._needs[dependent] -= 1
            if not self._needs[dependent]:
                self._make_ready(dependent)

    def drop(self, address: str) -> list[str]:
        """`address` will not get done: what it held is free. Returns what by this will not get done either."""
        self._free(address)
        found = []
        pending = deque([address])
        while pending:
            for dependent in self._dependents.pop(pending.popleft(), ()):
                if dependent not in self._dropped:
                    self._dropped.add(dependent)
                    found.append(dependent)
                    pending.append(dependent)
        return found

    def _held(self, address: str) -> Iterator[tuple[_Slot, Share]]:
        for share in self._demands[address]:
            if share.slot in self._slots:
                yield self._slots[share.slot], share

    def _waits(self, share: Share, address: str) -> Share | None:
        """What the first that waits for the same slot will take of it, if it comes before `address`."""
        waiting = self._slots[share.slot].waiting
        if not waiting or self._ranks[address] <= self._ranks[waiting]:
            return None
        demands = self._demands[waiting]
        return next((one for one in demands if one.slot == share.slot), None)

    def _begin(self, address: str) -> None:
        for slot, share in self._held(address):
            slot.count += share.count
            slot.bytes += share.bytes
            slot.note(share, -self._seconds[address])
            if slot.waiting == address:
                slot.waiting, slot.overtakers = "", {}
            elif slot.waiting:
                slot.overtakers[address] = share

    def _free(self, address: str) -> None:
        for slot, share in self._held(address):
            slot.count -= share.count
            slot.bytes -= share.bytes
            slot.overtakers.pop(address, None)

    def _make_ready(self, address: str) -> None:
        """Into the queue of those that take about as much of the same: when its first does not fit, none is asked."""
        alike = tuple((share.slot, share.count, share.bytes.bit_length()) for share in self._demands[address])
        heapq.heappush(self._ready[alike], self._ranks[address])

    def _address(self, rank: Rank) -> str:
        return self._order[rank[2]]

    def _turn(self, queue: list[Rank]) -> Rank:
        is_new, longest, number = queue[0]
        wants_small = any(slot.wants_small for slot, _ in self._held(self._address(queue[0])))
        return is_new, -longest if wants_small else longest, number

    def _ranked(self, is_begun: Callable[[Action], bool]) -> dict[str, Rank]:
        """What an earlier run has begun comes first: it holds AWS's quotas already. Then the longest way to the end,
        which is an action's seconds and those of the longest chain that waits for it."""
        longest: dict[str, float] = {}
        for address in reversed(list(self._in_order())):
            after = max((longest[dependent] for dependent in self._dependents.get(address, ())), default=0.0)
            longest[address] = self._seconds[address] + after
        return {
            address: (not is_begun(action), -longest.get(address, 0.0), number)
            for number, (address, action) in enumerate(self._actions.items())
        }

    def _in_order(self) -> Iterator[str]:
        """Every action after all that it needs."""
        needs = Counter(self._needs)
        pending = deque(address for address in self._actions if not needs[address])
        while pending:
            address = pending.popleft()
            yield address
            for dependent in self._dependents.get(address, ()):
                needs[dependent] -= 1
                if not needs[dependent]:
                    pending.append(dependent)
