"""What must be looked at before the tables of a manifest can be planned: the questions of `observe.collect`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from migrate.manifest.model import Manifest, TableMapping
from migrate.observe.backup import BackupQuestions
from migrate.strategies.backup_options import backup_questions
from migrate.strategies.registry import by_name
from migrate.strategies.spark_setup import emr_clusters, spark_roles


class Questions(TypedDict):
    """Parameters of `collect` and `look_access`, with their meaning there."""

    pairs: list[tuple[str, str]]
    buckets: list[str]
    keys: dict[str, tuple[str, str]]
    samples: set[str]
    backup: BackupQuestions | None
    roles: set[tuple[str, str]]
    clusters: set[str]
    shared_streams: set[str]


def questions(manifest: Manifest, mappings: Sequence[TableMapping]) -> Questions:
    """What to ask for these tables."""
    return Questions(
        pairs=[(mapping.source_name, mapping.target_name) for mapping in mappings],
        buckets=_buckets(manifest, mappings),
        keys={name: (key.side, key.id) for name, key in manifest.keys.items()},
        samples={one.source_name for one in mappings if one.transform is not None or one.target.keys is not None},
        backup=backup_questions(manifest, mappings),
        roles=spark_roles(manifest, mappings),
        clusters=emr_clusters(manifest, mappings),
        shared_streams={one.target_name for one in mappings if any("stream" in each.access for each in one.share)},
    )


def _buckets(manifest: Manifest, mappings: Sequence[TableMapping]) -> list[str]:
    found = {
        str(options["bucket"])
        for mapping in mappings
        for name in by_name()
        if mapping.strategy in (name, "auto")
        and (options := manifest.strategy_options(name, mapping.options)).get("bucket")
    }
    return sorted(found)
