"""What can be promised: the levels of variants at locations, expired holds taken off."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import variant
from app.inventory.guard import MOMENT, UNBOUNDED
from app.inventory.tables import hold, stock_level
from app.platform.db import Reader


@dataclass(frozen=True, slots=True)
class Stock:
    """A variant's stock at a location, in thousandths. `reserved` leaves out holds that have expired."""

    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    backorder_allowance: int = 0
    shortfall: int = 0


EXPIRED = hold.c.expires_at <= MOMENT


def uncounted(*which: ColumnElement[bool]) -> FromClause:
    """What such holds count in `reserved`: `quantity` by variant and location."""
    return (
        select(hold.c.variant_id, hold.c.location_id, cast(func.sum(hold.c.quantity), BigInteger).label("quantity"))
        .where(*which)
        .group_by(hold.c.variant_id, hold.c.location_id)
        .subquery("uncounted")
    )


_variants = bindparam("variant_ids", type_=ARRAY(Uuid))


def _stock_besides(holds: ColumnElement[bool]) -> Select[Any]:
    level, left_out = stock_level.c, uncounted(holds, hold.c.variant_id == any_(_variants))
    here = level.location_id == any_(bindparam("location_ids", type_=ARRAY(Uuid)))
    same = and_(left_out.c.variant_id == level.variant_id, left_out.c.location_id == level.location_id)
    return (
        select(
            variant.c.id,
            func.coalesce(variant.c.backorder_allowance, UNBOUNDED).label("new_allowance"),
            level.location_id,
            level.on_hand,
            (level.reserved - func.coalesce(left_out.c.quantity, 0)).label("reserved"),
            level.safety_stock,
            level.backorder_allowance,
            level.shortfall,
        )
        .outerjoin(stock_level, and_(level.variant_id == variant.c.id, here))
        .outerjoin(left_out, same)
        .where(variant.c.id == any_(_variants))
    )


STOCK_OF = _stock_besides(EXPIRED)
STOCK_FOR_CART = _stock_besides(or_(EXPIRED, hold.c.cart_id == bindparam("cart_id", type_=Uuid)))


async def stock_of(
    db: Reader, variant_ids: Collection[UUID], location_ids: Collection[UUID], *, cart_id: UUID | None = None
) -> dict[UUID, dict[UUID, Stock]]:
    """The stock of each of these variants at each of these locations; variants that are not there are left out.

    Where there is no level yet, it is what a new one would be: nothing on hand, the variant's backorder allowance.
    `cart_id`: as this cart sees it, what it holds itself does not count as reserved.
    """
    if not variant_ids:
        return {}
    places = list(dict.fromkeys(location_ids))
    parameters: dict[str, Any] = {"variant_ids": list(set(variant_ids)), "location_ids": places}
    if cart_id is None:
        rows = await db.rows(STOCK_OF, parameters)
    else:
        rows = await db.rows(STOCK_FOR_CART, parameters | {"cart_id": cart_id})
    found: dict[UUID, dict[UUID, Stock]] = {}
    for row in rows:
        stocks = found.get(row.id)
        if stocks is None:
            stocks = found[row.id] = dict.fromkeys(places, Stock(backorder_allowance=row.new_allowance))
        if row.location_id is not None:
            stocks[row.location_id] = Stock(*row[3:])
    return found


def available(stock: Stock, *, ignores_safety_stock: bool = False) -> int:
    """What is there to promise, without backorders: never negative."""
    return max(0, _free(stock, ignores_safety_stock))


def obtainable(stock: Stock, *, ignores_safety_stock: bool = False) -> int:
    """What a line could hold: what is there and what may be backordered."""
    return max(0, _free(stock, ignores_safety_stock) + stock.backorder_allowance)


def is_unbounded(stock: Stock) -> bool:
    """Whether it may be backordered without bound."""
    return stock.backorder_allowance >= UNBOUNDED


def _free(stock: Stock, ignores_safety_stock: bool) -> int:
    return stock.on_hand - stock.reserved - (0 if ignores_safety_stock else stock.safety_stock)
