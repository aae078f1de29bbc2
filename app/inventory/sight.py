"""Telling of availability when it is not stock that changed: who sees a variant, or what its channels promise.

A variant without levels, its stock counted or not, is told too: as version 0.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Row, ScalarSelect, Uuid, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.selling import sold_in, sold_there
from app.catalog.tables import variant
from app.catalog.watching import Seen, watches
from app.events.outbox import Change, Topic, emit
from app.events.scopes import sight_scopes
from app.inventory.guard import lock, locking
from app.inventory.tables import stock_level
from app.platform.db import Tx

CHUNK: Final = 2_000
"""How many variants are told at a time."""
NOBODY: Final = UUID(int=0)

_ids = bindparam("variant_ids", type_=ARRAY(Uuid))
_channels = bindparam("channel_ids", type_=ARRAY(Uuid))


def _versions(variant_id: Any) -> ScalarSelect[int]:
    """The sum of a variant's levels' versions, as `events.tell` tells it."""
    total = select(cast(func.coalesce(func.sum(stock_level.c.version), 0), BigInteger))
    return total.where(stock_level.c.variant_id == variant_id).correlate_except(stock_level).scalar_subquery()


LOCK_LEVELS: Final = locking(
    select(stock_level.c.variant_id, stock_level.c.location_id).where(stock_level.c.variant_id == any_(_ids))
)
_asked = func.unnest(_ids).column_valued("asked")
VERSIONS: Final = select(_asked.label("variant_id"), _versions(_asked).label("version"))
SOLD: Final = (
    select(
        variant.c.id.label("variant_id"),
        _versions(variant.c.id).label("version"),
        sold_in(variant.c.id).label("sold_in"),
    )
    .where(variant.c.id > bindparam("after", type_=Uuid), sold_there(_channels))
    .order_by(variant.c.id)
    .limit(bindparam("most", type_=BigInteger))
)


@watches("stock")
async def tell_stock(tx: Tx, seen: Sequence[Seen]) -> None:
    """Tell of the availability of these variants to who sees it now, and to who did.

    Their levels are locked first, so that who writes one tells before, or sees what is told here.
    """
    by_id = {each.variant_id: each for each in sorted(seen, key=lambda each: each.variant_id)}
    await lock(tx, LOCK_LEVELS, {"variant_ids": list(by_id)})
    versions = {row.variant_id: row.version for row in await tx.rows(VERSIONS, {"variant_ids": list(by_id)})}
    await emit(
        tx,
        [
            Change(
                Topic.AVAILABILITY,
                key,
                versions[key],
                before=() if each.before is None else sight_scopes(each.before),
                after=sight_scopes(each.after),
            )
            for key, each in by_id.items()
        ],
    )


async def tell_channels(tx: Tx, channel_ids: Collection[UUID]) -> int:
    """Tell of the availability of all that these channels sell, after what they promise was set differently; how many.

    The caller holds `watching.keep_sight`. No level is locked: who sells meanwhile goes on, and tells by itself.
    """
    after, told = NOBODY, 0
    while True:
        where = {"channel_ids": list(channel_ids), "after": after, "most": CHUNK}
        rows: Sequence[Row[Any]] = await tx.rows(SOLD, where)
        await emit(
            tx,
            [Change(Topic.AVAILABILITY, row.variant_id, row.version, after=sight_scopes(row.sold_in)) for row in rows],
        )
        told += len(rows)
        if len(rows) < CHUNK:
            return told
        after = rows[-1].variant_id
