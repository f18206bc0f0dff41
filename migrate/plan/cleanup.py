"""The plan that removes what a migration has made for itself: files, recovery points, grants, keys. Never a table.

It follows from the state alone, so it needs neither the source tables nor the rules that once named them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.frozen import replace
from migrate.manifest.model import Manifest, TableMapping
from migrate.observe.inventory import AccountFacts
from migrate.plan.gates import broken_gates
from migrate.plan.model import Action, Change, Plan, PlannedAccount, PlannedTable, Risk, Side
from migrate.plan.protection import removal, standing_resources
from migrate.plan.sharing import SHARES
from migrate.plan.strategy import is_locked, load_of
from migrate.state.model import SHARED, OwnedResource, State, Status, StepFile

_WORDS = {
    "export": "delete the exported files",
    "bucket-policy": "take back the grant",
    "bucket": "delete the bucket",
    "recovery-point": "delete the recovery point",
    "vault-policy": "take back the grant",
    "vault": "delete the backup vault",
    "air-gapped-vault": "delete the air-gapped vault",
    "share": "delete the resource share",
    "key": "delete the key in 30 days",
    "role": "delete the role",
    "job-files": "delete the job's files",
    "job-work": "delete the job's checkpoints and logs",
    "glue-job": "delete the Glue job",
    "emr-application": "stop and delete the EMR Serverless application",
}
_KEPT = {
    "bucket": "made by this migration; kept when anything else is in it",
    "vault": "made by this migration; kept when anything else is in it",
    "air-gapped-vault": "made by this migration; kept as long as anything is in it",
    "key": "made by this migration; kept when its vault is kept",
}


def build_cleanup(
    manifest: Manifest, mappings: Sequence[TableMapping], accounts: tuple[AccountFacts, AccountFacts], state: State
) -> Plan:
    """The removal of every owned resource that is not a table. A table that is not finished is an error.

    A table that the manifest no longer names counts as given up: what was made for it is removed, unless work of it
    still runs. Pure.
    """
    wanted = {mapping.target_name: mapping for mapping in mappings}
    tables = [file for name, file in sorted(state.files.items()) if name != SHARED]
    problems = [problem for file in tables for problem in _unfinished(file, wanted.get(file.name), manifest)]
    problems += [problem for file in tables if file.name not in wanted for problem in _still_shared(file, manifest)]
    own = [_removal(one) for file in tables for one in _makers(file)]
    standing = standing_resources(state)
    shared = [removal(one) for one in {one.address: one for one in standing}.values()]
    made = [one for one in _makers(state.files.get(SHARED)) if one not in standing]
    needed = [one for one in made if one.kind == "role" and _has_protected(state)]
    problems += [_kept_role(one) for one in needed]
    shared += [_removal(one) for one in made if one not in needed]
    source, target = accounts
    plan = Plan(
        migration=manifest.name,
        lineage=state.lineage,
        source=PlannedAccount(source.id, source.region, manifest.source.profile or ""),
        target=PlannedAccount(target.id, target.region, manifest.target.profile or ""),
        manifest_digest=manifest.digest,
        inventory_digest="",
        manifest_file=manifest.file,
        serials={"migration": state.migration.serial, **{n: f.serial for n, f in sorted(state.files.items())}},
        tables=tuple(PlannedTable(file.source, file.name, "") for file in tables),
        actions=(*own, *_chained(shared, own)),
        diagnostics=tuple(problems),
    )
    return replace(plan, diagnostics=(*plan.diagnostics, *broken_gates(plan, state)))


def _makers(file: StepFile | None) -> Iterator[OwnedResource]:
    """One owned resource of each step that made something, what was made last first."""
    kept = ("table", *SHARES)  # a share ends when it leaves the manifest
    ours = file.owned.values() if file else ()
    found = {one.address: one for one in ours if one.kind not in kept and not is_locked(one)}

    def began(address: str) -> str:
        record = file.steps.get(address) if file else None
        return (record.started or "") if record else ""

    yield from (found[address] for address in sorted(found, key=began, reverse=True))


def _still_shared(file: StepFile, manifest: Manifest) -> Iterator[Diagnostic]:
    """Access that others have to a table of which the manifest says nothing any more: they may live by it."""
    if any(one.kind in SHARES for one in file.owned.values()):
        yield warning(
            f"{file.name} stays shared with other accounts",
            address=file.name,
            why="the manifest no longer names the table, and so does not say that its `share` has ended",
            hint=f"to take the access back, name the table again without `share`: migrate apply {manifest.file}",
        )


def _has_protected(state: State) -> bool:
    """True when tables were under standing protection: recovery points of it may be there for years."""
    file = state.files.get(SHARED)
    return file is not None and any(one.kind == "backup-selection" for one in file.steps.values())


def _kept_role(resource: OwnedResource) -> Diagnostic:
    return warning(
        f"the role {resource.id} is kept",
        address=resource.address,
        why="AWS Backup deletes recovery points at the end of their days with the role that made them; without it they "
        "stay, and are paid for",
        hint="delete the role when the vaults are empty",
    )


def _removal(resource: OwnedResource) -> Action:
    owner, name = resource.address.split("/", 1)
    what, dot, rest = name.partition(".")
    return Action(
        address=f"{owner}/{what}-removal{dot}{rest}",
        kind=f"{resource.kind}-removal",
        side=Side(resource.side),
        change=Change.DELETE,
        title=f"{_WORDS.get(resource.kind, resource.kind)}: {resource.id}",
        params={"of": resource.address},
        risk=Risk.DESTRUCTIVE,
        undo="none: what is needed again is made again",
        why=_KEPT.get(resource.kind, "made by this migration"),
    )


def _chained(shared: Sequence[Action], own: Sequence[Action]) -> Iterator[Action]:
    """The shared removals one after the other, once nothing of a table is left: a bucket goes when it is empty."""
    before = tuple(action.address for action in own)
    for action in shared:
        yield replace(action, needs=before)
        before = (*before, action.address)


def _unfinished(file: StepFile, mapping: TableMapping | None, manifest: Manifest) -> Iterator[Diagnostic]:
    steps = file.steps
    if not steps:
        return
    running = [record.address for record in steps.values() if record.status in (Status.STARTING, Status.RUNNING)]
    load, verified = load_of(file), steps.get(f"{file.name}/verify")
    next_command = f"finish it first: migrate apply {manifest.file}"
    if running:
        yield error(f"{file.name} is not finished: {', '.join(running)} is still running", hint=next_command)
    elif mapping is None:
        return
    elif load is None or load.status is not Status.DONE:
        why = "what it moves through is needed until its items are in the target"
        hint = f"{next_command}; or take the table out of the manifest to give it up"
        yield error(f"{file.name} is not loaded yet", why=why, hint=hint)
    elif mapping.verify.mode != "none" and (verified is None or verified.status is not Status.DONE):
        why = "what it moves through is kept until every item is known to be in the target"
        hint = f"{next_command}; or set `verify: none` for the table to do without"
        yield error(f"{file.name} is not verified yet", why=why, hint=hint)
