"""How far an order's lines are: what was fulfilled is counted here."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import bindparam, update

from app.orders.tables import order_line
from app.platform.db import Tx

COUNT = (
    update(order_line)
    .where(order_line.c.id == bindparam("line_id"))
    .values(fulfilled=order_line.c.fulfilled + bindparam("more"))
)


async def count_fulfilled(tx: Tx, quantities: Mapping[UUID, int]) -> None:
    """So much more (thousandths) of these lines has left; the order is locked."""
    await tx.many(COUNT, [{"line_id": line_id, "more": quantity} for line_id, quantity in quantities.items()])
