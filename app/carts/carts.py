"""Carts: create, say who buys, expire."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app.carts.basket import Basket
from app.carts.lines import NewLine, put_lines
from app.carts.tables import cart
from app.carts.write import finish, lock, scopes_of
from app.channels.queries import channels_by_ids, locations_of_channel
from app.customers.contact import checked_email, checked_phone, checked_tax_id
from app.customers.queries import customers_by_ids
from app.events.outbox import Change, Topic, emit
from app.identity.principal import Actor
from app.inventory.reservations import release_carts
from app.platform.db import Database, Tx
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_secret_id

CREATE = insert(cart).returning(cart)
OVERDUE = (
    select(cart)
    .where(cart.c.expires_at <= bindparam("now"), cart.c.status.in_(["ACTIVE", "PARKED"]))
    .order_by(cart.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
EXPIRE = (
    update(cart)
    .where(cart.c.id == bindparam("cart_id"))
    .values(status="EXPIRED", version=cart.c.version + 1, updated_at=bindparam("now"))
)


async def create_cart(
    tx: Tx,
    actor: Actor,
    *,
    lines: Sequence[NewLine] = (),
    location_id: UUID | None = None,
) -> UUID:
    """Open a cart in the caller's channel. A till's is at its register's location; what is in it is carried out.

    Raises NotFound (`locationId`), InvalidInput, InsufficientStock.
    """
    principal = actor.principal
    if location_id is None and principal.register_id is not None and principal.location_ids:
        (location_id,) = principal.location_ids
    channel = (await channels_by_ids(tx, [actor.channel_id]))[actor.channel_id]
    if location_id is not None:
        if location_id not in {each.id for each in await locations_of_channel(tx, channel.id)}:
            raise NotFound("This channel sells from no such location.", path=("locationId",))
        if not principal.works_at(location_id):
            raise NotFound("This location is not among yours.", path=("locationId",))
    row = await tx.row(
        CREATE,
        {
            "id": new_secret_id(),
            "channel_id": channel.id,
            "location_id": location_id,
            "register_id": principal.register_id,
            "currency": channel.currency,
            "shows_tax": channel.prices_include_tax,
            "created_by": actor.key,
            "version": 0,
            "created_at": actor.now,
            "updated_at": actor.now,
            "expires_at": actor.now + timedelta(days=channel.cart_days),
        },
    )
    assert row is not None
    basket = Basket(row=row, lines=[], deliveries=[])
    if lines:
        await put_lines(tx, actor, basket, lines)
    await finish(tx, actor, basket)
    return basket.id


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys. Only what is in `given` is set; None clears."""

    given: frozenset[str]
    customer_id: UUID | None = None
    email: str | None = None
    phone: str | None = None
    tax_id: str | None = None


async def set_customer(
    tx: Tx, actor: Actor, *, cart_id: UUID | None, expected_version: int | None, buyer: Buyer
) -> UUID:
    """Say who buys: an account (staff and tills may), or a guest's contact. Prices follow the customer's groups.

    Raises NotFound, VersionConflict, InvalidInput; Forbidden for naming an account without `customers.read`.
    """
    basket = await lock(tx, actor, cart_id, expected_version)
    if "customer_id" in buyer.given:
        actor.principal.require("customers.read")
        if buyer.customer_id is not None and not await customers_by_ids(tx, [buyer.customer_id]):
            raise NotFound("There is no such customer.", path=("customerId",))
        basket.changes["customer_id"] = buyer.customer_id
    if "email" in buyer.given:
        basket.changes["email"] = checked_email(buyer.email, ("email",))
    if "phone" in buyer.given:
        basket.changes["phone"] = checked_phone(buyer.phone, ("phone",))
    if "tax_id" in buyer.given:
        country = (await channels_by_ids(tx, [basket.row.channel_id]))[basket.row.channel_id].country
        basket.changes["tax_id"] = checked_tax_id(buyer.tax_id, country, ("taxId",))
    if not buyer.given:
        raise InvalidInput("Name the customer, an e-mail, a phone or a tax id.", code="EMPTY")
    await finish(tx, actor, basket, reconsider=True)
    return basket.id


async def expire_carts(db: Database, now: datetime, *, most: int = 200) -> int:
    """Close carts whose time is over, and let go of their stock; how many. Safe in any number of processes."""

    async def expire(tx: Tx) -> int:
        rows = await tx.rows(OVERDUE, {"now": now, "most": most})
        await tx.many(EXPIRE, [{"cart_id": row.id, "now": now} for row in rows])
        await release_carts(tx, [row.id for row in rows])
        await emit(
            tx,
            [Change(topic=Topic.CART, entity_id=row.id, version=row.version + 1, after=scopes_of(row)) for row in rows],
        )
        return len(rows)

    return await db.run(expire)
