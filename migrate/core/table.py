"""Table spec and table facts: everything about a DynamoDB table that a migration carries over or compares.

Both are normalised: absent and default values of the API have one spelling here (see `observe/normalise.py`), so that
two equal specs mean two equal tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrate.core.codec import Json

ON_DEMAND = "PAY_PER_REQUEST"
PROVISIONED = "PROVISIONED"
STANDARD = "STANDARD"

AWS_OWNED = "aws-owned"
AWS_MANAGED = "aws-managed"
CUSTOMER_MANAGED = "customer-managed"


@dataclass(frozen=True)
class Key:
    """One key attribute. `type` is S, N or B."""

    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"


@dataclass(frozen=True)
class KeySchema:
    """The key of a table or an index. Global indexes may have several attributes in each part, tables have one."""

    partition: tuple[Key, ...]
    sort: tuple[Key, ...] = ()

    @property
    def attributes(self) -> tuple[Key, ...]:
        """All key attributes, partition part first."""
        return self.partition + self.sort

    def __str__(self) -> str:
        return ", ".join(str(key) for key in self.attributes)


@dataclass(frozen=True)
class Throughput:
    """Read and write units (capacity units per second). None: no value on that side (no maximum)."""

    read: int | None = None
    write: int | None = None

    def __str__(self) -> str:
        return f"{self.read or '-'}/{self.write or '-'}"


@dataclass(frozen=True)
class Index:
    """A global or local secondary index. `projected` is sorted and only set for INCLUDE."""

    keys: KeySchema
    projection: str = "ALL"
    projected: tuple[str, ...] = ()
    provisioned: Throughput | None = None
    on_demand_maximum: Throughput | None = None
    warm_throughput: Throughput | None = None


@dataclass(frozen=True)
class Encryption:
    """Who holds the table's key: `aws-owned`, `aws-managed` or `customer-managed` (then `key` is its ARN)."""

    kind: str = AWS_OWNED
    key: str | None = None

    def __str__(self) -> str:
        return self.key or self.kind


@dataclass(frozen=True)
class KinesisDestination:
    """The Kinesis data stream that gets the table's changes."""

    stream: str
    precision: str = "MILLISECOND"


@dataclass(frozen=True)
class ScalingTarget:
    """Auto scaling of one dimension of a table or an index, in application-autoscaling's own request shapes."""

    minimum: int
    maximum: int
    policies: Mapping[str, Json] = field(default_factory=dict)
    """Policy name -> PolicyType and its configuration."""

    schedules: Mapping[str, Json] = field(default_factory=dict)
    """Scheduled action name -> Schedule, Timezone, StartTime, EndTime, ScalableTargetAction."""


@dataclass(frozen=True)
class TableSpec:
    """Every setting of a table that a migration carries over. See `observe/normalise.py` for how each is read."""

    keys: KeySchema
    global_indexes: Mapping[str, Index] = field(default_factory=dict)
    local_indexes: Mapping[str, Index] = field(default_factory=dict)
    billing: str = ON_DEMAND
    provisioned: Throughput | None = None
    on_demand_maximum: Throughput | None = None
    warm_throughput: Throughput | None = None
    table_class: str = STANDARD
    encryption: Encryption = Encryption()
    ttl: str | None = None
    """Name of the attribute with the expiry time; None: off."""

    recovery_days: int | None = None
    """Point-in-time recovery period in days; None: off."""

    stream: str | None = None
    """View type of the stream (NEW_IMAGE, ...); None: off."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Without `aws:` tags, which nobody can set, and without this tool's own."""

    deletion_protection: bool = False
    resource_policy: str | None = None
    """Canonical JSON text."""

    kinesis: KinesisDestination | None = None
    contributor_insights: Mapping[str, str] = field(default_factory=dict)
    """Mode by index name; the table itself has the name ''."""

    auto_scaling: Mapping[str, ScalingTarget] = field(default_factory=dict)
    """By `table:Read`, `table:Write`, `index/NAME:Read`, `index/NAME:Write`."""


@dataclass(frozen=True)
class TableFacts:
    """What was observed of one table. Sizes are AWS's own estimates, up to six hours old."""

    name: str
    arn: str
    table_id: str
    status: str
    spec: TableSpec
    item_count: int = 0
    size_bytes: int = 0
    stream_arn: str | None = None
    own_tags: Mapping[str, str] = field(default_factory=dict)
    """This tool's tags (`migrate:...`), which are not carried over."""

    replicas: tuple[str, ...] = ()
    """Regions of its global-table replicas."""

    vector_indexes: tuple[str, ...] = ()
    building_indexes: tuple[str, ...] = ()
    """Global indexes that are not ACTIVE yet."""

    ttl_changing: bool = False
    shares: tuple[Json, ...] | None = None
    """Statements of its resource policy that `share:` of some migration has put there; they are no part of the spec."""

    stream_policy: str | None = None
    """The resource policy of its stream, where somebody has asked for it."""
