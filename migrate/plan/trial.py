"""A transform, tried on a few real items: how many would be written, left out, refused or lost; what the steps do."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.codec import canonical
from migrate.core.diagnostics import Diagnostic, error
from migrate.core.item import key_digest
from migrate.core.printable import name_text, printable
from migrate.data.rewriting import MAX_ITEM_BYTES, item_size
from migrate.data.transform import Pipeline, TransformFailed, TransformSpec, filter_arguments
from migrate.manifest.model import TableMapping
from migrate.observe.inventory import ItemSample

SHOWN = 5
_MOST_NAMES = 12
_LONGEST = 40

WireItem = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """What came out: lines for the plan, and every reason why it cannot be carried out."""

    lines: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass
class _Run:
    """One item on its way: what it was after each step; how it failed, and where."""

    stages: list[list[WireItem]]
    failure: TransformFailed | None = None

    @property
    def made(self) -> list[WireItem]:
        return [] if self.failure else self.stages[-1]


@dataclass
class _Counts:
    written: int = 0
    filtered: int = 0
    joined: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By address and reason."""


def try_out(transform: TransformSpec, sample: ItemSample | None, mapping: TableMapping, *, show_values: bool) -> Trial:
    """Try it on the sample. Without `show_values`, no value of an item is in what comes out."""
    try:
        pipeline = Pipeline(transform)
    except ValueError as problem:
        return Trial((), (error(str(problem), address=f"{mapping.address}.transform", hint="mend the step"),))
    if sample is None or not sample.items:
        return Trial((f"transform: {_steps(transform)}", "  no item was there to try it on"))
    runs = [_run(pipeline, copy.deepcopy(dict(item))) for item in sample.items]
    counts = _count(transform, mapping, runs)
    lines = [f"transform: {_steps(transform)}", f"  {_counted(counts, len(runs))}"]
    for run in runs[:SHOWN]:
        lines += _shown(transform, run, show_values)
    return Trial(tuple(lines), tuple(_problems(counts, mapping, len(runs))))


def _run(pipeline: Pipeline, item: WireItem) -> _Run:
    run = _Run([[item]])
    try:
        for number in range(len(pipeline.spec.steps)):
            run.stages.append(pipeline.step(number, copy.deepcopy(run.stages[-1])))
        for made in run.stages[-1]:
            pipeline.check_key(made)
            if item_size(made) > MAX_ITEM_BYTES:
                raise TransformFailed(f"the item has more than {MAX_ITEM_BYTES:,} bytes after it")
    except TransformFailed as failure:
        run.failure = failure
    return run


def _count(transform: TransformSpec, mapping: TableMapping, runs: Sequence[_Run]) -> _Counts:
    counts = _Counts()
    keys = Counter(key_digest(item, transform.key_names) for run in runs for item in run.made)
    counts.joined = sum(count - 1 for count in keys.values())
    for run in runs:
        counts.written += len(run.made)
        if run.failure:
            counts.failures[_blamed(transform, mapping, run), run.failure.reason] += 1
        elif not run.made:
            counts.filtered += 1
    return counts


def _blamed(transform: TransformSpec, mapping: TableMapping, run: _Run) -> str:
    """Address of what has to be mended: the step that failed, the one that took a key away, or the new key."""
    assert run.failure is not None
    steps = f"{mapping.address}.transform"
    if run.failure.step is not None:
        return f"{steps}[{run.failure.step}]"
    for name in transform.key_names:
        has = [all(name in item for item in stage) for stage in run.stages]
        if not has[-1] and any(has):
            return f"{steps}[{len(has) - 1 - has[::-1].index(True)}]"
    return f"{mapping.address}.target.keys" if mapping.target.keys else steps


def _problems(counts: _Counts, mapping: TableMapping, tried: int) -> Iterator[Diagnostic]:
    for (address, reason), count in counts.failures.most_common(SHOWN):
        yield error(
            f"{count} of {tried} sampled items of `{mapping.source_name}` fail: {reason}",
            address=address,
            why="such an item is kept aside and named, never dropped, and the copy ends with an error",
            hint="mend the step, or leave these items out with a `filter` before it",
        )
    if counts.joined:
        yield error(
            f"{counts.joined} of {tried} sampled items of `{mapping.source_name}` get a key that another one has",
            address=f"{mapping.address}.target.keys" if mapping.target.keys else f"{mapping.address}.transform",
            why="a table has one item for a key: one would overwrite the other in silence",
            hint="add a sort key that tells them apart, or leave the others out with a `filter`",
        )


def _counted(counts: _Counts, tried: int) -> str:
    failed = sum(counts.failures.values())
    words = [f"{counts.written:,} written", f"{counts.filtered:,} left out", f"{failed:,} fail"]
    return f"of {tried:,} items tried: {', '.join(words)}; {counts.joined:,} with a key that another one has"


def _steps(transform: TransformSpec) -> str:
    words = [_step_words(step) for step in transform.steps]
    if transform.key_names != transform.source_keys:
        words.append("key " + ", ".join(f"{name_text(name)} ({kind})" for name, kind in transform.keys))
    return "; ".join(words) or "none"


def _step_words(step: Mapping[str, Any]) -> str:
    ((kind, value),) = step.items()
    if kind == "rename":
        what = ", ".join(f"{name_text(old)} -> {name_text(new)}" for old, new in value.items())
    elif kind == "filter":
        what = printable(filter_arguments(value)[0])
    else:
        what = printable(value) if isinstance(value, str) else ", ".join(map(name_text, value))
    return f"{kind} {what}"


def _shown(transform: TransformSpec, run: _Run, show_values: bool) -> Iterator[str]:
    (first,) = run.stages[0]
    yield f"  item     {_attributes(first, transform.source_keys, show_values)}"
    for step, before, after in zip(transform.steps, run.stages, run.stages[1:], strict=False):
        kind = next(iter(step))
        yield f"    {kind:<7} {'kept' if kind == 'filter' and after else _difference(before, after, show_values)}"
        if not after:
            return
    if run.failure:
        detail = f": {printable(run.failure.detail)}" if show_values and run.failure.detail else ""
        at = run.failure.step
        where = "key" if at is None else next(iter(transform.steps[at]))
        yield f"    {where:<7} fails: {run.failure.reason}{detail}"
        return
    for item in run.made:
        yield f"    becomes {_attributes(item, transform.key_names, show_values)}"


def _difference(before: Sequence[WireItem], after: Sequence[WireItem], show_values: bool) -> str:
    if not after:
        return "left out"
    if len(before) != len(after):
        return f"{len(after)} items"
    parts = []
    for old, new in zip(before, after, strict=True):
        parts += [f"- {name_text(name)}" for name in old if name not in new]
        parts += [f"+ {_attribute(name, new[name], show_values)}" for name in new if name not in old]
        changed = [name for name in new if name in old and old[name] != new[name]]
        parts += [f"~ {_attribute(name, new[name], show_values)}" for name in changed]
    return ", ".join(parts) or "no change"


def _attributes(item: WireItem, first: Sequence[str], show_values: bool) -> str:
    names = [*(name for name in first if name in item), *(name for name in item if name not in first)]
    shown = [_attribute(name, item[name], show_values) for name in names[:_MOST_NAMES]]
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*shown, *more])


def _attribute(name: str, typed: Mapping[str, Any], show_values: bool) -> str:
    kind, value = next(iter(typed.items()))
    text = printable(canonical(value)) if show_values else "***"
    return f"{name_text(name)} {kind} {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}"
