"""Carts: create, say who buys, expire."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Row, Uuid, any_, bindparam, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.carts.ahead import TO_BEGIN, read_ahead, was_foreseen
from app.carts.basket import Basket
from app.carts.lines import AT_TILLS, NewLine, put_lines
from app.carts.tables import cart
from app.carts.write import channel_of, finish, lock, scopes_of
from app.channels.queries import channels_by_ids, locations_of_channel
from app.customers import contact
from app.customers.queries import customers_by_ids
from app.events.outbox import Change, Topic, emit
from app.identity import fields
from app.identity.principal import Actor, Principal
from app.inventory.reservations import release_carts
from app.platform.db import Database, Tx
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_secret_id

# Said as the index says it, so that it serves.
_open = literal_column("status IN ('ACTIVE','PARKED')", Boolean)
OVERDUE = (
    select(cart)
    .where(cart.c.expires_at <= bindparam("now"), _open)
    .order_by(cart.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
EXPIRE = (
    update(cart)
    .where(cart.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .values(status="EXPIRED", version=cart.c.version + 1, updated_at=bindparam("now"))
)


async def create_cart(
    tx: Tx,
    actor: Actor,
    *,
    lines: Sequence[NewLine] = (),
    location_id: UUID | None = None,
    currency: str | None = None,
    cart_id: UUID | None = None,
) -> UUID:
    """Open a cart in the caller's channel. A till's is at its register's location; what is in it is carried out.

    `currency`: the channel's, where the caller knows it; it saves reading the prices apart. `cart_id`: the cart's, of
    `new_secret_id`, where it is to be known beforehand.
    Raises NotFound (`locationId`), InvalidInput, InsufficientStock; Forbidden for a price without `prices.override`.
    """
    principal = actor.principal
    cart_id = cart_id or new_secret_id()
    begun = SimpleNamespace(id=cart_id, channel_id=actor.channel_id, customer_id=None, currency=currency)
    if not was_foreseen(tx, begun):
        await read_ahead(tx, begun, actor.now, questions=TO_BEGIN, variants={line.variant_id for line in lines})
    channel = (await channels_by_ids(tx, [actor.channel_id]))[actor.channel_id]
    if location_id is None:
        location_id = _own_location(principal, channel)
    elif not principal.works_at(location_id):
        raise NotFound("This location is not among yours.", path=("locationId",))
    if location_id is not None and location_id not in {each.id for each in await locations_of_channel(tx, channel.id)}:
        raise NotFound("This channel sells from no such location.", path=("locationId",))
    basket = _begun(actor, channel, location_id, cart_id)
    variants = await put_lines(tx, actor, basket, channel, lines)
    await finish(tx, actor, basket, channel=channel, variants=variants)
    return basket.id


def _own_location(principal: Principal, channel: Row[Any]) -> UUID | None:
    """Where a till, or a cashier who works in one place, sells."""
    at_till = principal.register_id is not None or channel.kind in AT_TILLS
    if at_till and principal.location_ids is not None and len(principal.location_ids) == 1:
        return next(iter(principal.location_ids))
    return None


def _begun(actor: Actor, channel: Row[Any], location_id: UUID | None, cart_id: UUID) -> Basket:
    row = SimpleNamespace(
        id=cart_id,
        status="ACTIVE",
        channel_id=channel.id,
        location_id=location_id,
        register_id=actor.principal.register_id,
        customer_id=None,
        currency=channel.currency,
        shows_tax=channel.prices_include_tax,
        prices_promised_until=None,
        created_by=actor.key,
        served_by=None,
        version=0,
        created_at=actor.now,
    )
    return Basket(row=row, lines=[], deliveries=[], new=True)


async def set_customer(
    tx: Tx, actor: Actor, *, cart_id: UUID | None, expected_version: int | None, buyer: Mapping[str, Any]
) -> UUID:
    """Say who buys: an account (staff and tills may), or a guest's contact. Prices follow the customer's groups.

    `buyer`: what is said of `customer_id`, `email`, `phone` and `tax_id`; what is left out stays, None empties. Raises
    NotFound, VersionConflict, InvalidInput; Forbidden for naming an account without `customers.read`.
    """
    if not buyer:
        raise InvalidInput("Name the customer, an e-mail, a phone or a tax number.", code="EMPTY")
    if "customer_id" in buyer:
        actor.principal.require("customers.read")
    basket = await lock(tx, actor, cart_id, expected_version)
    channel = await channel_of(tx, basket)
    basket.changes |= fields.checked(
        buyer,
        {
            "email": ("email", fields.email),
            "phone": ("phone", partial(contact.phone, country=channel.country)),
            "tax_id": ("taxId", partial(contact.tax_id, country=channel.country)),
        },
    )
    if "customer_id" in buyer:
        basket.changes |= {"customer_id": await _customer(tx, buyer["customer_id"]), "served_by": actor.key}
    await finish(tx, actor, basket, channel=channel, reconsider=True)
    return basket.id


async def _customer(tx: Tx, customer_id: UUID | None) -> UUID | None:
    if customer_id is not None:
        found = (await customers_by_ids(tx, [customer_id])).get(customer_id)
        if found is None or not found.active:
            raise NotFound("There is no such customer.", path=("customerId",))
    return customer_id


async def expire_carts(db: Database, now: datetime, *, most: int = 200) -> int:
    """Close carts whose time is over, and let go of their stock; how many. Safe in any number of processes."""

    async def expire(tx: Tx) -> int:
        rows = await tx.rows(OVERDUE, {"now": now, "most": most})
        if not rows:
            return 0
        ids = [row.id for row in rows]
        await tx.execute(EXPIRE, {"ids": ids, "now": now})
        await release_carts(tx, ids)
        changes = [Change(Topic.CART, row.id, row.version + 1, after=scopes_of(row)) for row in rows]
        await emit(tx, changes)
        return len(rows)

    return await db.run(expire)
