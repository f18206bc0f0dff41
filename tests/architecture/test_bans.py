"""What may stand only in certain places: output, time, randomness, catching everything, empty names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Module, modules

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}
TIMELESS = {"time", "random", "uuid", "secrets"}
NOW = {"now", "utcnow", "today"}
CATCHERS = {"cli/main.py", "apply/executor.py", "apply/scheduler.py", "data/transform_python.py"}
"""The last resort, the boundaries of a step, and the user's own code: whatever it raises concerns one item."""


def _checked() -> Iterator[Module]:
    """Everything but the sandbox, which plays AWS and therefore has a clock and an output of its own."""
    return (module for module in modules() if module.layer != "sandbox")


def test_only_the_command_line_prints() -> None:
    found = [
        f"{module.name}:{node.lineno}"
        for module in _checked()
        if module.layer != "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found


def test_time_and_randomness_have_one_door() -> None:
    found = [
        f"{module.name}:{one.line} imports {one.module}"
        for module in _checked()
        if module.name != "core/clock.py"
        for one in module.imports()
        if one.module.split(".")[0] in TIMELESS
    ]
    found += [
        f"{module.name}:{node.lineno} calls {ast.unparse(node.func)}"
        for module in _checked()
        if module.name != "core/clock.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in NOW
        and ast.unparse(node.func.value).split(".")[-1] in ("datetime", "date")
    ]
    assert not found


def test_everything_is_caught_in_few_places_only() -> None:
    found = {
        module.name
        for module in _checked()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    }
    assert found == CATCHERS


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(name, ast.Name) and name.id in ("Exception", "BaseException") for name in names)


def test_names_say_something() -> None:
    parts = [(module.name, part) for module in modules() for part in module.name.removesuffix(".py").split("/")]
    assert [name for name, part in parts if part in FORBIDDEN_NAMES] == ["actions/base.py"]


def test_no_folder_has_one_file() -> None:
    count: dict[str, int] = {}
    for module in modules():
        if module.layer and not module.name.endswith("__init__.py"):
            count[module.layer] = count.get(module.layer, 0) + 1
    assert not [layer for layer, files in count.items() if files < 2]
