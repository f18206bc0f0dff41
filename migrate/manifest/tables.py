"""The table rules of a manifest, applied to the tables that the source account really has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from fnmatch import translate

from migrate.core.diagnostics import Diagnostic, Location, error, warning
from migrate.manifest.model import Manifest, TableMapping, TableRule
from migrate.manifest.tablerules import WHY_NOT_SHARED
from migrate.state.model import SHARED

_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}\Z")


def is_enough_without_listing(manifest: Manifest) -> bool:
    """True when every table is named, so that the source account's tables need not be listed."""
    return all(rule.match is None for rule in manifest.tables)


def resolve_tables(
    manifest: Manifest, source_table_names: Iterable[str]
) -> tuple[list[TableMapping], list[Diagnostic]]:
    """One mapping per source table, in the order of the rules and, within a pattern, of the names.

    A table that a rule names is left out of every pattern. Errors: a named table that is not there, a table that two
    patterns match, two mappings to one target, a source mapped onto itself. A pattern without tables is a warning.
    Tables in error are left out of the mappings.
    """
    work = _Resolution(manifest, sorted(set(source_table_names)))
    for index, rule in enumerate(manifest.tables):
        if rule.name is not None:
            work.named(index, rule, rule.name)
        elif rule.match is not None:
            work.pattern(index, rule, rule.match)
    return work.mappings, work.problems


def target_name(rule: TableRule, source_name: str) -> str:
    """The name of the target table that `rule` gives to the source table `source_name`."""
    return (rule.target.name or "{name}").replace("{name}", source_name)


class _Resolution:
    def __init__(self, manifest: Manifest, names: list[str]) -> None:
        self.manifest, self.names, self.known = manifest, names, set(names)
        self.explicit = {rule.name for rule in manifest.tables if rule.name is not None}
        self.by_source: dict[str, int] = {}
        self.by_target: dict[str, TableMapping] = {}
        self.mappings: list[TableMapping] = []
        self.problems: list[Diagnostic] = []

    def named(self, index: int, rule: TableRule, name: str) -> None:
        if name in self.known:
            self._map(index, rule, name)
            return
        near = difflib.get_close_matches(name, self.names, n=3)
        hint = f"did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""
        account = self.manifest.source
        what = f"the table {name} does not exist in {account.id} {account.region}"
        where = self._place(f"tables[{index}].name", rule)
        self.problems.append(error(what, address=f"tables[{index}].name", hint=hint, location=where))

    def pattern(self, index: int, rule: TableRule, pattern: str) -> None:
        is_match, excluded = _matcher(pattern), [_matcher(one) for one in rule.exclude]
        found = [name for name in self.names if is_match(name)]
        left = [name for name in found if name not in self.explicit and not any(one(name) for one in excluded)]
        if not left:
            account = self.manifest.source
            what = f"no table of {account.id} {account.region} matches {pattern}"
            why = f"{len(found)} match, but each is excluded or has an entry of its own" if found else ""
            where = self._place(f"tables[{index}].match", rule)
            self.problems.append(warning(what, address=f"tables[{index}].match", why=why, location=where))
        for name in left:
            self._map(index, rule, name)

    def _map(self, index: int, rule: TableRule, name: str) -> None:
        address = f"tables[{index}]"
        if name in self.by_source:
            other = f"tables[{self.by_source[name]}]"
            hint = "exclude it in one of them, or give it an entry of its own"
            self._refuse(f"the table {name} belongs to {other} and to {address}", address, rule, hint=hint)
            return
        self.by_source[name] = index
        target = target_name(rule, name)
        if not _TABLE_NAME.match(target):
            why = "a name has 3 to 255 letters, digits, _, - or ."
            self._refuse(f"{target} is not a table name", f"{address}.target.name", rule, why=why)
        elif target == SHARED:
            what = f"{SHARED} cannot be the name of a target table"
            self._refuse(what, f"{address}.target.name", rule, why=WHY_NOT_SHARED, hint="give target.name")
        elif target in self.by_target:
            other = self.by_target[target].source_name
            hint = "" if rule.match is None or rule.target.name is None else "write {name} in target.name"
            self._refuse(f"{other} and {name} would both become {target}", f"{address}.target.name", rule, hint=hint)
        elif target == name and is_same_place(self.manifest):
            why = "source and target are the same account and Region"
            self._refuse(f"{name} would be moved onto itself", f"{address}.target.name", rule, why=why)
        else:
            mapping = _mapping(index, rule, name, target)
            self.by_target[target] = mapping
            self.mappings.append(mapping)

    def _refuse(self, what: str, address: str, rule: TableRule, *, why: str = "", hint: str = "") -> None:
        where = self._place(address, rule)
        self.problems.append(error(what, address=address, why=why, hint=hint, location=where))

    def _place(self, address: str, rule: TableRule) -> Location | None:
        return self.manifest.locate(address) or rule.location


def is_same_place(manifest: Manifest) -> bool:
    """True when source and target are one account, Region and endpoint, so that equal names are the same table."""
    one, other = manifest.source, manifest.target
    return (one.id, one.region, one.endpoint_url) == (other.id, other.region, other.endpoint_url)


def _matcher(pattern: str) -> Callable[[str], object]:
    # What fnmatchcase does, without its look-up for every one of many names.
    return re.compile(translate(pattern)).match


def _mapping(index: int, rule: TableRule, name: str, target: str) -> TableMapping:
    return TableMapping(
        source_name=name,
        target_name=target,
        strategy=rule.strategy,
        options=rule.options,
        keys=rule.keys,
        transform=rule.transform,
        target=rule.target,
        verify=rule.verify,
        cleanup=rule.cleanup,
        rule_index=index,
        protect=rule.protect,
        prefer=rule.prefer,
        share=rule.share,
        is_moved=rule.is_moved,
        location=rule.location,
    )
