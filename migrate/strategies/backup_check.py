"""The plan of `migrate restore-check`: restore a copied recovery point into a scratch table, compare it, drop it.

The scratch table has its own file in the state, under a name that follows from the table and the lineage: what a run
that died has left behind is found again there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from migrate.core.codec import digest
from migrate.core.diagnostics import Diagnostic, error
from migrate.core.frozen import replace
from migrate.core.table import TableFacts
from migrate.manifest.model import Manifest
from migrate.manifest.prices import Prices
from migrate.observe.backup import BackupQuestions, SideQuestions
from migrate.observe.inventory import Inventory, RecoveryPointFacts
from migrate.plan import costs
from migrate.plan.gates import broken_gates
from migrate.plan.model import Action, Change, Estimate, Plan, PlannedAccount, PlannedTable, Risk, Side, ref
from migrate.plan.strategy import TableRequest
from migrate.plan.verification import share_of_reads, verification
from migrate.state.model import State, Status
from migrate.strategies.backup_options import LATEST, read_options
from migrate.strategies.backup_setup import USABLE, Setup

_LONGEST_NAME = 255


def scratch_name(lineage: str, table: str) -> str:
    """The scratch table of a table: the same for every check of it."""
    end = f"-restore-check-{digest([lineage, table])[:8]}"
    return f"{table[: _LONGEST_NAME - len(end)]}{end}"


def check_digest(manifest: Manifest, table: str) -> str:
    """What stands for the manifest in such a plan: `apply` never takes it for one of its own, nor this for apply's."""
    return digest([manifest.digest, "restore-check", table])


def check_questions(manifest: Manifest, table: str) -> BackupQuestions:
    """What to look at for the check of one table."""
    options = read_options(manifest.protection_options())
    side = SideQuestions(frozenset({options.target_vault}), frozenset({options.target_role}))
    return BackupQuestions(target=side, points=((table, "target", options.target_vault, LATEST),))


def build_restore_check(manifest: Manifest, table: str, inventory: Inventory, state: State, prices: Prices) -> Plan:
    """The plan, with every reason against it as a diagnostic. Pure."""
    source = inventory.source_tables.get(table)
    name = scratch_name(state.lineage, table)
    plan = Plan(
        migration=manifest.name,
        lineage=state.lineage,
        source=PlannedAccount(inventory.source.id, inventory.source.region, manifest.source.profile or ""),
        target=PlannedAccount(inventory.target.id, inventory.target.region, manifest.target.profile or ""),
        manifest_digest=check_digest(manifest, table),
        inventory_digest=inventory.digest,
        manifest_file=manifest.file,
        serials={"migration": state.migration.serial, **{n: f.serial for n, f in sorted(state.files.items())}},
        diagnostics=inventory.diagnostics,
        prices_of=prices.words(inventory.source.region, inventory.target.region),
    )
    if source is None:
        return plan
    check = _Check(_setup(manifest, source, name, inventory, state, prices), name)
    problems = list(check.problems())
    actions = () if problems else tuple(check.actions())
    planned = replace(plan, tables=(check.planned(),), actions=actions, diagnostics=(*plan.diagnostics, *problems))
    return replace(planned, diagnostics=(*planned.diagnostics, *broken_gates(planned, state)))


def _setup(
    manifest: Manifest, source: TableFacts, name: str, inventory: Inventory, state: State, prices: Prices
) -> Setup:
    options = {**manifest.protection_options(), "from": LATEST}
    return Setup(TableRequest(manifest.name, source, name, source.spec, options, inventory, state, prices))


@dataclasses.dataclass(frozen=True)
class _Check:
    setup: Setup
    name: str

    def problems(self) -> Iterator[Diagnostic]:
        """Every reason why the table cannot be restored."""
        setup, account = self.setup, self.setup.account("target")
        yield from setup.facts.problems.values()
        role = setup.options.target_role
        if setup.facts.problems:
            return
        if not setup.role("target").arn:
            yield error(
                f"the role {role}, with which AWS Backup restores, does not exist in {account.id}",
                address="strategies.backup.role",
                hint="`migrate apply` makes it for protected tables where strategies.backup.create is true",
            )
        if not self._candidates():
            table, vault = setup.request.source.name, setup.options.target_vault
            yield error(
                f"no recovery point of {table} in the vault {vault} of {account.id} can be restored",
                address=table,
                why="nothing has been copied there yet, or its days are over",
                hint="is the table under `protect`, and has its time come? `migrate status` shows the newest copy",
            )
        target = setup.request.inventory.target_tables.get(self.name)
        if target is not None and not self._is_left():
            yield error(
                f"the table {self.name} exists in {account.id}, and this state did not make it",
                address=self.name,
                why="the copy is restored into a table of that name",
                hint="remove that table yourself, if it is the rest of a check with another state",
            )

    def actions(self) -> Iterator[Action]:
        """What is not done yet of: drop what an earlier check left, restore, compare, drop."""
        point = self._point()
        restore, record = self._restore(point), self.setup.request.state.record(f"{self.name}/restore")
        is_same = record is not None and record.action_digest == restore.digest
        is_going_on = is_same and record is not None and record.status in (Status.STARTING, Status.RUNNING)
        is_restored = is_same and record is not None and record.status is Status.DONE and self._is_there()
        needs: tuple[str, ...] = ()
        if self._is_left(confirmed=True) and not is_going_on and not is_restored:
            left = self._removal("left-over-removal", ())
            needs = (left.address,)
            yield left
        if not is_restored:
            yield replace(restore, needs=needs)
            needs = (restore.address,)
        compare = self._compare(point, needs)
        yield compare
        yield self._removal("table-removal", (compare.address,))

    def planned(self) -> PlannedTable:
        """The table, with what the check takes and costs."""
        request, source = self.setup.request, self.setup.request.source
        estimate = Estimate.together((costs.restore(request), verification(request, is_copied=False))).rounded
        return PlannedTable(
            source.name,
            self.name,
            "restore-check",
            "the newest copied recovery point, into a scratch table",
            source.item_count,
            source.size_bytes,
            is_move=True,
            estimate=estimate,
        )

    def _candidates(self) -> Sequence[RecoveryPointFacts]:
        return [point for point in self.setup.points if point.status in USABLE]

    def _point(self) -> RecoveryPointFacts:
        """The newest; or the one that a check which did not come to its end has begun with."""
        record, found = self.setup.request.state.record(f"{self.name}/restore"), self._candidates()
        begun = (one for one in found if record is not None and self._restore(one).digest == record.action_digest)
        is_open = self._is_there() or (record is not None and record.status in (Status.STARTING, Status.RUNNING))
        return next(begun, found[0]) if is_open else found[0]

    def _restore(self, point: RecoveryPointFacts) -> Action:
        vault = self.setup.options.target_vault
        return Action(
            address=f"{self.name}/restore",
            kind="restore-job",
            side=Side.TARGET,
            change=Change.CREATE,
            title=f"restore the copy of {point.created} into scratch table {self.name}",
            params={
                "recovery_point_arn": point.arn,
                "vault": vault,
                "vault_account_id": None,
                "role_arn": self.setup.role_arn("target"),
                "table": self.name,
                "source_table_arn": self.setup.request.source.arn,
                "encryption": {"type": "Default", "key_arn": None},
            },
            risk=Risk.COST,
            undo="table-removal",
            why=f"recovery point {point.arn} in vault {vault}",
        )

    def _compare(self, point: RecoveryPointFacts, needs: tuple[str, ...]) -> Action:
        source = self.setup.request.source
        return Action(
            address=f"{self.name}/restore-check",
            kind="restore-check",
            side=Side.BOTH,
            change=Change.READ,
            title=f"compare every item of {source.name}, as it is now, with it",
            params={
                "source_table": source.name,
                "target_table": self.name,
                "keys": [key.name for key in source.spec.keys.attributes],
                "mode": "digest",
                "size_bytes": source.size_bytes,
                "source_units": share_of_reads(source.spec.provisioned),
                "target_units": share_of_reads(source.spec.provisioned),
                "table_id": ref(f"{self.name}/restore", "table_id"),
                "recovery_point_arn": point.arn,
                "created": point.created,
            },
            needs=needs,
            undo="none: it changes nothing",
            why="a backup is one only when it can be restored",
        )

    def _removal(self, name: str, needs: tuple[str, ...]) -> Action:
        return Action(
            address=f"{self.name}/{name}",
            kind="table-removal",
            side=Side.TARGET,
            change=Change.DELETE,
            title=f"drop scratch table {self.name}",
            params={"of": f"{self.name}/restore", "table": self.name},
            needs=needs,
            risk=Risk.DESTRUCTIVE,
            undo="none: the next check restores it anew",
            why="made by this check, and by its id the very same",
        )

    def _is_left(self, *, confirmed: bool = False) -> bool:
        """True when the scratch table is ours. One that a restore has only announced is found again by that restore."""
        file = self.setup.request.state.files.get(self.name)
        tables = (one for one in (file.owned.values() if file else ()) if one.kind == "table")
        return any(one.is_confirmed or not confirmed for one in tables)

    def _is_there(self) -> bool:
        return self._is_left() and self.name in self.setup.request.inventory.target_tables
