"""Reading carts: rows by id, in lists, and as they are shown, with today's prices once their promise is over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Row,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.carts.basket import CARTS, VISITS, Basket, baskets, is_open, rows_by_cart
from app.carts.ground import Case, Ground, Variants, ground_of
from app.carts.quote import Quoted, work_out
from app.carts.tables import cart, cart_delivery, cart_line
from app.channels.queries import channels_by_ids
from app.identity.principal import Principal
from app.inventory.ledger import Reserved
from app.platform.db import Reader
from app.platform.errors import Refusal, Refusals

COUNTED_UP_TO = 10_000
_AS_IT_BEGINS: Final = dict.fromkeys(cart.c.keys())
# A cart that is written faster than it is read is shown as it was last found.
ATTEMPTS = 5
_ids: Any = any_(bindparam("ids", type_=ARRAY(Uuid)))
CARTS_OF_LINES = select(cart_line.c.id, cart_line.c.cart_id).where(cart_line.c.id == _ids)
CARTS_OF_DELIVERIES = select(cart_delivery.c.id, cart_delivery.c.cart_id).where(cart_delivery.c.id == _ids)


async def carts_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Carts' rows, by id, whoever asks: see `identity.access.may_open_cart`."""
    return {row.id: row for row in await db.rows(CARTS, {"ids": list(ids)})} if ids else {}


async def carts_of_lines(db: Reader, line_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The cart that each of these lines is in."""
    return {row.id: row.cart_id for row in await db.rows(CARTS_OF_LINES, {"ids": list(line_ids)})} if line_ids else {}


async def carts_of_deliveries(db: Reader, delivery_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The cart that each of these deliveries is of."""
    rows = await db.rows(CARTS_OF_DELIVERIES, {"ids": list(delivery_ids)}) if delivery_ids else ()
    return {row.id: row.cart_id for row in rows}


async def visits(db: Reader, ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The channels that touched these carts, in order."""
    return await rows_by_cart(db, VISITS, ids)


@dataclass(frozen=True, slots=True)
class Notice:
    """What changed under the shopper. Amounts in minor units, as the cart shows prices; quantities in thousandths."""

    code: str
    line_id: UUID | None = None
    was: int | None = None
    now: int | None = None
    available: int | None = None


@dataclass(slots=True)
class CartView:
    """A cart as it is shown. `quoted`: today's quote, which stands in the basket, where the promise is over.

    `variants`: those of its lines as its channel sells them, and `holds`: as rows of `hold`, where they are known.
    """

    basket: Basket
    channel: Row[Any]
    quoted: Quoted | None = None
    price_notices: list[Notice] = field(default_factory=list)
    variants: Variants | None = None
    holds: Sequence[Any] | None = None

    @property
    def promised_until(self) -> datetime | None:
        """Until when it sells at what is shown; None: the prices shown are today's, and not promised."""
        until: datetime | None = self.basket.row.prices_promised_until
        return until if self.quoted is None else None

    @property
    def amounts(self) -> Mapping[str, Any]:
        """The cart's columns as they are shown."""
        return {**self.basket.row._mapping, **self.basket.changes}


def written(
    basket: Basket, channel: Row[Any], variants: Variants, holds: Sequence[Reserved], until: datetime
) -> CartView:
    """A cart as a command has just written it, for the answer: it is promised, and nothing has changed since."""
    before = vars(basket.row) if basket.new else basket.row._mapping
    values = _AS_IT_BEGINS | dict(before) | basket.changes
    row = SimpleNamespace(**values, _mapping=values)
    held = [
        SimpleNamespace(
            cart_line_id=each.line_id, location_id=each.location_id, quantity=each.quantity, expires_at=until
        )
        for each in holds
    ]
    return CartView(
        Basket(row=row, lines=basket.lines, deliveries=basket.deliveries), channel, variants=variants, holds=held
    )


async def view_carts(db: Reader, rows: Sequence[Row[Any]], now: datetime) -> dict[UUID, CartView]:
    """These carts as they are shown at this moment; nothing is written."""
    found = await _whole(db, rows)
    channels = await channels_by_ids(db, {row.channel_id for row in rows})
    views = {key: CartView(basket=basket, channel=channels[basket.row.channel_id]) for key, basket in found.items()}
    due = {
        view.basket.id: Case(view.basket, view.channel, anew=True)
        for view in views.values()
        if is_open(view.basket.row) and view.basket.lines and not view.basket.promised(now)
    }
    if due:
        ground = await ground_of(db, list(due.values()), now)
        for key, case in due.items():
            _quote_anew(ground, case, views[key])
    return views


async def _whole(db: Reader, rows: Sequence[Row[Any]]) -> dict[UUID, Basket]:
    """Each cart with the lines and deliveries of one version: what a write changed meanwhile is read again."""
    found: dict[UUID, Basket] = {}
    for _ in range(ATTEMPTS):
        found |= await baskets(db, rows)
        current = await carts_by_ids(db, [row.id for row in rows])
        rows = [row for key, row in current.items() if row.version != found[key].row.version]
        if not rows:
            break
    return found


def _quote_anew(ground: Ground, case: Case, view: CartView) -> None:
    basket, shows_tax = case.basket, case.channel.prices_include_tax
    before = {line.id: line.total(shows_tax) for line in basket.lines}
    try:
        view.quoted = work_out(ground, case)
    except (Refusal, Refusals):
        # Too large an amount at today's prices; what is stored is shown, and any write says so.
        return
    for line in basket.lines:
        was, price = before[line.id], line.total(shows_tax)
        if was != price:
            view.price_notices.append(Notice("PRICE_CHANGED", line_id=line.id, was=was, now=price))
    if not view.price_notices and basket.changes["total"] != basket.row.total:
        view.price_notices.append(Notice("PRICE_CHANGED", was=basket.row.total, now=basket.changes["total"]))


@dataclass(frozen=True, slots=True)
class CartsWanted:
    """Which carts to list; None is any."""

    statuses: tuple[str, ...] | None = None
    location_id: UUID | None = None
    customer_id: UUID | None = None
    updated_before: datetime | None = None


_moment = DateTime(timezone=True)
_conditions: dict[str, ColumnElement[bool]] = {
    "places": cart.c.location_id == any_(bindparam("places", type_=ARRAY(Uuid))),
    "channels": cart.c.channel_id == any_(bindparam("channels", type_=ARRAY(Uuid))),
    "statuses": cart.c.status == any_(bindparam("statuses", type_=ARRAY(Text))),
    "location_id": cart.c.location_id == bindparam("location_id", type_=Uuid),
    "customer_id": cart.c.customer_id == bindparam("customer_id", type_=Uuid),
    "updated_before": cart.c.updated_at < bindparam("updated_before", type_=_moment),
    "after_id": tuple_(cart.c.updated_at, cart.c.id)
    < tuple_(bindparam("after_moment", type_=_moment), bindparam("after_id", type_=Uuid)),
}
_most = bindparam("most", type_=BigInteger)


@cache
def _page(asked: frozenset[str]) -> Select[Any]:
    conditions = [_conditions[name] for name in sorted(asked)]
    return select(cart).where(*conditions).order_by(cart.c.updated_at.desc(), cart.c.id.desc()).limit(_most)


@cache
def _count(asked: frozenset[str]) -> Select[Any]:
    some = select(cart.c.id).where(*(_conditions[name] for name in sorted(asked))).limit(_most).subquery()
    return select(func.count()).select_from(some)


def _values(principal: Principal, wanted: CartsWanted) -> dict[str, Any]:
    """The parameters of what the caller may see and asks for; their names tell the conditions."""
    values = {
        "places": None if principal.location_ids is None else list(principal.location_ids),
        "channels": None if principal.channel_ids is None else list(principal.channel_ids),
        "statuses": None if wanted.statuses is None else list(wanted.statuses),
        "location_id": wanted.location_id,
        "customer_id": wanted.customer_id,
        "updated_before": wanted.updated_before,
    }
    return {name: value for name, value in values.items() if value is not None}


async def list_carts(
    db: Reader, principal: Principal, wanted: CartsWanted, *, limit: int, after: tuple[datetime, UUID] | None
) -> Sequence[Row[Any]]:
    """Carts that the caller may see, last touched first, from after that place on."""
    values = _values(principal, wanted)
    if after is None:
        return await db.rows(_page(frozenset(values)), values | {"most": limit})
    statement = _page(frozenset(values) | {"after_id"})
    return await db.rows(statement, values | {"after_moment": after[0], "after_id": after[1], "most": limit})


async def count_carts(db: Reader, principal: Principal, wanted: CartsWanted) -> int | None:
    """How many there are; None beyond 10,000."""
    values = _values(principal, wanted)
    count: int = await db.value(_count(frozenset(values)), values | {"most": COUNTED_UP_TO + 1})
    return count if count <= COUNTED_UP_TO else None
