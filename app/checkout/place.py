"""Placing: a cart becomes an order, its holds allocations or a sale, its tenders payments; one transaction, or nothing.

The stock is taken last, so that the lock on a level that everybody wants is held as short as can be; only the outbox is
written after it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import CARRY_OUT, Basket, Line
from app.carts.close import close_as_ordered
from app.carts.ground import Variants
from app.carts.quote import Quoted
from app.carts.totals import cash_rounding
from app.carts.write import demands_of, held_by, lock
from app.catalog.queries import sellable
from app.channels.queries import channels_by_ids
from app.checkout.ahead import TO_SELL
from app.checkout.checks import CART, check_deliveries
from app.checkout.draft import draft_order
from app.checkout.price import check_expected, settled_quote
from app.events.outbox import Change, Topic
from app.events.scopes import sales_scopes
from app.fulfillment.create import record as record_fulfillment
from app.identity import fields
from app.identity.principal import Actor
from app.inventory.allocations import Take, Taken, allocate
from app.orders.record import OrderDraft, record
from app.orders.states import status
from app.orders.write import note
from app.payments.ledger import drawer_of, post, sale_postings
from app.payments.tenders import Tender, check_tenders, take
from app.platform.db import Tx
from app.platform.errors import InvalidInput, Refusal, collect

LONGEST_RECEIPT_NUMBER = 64


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a caller says at checkout. `expected_total`: minor units of the cart's currency."""

    cart_id: UUID | None
    expected_version: int | None
    tenders: Sequence[Tender]
    expected_total: int | None = None
    email: str | None = None
    receipt_number: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The order's id, and the change to give back in minor units."""

    order_id: UUID
    change: int
    currency: str


async def place(tx: Tx, actor: Actor, checkout: Checkout) -> Placed:
    """Sell the cart.

    Raises NotFound, VersionConflict, InvalidInput (EMPTY, WITHDRAWN, DELIVERY_REQUIRED, OPTION_REQUIRED,
    METHOD_NOT_ALLOWED, LOCATION_CLOSED, TENDERS_DO_NOT_ADD_UP, RECEIPT_NUMBER_TAKEN, …), PriceChanged, and one
    InsufficientStock for each line that is short: nothing is sold.
    """
    return await place_as(tx, actor, checkout.cart_id, checkout.expected_version, lambda _: checkout)


async def place_as(
    tx: Tx,
    actor: Actor,
    cart_id: UUID | None,
    expected_version: int | None,
    said: Callable[[str], Checkout],
    also: Callable[[Placed], Awaitable[None]] | None = None,
) -> Placed:
    """`place`, where what the caller says is only understood (`said`) once the cart's currency is known.

    `also`: what is written of it together with the order.
    """
    basket = await lock(tx, actor, cart_id, expected_version, questions=TO_SELL)
    checkout = said(basket.row.currency)
    if not basket.lines:
        raise InvalidInput("The cart is empty.", path=CART, code="EMPTY")
    receipt_number = fields.optional_text(checkout.receipt_number, ("receiptNumber",), most=LONGEST_RECEIPT_NUMBER)
    email = fields.email(checkout.email, ("email",)) or basket.row.email
    channel = (await channels_by_ids(tx, [basket.row.channel_id]))[basket.row.channel_id]
    quoted = await settled_quote(tx, actor, basket, channel, agreed=checkout.expected_total is not None)
    variants = await _variants(tx, actor, basket, channel, quoted)
    await check_deliveries(tx, actor, basket, channel, variants)
    _round_for_cash(actor, basket, channel, checkout.tenders)
    total = basket.now_is("total")
    check_expected(basket, checkout.expected_total, total)
    change = check_tenders(checkout.tenders, total)
    draft = await draft_order(tx, actor, basket, channel, email=email, receipt_number=receipt_number)
    held = await held_by(tx, basket)
    takes = await _takes(tx, basket, variants, channel, draft, held)
    placed = Placed(order_id=draft.id, change=change, currency=basket.row.currency)
    async with tx.together():
        await _write(tx, actor, basket, draft, checkout.tenders)
        if also is not None:
            await also(placed)
        closed = await close_as_ordered(tx, actor, basket, draft.id)
        await allocate(
            tx,
            cart_id=basket.id,
            order_id=draft.id,
            order_number=draft.columns["number"],
            takes=takes,
            actor=actor,
            now=actor.now,
            ignores_safety_stock=channel.ignores_safety_stock,
            also=lambda taken: [_placed(basket, draft, taken), closed],
            holds=held,
        )
    return placed


async def _variants(tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], quoted: Quoted | None) -> Variants:
    """What the lines' variants are now. Raises InvalidInput (WITHDRAWN) for those that are not for sale any more."""
    if quoted is not None:
        variants, priced = quoted.variants, quoted.priced
    else:
        keys = [line.variant_id for line in basket.lines]
        variants = await sellable(tx, keys, channel_id=channel.id, moment=actor.now)
        # What is promised sells at its price, were it to have none today.
        priced = frozenset(line.id for line in basket.lines)
    refusals: list[Refusal] = []
    for line in basket.lines:
        variant = variants.get(line.variant_id)
        if variant is None or not variant.published or line.id not in priced:
            refusals.append(
                InvalidInput(f"{line.sku or 'An item'} is not for sale any more.", path=CART, code="WITHDRAWN")
            )
    collect(refusals)
    return variants


def _round_for_cash(actor: Actor, basket: Basket, channel: Row[Any], tenders: Sequence[Tender]) -> None:
    """What is paid in cash alone is rounded to the channel's smallest coin; at a till it may come to nothing."""
    total = basket.now_is("total") - basket.now_is("rounding")
    rounding = 0
    in_cash = all(tender.method == "CASH" for tender in tenders)
    if channel.cash_rounding > 1 and in_cash and (tenders or actor.principal.may("payments.settle")):
        rounding = cash_rounding(total, channel.cash_rounding)
    basket.changes |= {"rounding": rounding, "total": total + rounding}


async def _takes(
    tx: Tx,
    basket: Basket,
    variants: Variants,
    channel: Row[Any],
    draft: OrderDraft,
    held: Sequence[Row[Any]],
) -> list[Take]:
    order_lines = dict(zip((line.id for line in basket.lines), draft.lines, strict=True))
    by_id = {line.id: line for line in basket.lines}
    return [
        Take(
            cart_line_id=demand.line_id,
            order_line_id=order_lines[demand.line_id]["id"],
            variant_id=demand.variant_id,
            quantity=demand.quantity,
            location_ids=demand.location_ids,
            leaves_now=_carried_out(basket, by_id[demand.line_id]),
            path=CART,
            backorder_allowance=demand.backorder_allowance,
        )
        for demand in await demands_of(tx, basket, variants, channel, held)
    ]


def _carried_out(basket: Basket, line: Line) -> bool:
    delivery = basket.delivery_of(line)
    return delivery is not None and delivery.method == CARRY_OUT


async def _write(tx: Tx, actor: Actor, basket: Basket, draft: OrderDraft, tenders: Sequence[Tender]) -> None:
    """The order with its payments, its postings, and the fulfillments of what is carried out."""
    columns = draft.columns
    settled = actor.principal.may("payments.settle")
    paid = _paid(tenders, settled, columns["total"])
    for line, row in zip(basket.lines, draft.lines, strict=True):
        row["fulfilled"] = row["quantity"] if _carried_out(basket, line) else 0
    leaving = [row for row in draft.lines if row["fulfilled"]]
    sent = _sent(len(leaving), len(draft.lines))
    states = {"payment_status": paid, "fulfillment_status": sent, "status": status(paid, sent)}
    await record(tx, replace(draft, columns={**columns, **states}))
    paid_in = await take(
        tx,
        order_id=draft.id,
        tenders=tenders,
        currency=columns["currency"],
        settled=settled,
        place=drawer_of(actor.principal, columns["location_id"], columns["channel_id"]),
        now=actor.now,
    )
    sold = sale_postings(
        draft.id,
        goods=sum(line.total_net for line in basket.lines),
        delivery=sum(each.net or 0 for each in basket.deliveries),
        tax=columns["tax"],
        rounding=columns["rounding"],
    )
    await post(tx, order_id=draft.id, currency=columns["currency"], now=actor.now, postings=[*sold, *paid_in])
    await _hand_over(tx, actor, draft, leaving)
    await note(tx, actor, draft.id, "placed", details={"number": columns["number"], "total": columns["total"]})


def _placed(basket: Basket, draft: OrderDraft, taken: Sequence[Taken]) -> Change:
    """What the outbox says of the new order."""
    places = {each.location_id for each in basket.deliveries if each.location_id} | {each.location_id for each in taken}
    columns = draft.columns
    scopes = sales_scopes(columns["location_id"], columns["channel_id"], columns["customer_id"], places)
    return Change(topic=Topic.ORDER, entity_id=draft.id, version=1, before=(), after=scopes)


async def _hand_over(tx: Tx, actor: Actor, draft: OrderDraft, leaving: Sequence[Mapping[str, Any]]) -> None:
    """A fulfillment for each place where goods are carried out."""
    for delivery in draft.deliveries:
        quantities = {row["id"]: row["quantity"] for row in leaving if row["delivery_id"] == delivery["id"]}
        if quantities:
            await record_fulfillment(
                tx,
                order_id=draft.id,
                method=CARRY_OUT,
                location_id=delivery["location_id"],
                quantities=quantities,
                actor=actor,
            )


def _paid(tenders: Sequence[Tender], settled: bool, total: int) -> str:
    if not total:
        return "PAID"
    return "PAID" if settled and tenders else "PENDING"


def _sent(leaving: int, lines: int) -> str:
    if leaving == lines:
        return "FULFILLED"
    return "PARTIALLY_FULFILLED" if leaving else "UNFULFILLED"
