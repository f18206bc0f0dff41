"""`migrate graph`: the actions of a plan and what they wait for, to be drawn."""

from __future__ import annotations

import enum

import typer

from migrate.cli import saved
from migrate.cli.console import console


class Form(str, enum.Enum):
    """A language for graphs."""

    MERMAID = "mermaid"
    DOT = "dot"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("graph")
    def graph(
        plan: str = typer.Argument(..., metavar="PLANFILE | MANIFEST", help="A saved plan, or a manifest to plan now."),
        form: Form = typer.Option(Form.MERMAID, "--format", help="For Mermaid (Markdown) or Graphviz (dot)."),
    ) -> int:
        """Print a plan as a graph: a node for each action, a cluster for each table."""
        return run(plan, form)


def run(what: str, form: Form) -> int:
    """See the command."""
    from migrate.cli.cmd_plan import make
    from migrate.cli.world import refuse
    from migrate.render.graph import MOST_EDGES, dot, edges, mermaid

    if saved.is_plan_file(what):
        plan = saved.read_file(what)
    else:
        plan = make(what, [], "")[0]
        refuse(plan)
    if form is Form.DOT:
        console.result(dot(plan))
        return 0
    console.result(mermaid(plan))
    drawn = len(edges(plan))
    if drawn > MOST_EDGES:
        console.say(f"note: Mermaid draws {MOST_EDGES} edges, this plan has {drawn:,}: --format dot")
    return 0
