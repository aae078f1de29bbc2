"""What cart tests share: writing carts by few words, reading them, and what must hold after every write."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event, select

from app.carts.audit import violations as cart_violations
from app.carts.basket import Basket, baskets
from app.carts.carts import create_cart, set_customer
from app.carts.deliveries import Way, set_delivery
from app.carts.lines import LineChange, NewLine, Override, add_lines, update_lines
from app.carts.queries import CartView, carts_by_ids, view_carts
from app.customers import customers
from app.delivery.tables import delivery_method
from app.identity.principal import Actor
from app.inventory.audit import violations as stock_violations
from app.inventory.tables import hold
from app.platform import clock
from app.platform.ids import new_id
from app.pricing.tables import price
from tests.shop import LONG_AGO, STAMPS, Shop

UNIT = 1000
ADDRESS = {"name": "Ana", "line1": "Rua Um, 1", "city": "São Paulo", "region": "SP", "country": "BR"}


def later(actor: Actor, **after: float) -> Actor:
    """The same caller, some time on."""
    return replace(actor, now=actor.now + timedelta(**after))


def line(shop: Shop, sku: str, units: float = 1, **columns: Any) -> NewLine:
    return NewLine(variant_id=shop.variants[sku], quantity=round(units * UNIT), **columns)


def given_price(minor: int, reason: str = "riscado") -> Override:
    return Override(unit_minor=minor, reason=reason)


async def new_cart(shop: Shop, actor: Actor, *wanted: tuple[str, float] | NewLine, location: str | None = None) -> UUID:
    lines = [each if isinstance(each, NewLine) else line(shop, *each) for each in wanted]
    place = shop.locations[location] if location else None
    return await shop.db.run(lambda tx: create_cart(tx, actor, lines=lines, location_id=place))


async def add(
    shop: Shop, actor: Actor, cart: UUID, *wanted: tuple[str, float] | NewLine, version: int | None = None
) -> None:
    lines = [each if isinstance(each, NewLine) else line(shop, *each) for each in wanted]
    await shop.db.run(lambda tx: add_lines(tx, actor, cart_id=cart, expected_version=version, lines=lines))


async def change(shop: Shop, actor: Actor, cart: UUID, *changes: LineChange, version: int | None = None) -> None:
    await shop.db.run(lambda tx: update_lines(tx, actor, cart_id=cart, expected_version=version, changes=changes))


async def set_quantity(shop: Shop, actor: Actor, cart: UUID, units: float, *, index: int = 0) -> None:
    found = (await basket_of(shop, cart)).lines[index]
    await change(shop, actor, cart, LineChange(line_id=found.id, quantity=round(units * UNIT)))


async def buyer(shop: Shop, actor: Actor, cart: UUID, **said: Any) -> None:
    await shop.db.run(lambda tx: set_customer(tx, actor, cart_id=cart, expected_version=None, buyer=said))


async def deliver(
    shop: Shop,
    actor: Actor,
    cart: UUID,
    method: str,
    *,
    at: str | None = None,
    option: str | None = None,
    address: Mapping[str, Any] | None = None,
    lines: Sequence[UUID] | None = None,
) -> None:
    way = Way(method=method, option=option, location_id=shop.locations[at] if at else None, address=address)
    await shop.db.run(lambda tx: set_delivery(tx, actor, cart_id=cart, expected_version=None, way=way, line_ids=lines))


async def person(shop: Shop, email: str, *, groups: Sequence[UUID] = ()) -> UUID:
    """A customer."""
    owner = shop.actor()
    return await shop.db.run(lambda tx: customers.create(tx, owner, {"email": email}, group_ids=groups))


async def basket_of(shop: Shop, cart: UUID) -> Basket:
    """As it is stored."""
    rows = await carts_by_ids(shop.db, [cart])
    return (await baskets(shop.db, list(rows.values())))[cart]


async def view_of(shop: Shop, cart: UUID, now: datetime) -> CartView:
    """As it is shown."""
    rows = await carts_by_ids(shop.db, [cart])
    return (await view_carts(shop.db, list(rows.values()), now))[cart]


async def totals_of(shop: Shop, cart: UUID) -> list[int]:
    """Of its lines, as the cart shows prices."""
    basket = await basket_of(shop, cart)
    return [each.total(basket.row.shows_tax) for each in basket.lines]


async def reprice(shop: Shop, sku: str, amount: int, at: datetime, **columns: Any) -> None:
    """From this moment on it costs something else."""
    async with shop.db.transaction() as tx:
        await tx.execute(
            price.update().where(price.c.variant_id == shop.variants[sku], price.c.ends_at.is_(None)).values(ends_at=at)
        )
        await shop.price(tx, shop.variants[sku], amount, starts_at=at, **columns)


async def ship_method(shop: Shop, code: str = "sedex", cost: int = 1500, **columns: Any) -> None:
    row = {
        "id": new_id(), "code": code, "name": {"pt-BR": code.title()}, "method": "SHIP", "currency": "BRL",
        "tax_class_id": shop.tax_class_id, "tiers": [{"from": 0, "price": cost}],
    }  # fmt: skip
    async with shop.db.transaction() as tx:
        await tx.execute(delivery_method.insert().values(**row | columns, **STAMPS))


async def held(shop: Shop, cart: UUID) -> dict[tuple[UUID, str], int]:
    """What the cart's lines hold, by line and location code."""
    codes = {key: code for code, key in shop.locations.items()}
    rows = await shop.db.rows(select(hold).where(hold.c.cart_id == cart))
    return {(row.cart_line_id, codes[row.location_id]): row.quantity for row in rows}


async def held_at(shop: Shop, cart: UUID) -> dict[str, int]:
    """What the cart holds in all, by location code."""
    found: dict[str, int] = {}
    for (_, code), quantity in (await held(shop, cart)).items():
        found[code] = found.get(code, 0) + quantity
    return found


async def assert_sound(shop: Shop, *carts: UUID) -> None:
    """Carts add up, stock's law holds, and these carts' lines hold exactly what they ask for."""
    assert await cart_violations(shop.db) == []
    assert await stock_violations(shop.db) == []
    for cart in carts:
        lines: dict[UUID, int] = {}
        for (line_id, _), quantity in (await held(shop, cart)).items():
            lines[line_id] = lines.get(line_id, 0) + quantity
        assert lines == {each.id: each.quantity for each in (await basket_of(shop, cart)).lines}


class Statements:
    """The statements that the block sends, in order; transactions' begin and end are none."""

    def __init__(self, shop: Shop) -> None:
        self.sent: list[str] = []
        self._engines = [shop.db.writes.sync_engine, shop.db.reads.sync_engine]

    def _note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self.sent.append(" ".join(statement.split())[:110])

    def __enter__(self) -> "Statements":
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines:
            event.remove(engine, "before_cursor_execute", self._note)

    def __str__(self) -> str:
        return "\n".join(f"{number:3} {text}" for number, text in enumerate(self.sent, 1))


__all__ = ["ADDRESS", "LONG_AGO", "UNIT", "UTC", "clock"]
