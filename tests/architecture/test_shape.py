"""Sizes, and that what can be reached from another package explains itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import Function, Module, is_public, modules

MOST_LINES, LOOK_TWICE, LONGEST_FUNCTION = 500, 300, 60


def test_files_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in modules()}
    with capsys.disabled():
        for name, lines in sorted(lengths.items()):
            if lines > LOOK_TWICE:
                print(f"\n  look twice: {name} has {lines} lines", end="")
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES}


def test_functions_are_short() -> None:
    long = {
        f"{module.name}:{function.lineno} {name}": lines
        for module in modules()
        for name, function in module.functions()
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long


def test_what_is_public_is_documented() -> None:
    missing = [
        f"{module.name}: the module" for module in modules() if module.text and not ast.get_docstring(module.tree)
    ]
    missing += [
        f"{module.name}:{node.lineno} {name}"
        for module in _documented()
        for name, node in _public(module)
        if not ast.get_docstring(node)
    ]
    assert not missing


def test_what_is_public_is_annotated() -> None:
    bare = [
        f"{module.name}:{function.lineno} {name}"
        for module in modules()
        if module.layer != "sandbox"
        for name, function in module.functions()
        if is_public(name) and not _is_annotated(function, is_method="." in name)
    ]
    assert not bare


def _documented() -> Iterator[Module]:
    """The sandbox's functions stand behind moto's names, which moto and AWS document."""
    return (module for module in modules() if module.layer != "sandbox")


def _public(module: Module) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            yield node.name, node
    for name, function in module.functions():
        if is_public(name):
            yield name, function


def _is_annotated(function: Function, *, is_method: bool) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    rest = [one for one in (function.args.vararg, function.args.kwarg) if one]
    is_bound = is_method and not any(ast.unparse(one) == "staticmethod" for one in function.decorator_list)
    return function.returns is not None and all(one.annotation for one in [*arguments[is_bound:], *rest])
