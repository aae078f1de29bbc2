"""Reading fulfillments, in batches."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Row, bindparam, select

from app.fulfillment.tables import fulfillment, fulfillment_line
from app.platform.db import Reader

_ids: BindParameter[UUID] = bindparam("ids", expanding=True)
BY_IDS = select(fulfillment).where(fulfillment.c.id.in_(_ids))
BY_ORDERS = (
    select(fulfillment).where(fulfillment.c.order_id.in_(_ids)).order_by(fulfillment.c.order_id, fulfillment.c.id)
)
LINES = (
    select(fulfillment_line)
    .where(fulfillment_line.c.fulfillment_id.in_(_ids))
    .order_by(fulfillment_line.c.fulfillment_id, fulfillment_line.c.order_line_id)
)


async def fulfillments_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})}


async def fulfillments_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Oldest first, by order."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(BY_ORDERS, {"ids": list(ids)}):
        found.setdefault(row.order_id, []).append(row)
    return found


async def lines_of_fulfillments(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(LINES, {"ids": list(ids)}):
        found.setdefault(row.fulfillment_id, []).append(row)
    return found
