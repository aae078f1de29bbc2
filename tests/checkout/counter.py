"""What tests of selling share: carts that are ready, checkouts by few words, and the books that must be right after."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update

from app.carts.audit import LIVE_CARTS
from app.carts.audit import violations as cart_violations
from app.carts.tables import cart
from app.checkout.place import Checkout, Placed, place
from app.events.tables import outbox
from app.fulfillment.audit import violations as fulfillment_violations
from app.identity.principal import Actor
from app.inventory.audit import violations as stock_violations
from app.inventory.sweeper import sweep
from app.inventory.tables import allocation, hold, stock_movement
from app.orders.audit import OPEN_LINES
from app.orders.audit import violations as order_violations
from app.orders.cancel import cancel
from app.orders.queries import lines_of_orders, orders_by_ids
from app.payments.tables import posting
from app.payments.tenders import Tender, payments_of
from app.platform import clock
from app.platform.db import Database
from app.platform.errors import Refusal, Refusals
from tests.carts.selling import ADDRESS, UNIT, deliver, new_cart, ship_method
from tests.shop import Shop

CENTRO = "centro"


def cash(amount: int, received: int | None = None) -> Tender:
    return Tender("CASH", amount, received, path=("tenders", "0"))


def card(amount: int) -> Tender:
    return Tender("CARD_TERMINAL", amount, reference="NSU 1", path=("tenders", "1"))


def till(shop: Shop, register: str = "centro-1") -> Actor:
    """The device at a register."""
    place_code = register.split("-")[0]
    return shop.actor(
        "device", register_id=shop.registers[register], location_ids=frozenset({shop.locations[place_code]})
    )


def guest(shop: Shop, channel: str = "web") -> Actor:
    return shop.actor("anonymous", channel=channel)


async def total_of(shop: Shop, cart_id: UUID) -> int:
    total: int = await shop.db.value(select(cart.c.total).where(cart.c.id == cart_id))
    return total


async def sell(shop: Shop, actor: Actor, cart_id: UUID, *tenders: Tender, **said: Any) -> Placed:
    """Check out; the exact total in cash where no tender is named. `said`: of `Checkout`."""
    given = tenders or (cash(await total_of(shop, cart_id)),)
    if said.pop("free", False):
        given = ()
    checkout = Checkout(**{"cart_id": cart_id, "expected_version": None, "tenders": given} | said)
    return await shop.db.run(lambda tx: place(tx, actor, checkout))


async def sale(shop: Shop, *wanted: tuple[str, float], actor: Actor | None = None) -> Placed:
    """Something sold at the till of centro-1, carried out."""
    seller = actor or till(shop)
    return await sell(shop, seller, await new_cart(shop, seller, *wanted))


async def shipped_cart(shop: Shop, *wanted: tuple[str, float], actor: Actor | None = None) -> UUID:
    """A guest's cart that is to be sent by `sedex`, which must be there."""
    buyer = actor or guest(shop)
    cart_id = await new_cart(shop, buyer, *wanted)
    await deliver(shop, buyer, cart_id, "SHIP", option="sedex", address=ADDRESS)
    return cart_id


async def web_order(shop: Shop, *wanted: tuple[str, float], actor: Actor | None = None) -> Placed:
    """A guest's order to be shipped and paid at the door."""
    return await sell(shop, actor or guest(shop), await shipped_cart(shop, *wanted, actor=actor))


async def pickup_order(shop: Shop, *wanted: tuple[str, float], at: str = CENTRO) -> Placed:
    """A guest's order to be picked up and paid there."""
    cart_id = await new_cart(shop, guest(shop), *wanted)
    await deliver(shop, guest(shop), cart_id, "PICKUP", at=at)
    return await sell(shop, guest(shop), cart_id)


async def call_off(
    shop: Shop, placed: Placed | UUID, *, actor: Actor | None = None, version: int | None = None, why: str | None = None
) -> None:
    """Cancel the order, as the owner where nobody is named."""
    key = placed if isinstance(placed, UUID) else placed.order_id
    who = actor or shop.actor()
    await shop.db.run(lambda tx: cancel(tx, who, order_id=key, expected_version=version, reason=why))


async def order_of(shop: Shop, placed: Placed | UUID) -> Row[Any]:
    key = placed if isinstance(placed, UUID) else placed.order_id
    return (await orders_by_ids(shop.db, [key]))[key]


async def lines_of(shop: Shop, placed: Placed | UUID) -> list[Row[Any]]:
    key = placed if isinstance(placed, UUID) else placed.order_id
    return (await lines_of_orders(shop.db, [key]))[key]


async def payments(shop: Shop, placed: Placed | UUID) -> list[Row[Any]]:
    key = placed if isinstance(placed, UUID) else placed.order_id
    return (await payments_of(shop.db, [key])).get(key, [])


async def balance(shop: Shop, account: str) -> int:
    """Debits less credits of an account; an account of money or of what is owed grows by debits."""
    found = 0
    for side, sign in ((posting.c.debit, 1), (posting.c.credit, -1)):
        moved = await shop.db.value(select(func.coalesce(func.sum(posting.c.amount), 0)).where(side == account))
        found += sign * int(moved)
    return found


async def owed(shop: Shop, placed: Placed | UUID) -> int:
    key = placed if isinstance(placed, UUID) else placed.order_id
    return await balance(shop, f"receivable:{key}")


async def allocated(shop: Shop, placed: Placed | UUID) -> dict[str, int]:
    """What the order has allocated, by location code."""
    codes = {key: code for code, key in shop.locations.items()}
    key = placed if isinstance(placed, UUID) else placed.order_id
    rows = await shop.db.rows(select(allocation).where(allocation.c.order_id == key))
    found: dict[str, int] = {}
    for row in rows:
        found[codes[row.location_id]] = found.get(codes[row.location_id], 0) + row.quantity
    return found


async def movements(shop: Shop, kind: str) -> list[int]:
    """Quantities of the ledger's movements of a kind, oldest first."""
    rows = await shop.db.rows(select(stock_movement).where(stock_movement.c.kind == kind).order_by(stock_movement.c.id))
    return [row.quantity for row in rows]


async def told(shop: Shop, topic: str) -> list[int]:
    """The versions that the outbox told of this topic, in their order."""
    return [row.version for row in await shop.db.rows(select(outbox).where(outbox.c.topic == topic).order_by("id"))]


async def forget_holds(shop: Shop) -> None:
    """All holds are over, and swept."""
    async with shop.db.transaction() as tx:
        await tx.execute(update(hold).values(expires_at=clock.now() - timedelta(seconds=1)))
    await sweep(shop.db, clock.now())


def located(actor: Actor, shop: Shop, *codes: str) -> Actor:
    """The same staff, working at these places alone."""
    places = frozenset(shop.locations[code] for code in codes)
    return replace(actor, principal=replace(actor.principal, location_ids=places))


async def violations(db: Database) -> list[str]:
    """What the audits of stock, carts, orders and fulfillments say."""
    found = await stock_violations(db, live_carts=LIVE_CARTS, open_lines=OPEN_LINES)
    for check in (cart_violations, order_violations, fulfillment_violations):
        found += await check(db)
    return found


async def refusals(call: Awaitable[Any]) -> list[Any]:
    """What it was refused with; it must be."""
    try:
        await call
    except (Refusal, Refusals) as refused:
        return list(refused.refusals)
    raise AssertionError("it was not refused")


async def assert_books(shop: Shop) -> None:
    assert await violations(shop.db) == []


__all__ = ["ADDRESS", "UNIT", "deliver", "new_cart", "ship_method"]
