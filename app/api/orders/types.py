"""Orders and their lines, as the API shows them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.carts.parts import Attribute, CartVisit, Delivery, Discount, PriceOverride, TaxLine, Totals, by_key
from app.api.carts.types import load_cart_deliveries
from app.api.channels.types import Channel, Location, load_channels, load_locations
from app.api.context import Context
from app.api.customers.types import Customer, load_customers
from app.api.engine.batch import Batch, batched
from app.api.identity.types import Staff, load_staff
from app.api.money import TaxedMoney
from app.api.nodes import Node, loads
from app.api.orders.messages import message_of
from app.api.orders.payments import Payment, Refund
from app.api.pos.types import Register, load_known_registers
from app.api.scalars import Quantity
from app.fulfillment.queries import fulfillments_of_orders
from app.identity.access import may_open_order
from app.orders import queries
from app.orders.record import WRITTEN
from app.payments.refunds import refunds_of
from app.payments.tenders import WRITTEN as WRITTEN_PAYMENTS
from app.payments.tenders import payments_of
from app.platform import ids
from app.platform.texts import name_of

if TYPE_CHECKING:
    from app.api.catalog.types import Variant
    from app.api.orders.fulfillments import Fulfillment

value = strawberry.enum_value


@strawberry.enum(description="Where an order stands.")
class OrderStatus(Enum):
    OPEN = value("OPEN", description="Something is still to be paid or fulfilled.")
    COMPLETED = value("COMPLETED", description="All of it is paid and fulfilled.")
    CANCELLED = value("CANCELLED", description="It was called off; stock and money went back.")


@strawberry.enum(description="How an order is paid.")
class PaymentStatus(Enum):
    PENDING = value("PENDING", description="Nothing was received yet.")
    AUTHORIZED = value("AUTHORIZED", description="The money is promised by the payer's bank.")
    PARTIALLY_PAID = value("PARTIALLY_PAID", description="Part of the total was received.")
    PAID = value("PAID", description="The total was received.")
    PARTIALLY_REFUNDED = value("PARTIALLY_REFUNDED", description="Part of what was received was given back.")
    REFUNDED = value("REFUNDED", description="All that was received was given back.")
    FAILED = value("FAILED", description="The payment did not go through.")
    VOIDED = value("VOIDED", description="Called off before any money was received.")


@strawberry.enum(description="How much of an order has left.")
class FulfillmentStatus(Enum):
    UNFULFILLED = value("UNFULFILLED", description="Nothing.")
    PARTIALLY_FULFILLED = value("PARTIALLY_FULFILLED", description="A part.")
    FULFILLED = value("FULFILLED", description="All of it.")


@strawberry.type(description="A line of an order, as it was sold.")
class OrderLine(Node):
    row: strawberry.Private[Row[Any]]
    order: strawberry.Private["Order"]
    sku: str | None = strawberry.field(description="The variant's SKU when it was sold.")
    name: str = strawberry.field(description="What was sold, as it was called then.")
    quantity: Quantity = strawberry.field(description="How many were sold.")
    fulfilled: Quantity = strawberry.field(description="How many have left.")
    returned: Quantity = strawberry.field(description="How many came back.")
    cancelled: Quantity = strawberry.field(description="How many were called off.")
    unit_price: TaxedMoney = strawberry.field(description="Of one unit, before discounts.")
    subtotal: TaxedMoney = strawberry.field(description="Of the quantity, before discounts.")
    total: TaxedMoney = strawberry.field(description="Of the quantity, after discounts; the exact one.")
    taxes: list[TaxLine] = strawberry.field(description="The taxes in `total`, by rate.")
    attributes: list[Attribute] = strawberry.field(description="What the client noted on the line.")
    discounts: list[Discount] = strawberry.field(description="What was taken off, and why.")
    price_override: PriceOverride | None = strawberry.field(description="The price that staff gave, and why.")

    @classmethod
    def of(cls, row: Row[Any], order: "Order", context: Context) -> "OrderLine":
        currency, locale = order.row.currency, context.locale
        return cls(
            id=strawberry.ID(ids.encode("OrderLine", row.id)),
            row=row,
            order=order,
            sku=row.sku,
            name=name_of(row.name, locale),
            quantity=Quantity(row.quantity),
            fulfilled=Quantity(row.fulfilled),
            returned=Quantity(row.returned),
            cancelled=Quantity(row.cancelled),
            unit_price=TaxedMoney.of(row.unit_net, row.unit_gross, currency),
            subtotal=TaxedMoney.of(row.subtotal_net, row.subtotal_gross, currency),
            total=TaxedMoney.of(row.total_net, row.total_gross, currency),
            taxes=[TaxLine.of(each, currency, locale) for each in row.taxes],
            attributes=[Attribute.of(each) for each in row.attributes],
            discounts=[],
            price_override=PriceOverride.of(row, currency),
        )

    @batched(description="What was sold; null when the caller cannot see it any more.")
    @staticmethod
    async def variant(
        parents: Sequence["OrderLine"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.types")] | None]:
        from app.api.catalog.types import load_variants

        return await by_key(load_variants, batch.context, [parent.row.variant_id for parent in parents])


@strawberry.type(description="Something that happened to an order.")
class OrderEvent(Node):
    channel_key: strawberry.Private[UUID | None]
    kind: str = strawberry.field(description="What: placed, paid, fulfilled, cancelled.")
    message: str = strawberry.field(description="In words.")
    actor: str | None = strawberry.field(description="Who did it: staff:ID, device:ID, client:ID, anonymous.")
    at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "OrderEvent":
        return cls(
            id=strawberry.ID(ids.encode("OrderEvent", row.id)),
            channel_key=row.channel_id,
            kind=row.kind,
            message=message_of(row.kind, row.details, context.locale),
            actor=row.actor,
            at=row.at,
        )

    @batched(description="From which channel it was done.")
    @staticmethod
    async def channel(parents: Sequence["OrderEvent"], batch: Batch[Context]) -> list[Channel | None]:
        return await by_key(load_channels, batch.context, [parent.channel_key for parent in parents])


@strawberry.type(description="What was sold: in which channel, to whom, at which prices, and how far it is.")
class Order(Node):
    row: strawberry.Private[Row[Any]]
    number: str = strawberry.field(description="What people call it; unique in the shop.")
    status: OrderStatus = strawberry.field(description="Where it stands.")
    payment_status: PaymentStatus = strawberry.field(description="How it is paid.")
    fulfillment_status: FulfillmentStatus = strawberry.field(description="How much of it has left.")
    email: str | None = strawberry.field(description="Where to write to.")
    totals: Totals = strawberry.field(description="What it comes to.")
    receipt_number: str | None = strawberry.field(description="What the till printed.")
    placed_at: datetime = strawberry.field(description="When it was sold.")
    recorded_at: datetime = strawberry.field(
        description="When the shop learned of it, later than `placedAt` for an offline sale."
    )
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Order":
        return cls(
            id=strawberry.ID(ids.encode("Order", row.id)),
            row=row,
            number=row.number,
            status=OrderStatus(row.status),
            payment_status=PaymentStatus(row.payment_status),
            fulfillment_status=FulfillmentStatus(row.fulfillment_status),
            email=row.email,
            totals=Totals.of(dict(row._mapping), row.item_count, row.currency, context.locale),
            receipt_number=row.receipt_number,
            placed_at=row.placed_at,
            recorded_at=row.recorded_at,
            updated_at=row.updated_at,
            version=row.version,
        )

    @batched(description="The channel that it was sold in.")
    @staticmethod
    async def channel(parents: Sequence["Order"], batch: Batch[Context]) -> list[Channel]:
        return await by_key(load_channels, batch.context, [parent.row.channel_id for parent in parents])

    @batched(description="Where it was sold, at a till.")
    @staticmethod
    async def location(parents: Sequence["Order"], batch: Batch[Context]) -> list[Location | None]:
        return await by_key(load_locations, batch.context, [parent.row.location_id for parent in parents])

    @batched(description="Who bought it, when that is known to the shop and to be seen by the caller.")
    @staticmethod
    async def customer(parents: Sequence["Order"], batch: Batch[Context]) -> list[Customer | None]:
        return await by_key(load_customers, batch.context, [parent.row.customer_id for parent in parents])

    @batched(description="The till's register.")
    @staticmethod
    async def register(parents: Sequence["Order"], batch: Batch[Context]) -> list[Register | None]:
        return await by_key(load_known_registers, batch.context, [parent.row.register_id for parent in parents])

    @batched(description="Who sold it.")
    @staticmethod
    async def sold_by(parents: Sequence["Order"], batch: Batch[Context]) -> list[Staff | None]:
        return await by_key(load_staff, batch.context, [parent.row.staff_id for parent in parents])

    @batched(description="What was sold.")
    @staticmethod
    async def lines(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[OrderLine]]:
        rows = await _lines_of(batch.context, [parent.row.id for parent in parents])
        return [[OrderLine.of(row, parent, batch.context) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(description="How its lines reach the shopper.")
    @staticmethod
    async def deliveries(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[Delivery]]:
        keys = [parent.row.id for parent in parents]
        rows = await queries.deliveries_of_orders(batch.context.db, keys)
        lines = await _lines_of(batch.context, keys)
        return [
            [_delivery(row, parent, lines.get(parent.row.id, ())) for row in rows.get(parent.row.id, ())]
            for parent in parents
        ]

    @batched(description="How it is paid, each leg of it.")
    @staticmethod
    async def payments(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[Payment]]:
        rows = await _payments_of(batch.context, [parent.row.id for parent in parents])
        return [[Payment.of(row, batch.context) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(description="What was given back.")
    @staticmethod
    async def refunds(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[Refund]]:
        rows = await refunds_of(batch.context.db, [parent.row.id for parent in parents])
        return [[Refund.of(row, batch.context) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(description="What has left, and from where.")
    @staticmethod
    async def fulfillments(
        parents: Sequence["Order"], batch: Batch[Context]
    ) -> list[list[Annotated["Fulfillment", strawberry.lazy("app.api.orders.fulfillments")]]]:
        from app.api.orders.fulfillments import Fulfillment

        rows = await fulfillments_of_orders(batch.context.db, [parent.row.id for parent in parents])
        return [[Fulfillment.of(row, batch.context) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(description="What happened to it, oldest first.")
    @staticmethod
    async def events(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[OrderEvent] | None]:
        rows = await queries.events_of_orders(batch.context.db, [parent.row.id for parent in parents])
        return [[OrderEvent.of(row, batch.context) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(description="The channels that touched its cart, and the one that sold it, in order.")
    @staticmethod
    async def journey(parents: Sequence["Order"], batch: Batch[Context]) -> list[list[CartVisit] | None]:
        rows = await queries.visits_of_orders(batch.context.db, [parent.row.id for parent in parents])
        return [[CartVisit.of(row) for row in rows.get(parent.row.id, ())] for parent in parents]


def _delivery(row: Row[Any], order: Order, lines: Sequence[Row[Any]]) -> Delivery:
    line_ids = [ids.encode("OrderLine", line.id) for line in lines if line.delivery_id == row.id]
    return Delivery.of(row, currency=order.row.currency, line_ids=line_ids)


@loads("Order")
async def load_orders(context: Context, keys: Sequence[UUID]) -> list[Order | None]:
    """Orders that the caller may open by their own id."""
    rows = await queries.orders_by_ids(context.db, keys)
    places = await queries.places_of_orders(context.db, keys) if context.may("orders.read") else {}
    return [
        Order.of(row, context) if row is not None and may_open(context, row, places.get(row.id, ())) else None
        for row in map(rows.get, keys)
    ]


def may_open(context: Context, row: Row[Any], served_from: Collection[UUID]) -> bool:
    """Whether the caller may open this order by its own id."""
    return may_open_order(
        context.principal,
        location_id=row.location_id,
        channel_id=row.channel_id,
        served_from=served_from,
    )


async def load_known_orders(context: Context, keys: Sequence[UUID]) -> list[Order | None]:
    """Orders that the caller came to by their cart, or has just written: sight was decided there."""
    written = {key: context.memory[WRITTEN, key][0] for key in keys if (WRITTEN, key) in context.memory}
    rest = [key for key in keys if key not in written]
    rows = written | (await queries.orders_by_ids(context.db, rest) if rest else {})
    return [Order.of(row, context) if row is not None else None for row in map(rows.get, keys)]


async def _lines_of(context: Context, keys: Sequence[UUID]) -> Mapping[UUID, Sequence[Row[Any]]]:
    """The lines of orders: as this request's mutation has just written them, else as they are."""
    if all((WRITTEN, key) in context.memory for key in keys):
        return {key: context.memory[WRITTEN, key][1] for key in keys}
    return await queries.lines_of_orders(context.db, keys)


async def _payments_of(context: Context, keys: Sequence[UUID]) -> Mapping[UUID, Sequence[Row[Any]]]:
    """The payments of orders, in the same way."""
    if all((WRITTEN_PAYMENTS, key) in context.memory for key in keys):
        return {key: context.memory[WRITTEN_PAYMENTS, key] for key in keys}
    return await payments_of(context.db, keys)


@loads("OrderLine")
async def load_order_lines(context: Context, keys: Sequence[UUID]) -> list[OrderLine | None]:
    """Lines of orders that the caller may open by their own id."""
    found = await _with_orders(context, await queries.lines_by_ids(context.db, keys))
    return [OrderLine.of(*found[key], context) if key in found else None for key in keys]


@loads("OrderEvent")
async def load_order_events(context: Context, keys: Sequence[UUID]) -> list[OrderEvent | None]:
    """Events of orders that the caller may open by their own id."""
    found = await _with_orders(context, await queries.events_by_ids(context.db, keys))
    return [OrderEvent.of(found[key][0], context) if key in found else None for key in keys]


@loads("Delivery")
async def load_deliveries(context: Context, keys: Sequence[UUID]) -> list[Delivery | None]:
    """Deliveries of carts that the caller may find, and of orders that they may open by their own id."""
    of_carts = await load_cart_deliveries(context, keys)
    left = [key for key, delivery in zip(keys, of_carts, strict=True) if delivery is None]
    found = await _with_orders(context, await queries.deliveries_by_ids(context.db, left) if left else {})
    lines = await queries.lines_of_orders(context.db, {row.order_id for row, _ in found.values()}) if found else {}
    of_orders = {key: _delivery(row, order, lines.get(row.order_id, ())) for key, (row, order) in found.items()}
    return [delivery or of_orders.get(key) for key, delivery in zip(keys, of_carts, strict=True)]


async def _with_orders(context: Context, rows: dict[UUID, Row[Any]]) -> dict[UUID, tuple[Row[Any], Order]]:
    """These parts of orders, each with its order, where the caller may open that."""
    keys = list(dict.fromkeys(row.order_id for row in rows.values()))
    orders = dict(zip(keys, await load_orders(context, keys), strict=True)) if keys else {}
    return {key: (row, order) for key, row in rows.items() if (order := orders[row.order_id]) is not None}
