"""Reads of both accounts at the same time, each made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from migrate.aws.session import Account
from migrate.core.clock import Clock, jitter
from migrate.core.errors import AwsError, CredentialsExpired, Throttled, Transient

WORKERS = 8
"""Threads per account, so that the pace of one account does not hold up the other.

At 20 ms a call they make 400 calls a second, about what one Python process can; at 160 ms the five reads of a table
still take no longer than the tenth of a second that AWS wants between two DescribeContinuousBackups. Threads that wait
for their turn at such a read hold up the others no more than that: reads of all kinds are begun table by table.
"""

REPEATS = 3
"""How often a throttled or failed read is begun anew, each time with botocore's own four attempts."""

_PAUSE = 2.0

T = TypeVar("T")


class Reader:
    """Asks functions of `migrate.aws` in worker threads and keeps their answers.

    The same function with the same account and arguments is called once, however often it is asked. A failure is an
    answer too (the `AwsError`), except for `CredentialsExpired`, which ends everything: it is raised by `answer`.
    `on_read` is told, in any thread, how many reads have ended of how many begun.
    """

    def __init__(self, clock: Clock, on_read: Callable[[int, int], None] = lambda _done, _asked: None) -> None:
        self._clock = clock
        self._on_read = on_read
        self._ended = itertools.count(1)
        self._pools = {side: ThreadPoolExecutor(WORKERS, f"observe-{side}") for side in ("source", "target")}
        self._asked: dict[tuple[Hashable, ...], Future[Any]] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def ask(self, function: Callable[..., T], account: Account, *arguments: Hashable) -> Future[T | AwsError]:
        """Begin a read, or find the one that was begun before. Call it from one thread."""
        key = (function, account.side, *arguments)
        if key not in self._asked:
            self._asked[key] = self._pools[account.side].submit(self._attempt, function, account, *arguments)
            self._asked[key].add_done_callback(self._count)
        return self._asked[key]

    def answer(self, function: Callable[..., T], account: Account, *arguments: Hashable) -> T | AwsError:
        """The answer to a read, or why it failed. Waits for it."""
        return self.ask(function, account, *arguments).result()

    def _count(self, _read: Future[Any]) -> None:
        self._on_read(next(self._ended), len(self._asked))

    def _attempt(self, function: Callable[..., T], account: Account, *arguments: Hashable) -> T | AwsError:
        for repeat in range(1, REPEATS + 1):
            try:
                return function(account, *arguments)
            except CredentialsExpired:
                raise
            except (Throttled, Transient) as error:
                if repeat == REPEATS or error.code == "EndpointConnectionError":
                    return error
                self._clock.sleep(jitter(_PAUSE * repeat))
            except AwsError as error:
                return error
        raise AssertionError("unreachable")
