"""Look at AWS Backup in both accounts: what strategy `backup` depends on.

About ten reads per account whatever the number of tables, and one per table and vault where a table is restored from a
recovery point that is there already. Nothing is asked when no table may use the strategy. A read that fails is told
only to a table that needs its answer.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.aws import backup, backup_jobs, backup_plans, iam, kms, organizations
from migrate.aws.session import Account
from migrate.core.access import Permission, Place, allow, anywhere
from migrate.core.clock import timestamp
from migrate.core.diagnostics import Diagnostic
from migrate.core.errors import AwsError
from migrate.observe.inventory import (
    BackupFacts,
    BackupPlanFacts,
    BackupSide,
    KeyFacts,
    RecoveryPointFacts,
    RoleFacts,
    SelectionFacts,
    VaultFacts,
)
from migrate.observe.normalise import OWN_TAG_PREFIX
from migrate.observe.reader import Reader
from migrate.observe.resources import failed_read, key_access, key_facts, role_access

ADDRESS = "strategies.backup"
KEPT_POINTS = 20
"""How many recovery points of a table are looked at, newest first."""


@dataclass(frozen=True)
class SideQuestions:
    """What to look at in one account: names of vaults, roles and backup plans, aliases or ARNs of keys."""

    vaults: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BackupQuestions:
    """What to look at. `points`: (source table, side, vault, `latest` or an ARN) of recovery points that `from` names.

    `is_copied` is True when some table is copied between vaults of the two accounts, `shared` names the air-gapped
    vaults of the source account that the target account must see.
    """

    source: SideQuestions = SideQuestions()
    target: SideQuestions = SideQuestions()
    is_copied: bool = False
    shared: frozenset[str] = frozenset()
    points: tuple[tuple[str, str, str, str], ...] = ()

    def side(self, name: str) -> SideQuestions:
        """`source` or `target`."""
        return self.source if name == "source" else self.target


def backup_access(source: Place, target: Place, questions: BackupQuestions) -> Iterator[Permission]:
    """What `BackupReads` reads for these questions."""
    for place in (source, target):
        yield from _side_access(place, questions.side(place.side))
        yield anywhere(place.side, "backup:DescribeRegionSettings ListBackupVaults")
        if questions.is_copied:
            yield anywhere(place.side, "organizations:DescribeOrganization backup:DescribeGlobalSettings")
    for _, side, vault, point in questions.points:
        place = source if side == "source" else target
        if point == "latest":
            yield allow(side, "backup:ListRecoveryPointsByBackupVault", place.vault(vault))
        else:
            yield allow(side, "backup:DescribeRecoveryPoint", point)
    for name in sorted(questions.shared):
        yield allow(target.side, "backup:DescribeBackupVault", source.vault(name))


def _side_access(place: Place, wanted: SideQuestions) -> Iterator[Permission]:
    there = "it is there when the plan is made"
    for name in sorted(wanted.roles):
        yield role_access(place, name)
    for id in sorted(wanted.keys):
        yield from key_access(place, id)
    for name in sorted(wanted.vaults):
        yield allow(place.side, "backup:GetBackupVaultAccessPolicy", place.vault(name), when=there)
    if wanted.vaults:
        names, wide = "kms:DescribeKey GetKeyPolicy", "the key of a vault is known when the vault is read"
        yield allow(place.side, names, place.key("*"), when="a vault is there when the plan is made", wide=wide)
    if wanted.plans:
        yield anywhere(place.side, "backup:ListBackupPlans")
        names = "backup:GetBackupPlan ListBackupSelections GetBackupSelection ListTags"
        yield allow(place.side, names, place.arn("backup", "backup-plan:*"), when=there, wide="AWS chooses its id")


@dataclass
class BackupReads:
    """The reads for `questions`: `ask` begins them, `facts` has the answers."""

    reader: Reader
    accounts: Mapping[str, Account]
    questions: BackupQuestions
    problems: dict[str, Diagnostic] = field(default_factory=dict)

    def ask(self) -> None:
        """Begin every read that depends on no other."""
        for side, account in self.accounts.items():
            wanted = self.questions.side(side)
            self.reader.ask(backup.region_settings, account)
            self.reader.ask(backup.list_vaults, account)
            if self.questions.is_copied:
                self.reader.ask(organizations.organization_id, account)
                self.reader.ask(backup.is_cross_account_on, account)
            if wanted.plans:
                self.reader.ask(backup_plans.list_plans, account)
            for name in wanted.roles:
                self.reader.ask(iam.get_role, account, name)
            for id in wanted.keys:
                self.reader.ask(kms.describe_key, account, id)
        for table, side, vault, point in self.questions.points:
            self.reader.ask(*self._point_read(table, side, vault, point))
        for name in self.questions.shared:
            self.reader.ask(backup.is_shared_vault, self.accounts["target"], name, self.accounts["source"].id)
        self._ask_more()

    def facts(self) -> BackupFacts:
        """Everything that was asked for; waits for the answers."""
        source, target = (self._side(side) for side in ("source", "target"))
        return BackupFacts(
            source=source,
            target=target,
            is_cross_account_on=self._is_cross_account_on(),
            recovery_points=self._points(),
            problems=self.problems,
        )

    def _ask_more(self) -> None:
        """Begin the reads about the vaults and keys that are there."""
        for side, account in self.accounts.items():
            vaults = self.reader.answer(backup.list_vaults, account)
            found = vaults if isinstance(vaults, dict) else {}
            for name in self.questions.side(side).vaults & found.keys():
                self.reader.ask(backup.vault_policy, account, name)
            for id in self._key_ids(side, found):
                self.reader.ask(kms.describe_key, account, id)
            for plan in self._named_plans(side):
                self.reader.ask(backup_plans.plan_rules, account, plan["BackupPlanId"])
                self.reader.ask(backup_plans.selections, account, plan["BackupPlanId"])
                self.reader.ask(backup_jobs.list_tags, account, plan["BackupPlanArn"])
        for side, account in self.accounts.items():
            vaults = self.reader.answer(backup.list_vaults, account)
            for id in self._key_ids(side, vaults if isinstance(vaults, dict) else {}):
                key = self.reader.answer(kms.describe_key, account, id)
                if isinstance(key, dict):
                    self.reader.ask(kms.get_key_policy, account, key["Arn"])

    def _key_ids(self, side: str, vaults: Mapping[str, Mapping[str, Any]]) -> list[str]:
        wanted = self.questions.side(side)
        of_vaults = {vaults[name].get("EncryptionKeyArn") for name in wanted.vaults & vaults.keys()}
        return sorted({*wanted.keys, *(str(arn) for arn in of_vaults if arn)})

    def _side(self, side: str) -> BackupSide:
        account, wanted = self.accounts[side], self.questions.side(side)
        vaults = self._known(f"{side} vaults", {}, backup.list_vaults, account)
        settings = self._known(f"{side} settings", (None, None), backup.region_settings, account)
        organization = None
        if self.questions.is_copied:
            organization = self._known(f"{side} organization", None, organizations.organization_id, account, empty="")
        return BackupSide(
            organization=organization,
            is_opted_in=settings[0],
            is_managed=settings[1],
            vaults={name: self._vault(side, name, vaults.get(name)) for name in sorted(wanted.vaults)},
            roles={name: self._role(side, name) for name in sorted(wanted.roles)},
            keys={id: self._key(side, id) for id in self._key_ids(side, vaults)},
            plans=tuple(self._plan(side, plan) for plan in self._named_plans(side)),
        )

    def _named_plans(self, side: str) -> list[dict[str, Any]]:
        wanted = self.questions.side(side).plans
        found = self._known(f"{side} plans", [], backup_plans.list_plans, self.accounts[side]) if wanted else []
        return [plan for plan in found if plan["BackupPlanName"] in wanted]

    def _plan(self, side: str, plan: Mapping[str, Any]) -> BackupPlanFacts:
        what, account, id = f"{side} plans", self.accounts[side], plan["BackupPlanId"]
        selected = self._known(what, [], backup_plans.selections, account, id)
        tags = self._known(what, {}, backup_jobs.list_tags, account, plan["BackupPlanArn"])
        return BackupPlanFacts(
            name=str(plan["BackupPlanName"]),
            arn=str(plan["BackupPlanArn"]),
            lineage=str(tags.get(f"{OWN_TAG_PREFIX}lineage") or ""),
            rules=tuple(self._known(what, [], backup_plans.plan_rules, account, id)),
            selections=tuple(_selection(one) for one in selected),
        )

    def _vault(self, side: str, name: str, found: Mapping[str, Any] | None) -> VaultFacts:
        if found is None:
            return VaultFacts(name)
        account = self.accounts[side]
        is_shared = side == "source" and name in self.questions.shared
        target, owner = self.accounts["target"], self.accounts["source"].id
        return VaultFacts(
            name,
            arn=str(found["BackupVaultArn"]),
            type=str(found.get("VaultType") or "BACKUP_VAULT"),
            key=found.get("EncryptionKeyArn"),
            policy=self._known(f"{side} vault {name}", None, backup.vault_policy, account, name),
            is_shared=is_shared and self.reader.answer(backup.is_shared_vault, target, name, owner) is True,
        )

    def _role(self, side: str, name: str) -> RoleFacts:
        role = self._known(f"{side} role {name}", None, iam.get_role, self.accounts[side], name)
        if role is None:
            return RoleFacts(name)
        return RoleFacts(name, str(role["Arn"]), json.dumps(role["AssumeRolePolicyDocument"], sort_keys=True))

    def _key(self, side: str, id: str) -> KeyFacts:
        facts, problems = key_facts(self.reader, self.accounts[side], id, id)
        for problem in problems:
            self.problems[f"{side} key {id}"] = problem
        return facts

    def _is_cross_account_on(self) -> bool | None:
        """The organization's setting, from whichever account may read it."""
        if not self.questions.is_copied:
            return None
        answers = [self.reader.answer(backup.is_cross_account_on, account) for account in self.accounts.values()]
        known = [answer for answer in answers if isinstance(answer, bool)]
        for answer in answers:
            if isinstance(answer, AwsError) and not known:
                self.problems["global settings"] = failed_read(ADDRESS, answer)
        return any(known) if known else None

    def _points(self) -> dict[str, tuple[RecoveryPointFacts, ...]]:
        found: dict[str, list[RecoveryPointFacts]] = {}
        for table, side, vault, point in self.questions.points:
            read = self._point_read(table, side, vault, point)
            answer = self._known(f"recovery points of {table}", None, *read)
            points = answer if isinstance(answer, list) else [answer] if answer else []
            found.setdefault(table, []).extend(_point(one, vault) for one in points)
        return {
            table: tuple(sorted(points, key=lambda point: point.created, reverse=True)[:KEPT_POINTS])
            for table, points in sorted(found.items())
        }

    def _point_read(self, table: str, side: str, vault: str, point: str) -> tuple[Any, ...]:
        account, source = self.accounts[side], self.accounts["source"]
        if point != "latest":
            return (backup_jobs.describe_recovery_point, account, vault, point)
        arn = f"arn:{source.partition}:dynamodb:{source.region}:{source.id}:table/{table}"
        return (backup.recovery_points, account, vault, arn)

    def _known(self, what: str, otherwise: Any, *read: Any, empty: Any = None) -> Any:
        """The answer; `otherwise` and a problem when the read failed; `empty` when the answer is that there is none."""
        answer = self.reader.answer(*read)
        if isinstance(answer, AwsError):
            self.problems[what] = failed_read(ADDRESS, answer)
            return otherwise
        return empty if answer is None else answer


def _selection(found: Mapping[str, Any]) -> SelectionFacts:
    return SelectionFacts(
        id=str(found["SelectionId"]),
        name=str(found["SelectionName"]),
        role=str(found["IamRoleArn"]),
        tables=tuple(sorted(found.get("Resources") or [])),
        is_plain=not any(found.get(name) for name in ("ListOfTags", "NotResources"))
        and not any((found.get("Conditions") or {}).values()),
    )


def _point(found: Mapping[str, Any], vault: str) -> RecoveryPointFacts:
    created = found.get("CreationDate")
    return RecoveryPointFacts(
        arn=str(found["RecoveryPointArn"]),
        vault=vault,
        table_arn=str(found.get("ResourceArn") or ""),
        status=str(found.get("Status") or ""),
        storage_class=str(found.get("StorageClass") or "WARM"),
        created=timestamp(created) if isinstance(created, dt.datetime) else "",
        size_bytes=int(found.get("BackupSizeInBytes") or 0),
    )
