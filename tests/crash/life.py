"""One life of a migration: run `apply`, die at the given moments, run it again until it is complete."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.actions.base import Context
from migrate.actions.registry import handlers
from migrate.apply.resume import plan_to_resume
from migrate.apply.run import Summary, begin, carry_out, finish
from migrate.aws.session import AccountAccess
from migrate.cli.cmd_restore_check import look_for_check
from migrate.cli.world import World, make_plan, observe, state_or_new
from migrate.core.clock import SystemClock, timestamp
from migrate.core.errors import MigrateError
from migrate.core.events import StepEvent
from migrate.manifest.load import load_manifest
from migrate.manifest.model import Manifest
from migrate.observe.identity import verify_accounts
from migrate.plan.model import Plan
from migrate.sandbox import saved
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT, TARGET_ACCOUNT
from migrate.state.folder import FolderStore
from migrate.state.model import Run, State
from migrate.state.objectstore import ObjectStore
from migrate.state.store import Store
from migrate.strategies.backup_check import build_restore_check, check_digest
from tests.crash import shortcut
from tests.crash.cases import Case
from tests.crash.death import Died, Fate, Moment, MortalAccount, MortalStore
from tests.crash.ends import End, Things, end_of, forgotten, things
from tests.sandbox.aws import Aws, new_client
from tests.worlds import PRICES

MOST_RUNS = 3
"""Runs after a death in which everything must come to its end."""


class SteppingClock(SystemClock):
    """Real time, in which every look at the monotonic clock takes five seconds more: pauses are over at once."""

    def __init__(self) -> None:
        self.pause = 0.0
        """Real seconds that every sleep takes."""

        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 5.0
        return self._seconds

    def sleep(self, seconds: float) -> None:
        self._seconds += seconds
        if self.pause:
            super().sleep(self.pause)


@dataclass
class Ending:
    """How a life ended. `runs` counts the attempts; `lost` is what a dead run had made and the state did not own."""

    end: End
    effects: list[str]
    runs: int
    lost: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Things that were there before, not ours, and are gone."""


class QuickAws(Aws):
    """Clients of its own, which call the sandbox directly."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._clients: dict[tuple[str, str], Any] = {}
        super().__init__(sandbox)

    def client(self, service: str, account: str = SOURCE_ACCOUNT) -> Any:
        """See `Aws.client`."""
        if (service, account) not in self._clients:
            made = new_client(self.sandbox.endpoint_url, service, account)
            shortcut.install(made, self.sandbox)
            self._clients[service, account] = made
        return self._clients[service, account]


class Stage:
    """The sandbox and connections to it, shared by all lives of a test process. Clients cost more than lives."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.aws = QuickAws(sandbox)
        self.fate = Fate()
        self.clock = SteppingClock()
        self.folder = Path(tempfile.mkdtemp(prefix="migrate-crash-"))
        self.source, self.target = (
            self._account(side, id) for side, id in (("source", SOURCE_ACCOUNT), ("target", TARGET_ACCOUNT))
        )
        self._begun: dict[str, Path] = {}
        self.things_before: dict[str, Things] = {}
        """What is there before the first run of a case: in all its lives the same."""

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder)

    def manifest(self, text: str) -> Manifest:
        """The manifest with this text."""
        file = self.folder / "manifest.yaml"
        file.write_text(text)
        manifest, problems = load_manifest(str(file), {})
        assert manifest is not None, problems
        return manifest

    def set_up(self, case: Case) -> Path:
        """The world as it is before the case's first run; returns the folder of the state."""
        self.fate.moments, self.fate.is_dead = [], False
        self.clock.pause = case.pause
        if case.name not in self._begun:
            self.reset()
            state = self.folder / f"{case.name}-before"
            self._begun[case.name] = state
            case.prepare(self.aws, lambda text: self._migrate(text, state))
            saved.save(state.with_suffix(".aws"))
            self.things_before[case.name] = things(self.aws)
        before = self._begun[case.name]
        self.reset()
        saved.load(before.with_suffix(".aws"))
        state = self.folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, state)
        self.fate.effects = []
        return state

    def store(self, state: Path) -> ObjectStore:
        """The store at `state`, opened as a new process opens it."""
        return FolderStore(state, self.clock)

    def reset(self) -> None:
        """An empty world."""
        self.aws.sandbox.reset()

    def _migrate(self, text: str, state: Path) -> None:
        summary = self.attempt(self.manifest(text), self.store(state))
        assert summary is not None
        assert summary.is_complete, summary

    def _account(self, side: str, id: str) -> MortalAccount:
        role = f"arn:aws:iam::{id}:role/{ROLE_NAME}"
        url = self.aws.sandbox.endpoint_url
        account = MortalAccount(
            AccountAccess(side, id, REGION, role=role, endpoint_url=url), read_only=False, clock=self.clock
        )
        account.fate, account.sandbox = self.fate, self.aws.sandbox
        return account

    def attempt(
        self,
        manifest: Manifest,
        store: Store,
        *,
        listener: Callable[[StepEvent], None] = lambda _event: None,
        parallelism: int = 1,
        check: str = "",
    ) -> Summary | None:
        """What one process of `migrate apply` does, or of `restore-check` of a table; None with nothing to do."""
        world = self.world(manifest)
        with store.lock(manifest.name):
            kept = store.read(manifest.name)
            begun = plan_to_resume(store, kept, check_digest(manifest, check) if check else manifest.digest)
            plan = begun or (self.check(world, kept, check) if check else self.plan(world, kept))
            if not plan.actions:
                return None
            run = Run(plan.plan_id, timestamp(self.clock.now()))
            ledger = begin(store, kept, plan, manifest.file, run, is_resumed=begun is not None)
            work = store.work(plan.migration)
            context = Context(self.source, self.target, self.clock, plan.lineage, work=work)
            summary = carry_out(plan, ledger, handlers(), context, listener=listener, parallelism=parallelism)
            finish(ledger, plan, manifest.file, summary, timestamp(self.clock.now()))
            return summary

    def check(self, world: World, kept: State | None, table: str) -> Plan:
        """A new plan of a restore check, which must not be refused; none once a check has been carried out."""
        state = state_or_new(kept, world.manifest)
        plan = build_restore_check(world.manifest, table, look_for_check(world, table, state), state, PRICES)
        assert not plan.is_errored, [str(d) for d in plan.diagnostics if d.is_error]
        active = state.migration.active
        is_over = active is not None and active.is_finished and active.manifest_digest == plan.manifest_digest
        return dataclasses.replace(plan, actions=()) if is_over else plan

    def world(self, manifest: Manifest) -> World:
        """The manifest with the connections, whose identity is asked for as every process does."""
        accounts = verify_accounts(self.source, self.target)
        return World(manifest, self.source, self.target, self.clock, accounts, PRICES)

    def plan(self, world: World, kept: State | None) -> Plan:
        """A new plan, which must not be refused."""
        plan = make_plan(world, observe(world), state_or_new(kept, world.manifest))
        assert not plan.is_errored, [str(d) for d in plan.diagnostics if d.is_error]
        return plan


def live(
    stage: Stage,
    case: Case,
    *moments: Moment,
    parallelism: int = 1,
    faults: dict[str, object] | None = None,
) -> Ending:
    """Live through `case` from its beginning to its end, with a death at each of `moments` (first to last)."""
    state = stage.set_up(case)
    manifest = stage.manifest(case.manifest)
    before = stage.things_before[case.name]
    owned_before = _ids(stage.store(state).read(manifest.name))
    stage.fate.moments = list(moments)
    assert not stage.aws.sandbox.faults.replace(faults or {})
    lost: list[str] = []
    summary: Summary | MigrateError | None = None
    most = case.runs + MOST_RUNS + len(moments)
    for runs in range(1, most + 2):
        assert runs <= most, f"{case.name} does not come to an end: {summary}"
        real = stage.store(state)
        case.between(stage.aws, real.read(manifest.name))
        try:
            summary = stage.attempt(
                manifest,
                MortalStore(real, stage.fate),
                listener=lambda event: case.meddle(stage.aws, event),
                parallelism=parallelism,
                check=case.check,
            )
        except Died:
            stage.fate.born_again()
            lost += forgotten(stage.aws, stage.store(state).read(manifest.name), before, things(stage.aws))
        except MigrateError as error:
            summary = error  # looking and planning have no second try: the user has
        else:
            if summary is None or summary.is_complete:
                break
    stage.aws.sandbox.faults.clear()
    kept = stage.store(state).read(manifest.name)
    assert kept is not None
    now = things(stage.aws)
    lost += forgotten(stage.aws, kept, before, now)
    again = stage.plan(stage.world(manifest), kept)
    end = end_of(stage.aws, kept, [action.address for action in again.actions])
    return Ending(end, list(stage.fate.effects), runs, lost, _gone(before, now, owned_before))


def _gone(before: Things, now: Things, owned: set[str]) -> list[str]:
    return sorted(one for one in before.ids - now.ids if one not in owned)


def _ids(state: State | None) -> set[str]:
    return set(state.owned()) if state else set()
