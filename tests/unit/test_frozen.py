"""Copies of frozen dataclasses are those of the standard library."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any

import pytest

from migrate.core.frozen import replace


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 2
    tags: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def total(self) -> int:
        return self.x + self.y


@dataclass(frozen=True)
class Checked(Point):
    def __post_init__(self) -> None:
        assert self.x >= 0


@dataclass(frozen=True, slots=True)
class Slotted:
    x: int


@pytest.mark.parametrize("changes", [{}, {"x": 5}, {"y": 0, "tags": {"a": "b"}}])
def test_a_copy_is_the_standard_librarys(changes: dict[str, Any]) -> None:
    point = Point(1, tags={"k": "v"})
    assert point.total == 3
    copy, usual = replace(point, **changes), dataclasses.replace(point, **changes)
    assert copy == usual
    assert copy.total == usual.total
    assert point == Point(1, tags={"k": "v"})


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Point has no field z"):
        replace(Point(1), z=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("value", [Checked(1), Slotted(1)])
def test_a_class_that_is_more_than_its_fields_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"use dataclasses\.replace"):
        replace(value, x=2)
