"""A plan as a graph: what comes out is valid in either language, whatever the names hold."""

from __future__ import annotations

import dataclasses
import html
import re

import pydot
import pytest

from migrate.plan.model import Plan
from migrate.render.graph import dot, mermaid
from tests.unit.test_plan_markdown import ODD, many, plan_with

NODE = re.compile(r'    (a\d+)\["([^"]*)"\]:::(CREATE|UPDATE|DELETE|READ|MOVE)')
CLUSTER = re.compile(r'  subgraph c\d+\["([^"]*)"\]')
EDGE = re.compile(r"  (a\d+) --> (a\d+)")
STYLE = re.compile(r"  classDef [A-Z]+ fill:#[0-9a-f]{6},stroke:#888,color:#000")


def wanted_edges(plan: Plan) -> set[tuple[str, str]]:
    return {(need, action.address) for action in plan.actions for need in action.needs}


def parsed(text: str) -> pydot.Dot:
    graphs = pydot.graph_from_dot_data(text)
    assert graphs is not None, text  # the parser has refused it
    return graphs[0]


def address_in(label: str) -> str:
    """The address in a node's label: `+ orders/import: title`."""
    return label.split(" ", 1)[1].split(": ", 1)[0]


def test_mermaid_has_a_node_for_each_action_a_cluster_for_each_table_and_the_needs() -> None:
    plan = many(3)
    text = mermaid(plan)
    nodes = {
        name: address_in(html.unescape(re.sub(r"#(\d+;)", r"&#\1", label))) for name, label, _ in NODE.findall(text)
    }
    assert sorted(nodes.values()) == sorted(action.address for action in plan.actions)
    assert len(CLUSTER.findall(text)) == 4
    assert {(nodes[a], nodes[b]) for a, b in EDGE.findall(text)} == wanted_edges(plan)


def test_dot_says_the_same_to_a_parser() -> None:
    plan = many(3)
    graph = parsed(dot(plan))
    clusters = graph.get_subgraphs()
    nodes = {
        node.get_name(): address_in(str(node.get("label")).strip('"'))
        for cluster in clusters
        for node in cluster.get_nodes()
    }
    assert sorted(nodes.values()) == sorted(action.address for action in plan.actions)
    assert len(clusters) == 4
    found = {(nodes[str(edge.get_source())], nodes[str(edge.get_destination())]) for edge in graph.get_edges()}
    assert found == wanted_edges(plan)


@pytest.mark.parametrize("text", [*ODD, 'say "hi" \\" \\', "end", "a --> b; subgraph x", "%%{init: {}}%%", "été 日本"])
def test_odd_names_stay_names(text: str) -> None:
    plan = plan_with(text)
    odd = dataclasses.replace(plan.actions[0], address=f"{text.split()[0].split('/')[0] or 'x'}/{text}")
    plan = dataclasses.replace(plan, actions=(*plan.actions, odd))
    lines = mermaid(plan).splitlines()
    assert lines[0] == "flowchart LR"
    for line in lines[1:]:
        assert line == "  end" or any(form.fullmatch(line) for form in (NODE, CLUSTER, EDGE, STYLE)), line
    labels = [label for _, label, _ in NODE.findall("\n".join(lines))]
    assert all(re.fullmatch(r"(?:[^\"#;`<&\\\[\]{}|]|#\d+;)*", label) for label in labels)
    graph = parsed(dot(plan))
    assert sum(len(cluster.get_nodes()) for cluster in graph.get_subgraphs()) == 2
