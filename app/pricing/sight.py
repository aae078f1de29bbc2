"""Telling of prices when it is not they that changed, but who sees them."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.watching import Seen, watches
from app.events.outbox import Change, Topic, emit
from app.events.scopes import sight_scopes
from app.platform.db import Tx
from app.pricing.listing import hold_frame
from app.pricing.lowest import mark_lowest_of
from app.pricing.tables import priced_variant

_of_these = priced_variant.c.variant_id == any_(bindparam("variant_ids", type_=ARRAY(Uuid)))
# Of what was never told there is nothing to take back.
LOCK_TOLD: Final = (
    select(priced_variant.c.variant_id)
    .where(_of_these, priced_variant.c.version > 0)
    .order_by(priced_variant.c.variant_id)
    .with_for_update()
)
RAISE: Final = (
    update(priced_variant)
    .where(_of_these)
    .values(version=priced_variant.c.version + 1)
    .returning(priced_variant.c.variant_id, priced_variant.c.version)
)


@watches("prices")
async def tell_prices(tx: Tx, seen: Sequence[Seen]) -> None:
    """Tell of the prices of these variants to who sees them now, and to who did.

    What was archived is no product's lowest price any more.
    """
    moved = {each.variant_id: each for each in seen if each.moved and each.before is not None}
    turned = [each.variant_id for each in seen if each.turned]
    if moved or turned:
        await hold_frame(tx)
        await _tell(tx, moved)
    if turned:
        await mark_lowest_of(tx, turned)


async def _tell(tx: Tx, moved: Mapping[UUID, Seen]) -> None:
    locked = [row.variant_id for row in await tx.rows(LOCK_TOLD, {"variant_ids": list(moved)})]
    if not locked:
        return
    rows = sorted(await tx.rows(RAISE, {"variant_ids": locked}), key=lambda row: row.variant_id)
    await emit(
        tx,
        [
            Change(
                Topic.PRICE,
                row.variant_id,
                row.version,
                before=sight_scopes(moved[row.variant_id].before or ()),
                after=sight_scopes(moved[row.variant_id].after),
            )
            for row in rows
        ],
    )
