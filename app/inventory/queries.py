"""Reading levels and movements. What is reserved leaves out expired holds that nobody has released yet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    not_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.inventory.availability import EXPIRED, uncounted
from app.inventory.tables import hold, stock_level, stock_movement
from app.platform.db import Reader

_expired = uncounted(EXPIRED)
_level = stock_level.c
_movement = stock_movement.c
_MOMENT = DateTime(timezone=True)

_LEVELS = select(
    *(column for column in _level if column.name != "reserved"),
    (_level.reserved - func.coalesce(_expired.c.quantity, 0)).label("reserved"),
).outerjoin(_expired, and_(_expired.c.variant_id == _level.variant_id, _expired.c.location_id == _level.location_id))

HOLDS_OF_CARTS = (
    select(
        hold.c.id,
        hold.c.cart_id,
        hold.c.cart_line_id,
        hold.c.variant_id,
        hold.c.location_id,
        hold.c.quantity,
        hold.c.expires_at,
        # By which a writer that has locked the level knows that nobody has touched them since (`guard.untouched`).
        _level.version.label("level_version"),
    )
    .join(stock_level, and_(_level.variant_id == hold.c.variant_id, _level.location_id == hold.c.location_id))
    .where(hold.c.cart_id == any_(bindparam("cart_ids", type_=ARRAY(Uuid))))
    .order_by(hold.c.id)
)
HELD_BY = select(hold.c.variant_id, hold.c.location_id, hold.c.quantity).where(
    hold.c.cart_id == bindparam("cart_id", type_=Uuid), not_(EXPIRED)
)
_ids: Any = any_(bindparam("ids", type_=ARRAY(Uuid)))
LEVELS_BY_IDS = _LEVELS.where(_level.id == _ids)
MOVEMENTS_BY_IDS = select(stock_movement).where(_movement.id == _ids)


@dataclass(frozen=True, slots=True)
class LevelFilter:
    """Which levels; None: any. `location_ids` is the caller's reach."""

    variant_id: UUID | None = None
    location_id: UUID | None = None
    location_ids: Collection[UUID] | None = None
    # Of levels alone.
    updated_from: datetime | None = None
    updated_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class MovementFilter(LevelFilter):
    """Which movements; None: any. From `occurred_from` on, before `occurred_to`."""

    kinds: Collection[str] | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None


async def levels_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(LEVELS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def movements_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(MOVEMENTS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def holds_of_carts(db: Reader, cart_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Each cart's hold rows, those that have expired and are not yet released too; carts without any are left out."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(HOLDS_OF_CARTS, {"cart_ids": list(cart_ids)}) if cart_ids else ():
        found.setdefault(row.cart_id, []).append(row)
    return found


async def held_by(db: Reader, cart_id: UUID) -> dict[tuple[UUID, UUID], int]:
    """What a cart holds in all its lines, by (variant, location), in thousandths, without what has expired."""
    held: dict[tuple[UUID, UUID], int] = {}
    for row in await db.rows(HELD_BY, {"cart_id": cart_id}):
        key = (row.variant_id, row.location_id)
        held[key] = held.get(key, 0) + row.quantity
    return held


async def levels_page(
    db: Reader, which: LevelFilter, *, after: tuple[UUID, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """Levels by (variant, location), from after that pair on."""
    values = _values(which)
    statement = _levels_page(frozenset(values), after is not None)
    if after is not None:
        values |= {"after_variant": after[0], "after_location": after[1]}
    return await db.rows(statement, values | {"most": limit})


async def movements_page(
    db: Reader, which: MovementFilter, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """Movements from the newest to the oldest by (occurred_at, id), from after that pair on."""
    values = _values(which)
    statement = _movements_page(frozenset(values), after is not None)
    if after is not None:
        values |= {"after_moment": after[0], "after_id": after[1]}
    return await db.rows(statement, values | {"most": limit})


async def count_levels(db: Reader, which: LevelFilter, *, up_to: int) -> int:
    """How many; counting stops at `up_to`."""
    values = _values(which)
    return int(await db.value(_count_levels(frozenset(values)), values | {"most": up_to}))


async def count_movements(db: Reader, which: MovementFilter, *, up_to: int) -> int:
    """How many; counting stops at `up_to`."""
    values = _values(which)
    return int(await db.value(_count_movements(frozenset(values)), values | {"most": up_to}))


def _values(which: LevelFilter) -> dict[str, Any]:
    """The parameters of what a filter asks for; their names tell which conditions the statement needs."""
    values: dict[str, Any] = {
        "variant_id": which.variant_id,
        "location_id": which.location_id,
        "location_ids": None if which.location_ids is None else list(which.location_ids),
        "updated_from": which.updated_from,
        "updated_to": which.updated_to,
    }
    if isinstance(which, MovementFilter):
        values["kinds"] = None if which.kinds is None else list(which.kinds)
        values["occurred_from"] = which.occurred_from
        values["occurred_to"] = which.occurred_to
    return {name: value for name, value in values.items() if value is not None}


def _conditions(asked: frozenset[str], columns: Any) -> list[ColumnElement[bool]]:
    conditions: dict[str, Any] = {
        "variant_id": columns.variant_id == bindparam("variant_id", type_=Uuid),
        "location_id": columns.location_id == bindparam("location_id", type_=Uuid),
        "location_ids": columns.location_id == any_(bindparam("location_ids", type_=ARRAY(Uuid))),
    }
    if "updated_at" in columns:
        conditions["updated_from"] = columns.updated_at >= bindparam("updated_from", type_=_MOMENT)
        conditions["updated_to"] = columns.updated_at < bindparam("updated_to", type_=_MOMENT)
    if "kind" in columns:
        conditions["kinds"] = columns.kind == any_(bindparam("kinds", type_=ARRAY(Text)))
        conditions["occurred_from"] = columns.occurred_at >= bindparam("occurred_from", type_=_MOMENT)
        conditions["occurred_to"] = columns.occurred_at < bindparam("occurred_to", type_=_MOMENT)
    return [conditions[name] for name in sorted(asked)]


_most = bindparam("most", type_=BigInteger)


@cache
def _levels_page(asked: frozenset[str], paged: bool) -> Select[Any]:
    statement = _LEVELS.where(*_conditions(asked, _level)).order_by(_level.variant_id, _level.location_id).limit(_most)
    if not paged:
        return statement
    after = tuple_(bindparam("after_variant", type_=Uuid), bindparam("after_location", type_=Uuid))
    return statement.where(tuple_(_level.variant_id, _level.location_id) > after)


@cache
def _movements_page(asked: frozenset[str], paged: bool) -> Select[Any]:
    statement = (
        select(stock_movement)
        .where(*_conditions(asked, _movement))
        .order_by(_movement.occurred_at.desc(), _movement.id.desc())
        .limit(_most)
    )
    if not paged:
        return statement
    after = tuple_(bindparam("after_moment", type_=_MOMENT), bindparam("after_id", type_=Uuid))
    return statement.where(tuple_(_movement.occurred_at, _movement.id) < after)


@cache
def _count_levels(asked: frozenset[str]) -> Select[Any]:
    some = select(_level.id).where(*_conditions(asked, _level)).limit(_most).subquery()
    return select(func.count()).select_from(some)


@cache
def _count_movements(asked: frozenset[str]) -> Select[Any]:
    some = select(_movement.id).where(*_conditions(asked, _movement)).limit(_most).subquery()
    return select(func.count()).select_from(some)
