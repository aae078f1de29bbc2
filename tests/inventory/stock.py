"""What stock tests share: holding and ordering by few words, and whether law 1 holds."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from app.events.tables import outbox
from app.inventory.audit import violations
from app.inventory.errors import InsufficientStock
from app.inventory.reservations import Demand, Take, Taken, allocate, hold
from app.inventory.tables import hold as held
from app.platform import clock
from app.platform.errors import Refusals
from app.platform.ids import new_id
from tests.shop import Shop

UNIT = 1000


async def hold_some(
    shop: Shop,
    sku: str,
    units: float,
    at: tuple[str, ...] = ("centro",),
    *,
    cart: UUID | None = None,
    line: UUID | None = None,
    minutes: float = 15,
    **options: Any,
) -> tuple[UUID, UUID]:
    """One line of one cart, in a transaction of its own; cart and line."""
    cart, line = cart or new_id(), line or new_id()
    wanted = demand(shop, sku, units, at, line=line, backorder_allowance=options.pop("backorder_allowance", 0))
    until = clock.now() + timedelta(minutes=minutes)
    await shop.db.run(lambda tx: hold(tx, cart_id=cart, demands=[wanted], expires_at=until, **options))
    return cart, line


def demand(shop: Shop, sku: str, units: float, at: tuple[str, ...] = ("centro",), **columns: Any) -> Demand:
    columns.setdefault("line", new_id())
    return Demand(
        line_id=columns.pop("line"),
        variant_id=shop.variants[sku],
        quantity=round(units * UNIT),
        location_ids=tuple(shop.locations[code] for code in at),
        **columns,
    )


def take(
    shop: Shop, sku: str, units: float, at: tuple[str, ...] = ("centro",), *, line: UUID | None = None, **columns: Any
) -> Take:
    return Take(
        cart_line_id=line or new_id(),
        order_line_id=columns.pop("order_line", None) or new_id(),
        variant_id=shop.variants[sku],
        quantity=round(units * UNIT),
        location_ids=tuple(shop.locations[code] for code in at),
        **columns,
    )


async def order_some(
    shop: Shop, *takes: Take, cart: UUID | None = None, order: UUID | None = None, **options: Any
) -> list[Taken]:
    """Sell a cart, in a transaction of its own."""
    return await shop.db.run(
        lambda tx: allocate(
            tx,
            cart_id=cart or new_id(),
            order_id=order or new_id(),
            order_number="W1",
            takes=takes,
            actor=shop.actor(),
            now=clock.now(),
            **options,
        )
    )


async def expire(shop: Shop, cart: UUID | None = None) -> None:
    """Let the time of a cart's holds, or of all, have passed."""
    statement = update(held).values(expires_at=func.clock_timestamp() - timedelta(seconds=1))
    if cart is not None:
        statement = statement.where(held.c.cart_id == cart)
    async with shop.db.transaction() as tx:
        await tx.execute(statement)


async def holds_of(shop: Shop, line: UUID) -> dict[str, int]:
    """What a line holds, by location code, in thousandths."""
    codes = {place: code for code, place in shop.locations.items()}
    rows = await shop.db.rows(select(held.c.location_id, held.c.quantity).where(held.c.cart_line_id == line))
    return {codes[row.location_id]: row.quantity for row in rows}


async def assert_law(shop: Shop) -> None:
    assert await violations(shop.db) == []


def shortages(refused: Refusals) -> list[InsufficientStock]:
    return [one for one in refused.refusals if isinstance(one, InsufficientStock)]


async def told(shop: Shop, topic: str) -> list[tuple[UUID, int]]:
    """Entity and version of what was emitted, in order."""
    rows = await shop.db.rows(
        select(outbox.c.entity_id, outbox.c.version).where(outbox.c.topic == topic).order_by(outbox.c.id)
    )
    return [(row.entity_id, row.version) for row in rows]
