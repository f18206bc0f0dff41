"""`migrate show`: a saved plan again, without AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console
from migrate.cli.saved import read_file

if TYPE_CHECKING:
    from migrate.plan.model import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("show")
    def show(
        planfile: str = typer.Argument(..., metavar="PLANFILE", help="A plan saved by `migrate plan --out`."),
        as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
        markdown: bool = typer.Option(False, "--markdown", help="Print it for a pull request's comment."),
        digest: bool = typer.Option(False, "--digest", help="Print only the digest that `apply --expect` takes."),
        link: str = typer.Option("", "--link", metavar="URL", help="Where the whole plan is, for a long comment."),
    ) -> int:
        """Show a saved plan. Needs no AWS."""
        from migrate.cli.cmd_plan import output_form
        from migrate.plan.planfile import plan_digest

        form = output_form(as_json, markdown)
        plan = read_file(planfile)
        if digest:
            console.result(plan_digest(plan))
        else:
            print_plan(plan, form, planfile, link)
        return 0


def print_plan(plan: Plan, form: str, file: str, link: str) -> None:
    """Print a plan in one of its forms: `text`, `json` or `markdown`."""
    from migrate.plan.planfile import plan_digest, plan_document
    from migrate.render.plan_markdown import plan_markdown
    from migrate.render.plan_text import plan_text

    if form == "json":
        console.json(plan_document(plan))
    elif form == "markdown":
        console.result(plan_markdown(plan, file=file, link=link))
    else:
        console.diagnostics(plan.diagnostics)
        console.result(plan_text(plan, console.style, is_whole=console.verbose))
        console.result(f"Digest: {plan_digest(plan)}")
