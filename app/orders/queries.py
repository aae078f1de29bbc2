"""Reading orders, in batches and in lists."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Row,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.identity.principal import Principal
from app.inventory.tables import allocation, stock_movement
from app.orders.tables import order, order_delivery, order_event, order_line, order_visit
from app.platform.db import Reader
from app.platform.texts import key_of

COUNTED_UP_TO = 10_000
_ids: Any = any_(bindparam("ids", type_=ARRAY(Uuid)))
_texts: Any = any_(bindparam("ids", type_=ARRAY(Text)))

BY_IDS = select(order).where(order.c.id == _ids)
BY_NUMBERS = select(order).where(order.c.number == _texts)
BY_RECEIPTS = select(order).where(order.c.receipt_number == _texts)
LINES = select(order_line).where(order_line.c.order_id == _ids).order_by(order_line.c.order_id, order_line.c.position)
LINES_BY_IDS = select(order_line).where(order_line.c.id == _ids)
DELIVERIES_BY_IDS = select(order_delivery).where(order_delivery.c.id == _ids)
EVENTS_BY_IDS = select(order_event).where(order_event.c.id == _ids)
DELIVERIES = (
    select(order_delivery)
    .where(order_delivery.c.order_id == _ids)
    .order_by(order_delivery.c.order_id, order_delivery.c.id)
)
PLACES = union(
    *(
        select(place.order_id, place.location_id).where(place.order_id == _ids, place.location_id.is_not(None))
        for place in (order_delivery.c, allocation.c, stock_movement.c)
    )
)
EVENTS = (
    select(order_event)
    .where(order_event.c.order_id == _ids)
    .order_by(order_event.c.order_id, order_event.c.at, order_event.c.id)
)
VISITS = (
    select(order_visit).where(order_visit.c.order_id == _ids).order_by(order_visit.c.order_id, order_visit.c.position)
)


async def orders_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Orders' rows by id, whoever asks: see `identity.access.may_open_order`."""
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})}


async def order_by_number(db: Reader, number: str) -> Row[Any] | None:
    return await db.row(BY_NUMBERS, {"ids": [number]})


async def order_by_receipt(db: Reader, receipt_number: str) -> Row[Any] | None:
    return await db.row(BY_RECEIPTS, {"ids": [receipt_number]})


async def lines_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(LINES_BY_IDS, {"ids": list(ids)})}


async def deliveries_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(DELIVERIES_BY_IDS, {"ids": list(ids)})}


async def events_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(EVENTS_BY_IDS, {"ids": list(ids)})}


async def lines_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    return await _by_order(db, LINES, ids)


async def deliveries_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    return await _by_order(db, DELIVERIES, ids)


async def places_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    """By order, where parts of it are picked up, and where its goods lie or have left from."""
    found: dict[UUID, set[UUID]] = {}
    for row in await db.rows(PLACES, {"ids": list(ids)}):
        found.setdefault(row.order_id, set()).add(row.location_id)
    return found


async def events_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """What happened to these orders, oldest first."""
    return await _by_order(db, EVENTS, ids)


async def visits_of_orders(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The channels that touched the carts that these orders were, in order."""
    return await _by_order(db, VISITS, ids)


async def _by_order(db: Reader, statement: Any, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(statement, {"ids": list(ids)}):
        found.setdefault(row.order_id, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class OrdersWanted:
    """Which orders to list; None is any. `search`: in number, receipt number, e-mail and SKUs of lines."""

    statuses: tuple[str, ...] | None = None
    channel_ids: tuple[UUID, ...] | None = None
    location_id: UUID | None = None
    customer_id: UUID | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    location_ids: tuple[UUID, ...] | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    search: str | None = None


def _within_reach(principal: Principal) -> list[Any]:
    """As `identity.access.may_open_order` decides it of one order."""
    own: list[Any] = []
    if principal.location_ids is not None:
        own.append(order.c.location_id.in_(principal.location_ids))
    if principal.channel_ids is not None:
        own.append(order.c.channel_id.in_(principal.channel_ids))
    if principal.location_ids is None:
        return own
    served = [
        exists(select(literal(1)).where(place.order_id == order.c.id, place.location_id.in_(principal.location_ids)))
        for place in (order_delivery.c, allocation.c, stock_movement.c)
    ]
    return [or_(and_(*own), *served)]


def _conditions(principal: Principal, wanted: OrdersWanted) -> list[Any]:
    asked: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
        (wanted.statuses, order.c.status.in_),
        (wanted.channel_ids, order.c.channel_id.in_),
        (wanted.location_ids, order.c.location_id.in_),
        (wanted.location_id, order.c.location_id.__eq__),
        (wanted.customer_id, order.c.customer_id.__eq__),
        (wanted.placed_from, order.c.placed_at.__ge__),
        (wanted.placed_to, order.c.placed_at.__lt__),
        (wanted.updated_from, order.c.updated_at.__ge__),
        (wanted.updated_to, order.c.updated_at.__lt__),
    )
    conditions = [*_within_reach(principal), *(holds(value) for value, holds in asked if value is not None)]
    if wanted.search:
        conditions.append(_matches(wanted.search.strip()))
    return conditions


def _matches(text: str) -> Any:
    pattern = "%" + key_of(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    in_lines = exists(
        select(literal(1)).where(order_line.c.order_id == order.c.id, func.lower(order_line.c.sku).like(pattern))
    )
    return or_(
        order.c.number == text.upper(),
        order.c.receipt_number == text,
        func.lower(order.c.email).like(pattern),
        in_lines,
    )


async def list_orders(
    db: Reader, principal: Principal, wanted: OrdersWanted, *, first: int, after: tuple[datetime, UUID] | None
) -> Sequence[Row[Any]]:
    """Orders that the caller may see, newest first; one more than `first` when there are more."""
    conditions = _conditions(principal, wanted)
    if after is not None:
        conditions.append(tuple_(order.c.placed_at, order.c.id) < tuple_(literal(after[0]), literal(after[1])))
    statement = select(order).where(and_(True, *conditions)).order_by(order.c.placed_at.desc(), order.c.id.desc())
    return await db.rows(statement.limit(first + 1))


async def count_orders(db: Reader, principal: Principal, wanted: OrdersWanted) -> int | None:
    """How many there are; None beyond 10,000."""
    inner = select(order.c.id).where(and_(True, *_conditions(principal, wanted))).limit(COUNTED_UP_TO + 1).subquery()
    count: int = await db.value(select(func.count()).select_from(inner))
    return count if count <= COUNTED_UP_TO else None


async def orders_of_customers(
    db: Reader,
    principal: Principal,
    customer_ids: Sequence[UUID],
    *,
    first: int,
    after: tuple[datetime, UUID] | None,
) -> dict[UUID, list[Row[Any]]]:
    """Orders of these customers that the caller may see, newest first, at most `first` + 1 of each; one statement."""
    customers = func.unnest(literal(list(customer_ids), ARRAY(Uuid)))
    wanted = customers.table_valued(column("id", Uuid)).render_derived(name="wanted")
    conditions = [order.c.customer_id == wanted.c.id, *_within_reach(principal)]
    if after is not None:
        conditions.append(tuple_(order.c.placed_at, order.c.id) < tuple_(literal(after[0]), literal(after[1])))
    newest = (
        select(order)
        .where(and_(*conditions))
        .order_by(order.c.placed_at.desc(), order.c.id.desc())
        .limit(first + 1)
        .lateral("newest")
    )
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in customer_ids}
    for row in await db.rows(select(newest).select_from(wanted.join(newest, true()))):
        found[row.customer_id].append(row)
    return found
