"""What the job can be told, and how: one builder for Glue's pairs and spark-submit's list, one parser for both."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.codec import digest, encode
from migrate.core.errors import Refused
from migrate.data.retry import PATIENCE_SECONDS
from migrate.data.writing import KEEP, OVERWRITE

PREFIX = "--migrate-"
COPY, LOAD_EXPORT, VERIFY, REPAIR = "copy", "load-export", "verify", "repair"
MODES = (COPY, LOAD_EXPORT, VERIFY, REPAIR)

_PLACES = {f"{side}_{what}" for side in ("source", "target") for what in ("role", "external_id", "endpoint")}
_TUNING = frozenset(
    {"work", "work_region", "work_owner", "work_endpoint", "token", "read_units", "write_units", "patience"}
    | {"max_rejected", "segments_at_once", "writes_in_flight", "save_seconds"}
    | _PLACES
)
"""May change between two runs of the same work."""


@dataclass(frozen=True)
class JobSpec:
    """One run of the job. Rates are capacity units a second of all tasks together; None is no limit.

    `source_id` and `target_id` (table ids or ARNs) tell a table from another of the same name that came later.
    """

    mode: str
    work: str
    """`s3://bucket/prefix` of the work folder."""

    work_region: str
    target_table: str
    target_region: str
    partition_key: str
    """Name of the attribute."""

    sort_key: str | None = None
    source_table: str | None = None
    source_region: str | None = None
    token: str = ""
    work_owner: str | None = None
    """The account that the bucket must belong to."""

    work_endpoint: str | None = None
    """Of S3, and of STS where a side has none of its own. Endpoints are for sandboxes and VPC endpoints."""

    source_id: str | None = None
    source_role: str | None = None
    source_external_id: str | None = None
    source_endpoint: str | None = None
    target_id: str | None = None
    target_role: str | None = None
    target_external_id: str | None = None
    target_endpoint: str | None = None
    segments: int = 8
    consistent: bool = False
    write_mode: str = OVERWRITE
    export: str | None = None
    """`s3://bucket/.../manifest-summary.json` of a full export (`load-export`)."""

    keys_from: str | None = None
    """`s3://bucket/prefix`: each object below it is a unit of a `repair`."""

    transform: str | None = None
    """`s3://bucket/.../name` of what `transforming.written` makes: what becomes of every item of the source."""

    transform_digest: str | None = None
    """`TransformSpec.digest` of it."""

    buckets: int = 4096
    read_units: float | None = None
    """Of the source; of each side, in `verify`."""

    write_units: float | None = None
    patience: float = PATIENCE_SECONDS
    max_rejected: int = 10_000
    segments_at_once: int = 4
    """Of one task."""

    writes_in_flight: int = 16
    """Of one task."""

    save_seconds: float = 5.0
    """Between two savings of a task's books: what a crash may make the next run do again."""

    @property
    def key_names(self) -> tuple[str, ...]:
        """Partition key, then sort key, if any."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)

    @property
    def identity(self) -> str:
        """Digest of all that decides what is read and written: a work folder is for one."""
        return digest({name: value for name, value in encode(self).items() if name not in _TUNING})


def of(spec: JobSpec) -> dict[str, str]:
    """The arguments as Glue takes them (`DefaultArguments`, `Arguments`). What is as usual is left out."""
    return {
        PREFIX + field.name.replace("_", "-"): _written(value)
        for field in dataclasses.fields(spec)
        if (value := getattr(spec, field.name)) != field.default
    }


def as_list(spec: JobSpec) -> list[str]:
    """The same behind the script's name on a command line: spark-submit, EMR steps, EMR Serverless."""
    return [part for pair in of(spec).items() for part in pair]


def parse(arguments: Sequence[str]) -> JobSpec:
    """What `of` and `as_list` were made of. Arguments without our prefix are the engine's, and ignored.

    Raises `Refused` for one with it that is unknown or unusable.
    """
    fields = {PREFIX + field.name.replace("_", "-"): field for field in dataclasses.fields(JobSpec)}
    hints = typing.get_type_hints(JobSpec)
    found: dict[str, Any] = {}
    problems: list[str] = []
    rest = iter(arguments)
    for flag in rest:
        if flag.startswith(PREFIX):
            # The next one is its value whatever it looks like: names of attributes may begin with a dash.
            value = next(rest, None)
            field = fields.pop(flag, None)
            try:
                if field is None or value is None:
                    raise ValueError("unknown, said twice, or without a value")
                found[field.name] = _reader(hints[field.name])(value)
            except ValueError as error:
                problems.append(f"{flag}: {error}")
    problems += [f"{flag} is missing" for flag, field in fields.items() if field.default is dataclasses.MISSING]
    if problems:
        raise _refused(problems)
    spec = JobSpec(**found)
    problems = list(_problems(spec))
    if problems:
        raise _refused(problems)
    return spec


def _refused(problems: Sequence[str]) -> Refused:
    return Refused("the job's arguments cannot be used", why="; ".join(problems), hint="start it with `migrate apply`")


def _written(value: Any) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _reader(hint: Any) -> Any:
    kinds = [one for one in (typing.get_args(hint) or (hint,)) if one is not type(None)]
    return _truth if kinds[0] is bool else kinds[0]


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text == "true"


def _problems(spec: JobSpec) -> typing.Iterator[str]:
    if spec.mode not in MODES:
        yield f"mode {spec.mode} is none of {', '.join(MODES)}"
    if spec.write_mode not in (OVERWRITE, KEEP):
        yield f"write mode {spec.write_mode} is neither {OVERWRITE} nor {KEEP}"
    if spec.segments < 1 or spec.segments_at_once < 1 or spec.writes_in_flight < 1:
        yield "segments and writes in flight start at 1"
    if spec.buckets < 1 or spec.buckets > 1 << 20 or spec.buckets & (spec.buckets - 1):
        yield "buckets must be a power of two up to 2^20"
    for name in ("work", "export", "keys_from", "transform"):
        place = getattr(spec, name)
        if place and not (place.startswith("s3://") and place.removeprefix("s3://").strip("/").count("/")):
            yield f"{name} {place} is not s3://bucket/prefix"
    if bool(spec.transform) != bool(spec.transform_digest):
        yield "transform and transform-digest belong together"
    if spec.mode == LOAD_EXPORT and not spec.export:
        yield "load-export needs an export"
    if spec.mode == REPAIR and not spec.keys_from:
        yield "repair needs keys-from"
    if spec.mode != LOAD_EXPORT and not (spec.source_table and spec.source_region):
        yield f"{spec.mode} needs source-table and source-region"
