"""The package's syntax trees, and the questions that the rules ask of them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "migrate"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name. `is_lazy`: inside a function. `is_typing`: for the type checker only."""

    module: str
    line: int
    is_lazy: bool
    is_typing: bool


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """`plan/build.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def layer(self) -> str:
        """The folder below `migrate/`; '' for files directly in it."""
        parts = self.path.relative_to(PACKAGE).parts
        return parts[0] if len(parts) > 1 else ""

    def imports(self) -> Iterator[Import]:
        """Every import statement, wherever it stands."""
        yield from _imports(self.tree, is_lazy=False, is_typing=False)

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Every function and method, nested ones too, with its dotted name."""
        yield from _functions(self.tree, "")


@functools.cache
def modules() -> tuple[Module, ...]:
    """All files of the package, in order."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "_schemas" not in path.parts)
    return tuple(Module(path, text := path.read_text(encoding="utf-8"), ast.parse(text)) for path in files)


def is_public(name: str) -> bool:
    """True for a dotted name without a private part."""
    return not any(part.startswith("_") for part in name.split("."))


def _imports(node: ast.AST, *, is_lazy: bool, is_typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, is_lazy, is_typing)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"relative import in line {child.lineno}"
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, is_lazy, is_typing)
        else:
            yield from _imports(
                child,
                is_lazy=is_lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)),
                is_typing=is_typing or _is_type_checking(child),
            )


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.<locals>._")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)
