"""Fulfillments, checked on the live database: what an order's lines count as fulfilled is what has left."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Select, and_, cast, func, or_, select

from app.fulfillment.tables import fulfillment, fulfillment_line
from app.orders.tables import order, order_delivery, order_line
from app.platform.db import Reader

MOST: Final = 100
"""The most violations of one kind that are told."""

_left = (
    select(
        fulfillment_line.c.order_line_id.label("key"),
        cast(func.sum(fulfillment_line.c.quantity), BigInteger).label("quantity"),
    )
    .join_from(fulfillment_line, fulfillment, fulfillment.c.id == fulfillment_line.c.fulfillment_id)
    .where(fulfillment.c.state != "CANCELLED")
    .group_by(fulfillment_line.c.order_line_id)
    .subquery("left")
)
_counted = func.coalesce(_left.c.quantity, 0)

CHECKS: Final[Mapping[str, Select[Any]]] = {
    "a line counts another quantity than has left": (
        select(order.c.number, order_line.c.fulfilled.label("found"), _counted.label("expected"))
        .select_from(
            order_line.join(order, order.c.id == order_line.c.order_id).outerjoin(_left, _left.c.key == order_line.c.id)
        )
        .where(order_line.c.fulfilled != _counted)
        .limit(MOST)
    ),
    "a line left in another way, or from another place, than it was sold": (
        select(order.c.number, fulfillment.c.method.label("found"), order_delivery.c.method.label("expected"))
        .select_from(
            fulfillment_line.join(fulfillment, fulfillment.c.id == fulfillment_line.c.fulfillment_id)
            .join(order_line, order_line.c.id == fulfillment_line.c.order_line_id)
            .join(order, order.c.id == order_line.c.order_id)
            .join(order_delivery, order_delivery.c.id == order_line.c.delivery_id)
        )
        .where(
            or_(
                fulfillment.c.order_id != order_line.c.order_id,
                fulfillment.c.method != order_delivery.c.method,
                and_(order_delivery.c.method != "SHIP", fulfillment.c.location_id != order_delivery.c.location_id),
            )
        )
        .limit(MOST)
    ),
}


async def violations(db: Reader) -> list[str]:
    """What contradicts that, each in one line. Give it a transaction of one snapshot."""
    return [
        f"order {row.number}: {what}: {row.found}, not {row.expected}"
        for what, statement in CHECKS.items()
        for row in await db.rows(statement)
    ]
