"""The transform of a job: one JSON object (`TransformSpec`, Python files included) that every process reads once."""

from __future__ import annotations

import functools
import json

from migrate.core.codec import Undecodable, canonical, decode, encode
from migrate.core.errors import Invalid
from migrate.data.rewriting import Rewriter
from migrate.data.transform import TransformSpec
from migrate.spark.arguments import JobSpec
from migrate.spark.cloud import store_at


def written(transform: TransformSpec) -> bytes:
    """The object that `JobSpec.transform` names."""
    return canonical(encode(transform)).encode()


@functools.lru_cache(maxsize=4)
def transform_of(spec: JobSpec) -> TransformSpec | None:
    """What becomes of every item, or None. Raises `Invalid` when it is not what the job was started with."""
    if spec.transform is None:
        return None
    folder, _, name = spec.transform.rpartition("/")
    try:
        found = decode(TransformSpec, json.loads(store_at(spec, folder).read(name) or b""))
    except (ValueError, Undecodable) as error:
        raise Invalid(f"{spec.transform} is no transform", why=str(error), hint="run `migrate apply` again") from error
    if found.digest != spec.transform_digest:
        raise Invalid(f"{spec.transform} is another transform than this job's", hint="run `migrate apply` again")
    Rewriter(found)  # says what is wrong with it before any task stumbles over it
    return found
