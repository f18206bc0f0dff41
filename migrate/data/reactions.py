"""What was done about throttles and faults, by the service's reason, in words for people.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-diagnosing.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

KEY_RANGE, ACCOUNT, ON_DEMAND_MAXIMUM, PROVISIONED, FAULT = "key-range", "account", "maximum", "provisioned", "fault"
UNPROCESSED = "UnprocessedItems"
"""A part of a batch came back: the service does not say why."""

_FAULT = "fault: "
_CAUSES = {
    "AccountLimit": ACCOUNT,
    "MaxOnDemand": ON_DEMAND_MAXIMUM,
    "ProvisionedThroughputExceeded": PROVISIONED,
    "KeyRange": KEY_RANGE,
}
"""By a word of the reason; where there are several reasons, the first of these decides."""

_INDEX = re.compile(r"Index\w+ \(([^)]+)\)")
_KEPT = 20
_SAME_SECONDS = 300.0


def fault(code: str) -> str:
    """The reason under which a fault (no throttle) is counted."""
    return f"{_FAULT}{code}"


def cause_of(reason: str) -> str:
    """What a reason calls for; '' where the service does not say (`UnprocessedItems`, `ThrottlingException`)."""
    if reason.startswith(_FAULT):
        return FAULT
    if reason == "ProvisionedThroughputExceededException":  # the error itself, without a reason: could be anything
        return ""
    return next((cause for word, cause in _CAUSES.items() if word in reason), "")


def reason_in_words(entries: object) -> str:
    """`ThrottlingReasons` of an answer as one text; an index is named: `IndexWriteProvisioned... (by-date)`."""
    if not isinstance(entries, list):
        return ""
    found = []
    for entry in entries:
        if isinstance(entry, dict):
            reason, index = str(entry.get("reason", "")), str(entry.get("resource", "")).partition("/index/")[2]
            found.append(f"{reason} ({index})" if index else reason)
    return ", ".join(dict.fromkeys(found))


def index_of(reasons: Iterable[str]) -> str:
    """The index that holds writes back, if a reason names one."""
    found = (_INDEX.search(reason) for reason in reasons)
    return next((match[1] for match in found if match), "")


@dataclass(frozen=True)
class Reaction:
    """What was done, and for which refusals. `since` and `until` are the clock's monotonic seconds."""

    cause: str
    notice: str
    """The trouble and the reaction, in words that stay the same while it lasts."""

    done: str
    """The same with figures, as of `until`."""

    since: float
    until: float
    reasons: Counter[str]


class ReactionLog:
    """The last reactions of one side, the latest last. One that goes on is one."""

    def __init__(self) -> None:
        self.last: list[Reaction] = []

    def note(self, latest: Reaction) -> None:
        """Add it, or make it part of the same one before."""
        same = next((one for one in self.last if one.notice == latest.notice), None)
        if same is not None and latest.since - same.until < _SAME_SECONDS:
            self.last.remove(same)
            latest = replace(latest, since=same.since, reasons=same.reasons + latest.reasons)
        self.last = [*self.last, latest][-_KEPT:]


def advice(side: str, cause: str, index: str) -> str:
    """The trouble and what is done about it, without figures."""
    if cause == KEY_RANGE:
        return f"{side}s of a hot key range are throttled: only its segments are slowed down"
    if cause == ACCOUNT:
        return (
            f"{side}s are throttled by the account's limit: the rate stops growing. "
            "Ask for a higher quota (Service Quotas, DynamoDB)"
        )
    if cause == FAULT:
        return f"{side}s: answers were lost, damaged or errors of the service: repeated"
    what = "the on-demand maximum" if cause == ON_DEMAND_MAXIMUM else "the capacity"
    of = f"the index {index}, which holds the table's writes back" if index else "the table"
    return f"{side}s are throttled by {what} of {of}: the rate follows what is accepted"
