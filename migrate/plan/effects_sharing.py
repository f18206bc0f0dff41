"""What `share:` changes in a simulated world: our statements in the policies of a table and of its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.core.codec import Json
from migrate.core.frozen import replace
from migrate.core.iam_policy import share_mark, with_marked
from migrate.plan.model import Side
from migrate.plan.sharing import STREAM_SHARE, TABLE_SHARE
from migrate.plan.world import Result, Turn, owned, owned_ids


def _table_share(turn: Turn) -> Result:
    facts = turn.world.tables[Side.TARGET][turn.params["table"]]
    _put_table(turn, facts.name, turn.params["statements"])
    return {}, (owned(turn.action, f"{facts.arn}?policy#{_mark(turn)}", TABLE_SHARE),), ()


def _stream_share(turn: Turn) -> Result:
    facts = turn.world.tables[Side.TARGET][turn.params["table"]]
    arn = facts.stream_arn or f"{facts.arn}/stream/new"
    statements = [{**one, "Resource": arn} for one in turn.params["statements"]]
    policy = with_marked(facts.stream_policy if facts.stream_arn else None, _mark(turn), statements)
    turn.world.tables[Side.TARGET][facts.name] = replace(facts, stream_arn=arn, stream_policy=policy)
    made, before = (
        owned(turn.action, f"{arn}?policy#{_mark(turn)}", STREAM_SHARE),
        turn.world.owned_by(turn.action.address),
    )
    return {}, (made,), tuple(one.id for one in before if one.id != made.id)


def _table_share_removal(turn: Turn) -> Result:
    if turn.action.owner in turn.world.tables[Side.TARGET]:
        _put_table(turn, turn.action.owner, [])
    return {}, (), owned_ids(turn.world, turn.params)


def _stream_share_removal(turn: Turn) -> Result:
    facts = turn.world.tables[Side.TARGET].get(turn.action.owner)
    if facts is not None:
        policy = with_marked(facts.stream_policy, _mark(turn), [])
        turn.world.tables[Side.TARGET][facts.name] = replace(facts, stream_policy=policy)
    return {}, (), owned_ids(turn.world, turn.params)


EFFECTS: Mapping[str, Callable[[Turn], Result]] = {
    TABLE_SHARE: _table_share,
    STREAM_SHARE: _stream_share,
    f"{TABLE_SHARE}-removal": _table_share_removal,
    f"{STREAM_SHARE}-removal": _stream_share_removal,
}


def _put_table(turn: Turn, name: str, statements: list[Json]) -> None:
    facts = turn.world.tables[Side.TARGET][name]
    others = [one for one in facts.shares or () if not str(one["Sid"]).startswith(_mark(turn))]
    shares = (*others, *statements) or None
    turn.world.tables[Side.TARGET][name] = replace(facts, shares=shares)


def _mark(turn: Turn) -> str:
    return share_mark(turn.world.migration.lineage)
