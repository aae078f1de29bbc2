"""Records of carts and orders: what a till, a warehouse or an order system needs to go on with them.

A cart is as it was last quoted, and past `pricesPromisedUntil` no longer sells at that. A snapshot holds the carts that
take changes and the orders of which something is still to be paid or to leave.

What people said of themselves is read with the record, each time, and kept nowhere else. The id of a cart that became
an order, or went into another, is not told: whoever holds it may open what the cart became.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Text, and_, case, cast, column, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from app.browse.records.pieces import (
    Piece,
    amount,
    each,
    flag,
    localized,
    members,
    moment,
    quantity,
    quoted,
    rate,
    ref,
    string,
    unit_of,
    whole,
)
from app.browse.records.record import Source, source
from app.browse.records.view import at_reach, bound_to, in_reach
from app.carts.tables import cart, cart_delivery, cart_line
from app.events.outbox import Topic
from app.fulfillment.tables import fulfillment, fulfillment_line
from app.inventory.tables import allocation, stock_movement
from app.orders.tables import order, order_delivery, order_line
from app.payments.tables import payment, refund

METHODS: Final = ("CARRY_OUT", "SHIP", "PICKUP")


def _each_of(value: ColumnElement[Any]) -> Any:
    """The elements of a JSON array, and their places."""
    elements = func.jsonb_array_elements(value).table_valued(
        column("said", JSONB), with_ordinality="place", joins_implicitly=True
    )
    return elements.render_derived()


def _said(element: ColumnElement[Any], name: str, *, nullable: bool = False) -> Piece:
    return string(cast(element[name].astext, Text), nullable=nullable)


def _taxed(net: ColumnElement[Any], gross: ColumnElement[Any], unit: ColumnElement[Any], about: str) -> Piece:
    return members({"net": amount(net, unit), "tax": amount(gross - net, unit), "gross": amount(gross, unit)}, about)


def _taxes(value: ColumnElement[Any], unit: ColumnElement[Any]) -> Piece:
    one = _each_of(value)

    def number(name: str) -> ColumnElement[Any]:
        return cast(one.c.said[name].astext, BigInteger)

    item = members(
        {
            "names": localized(one.c.said["name"], "What it is called, by language."),
            "rate": rate(number("rate_ppm"), "As a fraction."),
            "base": amount(number("base"), unit, "What it is taken of."),
            "amount": amount(number("amount"), unit),
        }
    )
    return each(item, one, order=[one.c.place], about="The tax by rate.")


def _address(value: ColumnElement[Any]) -> Piece:
    names = ("name", "line1", "line2", "city", "region", "postalCode", "country", "phone")
    optional = {"line2", "region", "postalCode", "phone"}
    said = members({name: _said(value, name, nullable=name in optional) for name in names})
    # A column of JSON may hold its null as well as none.
    there = case((func.jsonb_typeof(value) == quoted("object"), said.sql), else_=quoted("null"))
    return Piece(there, {"anyOf": [said.schema, {"type": "null"}]})


def _totals(of: Any, unit: ColumnElement[Any]) -> Piece:
    return members(
        {
            "subtotal": amount(of.subtotal, unit, "All lines before discounts, as prices are shown."),
            "discount": amount(of.discount, unit),
            "delivery": amount(of.delivery, unit),
            "tax": amount(of.tax, unit, "All tax there is."),
            "taxes": _taxes(of.taxes, unit),
            "rounding": amount(of.rounding, unit, "To the smallest coin; may be negative."),
            "total": amount(of.total, unit, "What the shopper pays."),
            "itemCount": whole(of.item_count, "Whole units; a weighed line counts as one."),
        }
    )


def _line(of: Any, unit: ColumnElement[Any]) -> dict[str, Piece]:
    """What lines of carts and of orders have in common."""
    noted = _each_of(of.attributes)
    attribute = members({"key": _said(noted.c.said, "key"), "value": _said(noted.c.said, "value")})
    override = members(
        {
            "price": amount(of.override, unit),
            "was": amount(func.coalesce(of.override_was, of.override), unit),
            "reason": string(of.override_reason),
            "staffId": ref("Staff", of.override_staff_id),
        }
    )
    overridden = case((of.override.is_(None), quoted("null")), else_=override.sql)
    return {
        "variantId": ref("Variant", of.variant_id),
        "names": localized(of.name, "As it was called, by language."),
        "sku": string(of.sku),
        "quantity": quantity(of.quantity),
        "attributes": each(attribute, noted, order=[noted.c.place], about="What the client noted on it."),
        "deliveryId": ref("Delivery", of.delivery_id),
        "unitPrice": _taxed(of.unit_net, of.unit_gross, unit, "Of one unit, before discounts."),
        "subtotal": _taxed(of.subtotal_net, of.subtotal_gross, unit, "Of the quantity, before discounts."),
        "total": _taxed(of.total_net, of.total_gross, unit, "Of the quantity, after discounts."),
        "taxes": _taxes(of.taxes, unit),
        "priceOverride": Piece(overridden, {"anyOf": [override.schema, {"type": "null"}]}),
    }


def _delivery(of: Any, unit: ColumnElement[Any]) -> Piece:
    price = _taxed(of.net, of.gross, unit, "Null until an option is chosen.")
    priced = case((or_(of.net.is_(None), of.gross.is_(None)), quoted("null")), else_=price.sql)
    return members(
        {
            "id": ref("Delivery", of.id),
            "method": string(of.method, among=METHODS),
            "option": string(of.option, "A delivery method's code."),
            "locationId": ref("Location", of.location_id, "Where it is picked up or carried out."),
            "address": _address(of.address),
            "price": Piece(priced, {"anyOf": [price.schema, {"type": "null"}]}),
        }
    )


_of_cart = unit_of(cart.c.currency)
CART: Final[dict[str, Piece]] = {
    "status": string(cart.c.status, among=("ACTIVE", "PARKED", "ORDERED", "MERGED", "EXPIRED")),
    "channelId": ref("Channel", cart.c.channel_id),
    "locationId": ref("Location", cart.c.location_id),
    "registerId": ref("Register", cart.c.register_id),
    "customerId": ref("Customer", cart.c.customer_id),
    "email": string(cart.c.email),
    "note": string(cart.c.note),
    "currency": string(cart.c.currency),
    "pricesIncludeTax": flag(cart.c.shows_tax),
    "lines": each(
        members({"id": ref("CartLine", cart_line.c.id), **_line(cart_line.c, _of_cart)}),
        cart_line,
        cart_line.c.cart_id == cart.c.id,
        order=[cart_line.c.position, cart_line.c.id],
    ),
    "deliveries": each(
        _delivery(cart_delivery.c, _of_cart),
        cart_delivery,
        cart_delivery.c.cart_id == cart.c.id,
        order=[cart_delivery.c.id],
    ),
    "totals": _totals(cart.c, _of_cart),
    "pricesPromisedUntil": moment(cart.c.prices_promised_until, "Until then it sells at what it says."),
    "orderId": ref("Order", cart.c.order_id, "What it became."),
    "createdAt": moment(cart.c.created_at),
    "updatedAt": moment(cart.c.updated_at),
    "expiresAt": moment(cart.c.expires_at),
}
_of_order = unit_of(order.c.currency)
_progress: dict[str, Piece] = {
    "fulfilled": quantity(order_line.c.fulfilled, "How many have left."),
    "returned": quantity(order_line.c.returned, "How many came back."),
    "cancelled": quantity(order_line.c.cancelled, "How many were called off."),
}
_payment = members(
    {
        "id": ref("Payment", payment.c.id),
        "method": string(payment.c.method),
        "label": string(payment.c.label, "What OTHER is."),
        "status": string(payment.c.status, among=("PENDING", "AUTHORIZED", "CAPTURED", "VOIDED", "FAILED")),
        "amount": amount(payment.c.amount, _of_order),
        "refunded": amount(payment.c.refunded, _of_order),
        "received": amount(payment.c.received, _of_order, "Cash handed over, when more than the amount."),
        "reference": string(payment.c.reference),
        "createdAt": moment(payment.c.created_at),
    }
)
_refund = members(
    {
        "id": ref("Refund", refund.c.id),
        "paymentId": ref("Payment", refund.c.payment_id),
        "status": string(refund.c.status),
        "method": string(refund.c.method),
        "amount": amount(refund.c.amount, _of_order),
        "reason": string(refund.c.reason),
        "createdAt": moment(refund.c.created_at),
    }
)
_fulfillment = members(
    {
        "id": ref("Fulfillment", fulfillment.c.id),
        "method": string(fulfillment.c.method, among=METHODS),
        "locationId": ref("Location", fulfillment.c.location_id),
        "state": string(fulfillment.c.state),
        "carrier": string(fulfillment.c.carrier),
        "trackingNumber": string(fulfillment.c.tracking_number),
        "trackingUrl": string(fulfillment.c.tracking_url),
        "lines": each(
            members(
                {
                    "lineId": ref("OrderLine", fulfillment_line.c.order_line_id),
                    "quantity": quantity(fulfillment_line.c.quantity),
                }
            ),
            fulfillment_line,
            fulfillment_line.c.fulfillment_id == fulfillment.c.id,
            order=[fulfillment_line.c.order_line_id],
        ),
        "createdAt": moment(fulfillment.c.created_at),
    }
)
ORDER: Final[dict[str, Piece]] = {
    "number": string(order.c.number),
    "status": string(order.c.status, among=("OPEN", "COMPLETED", "CANCELLED")),
    "paymentStatus": string(order.c.payment_status),
    "fulfillmentStatus": string(order.c.fulfillment_status),
    "channelId": ref("Channel", order.c.channel_id),
    "locationId": ref("Location", order.c.location_id),
    "registerId": ref("Register", order.c.register_id),
    "staffId": ref("Staff", order.c.staff_id, "Who sold it."),
    "customerId": ref("Customer", order.c.customer_id),
    "email": string(order.c.email),
    "phone": string(order.c.phone),
    "taxId": string(order.c.tax_id),
    "note": string(order.c.note),
    "receiptNumber": string(order.c.receipt_number, "What the till printed."),
    "currency": string(order.c.currency),
    "pricesIncludeTax": flag(order.c.shows_tax),
    "lines": each(
        members({"id": ref("OrderLine", order_line.c.id), **_line(order_line.c, _of_order), **_progress}),
        order_line,
        order_line.c.order_id == order.c.id,
        order=[order_line.c.position, order_line.c.id],
    ),
    "deliveries": each(
        _delivery(order_delivery.c, _of_order),
        order_delivery,
        order_delivery.c.order_id == order.c.id,
        order=[order_delivery.c.id],
    ),
    "payments": each(_payment, payment, payment.c.order_id == order.c.id, order=[payment.c.position, payment.c.id]),
    "refunds": each(_refund, refund, refund.c.order_id == order.c.id, order=[refund.c.id]),
    "fulfillments": each(_fulfillment, fulfillment, fulfillment.c.order_id == order.c.id, order=[fulfillment.c.id]),
    "totals": _totals(order.c, _of_order),
    "refunded": amount(order.c.refunded, _of_order, "What was given back, or taken off by cancelling."),
    "placedAt": moment(order.c.placed_at),
    "recordedAt": moment(order.c.recorded_at, "When the shop learned of it."),
    "updatedAt": moment(order.c.updated_at),
}
_served = [
    exists(select(1).where(place.order_id == order.c.id, bound_to(place.location_id)))
    for place in (order_delivery.c, allocation.c, stock_movement.c)
]

CARTS: Final[Source] = source(
    Topic.CART,
    "Cart",
    key=cart.c.id,
    version=cart.c.version,
    fields=CART,
    about="What a shopper is about to buy.",
    origin=cart,
    seen=[at_reach(cart.c.location_id), in_reach(cart.c.channel_id)],
    kept=[cart.c.status.in_(("ACTIVE", "PARKED"))],
)
ORDERS: Final[Source] = source(
    Topic.ORDER,
    "Order",
    key=order.c.id,
    version=order.c.version,
    fields=ORDER,
    about="What was sold, and how far it is.",
    origin=order,
    seen=[or_(and_(at_reach(order.c.location_id), in_reach(order.c.channel_id)), *_served)],
    kept=[order.c.status == "OPEN"],
)
