"""A plan as a graph, for Mermaid or Graphviz: a node for each action, a cluster for each table, edges from needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.core.printable import printable
from migrate.plan.model import Action, Change, Plan
from migrate.state.model import SHARED

MOST_EDGES = 500
"""What Mermaid draws unless its page is configured otherwise (`maxEdges`)."""

_COLOURS = {
    Change.CREATE: "#d4f4dd",
    Change.UPDATE: "#fff3cd",
    Change.DELETE: "#f8d7da",
    Change.READ: "#d1ecf1",
    Change.MOVE: "#d6e4ff",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[^A-Za-z0-9 ,.:/()>=+~*?$%'_-]")


def mermaid(plan: Plan) -> str:
    """The plan as a Mermaid flowchart. https://mermaid.js.org/syntax/flowchart.html"""
    names = _names(plan)
    lines = ["flowchart LR"]
    for number, (title, actions) in enumerate(_clusters(plan)):
        lines.append(f'  subgraph c{number}["{_mermaid_text(title)}"]')
        lines += [f'    {names[one.address]}["{_mermaid_text(_label(one))}"]:::{one.change.name}' for one in actions]
        lines.append("  end")
    lines += [f"  {before} --> {after}" for before, after in edges(plan)]
    lines += [f"  classDef {change.name} fill:{colour},stroke:#888,color:#000" for change, colour in _COLOURS.items()]
    return "\n".join(lines)


def dot(plan: Plan) -> str:
    """The plan in Graphviz's language. https://graphviz.org/doc/info/lang.html"""
    names = _names(plan)
    lines = ["digraph plan {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled"];']
    for number, (title, actions) in enumerate(_clusters(plan)):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_dot_text(title)};"]
        for one in actions:
            lines.append(
                f'    {names[one.address]} [label={_dot_text(_label(one))}, fillcolor="{_COLOURS[one.change]}"];'
            )
        lines.append("  }")
    lines += [f"  {before} -> {after};" for before, after in edges(plan)]
    return "\n".join([*lines, "}"])


def edges(plan: Plan) -> list[tuple[str, str]]:
    """From each need to the action that waits for it, by the names of the nodes."""
    names = _names(plan)
    return [(names[need], names[action.address]) for action in plan.actions for need in action.needs if need in names]


def _names(plan: Plan) -> dict[str, str]:
    """Names of our own for the nodes: an address may hold what either language has a meaning for."""
    return {action.address: f"a{number}" for number, action in enumerate(plan.actions)}


def _clusters(plan: Plan) -> Iterator[tuple[str, list[Action]]]:
    titles = {SHARED: "shared", **{table.target: f"{table.source} -> {table.target}" for table in plan.tables}}
    for owner in dict.fromkeys(action.owner for action in plan.actions):
        yield titles.get(owner, owner), list(plan.of_owner(owner))


def _label(action: Action) -> str:
    return f"{action.change.value} {action.address}: {action.title}"


def _one_line(text: str) -> str:
    return printable(_CONTROL.sub(" ", text))


def _mermaid_text(text: str) -> str:
    """Inside quotes, Mermaid reads `#35;` as the character of that number; every other special one is written so."""
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", _one_line(text))


def _dot_text(text: str) -> str:
    """A quoted string: only the quote ends it, and a backslash before anything else is an escape of the label."""
    escaped = _one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
