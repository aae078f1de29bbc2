"""Law 1, checked on the live database: every balance against the rows that it sums up, in one snapshot."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    union_all,
)

from app.inventory.tables import allocation, hold, stock_level, stock_movement
from app.platform.db import Database
from app.platform.quantities import format_quantity

MOST: Final = 100
"""The most violations of one kind that are told."""

_level = stock_level.c
_totals = (
    select(
        stock_movement.c.variant_id,
        stock_movement.c.location_id,
        cast(func.sum(stock_movement.c.quantity), BigInteger).label("quantity"),
    )
    .group_by(stock_movement.c.variant_id, stock_movement.c.location_id)
    .subquery("totals")
)
_claims = union_all(
    select(hold.c.variant_id, hold.c.location_id, hold.c.quantity),
    select(allocation.c.variant_id, allocation.c.location_id, allocation.c.quantity),
).subquery("claims")
_claimed = (
    select(
        _claims.c.variant_id, _claims.c.location_id, cast(func.sum(_claims.c.quantity), BigInteger).label("quantity")
    )
    .group_by(_claims.c.variant_id, _claims.c.location_id)
    .subquery("claimed")
)
_nothing = literal(0, BigInteger)
_room = _level.on_hand - _level.reserved - _level.safety_stock + _level.backorder_allowance


def _against(balance: ColumnElement[int], sums: Any) -> Select[Any]:
    """Levels whose balance is not the sum of its rows, and sums that stand on no level."""
    summed = func.coalesce(sums.c.quantity, 0)
    return (
        select(
            func.coalesce(_level.variant_id, sums.c.variant_id).label("variant_id"),
            func.coalesce(_level.location_id, sums.c.location_id).label("location_id"),
            func.coalesce(balance, 0).label("found"),
            summed.label("expected"),
        )
        .select_from(
            stock_level.outerjoin(
                sums, (sums.c.variant_id == _level.variant_id) & (sums.c.location_id == _level.location_id), full=True
            )
        )
        .where(func.coalesce(balance, 0) != summed)
        .limit(MOST)
    )


def _levels(found: ColumnElement[int], expected: ColumnElement[int]) -> Select[Any]:
    return (
        select(_level.variant_id, _level.location_id, found.label("found"), expected.label("expected"))
        .where(found != expected)
        .limit(MOST)
    )


CHECKS: Final[Mapping[str, Select[Any]]] = {
    "on hand is not the sum of the movements": _against(_level.on_hand, _totals),
    "reserved is not the sum of holds and allocations": _against(_level.reserved, _claimed),
    "the shortfall is not what is missing": _levels(_level.shortfall, func.greatest(0, -_room)),
    "sold beyond the backorder allowance": _levels(func.least(0, _room + _level.shortfall), _nothing),
    "a quantity is negative": _levels(
        func.least(0, _level.reserved, _level.safety_stock, _level.backorder_allowance, _level.shortfall),
        _nothing,
    ),
}


async def violations(
    db: Database, *, live_carts: Select[Any] | None = None, open_lines: Select[Any] | None = None
) -> list[str]:
    """What contradicts law 1, each in one line; none: the law holds. One REPEATABLE READ snapshot.

    `live_carts`: ids of the carts that may hold stock. `open_lines`: (order line id, thousandths to be fulfilled) of
    the lines that may have stock allocated, at most that much. Both are tables of those above; left out, not checked.
    """
    checks = dict(CHECKS)
    if live_carts is not None:
        checks["a cart that is no longer open holds stock"] = _dead_holds(live_carts)
    if open_lines is not None:
        checks["an order's line has more allocated than is to be fulfilled"] = _dead_allocations(open_lines)
    found: list[str] = []
    async with db.writes.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            for what, statement in checks.items():
                found += [_told(what, row) for row in (await connection.execute(statement)).all()]
    return found


def _dead_holds(live_carts: Select[Any]) -> Select[Any]:
    return (
        select(hold.c.variant_id, hold.c.location_id, hold.c.quantity.label("found"), _nothing.label("expected"))
        .where(not_(hold.c.cart_id.in_(live_carts)))
        .limit(MOST)
    )


def _dead_allocations(open_lines: Select[Any]) -> Select[Any]:
    lines = open_lines.subquery("lines")
    line_id, quantity = lines.columns
    allocated = (
        select(
            allocation.c.order_line_id,
            func.min(cast(allocation.c.variant_id, Text)).label("variant_id"),
            func.min(cast(allocation.c.location_id, Text)).label("location_id"),
            cast(func.sum(allocation.c.quantity), BigInteger).label("quantity"),
        )
        .group_by(allocation.c.order_line_id)
        .subquery("allocated")
    )
    return (
        select(
            allocated.c.variant_id,
            allocated.c.location_id,
            allocated.c.quantity.label("found"),
            func.coalesce(quantity, 0).label("expected"),
        )
        .select_from(allocated.outerjoin(lines, line_id == allocated.c.order_line_id))
        .where(or_(quantity.is_(None), allocated.c.quantity > quantity))
        .limit(MOST)
    )


def _told(what: str, row: Row[Any]) -> str:
    found, expected = format_quantity(row.found), format_quantity(row.expected)
    return f"stock: {what}: {found}, not {expected} (variant {row.variant_id}, location {row.location_id})"
