"""What of the source table itself speaks against moving it, whatever the strategy."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, error
from migrate.plan.strategy import TableRequest


def unchanged_only(request: TableRequest, strategy: str) -> Iterator[Diagnostic]:
    """A reason against a strategy that moves items as they are, where the manifest wants them changed."""
    if request.is_rewritten:
        yield error(
            f"the items of `{request.source.name}` shall be changed on the way (transform, or another primary key)",
            address=request.target_name,
            why=f"{strategy} moves items as they are",
            hint="use one of the strategies copy, glue and emr, which rewrite items",
        )


def unproven_keys(request: TableRequest) -> Iterator[Diagnostic]:
    """A reason against a transform that may give one key to two items, when nothing would find that."""
    if request.transform is not None and request.transform.may_join and request.verify == "none":
        yield error(
            f"`verify: none` with a transform of `{request.source.name}` that changes keys",
            address=request.target_name,
            why="two items may get one key, of which the target keeps one: only a verification would find that",
            hint="say `verify: digest`, or counts",
        )


def unfit_source(request: TableRequest, *, vectors: str, unreadable: str) -> Iterator[Diagnostic]:
    """Vector indexes (`vectors` says why they are in the way), and a table that cannot be read now (`unreadable`)."""
    source = request.source
    if source.vector_indexes:
        yield error(
            f"`{source.name}` has vector indexes ({', '.join(source.vector_indexes)})",
            address=request.target_name,
            why=vectors,
        )
    if source.status not in ("ACTIVE", "UPDATING"):
        yield error(
            f"`{source.name}` is {source.status}",
            address=request.target_name,
            why=unreadable,
            hint="restore access to its KMS key, or wait until it is ACTIVE",
        )
