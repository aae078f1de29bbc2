"""What can be promised: the levels of variants at locations, expired holds taken off."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import variant
from app.inventory.guard import MOMENT, UNBOUNDED
from app.inventory.tables import hold, stock_level
from app.platform.db import Reader
from app.platform.unnest import among


class Stock(NamedTuple):
    """A variant's stock at a location, in thousandths. `reserved` leaves out holds that have expired."""

    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    backorder_allowance: int = 0
    shortfall: int = 0


EXPIRED = hold.c.expires_at <= MOMENT
_ZERO: Final[ColumnElement[int]] = literal_column("0", BigInteger)


def uncounted(*which: ColumnElement[bool]) -> FromClause:
    """What such holds count in `reserved`: `quantity` by variant and location."""
    return (
        select(hold.c.variant_id, hold.c.location_id, cast(func.sum(hold.c.quantity), BigInteger).label("quantity"))
        .where(*which)
        .group_by(hold.c.variant_id, hold.c.location_id)
        .subquery("uncounted")
    )


_variants = bindparam("variant_ids", type_=ARRAY(Uuid))
_locations = bindparam("location_ids", type_=ARRAY(Uuid))


def _stock_besides(holds: ColumnElement[bool]) -> Select[Any]:
    level = stock_level.c
    here = level.location_id == any_(_locations)
    left_out = (
        select(cast(func.coalesce(func.sum(hold.c.quantity), _ZERO), BigInteger))
        .where(hold.c.variant_id == level.variant_id, hold.c.location_id == level.location_id, holds)
        .correlate(stock_level)
        .scalar_subquery()
    )
    return (
        select(
            variant.c.id,
            func.coalesce(variant.c.backorder_allowance, UNBOUNDED).label("new_allowance"),
            level.location_id,
            level.on_hand,
            # Holds are looked up only where some are counted.
            (level.reserved - case((level.reserved > _ZERO, left_out), else_=_ZERO)).label("reserved"),
            level.safety_stock,
            level.backorder_allowance,
            level.shortfall,
        )
        .outerjoin(stock_level, and_(level.variant_id == variant.c.id, here))
        .where(variant.c.id == any_(_variants))
    )


STOCK_OF = _stock_besides(EXPIRED)
STOCK_FOR_CART = _stock_besides(or_(EXPIRED, hold.c.cart_id == bindparam("cart_id", type_=Uuid)))


def raw(id_: ColumnElement[Any]) -> ColumnElement[bytes]:
    """An id's bytes: looked up in a fraction of the time that a UUID takes."""
    return func.uuid_send(id_, type_=LargeBinary)


def promises_among(which: ColumnElement[bool]) -> Select[Any]:
    """One row of arrays: what there is of each variant at the locations, of rows of `stock_level` that `which` names.

    `Stocked` says what they hold. Parameters: `location_ids`, `ignores_safety_stock`.
    """
    level = stock_level.c
    # Holds are looked up only where some are counted.
    expired = (
        select(cast(func.coalesce(func.sum(hold.c.quantity), _ZERO), BigInteger))
        .where(hold.c.variant_id == level.variant_id, hold.c.location_id == level.location_id, EXPIRED)
        .correlate(stock_level)
        .scalar_subquery()
    )
    kept_back = case((bindparam("ignores_safety_stock", type_=Boolean), _ZERO), else_=level.safety_stock)
    free = level.on_hand - level.reserved + case((level.reserved > _ZERO, expired), else_=_ZERO) - kept_back
    # The offset keeps it apart, so that what is free is worked out once.
    here = (
        select(level.variant_id, level.backorder_allowance.label("allowance"), free.label("free"))
        .where(which, level.location_id == among("location_ids", Uuid()))
        .offset(_ZERO)
        .subquery("here")
    )
    each = (
        select(
            here.c.variant_id,
            cast(func.sum(func.greatest(here.c.free, _ZERO)), BigInteger).label("available"),
            func.max(here.c.free + here.c.allowance).label("obtainable"),
            func.max(here.c.allowance).label("allowance"),
            func.count().label("levels"),
        )
        .group_by(here.c.variant_id)
        .subquery("each")
    )
    variant_id, *numbers = each.c
    arrays: list[ColumnElement[Any]] = [func.array_agg(column) for column in (raw(variant_id), *numbers)]
    return select(*arrays)


PROMISES: Final = promises_among(stock_level.c.variant_id == among("variant_ids", Uuid()))

Stocked = tuple[int, int, int, int]
"""Of a variant's levels together: what is there, the most that one can promise, its allowance, how many there are."""


class Promise(NamedTuple):
    """What is there of a variant at some locations together, in thousandths, without backorders; whether a line could
    hold any; whether it may be backordered without bound.
    """

    available: int
    obtainable: bool
    unbounded: bool


class Read(NamedTuple):
    """PostgreSQL's `row` of arrays about some variants, and what it says of each."""

    row: Sequence[Any]
    stocked: dict[bytes, Stocked]


async def read_stocked(
    db: Reader,
    variant_ids: Sequence[UUID],
    location_ids: Sequence[UUID],
    *,
    ignores_safety_stock: bool,
    before: Read | None = None,
) -> Read:
    """What there is of each of these variants at these locations together, by the bytes of its id; those without a
    level are left out. One statement, which answers one row. `before`, where the row is what it was then.
    """
    if not variant_ids or not location_ids:
        return Read((), {})
    parameters: dict[str, Any] = {
        "variant_ids": variant_ids,
        "location_ids": location_ids,
        "ignores_safety_stock": ignores_safety_stock,
    }
    row = await db.row(PROMISES, parameters)
    assert row is not None, "an aggregate"
    if before is not None and row == before.row:
        return before
    return Read(row, stocked_of(row))


def stocked_of(arrays: Sequence[Any]) -> dict[bytes, Stocked]:
    """By the bytes of variants' ids, of the row that `promises_among` answers; those without a level are left out."""
    return {} if arrays[0] is None else dict(zip(arrays[0], zip(*arrays[1:], strict=True), strict=True))


def promise_of(stocked: Stocked, new: int | None, places: int) -> Promise:
    """The promise at so many locations; `new`: the backorder allowance of a level that is not there yet."""
    quantity, most, allowance, levels = stocked
    if levels < places:
        allowance = max(allowance, UNBOUNDED if new is None else new)
        most = max(most, allowance) if new != 0 else most
    return Promise(quantity, most > 0, allowance >= UNBOUNDED)


NOWHERE: Final[Stocked] = (0, 0, 0, 0)


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
