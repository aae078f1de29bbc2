"""The frame of every cart command: lock the cart, change it in memory, quote it, write it, hold its stock, tell it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.carts.basket import SHIP, Basket, Line, baskets, columns_of
from app.carts.quote import Quoted, quote
from app.carts.tables import cart, cart_delivery, cart_line, cart_visit
from app.channels.queries import channels_by_ids, locations_of_channel
from app.events.outbox import STAFF, Change, Topic, customer_scope, emit, location_scope
from app.identity.access import may_open_cart
from app.identity.principal import Actor
from app.inventory import reservations
from app.inventory.reservations import Demand
from app.inventory.sourcing import rank_locations
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version

MOST_LINES = 500

LOCK = select(cart).where(cart.c.id == bindparam("id")).with_for_update()
UPDATE = update(cart).where(cart.c.id == bindparam("cart_id"))
DROP_LINES = delete(cart_line).where(
    cart_line.c.cart_id == bindparam("cart_id"), cart_line.c.id.not_in(bindparam("kept", expanding=True))
)
DROP_DELIVERIES = delete(cart_delivery).where(
    cart_delivery.c.cart_id == bindparam("cart_id"), cart_delivery.c.id.not_in(bindparam("kept", expanding=True))
)
_put_line = insert(cart_line)
PUT_LINE = _put_line.on_conflict_do_update(
    index_elements=[cart_line.c.id],
    set_={each.name: _put_line.excluded[each.name] for each in cart_line.c if each.name not in {"id", "cart_id"}},
)
_put_delivery = insert(cart_delivery)
PUT_DELIVERY = _put_delivery.on_conflict_do_update(
    index_elements=[cart_delivery.c.id],
    set_={
        each.name: _put_delivery.excluded[each.name] for each in cart_delivery.c if each.name not in {"id", "cart_id"}
    },
)
LAST_VISIT = (
    select(cart_visit.c.position, cart_visit.c.channel_id)
    .where(cart_visit.c.cart_id == bindparam("cart_id"))
    .order_by(cart_visit.c.position.desc())
    .limit(1)
)
VISIT = insert(cart_visit)


def may_open(actor: Actor, row: Row[Any]) -> bool:
    """Whether the caller may read and write this cart, holding its id."""
    return may_open_cart(
        actor.principal,
        customer_id=row.customer_id,
        location_id=row.location_id,
        channel_id=row.channel_id,
        created_by=row.created_by,
    )


async def lock(tx: Tx, actor: Actor, cart_id: UUID | None, expected_version: int | None) -> Basket:
    """The cart, locked until the transaction ends, with lines and deliveries as they are then.

    Raises NotFound at `cartId`, VersionConflict, and InvalidInput (CART_CLOSED, CART_EXPIRED) when it takes no changes.
    """
    row = await tx.row(LOCK, {"id": cart_id}) if cart_id is not None else None
    if row is None or not may_open(actor, row):
        raise NotFound("There is no such cart.", path=("cartId",))
    check_version(expected_version, row.version, "Cart", row.id)
    if row.status == "EXPIRED" or (row.status in ("ACTIVE", "PARKED") and _over(row, actor.now)):
        raise InvalidInput("This cart has expired.", path=("cartId",), code="CART_EXPIRED")
    if row.status != "ACTIVE":
        raise InvalidInput(f"This cart is {row.status.lower()}.", path=("cartId",), code="CART_CLOSED")
    return (await baskets(tx, [row]))[row.id]


def _over(row: Row[Any], now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


async def finish(tx: Tx, actor: Actor, basket: Basket, *, reconsider: bool = False) -> Quoted:
    """Quote the cart, write it under its next version, make its holds, and tell of the change.

    Raises what quoting and holding refuse: NOT_FOR_SALE, NO_PRICE, InsufficientStock.
    """
    if len(basket.lines) > MOST_LINES:
        raise InvalidInput(f"A cart has at most {MOST_LINES} lines.", path=("lines",), code="TOO_MANY")
    channel = (await channels_by_ids(tx, [basket.row.channel_id]))[basket.row.channel_id]
    now = actor.now
    anew = not basket.promised(now)
    quoted = await quote(tx, basket, channel=channel, now=now, anew=anew, reconsider=reconsider)
    if anew and basket.lines:
        basket.changes["prices_promised_until"] = now + timedelta(minutes=channel.price_promise_minutes)
    await save(tx, actor, basket, expires_at=now + timedelta(days=channel.cart_days))
    await claim_stock(tx, basket, quoted, channel, now)
    await emit(tx, [cart_change(basket)])
    return quoted


async def save(tx: Tx, actor: Actor, basket: Basket, *, expires_at: datetime) -> None:
    """Write lines, deliveries and the cart's row, its version raised by one."""
    parameters = {"cart_id": basket.id}
    basket.deliveries = [each for each in basket.deliveries if basket.lines_of(each)]
    await tx.execute(DROP_LINES, parameters | {"kept": [line.id for line in basket.lines]})
    await tx.many(PUT_LINE, [columns_of(line) | parameters for line in basket.lines])
    await tx.execute(DROP_DELIVERIES, parameters | {"kept": [each.id for each in basket.deliveries]})
    await tx.many(PUT_DELIVERY, [columns_of(each) | parameters for each in basket.deliveries])
    await visit(tx, actor, basket.id)
    basket.changes |= {"version": basket.row.version + 1, "updated_at": actor.now, "expires_at": expires_at}
    await tx.execute(UPDATE.values({name: bindparam(f"new_{name}") for name in basket.changes}), parameters | {
        f"new_{name}": value for name, value in basket.changes.items()
    })  # fmt: skip


async def visit(tx: Tx, actor: Actor, cart_id: UUID) -> None:
    """Remember that the cart was touched from the caller's channel, unless it was the last that touched it."""
    last = await tx.row(LAST_VISIT, {"cart_id": cart_id})
    if last is None or last.channel_id != actor.channel_id:
        position = 1 if last is None else last.position + 1
        await tx.execute(
            VISIT, {"cart_id": cart_id, "position": position, "channel_id": actor.channel_id, "at": actor.now}
        )


async def claim_stock(tx: Tx, basket: Basket, quoted: Quoted, channel: Row[Any], now: datetime) -> None:
    """Make the cart's holds what its lines ask for. Raises one InsufficientStock for each line that is short."""
    expires_at = now + timedelta(minutes=channel.hold_minutes)
    demands = await demands_of(tx, basket, quoted.variants, channel)
    await reservations.hold(
        tx,
        cart_id=basket.id,
        demands=demands,
        expires_at=expires_at,
        ignores_safety_stock=channel.ignores_safety_stock,
    )


async def demands_of(tx: Tx, basket: Basket, variants: Mapping[UUID, Row[Any]], channel: Row[Any]) -> list[Demand]:
    """What each line with tracked stock needs, and from which locations, the first preferred."""
    wanted = [line for line in basket.lines if _tracked(line, variants)]
    free = [line for line in wanted if _ties(basket, line) is None]
    ranked: Sequence[UUID] = ()
    if free:
        ranked = await rank_locations(
            tx,
            locations=await locations_of_channel(tx, channel.id),
            own_location_id=basket.now_is("location_id"),
            demands=[(line.variant_id, line.quantity) for line in free],
            cart_id=basket.id,
            ignores_safety_stock=channel.ignores_safety_stock,
        )
    demands = []
    for line in wanted:
        tied = _ties(basket, line)
        demands.append(
            Demand(
                line_id=line.id,
                variant_id=line.variant_id,
                quantity=line.quantity,
                location_ids=tuple(ranked) if tied is None else (tied,),
                path=line.path,
                backorder_allowance=variants[line.variant_id].backorder_allowance,
            )
        )
    return demands


def _tracked(line: Line, variants: Mapping[UUID, Row[Any]]) -> bool:
    variant = variants.get(line.variant_id)
    return variant is not None and variant.track_stock


def _ties(basket: Basket, line: Line) -> UUID | None:
    """The one location that a line must come from: where it is carried out or picked up."""
    delivery = basket.delivery_of(line)
    if delivery is None or delivery.method == SHIP:
        return None
    return delivery.location_id


def scopes_of(row: Any, **changed: Any) -> list[str]:
    """Who may see this cart or order in the feed, beside staff."""
    location_id = changed.get("location_id", row.location_id)
    customer_id = changed.get("customer_id", row.customer_id)
    scopes = [STAFF]
    if location_id is not None:
        scopes.append(location_scope(location_id))
    if customer_id is not None:
        scopes.append(customer_scope(customer_id))
    return scopes


def cart_change(basket: Basket) -> Change:
    """The outbox's word of a cart that was written."""
    return Change(
        topic=Topic.CART,
        entity_id=basket.id,
        version=basket.changes["version"],
        before=scopes_of(basket.row),
        after=scopes_of(basket.row, **basket.changes),
    )
