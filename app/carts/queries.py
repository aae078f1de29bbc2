"""Reading carts: as they stand, with today's prices once their promise is over, and what changed under the shopper."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, literal, select, tuple_

from app.carts.basket import CARTS, VISITS, Basket, Line, baskets, rows_by_cart
from app.carts.quote import Quoted, quote
from app.carts.tables import cart
from app.channels.queries import channels_by_ids, locations_of_channel
from app.identity.principal import Principal
from app.inventory.availability import available, stock_of
from app.inventory.reservations import holds_of_carts
from app.platform.db import Reader
from app.platform.errors import Refusal

COUNTED_UP_TO = 10_000


async def carts_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Carts' rows, by id, whoever asks: see `identity.access.may_open_cart`."""
    return {row.id: row for row in await db.rows(CARTS, {"ids": list(ids)})}


async def visits(db: Reader, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The channels that touched these carts, in order."""
    return await rows_by_cart(db, VISITS, ids)


@dataclass(slots=True)
class Notice:
    """What changed under the shopper. Amounts in minor units, as the cart shows prices; quantities in thousandths."""

    code: str
    line_id: UUID | None = None
    was: int | None = None
    now: int | None = None
    available: int | None = None


@dataclass(slots=True)
class CartView:
    """A cart as it is shown: its basket, quoted anew where the promise is over, and the quote's variants."""

    basket: Basket
    channel: Row[Any]
    notices: list[Notice] = field(default_factory=list)
    quoted: Quoted | None = None

    @property
    def promised_until(self) -> datetime | None:
        until: datetime | None = self.basket.row.prices_promised_until
        return until if self.quoted is None else None


async def view_carts(db: Reader, rows: Sequence[Row[Any]], now: datetime) -> dict[UUID, CartView]:
    """These carts as they are shown at this moment; nothing is written."""
    found = await baskets(db, rows)
    channels = await channels_by_ids(db, {row.channel_id for row in rows})
    views = {}
    for key, basket in found.items():
        view = CartView(basket=basket, channel=channels[basket.row.channel_id])
        if is_open(basket.row) and basket.lines and not basket.promised(now):
            await _quote_anew(db, view, now)
        views[key] = view
    return views


def is_open(row: Row[Any]) -> bool:
    return row.status in ("ACTIVE", "PARKED")


async def _quote_anew(db: Reader, view: CartView, now: datetime) -> None:
    basket = view.basket
    before = {line.id: replace(line) for line in basket.lines}
    try:
        view.quoted = await quote(db, basket, channel=view.channel, now=now, anew=True)
    except Refusal:
        return
    shows_tax = view.channel.prices_include_tax
    for line in basket.lines:
        was, price = shown_total(before[line.id], shows_tax), shown_total(line, shows_tax)
        if was != price:
            view.notices.append(Notice(code="PRICE_CHANGED", line_id=line.id, was=was, now=price))
    if not view.notices and basket.changes.get("total") != basket.row.total:
        view.notices.append(Notice(code="PRICE_CHANGED", was=basket.row.total, now=basket.changes["total"]))


def shown_total(line: Line, shows_tax: bool) -> int:
    """A line's total on the side that the cart shows."""
    return line.total_gross if shows_tax else line.total_net


async def stock_notices(
    db: Reader, views: Sequence[CartView], variants: Mapping[UUID, Row[Any]], now: datetime
) -> dict[UUID, list[Notice]]:
    """By cart: lines whose item was withdrawn, or whose stock is short now that its hold is gone."""
    found: dict[UUID, list[Notice]] = {view.basket.id: [] for view in views}
    holds = await holds_of_carts(db, [view.basket.id for view in views])
    for view in views:
        basket = view.basket
        if not is_open(basket.row):
            continue
        held: dict[UUID, int] = {}
        for hold in holds.get(basket.id, ()):
            if hold.expires_at > now:
                held[hold.cart_line_id] = held.get(hold.cart_line_id, 0) + hold.quantity
        places = [each.id for each in await locations_of_channel(db, view.channel.id)]
        short = [line for line in basket.lines if held.get(line.id, 0) < line.quantity]
        stock = await stock_of(db, [line.variant_id for line in short], places) if short else {}
        for line in basket.lines:
            variant = variants.get(line.variant_id)
            if variant is None or not variant.published:
                found[basket.id].append(Notice(code="WITHDRAWN", line_id=line.id))
        for line in short:
            variant = variants.get(line.variant_id)
            if variant is None or not variant.track_stock or variant.backorder_allowance != 0:
                continue
            there = sum(
                max(0, available(level, ignores_safety_stock=view.channel.ignores_safety_stock))
                for level in stock.get(line.variant_id, {}).values()
            )
            if there + held.get(line.id, 0) < line.quantity:
                found[basket.id].append(
                    Notice(code="STOCK_SHORT", line_id=line.id, available=there + held.get(line.id, 0))
                )
    return found


@dataclass(frozen=True, slots=True)
class CartsWanted:
    """Which carts to list; None is any."""

    statuses: tuple[str, ...] | None = None
    location_id: UUID | None = None
    customer_id: UUID | None = None
    updated_before: datetime | None = None


def _conditions(principal: Principal, wanted: CartsWanted) -> list[Any]:
    conditions: list[Any] = []
    if principal.location_ids is not None:
        conditions.append(cart.c.location_id.in_(principal.location_ids))
    if principal.channel_ids is not None:
        conditions.append(cart.c.channel_id.in_(principal.channel_ids))
    if wanted.statuses is not None:
        conditions.append(cart.c.status.in_(wanted.statuses))
    if wanted.location_id is not None:
        conditions.append(cart.c.location_id == wanted.location_id)
    if wanted.customer_id is not None:
        conditions.append(cart.c.customer_id == wanted.customer_id)
    if wanted.updated_before is not None:
        conditions.append(cart.c.updated_at < wanted.updated_before)
    return conditions


async def list_carts(
    db: Reader, principal: Principal, wanted: CartsWanted, *, first: int, after: tuple[datetime, UUID] | None
) -> Sequence[Row[Any]]:
    """Carts that the caller may see, last touched first; one more than `first` when there are more."""
    conditions = _conditions(principal, wanted)
    if after is not None:
        conditions.append(tuple_(cart.c.updated_at, cart.c.id) < tuple_(literal(after[0]), literal(after[1])))
    statement = select(cart).where(and_(True, *conditions)).order_by(cart.c.updated_at.desc(), cart.c.id.desc())
    return await db.rows(statement.limit(first + 1))


async def count_carts(db: Reader, principal: Principal, wanted: CartsWanted) -> int | None:
    """How many there are; None beyond 10,000."""
    inner = select(cart.c.id).where(and_(True, *_conditions(principal, wanted))).limit(COUNTED_UP_TO + 1).subquery()
    count: int = await db.value(select(func.count()).select_from(inner))
    return count if count <= COUNTED_UP_TO else None
