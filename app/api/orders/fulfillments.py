"""Fulfillments, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.carts.parts import DeliveryMethodKind
from app.api.channels.types import Location
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.api.orders.types import Order, OrderLine, load_known_orders, load_orders
from app.api.scalars import Quantity
from app.channels.queries import locations_by_ids
from app.fulfillment.queries import fulfillments_by_ids, lines_of_fulfillments
from app.orders.queries import lines_by_ids
from app.platform import ids

value = strawberry.enum_value


@strawberry.enum(description="Where a fulfillment stands.")
class FulfillmentState(Enum):
    PREPARING = value("PREPARING", description="Being put together.")
    READY_FOR_PICKUP = value("READY_FOR_PICKUP", description="Waiting for the shopper.")
    IN_TRANSIT = value("IN_TRANSIT", description="On its way.")
    COMPLETED = value("COMPLETED", description="With the shopper.")
    EXPIRED = value("EXPIRED", description="Was not picked up in time.")
    CANCELLED = value("CANCELLED", description="Called off.")


@strawberry.type(description="So much of an order's line.")
class FulfillmentLine:
    line: OrderLine = strawberry.field(description="The order's line.")
    quantity: Quantity = strawberry.field(description="How much of it.")


@strawberry.type(description="Goods of an order that left a location, or are about to.")
class Fulfillment(Node):
    row: strawberry.Private[Row[Any]]
    method: DeliveryMethodKind = strawberry.field(description="How they reach the shopper.")
    state: FulfillmentState = strawberry.field(description="Where it stands.")
    carrier: str | None = strawberry.field(description="Who carries them.")
    tracking_number: str | None = strawberry.field(description="The carrier's number.")
    tracking_url: str | None = strawberry.field(description="Where to follow them.")
    created_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Fulfillment":
        return cls(
            id=strawberry.ID(ids.encode("Fulfillment", row.id)),
            row=row,
            method=DeliveryMethodKind(row.method),
            state=FulfillmentState(row.state),
            carrier=row.carrier,
            tracking_number=row.tracking_number,
            tracking_url=row.tracking_url,
            created_at=row.created_at,
        )

    @batched(description="What it fulfills.")
    @staticmethod
    async def order(
        parents: Sequence["Fulfillment"], batch: Batch[Context]
    ) -> list[Annotated["Order", strawberry.lazy("app.api.orders.types")] | None]:
        return list(await load_known_orders(batch.context, [parent.row.order_id for parent in parents]))

    @batched(description="Where the goods leave.")
    @staticmethod
    async def location(parents: Sequence["Fulfillment"], batch: Batch[Context]) -> list[Location]:
        rows = await locations_by_ids(batch.context.db, {parent.row.location_id for parent in parents})
        return [Location.of(rows[parent.row.location_id], batch.context) for parent in parents]

    @batched(description="What is in it.")
    @staticmethod
    async def lines(parents: Sequence["Fulfillment"], batch: Batch[Context]) -> list[list[FulfillmentLine]]:
        context = batch.context
        parts = await lines_of_fulfillments(context.db, [parent.row.id for parent in parents])
        rows = await lines_by_ids(context.db, {part.order_line_id for some in parts.values() for part in some})
        order_keys = list(dict.fromkeys(parent.row.order_id for parent in parents))
        orders = dict(zip(order_keys, await load_known_orders(context, order_keys), strict=True))

        def line(parent: "Fulfillment", part: Row[Any]) -> FulfillmentLine:
            order = orders[parent.row.order_id]
            assert order is not None
            return FulfillmentLine(
                line=OrderLine.of(rows[part.order_line_id], order, context), quantity=Quantity(part.quantity)
            )

        return [[line(parent, part) for part in parts.get(parent.row.id, ())] for parent in parents]


@loads("Fulfillment")
async def load_fulfillments(context: Context, keys: Sequence[UUID]) -> list[Fulfillment | None]:
    """Fulfillments of orders that the caller may open."""
    rows = await fulfillments_by_ids(context.db, keys)
    order_keys = list(dict.fromkeys(row.order_id for row in rows.values()))
    orders = dict(zip(order_keys, await load_orders(context, order_keys), strict=True))
    return [
        Fulfillment.of(row, context) if row is not None and orders.get(row.order_id) is not None else None
        for row in map(rows.get, keys)
    ]
