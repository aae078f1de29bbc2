"""Whether law 3 holds in the database as it is: what `feira audit` asks of prices."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, and_, bindparam, cast, func, or_, select, union

from app.channels.queries import all_channels
from app.platform.db import Database, Tx
from app.pricing.frame import frame_of
from app.pricing.listing import CHUNK, KEPT, listed_rows, next_at, rate_instants, subjects_of
from app.pricing.lowest import CHEAPER
from app.pricing.tables import channel_price, price, price_list, priced_variant

MOST: Final = 100
"""The most violations of one kind that are told."""
LATE: Final = timedelta(seconds=30)
"""So long what the clock brings may wait to be told."""

_one, _other = price.alias("one"), price.alias("other")
_inside = and_(
    _one.c.starts_at < _other.c.starts_at,
    or_(_one.c.ends_at.is_(None), and_(_other.c.ends_at.is_not(None), _other.c.ends_at <= _one.c.ends_at)),
)
CROSSING = (
    select(_one.c.variant_id, price_list.c.code, _one.c.id.label("one"), _other.c.id.label("other"))
    .join(
        _other,
        and_(
            _other.c.variant_id == _one.c.variant_id,
            _other.c.price_list_id == _one.c.price_list_id,
            _other.c.min_quantity == _one.c.min_quantity,
            _other.c.id != _one.c.id,
        ),
    )
    .join(price_list, price_list.c.id == _one.c.price_list_id)
    .where(
        _one.c.starts_at <= _other.c.starts_at,
        or_(_one.c.ends_at.is_(None), _other.c.starts_at < _one.c.ends_at),
        _other.c.ends_at.is_distinct_from(_other.c.starts_at),
        ~func.coalesce(_inside, False),
    )
    .order_by(_one.c.variant_id, _one.c.id)
    .limit(MOST)
)
NEGATIVE = (
    select(price.c.id, price.c.variant_id)
    .where(or_(price.c.amount < 0, price.c.compare_at < 0, price.c.min_quantity < 0))
    .order_by(price.c.id)
    .limit(MOST)
)
HIDDEN = (
    select(channel_price.c.channel_id, channel_price.c.variant_id)
    .where(~channel_price.c.lowest, ~CHEAPER)
    .order_by(channel_price.c.channel_id, channel_price.c.variant_id)
    .limit(MOST)
)
_priced = union(
    select(price.c.variant_id), select(channel_price.c.variant_id), select(priced_variant.c.variant_id)
).subquery("priced")
AFTER = bindparam("after", type_=Uuid())
STATES = (
    select(_priced.c.variant_id, priced_variant.c.next_at, func.coalesce(priced_variant.c.version, 0).label("version"))
    .outerjoin(priced_variant, priced_variant.c.variant_id == _priced.c.variant_id)
    .where(_priced.c.variant_id > AFTER)
    .order_by(_priced.c.variant_id)
    .limit(CHUNK)
)
NOW = select(cast(func.clock_timestamp(), priced_variant.c.next_at.type))
_FIRST: Final = UUID(int=0)


async def violations(db: Database, *, most: int = MOST) -> list[str]:
    """What contradicts the law, one sentence each; at most `most` of a kind.

    Prices of one list, variant and quantity lie beside or within each other; none is negative; `channel_price` is what
    `price` says of every variant in every active channel, and knows of no product's lowest as another; what the clock
    brings next is known and was told in time.
    """
    async with db.writes.connect() as opened:
        connection = await opened.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            tx = Tx(connection)
            found = [
                f"prices {row.one} and {row.other} of variant {row.variant_id} in list {row.code} cross each other"
                for row in await tx.rows(CROSSING)
            ]
            found += [f"price {row.id} of variant {row.variant_id} is negative" for row in await tx.rows(NEGATIVE)]
            hidden = [
                f"variant {row.variant_id} is not known as the cheapest of its product in channel {row.channel_id}"
                for row in await tx.rows(HIDDEN)
            ]
            return found[:most] + hidden[:most] + await _listing(tx, most)


async def _listing(tx: Tx, most: int) -> list[str]:
    now: datetime = await tx.value(NOW)
    frame, channels = await frame_of(tx), await all_channels(tx)
    found: list[str] = []
    after = _FIRST
    while len(found) < most:
        states = await tx.rows(STATES, {"after": after})
        if not states:
            break
        after = states[-1].variant_id
        found += [f"variant {row.variant_id} waits to be told of since {row.next_at}" for row in _late(states, now)]
        waiting = {row.variant_id for row in states if row.next_at is not None and row.next_at <= now}
        ids = [row.variant_id for row in states if row.variant_id not in waiting]
        subjects = await subjects_of(tx, ids, now)
        kept = {_key(row): dict(row._mapping) for row in await tx.rows(KEPT, {"variant_ids": ids, "channel_ids": None})}
        right = {(row["channel_id"], row["variant_id"]): row for row in listed_rows(subjects, frame, channels, now)}
        found += [
            f"variant {key[1]} in channel {key[0]} is listed as {kept.get(key)}, it is {right.get(key)}"
            for key in sorted(kept.keys() | right.keys())
            if kept.get(key) != right.get(key)
        ]
        instants, known = rate_instants(frame), {row.variant_id: row.next_at for row in states}
        for subject in subjects:
            due = next_at(subject, frame, instants, now)
            if due != known[subject.id]:
                found.append(f"variant {subject.id} next changes at {due}, not at {known[subject.id]}")
    return found[:most]


def _late(states: Iterable[Row[Any]], now: datetime) -> list[Row[Any]]:
    return [row for row in states if row.next_at is not None and row.next_at < now - LATE]


def _key(row: Row[Any]) -> tuple[UUID, UUID]:
    return row.channel_id, row.variant_id
