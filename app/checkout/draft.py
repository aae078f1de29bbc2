"""The order that a cart becomes, as columns: lines with their quote, deliveries, the journey through the channels."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import Basket, Delivery, Line
from app.carts.queries import visits
from app.identity.principal import Actor, Principal
from app.orders.record import OrderDraft, next_number
from app.platform.db import Tx
from app.platform.ids import new_id

_LINE_COLUMNS = (
    "variant_id",
    "position",
    "name",
    "sku",
    "quantity",
    "attributes",
    "unit_net",
    "unit_gross",
    "subtotal_net",
    "subtotal_gross",
    "total_net",
    "total_gross",
    "taxes",
    "price_list_id",
    "override",
    "override_was",
    "override_reason",
    "override_staff_id",
)
_TOTALS = ("subtotal", "discount", "delivery", "tax", "rounding", "total", "taxes", "item_count")


async def draft_order(
    tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], *, email: str | None, receipt_number: str | None
) -> OrderDraft:
    """The order's columns but for its states, which follow from its payments and fulfillments."""
    row = basket.row
    deliveries = {each.id: new_id() for each in basket.deliveries}
    return OrderDraft(
        id=new_id(),
        columns={
            "number": await next_number(tx, channel.order_prefix),
            "channel_id": row.channel_id,
            "location_id": _sold_at(actor.principal, row.location_id),
            "register_id": actor.principal.register_id or row.register_id,
            "staff_id": actor.principal.staff_id,
            "customer_id": row.customer_id,
            "cart_id": row.id,
            "email": email,
            "phone": row.phone,
            "tax_id": row.tax_id,
            "note": row.note,
            "receipt_number": receipt_number,
            "currency": row.currency,
            "shows_tax": basket.now_is("shows_tax"),
            "placed_at": actor.now,
            "recorded_at": actor.now,
            "updated_at": actor.now,
            **{name: basket.now_is(name) for name in _TOTALS},
        },
        lines=[_line(line, deliveries) for line in basket.lines],
        deliveries=[_delivery(each, deliveries[each.id]) for each in basket.deliveries],
        visits=await _journey(tx, actor, row.id),
    )


def _sold_at(principal: Principal, location_id: UUID | None) -> UUID | None:
    """Where the till is that sells it, whatever cart it took over; else where the cart is."""
    if principal.register_id is not None and principal.location_ids:
        return next(iter(principal.location_ids))
    return location_id


def _line(line: Line, deliveries: dict[UUID, UUID]) -> dict[str, Any]:
    columns = {name: getattr(line, name) for name in _LINE_COLUMNS}
    delivery_id = deliveries.get(line.delivery_id) if line.delivery_id else None
    return columns | {"id": new_id(), "delivery_id": delivery_id}


def _delivery(delivery: Delivery, delivery_id: UUID) -> dict[str, Any]:
    return {
        "id": delivery_id,
        "method": delivery.method,
        "option": delivery.option,
        "location_id": delivery.location_id,
        "address": delivery.address,
        "net": delivery.net,
        "gross": delivery.gross,
        "taxes": delivery.taxes,
    }


async def _journey(tx: Tx, actor: Actor, cart_id: UUID) -> list[dict[str, Any]]:
    """The channels that touched the cart, and the one that it is sold in."""
    rows = [
        {"position": row.position, "channel_id": row.channel_id, "at": row.at}
        for row in (await visits(tx, [cart_id])).get(cart_id, [])
    ]
    if not rows or rows[-1]["channel_id"] != actor.channel_id:
        rows.append({"position": len(rows) + 1, "channel_id": actor.channel_id, "at": actor.now})
    return rows
