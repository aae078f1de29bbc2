"""What can be promised: the levels of variants at locations, expired holds taken off."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, FromClause, Uuid, and_, any_, bindparam, cast, func, select
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


def expired_holds(variant_ids: Any = None) -> FromClause:
    """What expired holds, not yet released, still count in `reserved`: `quantity` by variant and location."""
    statement = select(
        hold.c.variant_id, hold.c.location_id, cast(func.sum(hold.c.quantity), BigInteger).label("quantity")
    ).where(hold.c.expires_at <= MOMENT)
    if variant_ids is not None:
        statement = statement.where(hold.c.variant_id == any_(variant_ids))
    return statement.group_by(hold.c.variant_id, hold.c.location_id).subquery("expired")


_variants = bindparam("variant_ids", type_=ARRAY(Uuid))
_expired = expired_holds(_variants)
_level = stock_level.c
STOCK_OF = (
    select(
        variant.c.id,
        func.coalesce(variant.c.backorder_allowance, UNBOUNDED).label("new_allowance"),
        _level.location_id,
        _level.on_hand,
        (_level.reserved - func.coalesce(_expired.c.quantity, 0)).label("reserved"),
        _level.safety_stock,
        _level.backorder_allowance,
        _level.shortfall,
    )
    .outerjoin(
        stock_level,
        and_(
            _level.variant_id == variant.c.id,
            _level.location_id == any_(bindparam("location_ids", type_=ARRAY(Uuid))),
        ),
    )
    .outerjoin(_expired, and_(_expired.c.variant_id == _level.variant_id, _expired.c.location_id == _level.location_id))
    .where(variant.c.id == any_(_variants))
)


async def stock_of(
    db: Reader, variant_ids: Collection[UUID], location_ids: Collection[UUID]
) -> dict[UUID, dict[UUID, Stock]]:
    """The stock of each of these variants at each of these locations; variants that are not there are left out.

    Where there is no level yet, it is what a new one would be: nothing on hand, the variant's backorder allowance.
    """
    if not variant_ids:
        return {}
    places = list(dict.fromkeys(location_ids))
    rows = await db.rows(STOCK_OF, {"variant_ids": list(set(variant_ids)), "location_ids": places})
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
