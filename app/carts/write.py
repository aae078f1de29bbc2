"""The frame of every cart command: lock the cart, change it in memory, quote it, write it, hold its stock, tell it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Row,
    Table,
    Update,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert

from app.carts.ahead import TO_CHANGE, foresee, read_ahead, was_foreseen
from app.carts.basket import CART, Basket, baskets
from app.carts.ground import Variants
from app.carts.queries import written
from app.carts.quote import Quoted, quote
from app.carts.stock import demands_of, held_by, stock_asked
from app.carts.tables import cart, cart_delivery, cart_line, cart_visit
from app.channels.queries import channels_by_ids
from app.events.outbox import Change, Topic
from app.events.scopes import sales_scopes
from app.identity.access import may_find_cart, may_open_cart
from app.identity.principal import Actor
from app.inventory import reservations
from app.platform.ahead import Questions
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version
from app.platform.operations import lock_later
from app.platform.statements import Root
from app.platform.unnest import insert_records

__all__ = [
    "cart_change",
    "channel_of",
    "demands_of",
    "finish",
    "held_by",
    "lock",
    "may_find",
    "may_open",
    "save",
    "scopes_of",
    "visit",
]

MOST_LINES = 500
WRITTEN: Final = "written cart"
"""With a cart's id, under which a command remembers the view of what it wrote; None: it is to be read."""

LOCK = CART.with_for_update()
AS_READ = (
    select(cart.c.id)
    .where(cart.c.id == bindparam("the_cart", type_=Uuid), cart.c.version == bindparam("the_version", type_=BigInteger))
    .with_for_update()
)
"""A cart that nobody has written since: whatever is written of it raises its version."""
CREATE = insert(cart)
_dropped = any_(bindparam("dropped", type_=ARRAY(Uuid)))
DROP_LINES = delete(cart_line).where(cart_line.c.cart_id == bindparam("the_cart"), cart_line.c.id == _dropped)
DROP_DELIVERIES = delete(cart_delivery).where(
    cart_delivery.c.cart_id == bindparam("the_cart"), cart_delivery.c.id == _dropped
)


def _put(table: Table) -> Insert:
    statement = insert_records(table)
    new = {each.name: statement.excluded[each.name] for each in table.c if each.name not in {"id", "cart_id"}}
    return statement.on_conflict_do_update(index_elements=[table.c.id], set_=new)


# Half the work where none of them was there before.
ADD_LINES, ADD_DELIVERIES = insert_records(cart_line), insert_records(cart_delivery)
PUT_LINES, PUT_DELIVERIES = _put(cart_line), _put(cart_delivery)
FIRST_VISIT = insert(cart_visit).values(
    cart_id=bindparam("the_cart"), position=1, channel_id=bindparam("channel"), at=bindparam("moment")
)
_begin = select(literal(1).label("one")).subquery("begin")
_last = (
    select(cart_visit.c.position, cart_visit.c.channel_id)
    .where(cart_visit.c.cart_id == bindparam("the_cart", type_=Uuid))
    .order_by(cart_visit.c.position.desc())
    .limit(1)
    .subquery("last")
)
VISIT = insert(cart_visit).from_select(
    ["cart_id", "position", "channel_id", "at"],
    select(
        cast(bindparam("the_cart", type_=Uuid), Uuid),
        cast(func.coalesce(_last.c.position, 0) + 1, Integer),
        cast(bindparam("channel", type_=Uuid), Uuid),
        cast(bindparam("moment", type_=DateTime(timezone=True)), DateTime(timezone=True)),
    )
    .select_from(_begin.outerjoin(_last, true()))
    .where(_last.c.channel_id.is_distinct_from(bindparam("channel", type_=Uuid))),
)


def may_open(actor: Actor, row: Any) -> bool:
    """Whether the caller may read and write this cart, holding its id."""
    return may_open_cart(
        actor.principal,
        customer_id=row.customer_id,
        location_id=row.location_id,
        channel_id=row.channel_id,
        created_by=row.created_by,
        served_by=row.served_by,
    )


def may_find(actor: Actor, row: Any) -> bool:
    """Whether the caller may come to this cart otherwise than by its id: by a line's, or in a list."""
    return may_find_cart(
        actor.principal,
        location_id=row.location_id,
        channel_id=row.channel_id,
        created_by=row.created_by,
        served_by=row.served_by,
    )


async def lock(
    tx: Tx,
    actor: Actor,
    cart_id: UUID | None,
    expected_version: int | None,
    *,
    questions: Questions = TO_CHANGE,
    **beside: Any,
) -> Basket:
    """The cart, locked until the transaction ends, with lines and deliveries as they are then.

    A write that reads first (`operations.read_first`) has it as it is now: the lock, which comes with that of the
    levels, finds it so, or the write is made anew. `questions`: what the command asks of it next is read ahead,
    `beside` it as `read_ahead` takes it. Raises NotFound at `cartId`, VersionConflict, and InvalidInput (CART_CLOSED,
    CART_EXPIRED) when it takes no changes.
    """
    early = tx.is_early
    row = None
    if cart_id is not None:
        if early:
            await foresee(tx, actor, cart_id, questions=questions, **beside)
        row = await tx.row(CART if early else LOCK, {"the_cart": cart_id})
    if row is None or not may_open(actor, row):
        raise NotFound("There is no such cart.", path=("cartId",))
    if row.status == "EXPIRED" or (row.status == "ACTIVE" and _over(row, actor.now)):
        raise InvalidInput("This cart has expired.", path=("cartId",), code="CART_EXPIRED")
    if row.status != "ACTIVE":
        raise InvalidInput(f"This cart is {row.status.lower()}.", path=("cartId",), code="CART_CLOSED")
    check_version(expected_version, row.version, "Cart", row.id)
    if early:
        lock_later(tx, Root(AS_READ, cart, {"the_cart": row.id, "the_version": row.version}))
    if not early or not was_foreseen(tx, row):
        await read_ahead(tx, row, actor.now, questions=questions, **beside)
    return (await baskets(tx, [row]))[row.id]


def _over(row: Row[Any], now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


async def channel_of(tx: Tx, basket: Basket) -> Row[Any]:
    """The channel that the cart was made in: its settings and prices are the cart's, wherever it is touched."""
    return (await channels_by_ids(tx, [basket.row.channel_id]))[basket.row.channel_id]


async def finish(
    tx: Tx,
    actor: Actor,
    basket: Basket,
    *,
    channel: Row[Any],
    variants: Variants | None = None,
    reconsider: bool = False,
) -> Quoted:
    """Quote the cart, write it under its next version, make its holds, and tell of the change.

    `channel`: the cart's. `variants`: those of its lines, where they were read before. Raises what quoting and holding
    refuse: NO_PRICE, AMOUNT_TOO_LARGE, InsufficientStock.
    """
    if len(basket.lines) > MOST_LINES:
        raise InvalidInput(f"A cart has at most {MOST_LINES} lines.", path=("lines",), code="TOO_MANY")
    now = actor.now
    anew = not basket.promised(now)
    quoted = await quote(tx, basket, channel=channel, now=now, anew=anew, reconsider=reconsider, variants=variants)
    if not basket.lines:
        basket.changes["prices_promised_until"] = None
    elif anew:
        basket.changes["prices_promised_until"] = now + timedelta(minutes=channel.price_promise_minutes)
    basket.changes["expires_at"] = now + timedelta(days=channel.cart_days)
    held = () if basket.new else await held_by(tx, basket)
    demands = await stock_asked(tx, basket, quoted.variants, channel, held)
    until = now + timedelta(minutes=channel.hold_minutes)
    async with tx.together():
        await save(tx, actor, basket)
        await visit(tx, actor, basket)
        holds = await reservations.hold(
            tx,
            cart_id=basket.id,
            demands=demands,
            expires_at=until,
            ignores_safety_stock=channel.ignores_safety_stock,
            also=[cart_change(basket)],
            holds=held,
        )
    tx.remembered[WRITTEN, basket.id] = written(basket, channel, quoted.variants, holds, until)
    return quoted


async def save(tx: Tx, actor: Actor, basket: Basket) -> None:
    """Write the cart's row, its version raised by one, and those of its lines and deliveries that changed."""
    basket.changes |= {"version": basket.row.version + 1, "updated_at": actor.now}
    if basket.new:
        await tx.later(CREATE, vars(basket.row) | basket.changes)
    else:
        await tx.later(_update(frozenset(basket.changes)), {"the_cart": basket.id, **_named(basket.changes)})
    dropped = basket.dropped()
    if dropped:
        await tx.later(DROP_LINES, {"the_cart": basket.id, "dropped": dropped})
        await tx.later(DROP_DELIVERIES, {"the_cart": basket.id, "dropped": dropped})
    if lines := basket.written(basket.lines):
        await tx.later(ADD_LINES if _are_new(basket, lines) else PUT_LINES, {"records": lines})
    if deliveries := basket.written(basket.deliveries):
        await tx.later(ADD_DELIVERIES if _are_new(basket, deliveries) else PUT_DELIVERIES, {"records": deliveries})


def _are_new(basket: Basket, records: Sequence[Mapping[str, Any]]) -> bool:
    return all(each["id"] not in basket.stored for each in records)


@cache
def _update(changed: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in sorted(changed)}
    return update(cart).where(cart.c.id == bindparam("the_cart")).values(values)


def _named(changes: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in changes.items()}


async def visit(tx: Tx, actor: Actor, basket: Basket) -> None:
    """Remember that the cart was touched from the caller's channel, unless it was the last that touched it."""
    given = {"the_cart": basket.id, "channel": actor.channel_id, "moment": actor.now}
    await tx.later(FIRST_VISIT if basket.new else VISIT, given)


def scopes_of(row: Any, **changed: Any) -> list[str]:
    """Who may see this cart in the feed."""
    return sales_scopes(
        changed.get("location_id", row.location_id), row.channel_id, changed.get("customer_id", row.customer_id)
    )


def cart_change(basket: Basket) -> Change:
    """The outbox's word of a cart that was written."""
    return Change(
        topic=Topic.CART,
        entity_id=basket.id,
        version=basket.changes["version"],
        before=() if basket.new else scopes_of(basket.row),
        after=scopes_of(basket.row, **basket.changes),
    )
