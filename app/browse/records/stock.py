"""Records of stock levels, and of what a channel can promise of each variant.

Both are as the levels are stored, so that a record is exactly of its version. What they say differs from what the API
answers for as long as a hold has expired and is not yet swept: within a second that is a change like any other.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    false,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.records.pieces import Piece, flag, gathered, members, moment, quantity, quoted, ref, string
from app.browse.records.record import Source, source
from app.browse.records.view import EVERYTHING, at_reach
from app.browse.sight import sold
from app.catalog.tables import product, variant
from app.events.outbox import Topic
from app.inventory.guard import UNBOUNDED
from app.inventory.tables import stock_level

STATUSES: Final = ("IN_STOCK", "LOW_STOCK", "BACKORDER", "OUT_OF_STOCK")

_level: Any = stock_level.c
_tells = bindparam("tells_quantities", type_=Boolean)
_tracked = variant.c.track_stock
_place = (
    func.unnest(bindparam("place_ids", type_=ARRAY(Uuid)), bindparam("place_pickups", type_=ARRAY(Boolean)))
    .table_valued(column("id", Uuid), column("pickup", Boolean), name="place")
    .render_derived()
)

# What each location has, and whether more may be ordered; without a level there, what a new one would have.
_kept_back = case((bindparam("ignores_safety_stock", type_=Boolean), 0), else_=func.coalesce(_level.safety_stock, 0))
_free = func.coalesce(_level.on_hand, 0) - func.coalesce(_level.reserved, 0) - _kept_back
_allowance = func.coalesce(_level.backorder_allowance, variant.c.backorder_allowance, UNBOUNDED)
_here = (
    select(
        _place.c.id,
        _place.c.pickup,
        func.greatest(_free, 0, type_=BigInteger).label("available"),
        and_(_allowance > 0, _free + _allowance > 0).label("backorder"),
        (_allowance >= UNBOUNDED).label("unbounded"),
    )
    .select_from(
        _place.outerjoin(stock_level, and_(_level.variant_id == variant.c.id, _level.location_id == _place.c.id))
    )
    .correlate(variant)
    .subquery("here")
)


def _status(available: ColumnElement[Any], backorder: ColumnElement[Any], about: str) -> Piece:
    low = bindparam("low_stock", type_=BigInteger)
    found = case(
        (or_(~_tracked, available > low), quoted("IN_STOCK")),
        (available > 0, quoted("LOW_STOCK")),
        (backorder, quoted("BACKORDER")),
        else_=quoted("OUT_OF_STOCK"),
    )
    return string(found, about, among=STATUSES)


def _quantity(available: ColumnElement[Any], unbounded: ColumnElement[Any], about: str) -> Piece:
    told = case((and_(_tracked, _tells, ~unbounded), available), else_=null())
    return quantity(cast(told, BigInteger), about, nullable=True)


_total: ColumnElement[Any] = func.coalesce(cast(func.sum(_here.c.available), BigInteger), 0)
_any_backorder: ColumnElement[Any] = func.coalesce(func.bool_or(_here.c.backorder), false())
_any_unbounded: ColumnElement[Any] = func.coalesce(func.bool_or(_here.c.unbounded), false())
_at_location = members(
    {
        "locationId": ref("Location", _here.c.id),
        "status": _status(_here.c.available, _here.c.backorder, "Whether it can be promised there."),
        "available": _quantity(_here.c.available, _here.c.unbounded, "How many; null as for all together."),
        "backorder": flag(and_(_tracked, _here.c.backorder), "Whether more may be ordered than is there."),
        "offersPickup": flag(_here.c.pickup, "Whether shoppers may pick up there."),
    }
)
_locations = gathered(_at_location, _here.c.id, about="Each location that the channel sells from, by id.")
_promise = (
    select(
        _total.label("total"),
        _any_backorder.label("backorder"),
        _any_unbounded.label("unbounded"),
        _locations.sql.label("locations"),
    )
    .select_from(_here)
    .correlate(variant)
    .lateral("promise")
)
AVAILABILITY: Final[dict[str, Piece]] = {
    "tracked": flag(_tracked, "Whether stock is counted; if not, it is always there."),
    "status": _status(_promise.c.total, _promise.c.backorder, "Whether it can be promised."),
    "available": _quantity(
        _promise.c.total,
        _promise.c.unbounded,
        "How many are there to promise, without backorders; null where stock is not tracked, backorder is "
        "unbounded, or the channel tells shoppers the status only.",
    ),
    "backorder": flag(and_(_tracked, _promise.c.backorder), "Whether more may be ordered than is there."),
    "locations": Piece(_promise.c.locations, _locations.schema),
}
_counted = (
    select(cast(func.coalesce(func.sum(_level.version), 0), BigInteger).label("version"))
    .where(_level.variant_id == variant.c.id)
    .correlate(variant)
    .lateral("counted")
)
STOCK: Final[dict[str, Piece]] = {
    "variantId": ref("Variant", _level.variant_id),
    "locationId": ref("Location", _level.location_id),
    "onHand": quantity(_level.on_hand, "How many are there; negative after a count below nothing."),
    "reserved": quantity(_level.reserved, "How many of them carts hold and orders have allocated."),
    "available": quantity(
        func.greatest(_level.on_hand - _level.reserved - _level.safety_stock, 0),
        "How many are there to promise, without backorders.",
    ),
    "incoming": quantity(_level.incoming, "How many are on their way."),
    "safetyStock": quantity(_level.safety_stock, "How many are kept back from sale."),
    "backorderAllowance": quantity(
        case((_level.backorder_allowance >= UNBOUNDED, null()), else_=_level.backorder_allowance),
        "How many may be sold beyond what is there; null: any number.",
        nullable=True,
    ),
    "shortfall": quantity(_level.shortfall, "How many were promised beyond that and are missing."),
    "updatedAt": moment(_level.updated_at),
}

PROMISES: Final[Source] = source(
    Topic.AVAILABILITY,
    "Variant",
    key=variant.c.id,
    version=_counted.c.version,
    fields=AVAILABILITY,
    about="What the channel can promise of a variant. Its version is the sum of its stock levels'.",
    origin=variant.join(product, product.c.id == variant.c.product_id).join(_counted, true()).join(_promise, true()),
    seen=[or_(EVERYTHING, and_(~variant.c.archived, sold()))],
)
LEVELS: Final[Source] = source(
    Topic.STOCK,
    "StockLevel",
    key=_level.id,
    version=_level.version,
    fields=STOCK,
    about="The stock of a variant at a location.",
    origin=stock_level,
    seen=[at_reach(_level.location_id)],
)
