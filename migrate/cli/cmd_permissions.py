"""`migrate permissions`: the least that this migration needs to be allowed. Prints, and changes nothing."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.actions.needs import Needs, Use
    from migrate.core.codec import Json
    from migrate.manifest.model import Manifest
    from migrate.plan.model import Plan
    from migrate.state.model import State


class Form(str, enum.Enum):
    """How policies are written."""

    IAM = "iam"
    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"


class For(str, enum.Enum):
    """What is to be possible."""

    PLAN = "plan"
    APPLY = "apply"
    CLEANUP = "cleanup"
    ALL = "all"


@dataclass(frozen=True)
class Found:
    """What is needed, and what that was learned from: accounts, manifest or plan."""

    needs: Needs
    migration: str
    basis: str
    notes: tuple[str, ...] = ()


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("permissions")
    def permissions(
        what: str = typer.Argument(..., metavar="MANIFEST | PLANFILE", help="A manifest, or a saved plan."),
        form: Form = typer.Option(Form.IAM, "--format", help="IAM policies as JSON, or files for one of these."),
        out: str = typer.Option("", "--out", metavar="DIR", help="Write files into this folder."),
        purpose: For = typer.Option(For.ALL, "--for", help="Only what this needs; applying includes planning."),
        offline: bool = typer.Option(False, "--offline", help="Look at no account: what the manifest alone tells."),
        as_json: bool = typer.Option(False, "--json", help="The same as --format iam; errors as JSON, too."),
    ) -> int:
        """Print the least privileges that this migration needs, for each principal. Changes nothing."""
        if as_json and form is not Form.IAM:
            raise typer.BadParameter("--json is --format iam: say one of them")
        return run(what, form=form, out=out, purpose=purpose, offline=offline)


def run(what: str, *, form: Form, out: str, purpose: For, offline: bool) -> int:
    """See the command."""
    from migrate.actions.needs import EVERY_USE, Use
    from migrate.cli import saved
    from migrate.render.permissions import MOST_POLICIES, most_policies

    uses = EVERY_USE if purpose is For.ALL else frozenset({Use(purpose.value)})
    found = _of_plan(what, uses) if saved.is_plan_file(what) else _of_manifest(what, uses, offline=offline)
    many = most_policies(found.needs, found.migration)
    if many > MOST_POLICIES:
        note = f"a principal takes {many} policies, and AWS attaches {MOST_POLICIES} (20 on request): join some by hand"
        found = dataclasses.replace(found, notes=(*found.notes, note))
    for note in found.notes:
        console.say(f"note: {note}")
    if form is Form.IAM and not out:
        console.json(_document(found, uses))
        return 0
    files = _files(found, form, uses)
    if out:
        _write(out, files)
        console.result(f"Wrote {', '.join(sorted(files))} to {out}.")
        return 0
    begin = "---\n" if form is Form.CLOUDFORMATION else ""
    console.result("\n".join(f"{begin}# {name}\n{text}" for name, text in files.items()).rstrip())
    return 0


def _of_plan(path: str, uses: Collection[Use]) -> Found:
    """What a saved plan needs. Raises `PlanIsStale` when its manifest has changed."""
    from migrate.actions.needs import Use, needs
    from migrate.apply.resume import stale
    from migrate.cli import saved
    from migrate.cli.world import refuse

    plan = saved.read_file(path)
    manifest = saved.manifest_of(plan)
    if manifest.digest != plan.manifest_digest:
        raise stale(plan, [f"{manifest.file} was changed since"])
    refuse(plan)
    notes = ["a saved plan does not say which keys tables and buckets are encrypted with: those statements are wide"]
    if Use.CLEANUP in uses:
        notes.append("of `migrate cleanup`, only what this plan deletes itself is known: ask with the manifest for all")
    return Found(needs(plan, manifest, state=console.state_url, uses=uses), plan.migration, "plan", tuple(notes))


def _of_manifest(path: str, uses: Collection[Use], *, offline: bool) -> Found:
    from migrate.cli.world import read_manifest
    from migrate.core.errors import AwsError

    manifest = read_manifest(path)
    if offline:
        return _alone(manifest, uses, ())
    try:
        found = _observed(manifest, uses)
    except AwsError as error:
        found = error.summary
    if isinstance(found, Found):
        return found
    return _alone(manifest, uses, (f"the accounts cannot be read: {found}", "this is what the manifest alone tells"))


def _observed(manifest: Manifest, uses: Collection[Use]) -> Found | str:
    """What is needed by what the accounts show; or why they do not show enough. Raises `AwsError`, `Refused`."""
    from migrate.actions.needs import in_patterns, needs
    from migrate.cli.world import make_plan, observe, open_world, refuse
    from migrate.plan.cleanup import build_cleanup
    from migrate.plan.untouched import cleanup_of, untouched, with_leftovers
    from migrate.render.permissions import MOST_POLICIES, most_policies

    kept = _state(manifest)
    world = open_world(manifest, read_only=True)
    seen = observe(world)
    inventory, state = untouched(seen.inventory, kept)
    plan = make_plan(world, dataclasses.replace(seen, inventory=inventory), state)
    denied = next((one for one in plan.diagnostics if one.is_error and one.cause == "AccessDenied"), None)
    if denied is not None:
        return denied.summary
    refuse(plan)
    cleanup = cleanup_of(plan, manifest, seen.mappings, inventory, state)
    cleanup = with_leftovers(cleanup, build_cleanup(manifest, seen.mappings, world.accounts, kept))
    plan = with_leftovers(plan, make_plan(world, seen, kept))
    found = needs(plan, manifest, inventory, state=console.state_url, uses=uses, cleanup=cleanup)
    many = most_policies(found, manifest.name)
    if many <= MOST_POLICIES:
        return Found(found, manifest.name, "accounts")
    short = in_patterns(found, plan, manifest)
    note = f"the names of all tables take {many} policies: in place of those that a pattern matches stands the pattern"
    return Found(short, manifest.name, "accounts", (note,))


def _alone(manifest: Manifest, uses: Collection[Use], notes: Sequence[str]) -> Found:
    """What the manifest alone tells."""
    from migrate.actions.needs import needs
    from migrate.cli.price_option import read_prices
    from migrate.cli.world import refuse, state_or_new
    from migrate.manifest.tables import resolve_tables
    from migrate.plan.build import build
    from migrate.plan.untouched import cleanup_of
    from migrate.strategies.imagined import imagine, stand_ins, with_patterns
    from migrate.strategies.registry import by_name

    names, state = stand_ins(manifest), state_or_new(None, manifest)
    mappings, problems = resolve_tables(manifest, names)
    worlds = [imagine(manifest, mappings, has_settings=rich) for rich in (True, False)]
    prices = read_prices()
    rich, plain = (build(manifest, mappings, inventory, state, by_name(), prices=prices) for inventory in worlds)
    refuse(dataclasses.replace(rich, diagnostics=(*problems, *rich.diagnostics)))
    both = {action.address: action for action in (*plain.actions, *rich.actions)}
    plan = dataclasses.replace(rich, actions=tuple(both.values()))
    sure = {action.address for action in plain.actions} & {action.address for action in rich.actions}
    cleanup = cleanup_of(rich, manifest, mappings, worlds[0], state)
    place, possible = console.state_url, both.keys() - sure
    found = needs(plan, manifest, state=place, uses=uses, cleanup=cleanup, possible=possible)
    renamed = found.renamed(lambda text: with_patterns(text, names))
    return Found(renamed, manifest.name, "manifest", (*notes, *_what_is_not_known(manifest, plan)))


def _what_is_not_known(manifest: Manifest, plan: Plan) -> Iterator[str]:
    from migrate.strategies.imagined import UNKNOWN_KEY

    yield "each table is taken to have every setting: what a table turns out not to have is not needed"
    yield "which keys tables, and buckets that exist, are encrypted with is not known: those statements are wide"
    if any(rule.strategy == "auto" and rule.is_moved for rule in manifest.tables):
        chosen = sorted({table.strategy for table in plan.tables})
        yield f"strategy auto is taken to be {' or '.join(chosen)}: name a strategy to be sure"
    if any(key.id.rpartition(":")[2].startswith("alias/") for key in manifest.keys.values()):
        yield f"replace {UNKNOWN_KEY}NAME by the id of the key with that alias"


def _state(manifest: Manifest) -> State:
    """The state as far as it may be read: before anybody is allowed anything, there is none."""
    from migrate.cli.world import state_or_new, store
    from migrate.core.errors import StateAccessDenied, StateUnusable

    states = store()
    try:
        kept = states.read(manifest.name)
    except (StateAccessDenied, StateUnusable) as error:  # its bucket may not even be there
        console.say(f"note: {error.summary}: it is taken to be new")
        kept = None
    return state_or_new(kept, manifest)


def _document(found: Found, uses: Collection[Use]) -> Json:
    from migrate.render.permissions import permissions_document

    names = sorted(use.value for use in uses)
    return permissions_document(found.needs, found.migration, basis=found.basis, uses=names, notes=found.notes)


def _files(found: Found, form: Form, uses: Collection[Use]) -> Mapping[str, str]:
    """File name -> text."""
    from migrate.render.permissions import permission_files
    from migrate.render.permissions_cloudformation import templates
    from migrate.render.permissions_terraform import configurations

    if form is Form.TERRAFORM:
        return configurations(found.needs, found.migration, found.notes)
    if form is Form.CLOUDFORMATION:
        return templates(found.needs, found.migration, found.notes)
    whole = json.dumps(_document(found, uses), indent=2, ensure_ascii=False)
    return {"permissions.json": f"{whole}\n", **permission_files(found.needs, found.migration)}


def _write(folder: str, files: Mapping[str, str]) -> None:
    from migrate.core.errors import MigrateError

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MigrateError(f"cannot write into {folder}", why=str(error), hint="name another folder: --out") from error
