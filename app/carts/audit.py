"""Carts, checked on the live database: they add up, and those that were sold lead to an order."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Select, case, cast, func, literal, or_, select

from app.carts.tables import cart, cart_delivery, cart_line
from app.platform.db import Reader

MOST: Final = 100
"""The most violations of one kind that are told."""

_c = cart.c
_goods = (
    select(cart_line.c.cart_id.label("key"), cast(func.sum(cart_line.c.total_gross), BigInteger).label("amount"))
    .group_by(cart_line.c.cart_id)
    .subquery("goods")
)
_sent = (
    select(
        cart_delivery.c.cart_id.label("key"),
        cast(func.sum(func.coalesce(cart_delivery.c.gross, 0)), BigInteger).label("amount"),
    )
    .group_by(cart_delivery.c.cart_id)
    .subquery("sent")
)

CHECKS: Final[Mapping[str, Select[Any]]] = {
    "the lines and deliveries do not add up to the total": (
        select(
            _c.id,
            (func.coalesce(_goods.c.amount, 0) + func.coalesce(_sent.c.amount, 0)).label("found"),
            (_c.total - _c.rounding).label("expected"),
        )
        .select_from(cart.outerjoin(_goods, _goods.c.key == _c.id).outerjoin(_sent, _sent.c.key == _c.id))
        .where(func.coalesce(_goods.c.amount, 0) + func.coalesce(_sent.c.amount, 0) != _c.total - _c.rounding)
        .limit(MOST)
    ),
    "the total is not subtotal - discount + delivery + rounding (+ tax)": (
        select(_c.id, _c.total.label("found"), literal(0).label("expected"))
        .where(
            _c.total != _c.subtotal - _c.discount + _c.delivery + _c.rounding + case((_c.shows_tax, 0), else_=_c.tax)
        )
        .limit(MOST)
    ),
    "an ordered cart leads to no order, or another one does": (
        select(_c.id, literal(0).label("found"), literal(1).label("expected"))
        .where(or_((_c.status == "ORDERED") != _c.order_id.is_not(None)))
        .limit(MOST)
    ),
}

# Carts that may hold stock.
LIVE_CARTS: Final = select(_c.id).where(_c.status.in_(["ACTIVE", "PARKED"]))


async def violations(db: Reader) -> list[str]:
    """What contradicts the laws of carts, each in one line. Give it a transaction of one snapshot."""
    # A cart's id is a capability: its end is enough to find it.
    return [
        f"cart …{str(row.id)[-12:]}: {what}: {row.found}, not {row.expected}"
        for what, statement in CHECKS.items()
        for row in await db.rows(statement)
    ]
