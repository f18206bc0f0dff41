"""What one table's move by the Spark job needs, and what of it was observed: strategies `glue` and `emr`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.data.scan import choose_segments
from migrate.manifest.model import Manifest, TableMapping
from migrate.observe.inventory import AccountFacts, ClusterFacts, RoleFacts
from migrate.plan.strategy import TableRequest
from migrate.spark.arguments import COPY, LOAD_EXPORT
from migrate.strategies import s3_bucket

STRATEGIES = ("glue", "emr")
DEFAULT_PROFILE = "EMR_EC2_DefaultRole"
SERVICES = {"glue": "glue.amazonaws.com", "serverless": "emr-serverless.amazonaws.com", "cluster": "ec2.amazonaws.com"}
"""Who assumes the job's role; in a cluster, its instances do."""


@dataclass(frozen=True)
class SparkSetup:
    """A request, seen as what the job needs. `strategy` is glue or emr."""

    request: TableRequest
    strategy: str

    @property
    def engine(self) -> str:
        """glue, serverless or cluster."""
        if self.strategy == "glue":
            return "glue"
        return "cluster" if self.request.options.get("mode") == "cluster" else "serverless"

    @property
    def cluster_id(self) -> str | None:
        """The cluster that is there already and shall run the job; None when there is none."""
        return self.request.options.get("cluster_id") if self.engine == "cluster" else None

    @property
    def cluster(self) -> ClusterFacts | None:
        """What was observed of that cluster."""
        return (self.request.inventory.clusters or {}).get(self.cluster_id or "")

    @property
    def service(self) -> str:
        """Who must be able to assume the job's role."""
        return SERVICES[self.engine]

    @property
    def where(self) -> str:
        """Where the options stand in the manifest."""
        return f"strategies.{self.strategy}"

    @property
    def source(self) -> AccountFacts:
        """The source account."""
        return self.request.inventory.source

    @property
    def target(self) -> AccountFacts:
        """The target account, in which the job runs."""
        return self.request.inventory.target

    @property
    def is_export(self) -> bool:
        """True when the items come from an export, and the table is not read."""
        return self.request.options.get("from") == "export"

    @property
    def moment(self) -> str:
        """From when on the source's writers must be stopped."""
        return "from the export on" if self.is_export else "from the first read on"

    @property
    def mode(self) -> str:
        """The mode of the job."""
        return LOAD_EXPORT if self.is_export else COPY

    @property
    def verifies(self) -> bool:
        """True when a run of the job compares both tables; unasked, only where the job reads the source anyway."""
        wish = self.request.verify_by or ("local" if self.is_export else "job")
        return wish == "job" and self.request.verify == "digest"

    @property
    def reads_source(self) -> bool:
        """True when the job reads the source table, to copy or to verify it."""
        return not self.is_export or self.verifies

    @property
    def needs_source_role(self) -> bool:
        """True when the job reads a table of another account."""
        return self.reads_source and self.source.id != self.target.id

    @property
    def may_create(self) -> bool:
        """True when roles that are missing are made."""
        return bool(self.request.options.get("create"))

    @property
    def segments(self) -> int:
        """Of the scan."""
        wish = self.request.options.get("segments", "auto")
        return choose_segments(self.request.source.size_bytes, 32) if wish == "auto" else int(wish)

    @property
    def files_prefix(self) -> str:
        """Where script and archive go. Two letters: no table has so short a name, so nothing of a table is there."""
        return f"{s3_bucket.migration_prefix(self.request)}/py"

    @property
    def folder(self) -> str:
        """Where the job works for this table."""
        return f"{s3_bucket.prefix(self.request)}/job"

    @property
    def verify_folder(self) -> str:
        """Where it works when it verifies."""
        return f"{s3_bucket.prefix(self.request)}/verify"

    @property
    def transform_prefix(self) -> str:
        """Where this table's transform goes."""
        return f"{s3_bucket.prefix(self.request)}/transform"

    def role_name(self, side: str) -> str:
        """Name of the job's role (target) or of the one with which it reads (source)."""
        if side == "target" and self.cluster and self.cluster.role:
            return self.cluster.role.rpartition("/")[2]
        return _role_name(self.strategy, self.request.options, side)

    def role(self, side: str) -> RoleFacts:
        """What was observed of it. Of a cluster's role only that there is one: its instances work with it."""
        name = self.role_name(side)
        if side == "target" and self.cluster and self.cluster.role:
            return RoleFacts(name, self.cluster.role)
        return (self.request.inventory.roles or {}).get(f"{side} {name}") or RoleFacts(name)

    def role_arn(self, side: str) -> str:
        """Its ARN, also before it is made: the actions of a table do not change when it is."""
        written = self.request.options.get("role" if side == "target" else "source_role") or ""
        account = self.request.inventory.account(side)
        plain = f"arn:{account.partition}:iam::{account.id}:role/{self.role_name(side)}"
        return self.role(side).arn or (written if str(written).startswith("arn:") else plain)


def spark_roles(manifest: Manifest, mappings: Sequence[TableMapping]) -> set[tuple[str, str]]:
    """(side, name) of the roles to look at for the tables that may be moved by the Spark job."""
    found = set()
    for strategy, options, by in _options(manifest, mappings):
        if options.get("mode") != "cluster" or not options.get("cluster_id"):
            found.add(("target", _role_name(strategy, options, "target")))
        is_read = options.get("from") != "export" or by == "job"
        if is_read and manifest.source.id != manifest.target.id:
            found.add(("source", _role_name(strategy, options, "source")))
    return found


def emr_clusters(manifest: Manifest, mappings: Sequence[TableMapping]) -> set[str]:
    """Ids of the clusters that are there already and shall run the job."""
    found = (options for strategy, options, _ in _options(manifest, mappings) if strategy == "emr")
    return {str(one["cluster_id"]) for one in found if one.get("mode") == "cluster" and one.get("cluster_id")}


def _options(
    manifest: Manifest, mappings: Sequence[TableMapping]
) -> Iterator[tuple[str, Mapping[str, Any], str | None]]:
    """Strategy and options of each table that may be moved by the Spark job, and who shall verify it."""
    for mapping in mappings:
        for strategy in STRATEGIES:
            if mapping.strategy == strategy or (mapping.strategy == "auto" and strategy in manifest.strategies):
                yield strategy, manifest.strategy_options(strategy, mapping.options), mapping.verify.by


def _role_name(strategy: str, options: Mapping[str, Any], side: str) -> str:
    job = DEFAULT_PROFILE if options.get("mode") == "cluster" else f"migrate-{strategy}"
    written = options.get("role", job) if side == "target" else options.get("source_role", f"migrate-{strategy}-source")
    return str(written).rpartition("/")[2]
