"""Finding orders: by id, number, receipt or cart; and in lists."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.ids_given import key_given
from app.api.orders.pages import page_of_orders
from app.api.orders.types import Order, OrderStatus, load_known_orders, load_orders
from app.api.paging import Connection
from app.carts.queries import carts_by_ids
from app.carts.write import may_open
from app.channels.queries import channels_by_codes
from app.orders import queries
from app.orders.queries import OrdersWanted
from app.platform import ids

MOST_NAMED = 100
LONGEST_SEARCH = 200


@strawberry.input(
    description="Exactly one field. `cartId`, the cart that it came from, is also a guest's way to it.", one_of=True
)
class OrderBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="The order's id.")
    number: str | None = strawberry.field(default=UNSET, description="The order's number.")
    receipt_number: str | None = strawberry.field(default=UNSET, description="What the till printed.")
    cart_id: strawberry.ID | None = strawberry.field(default=UNSET, description="The cart that it came from.")


@strawberry.input(description="Which orders to list. Within a field any, between fields all.")
class OrderFilter:
    statuses: list[OrderStatus] | None = strawberry.field(default=None, description="Where they stand.")
    channels: list[str] | None = strawberry.field(default=None, description="Codes of channels.")
    location_id: strawberry.ID | None = strawberry.field(default=None, description="Where they were sold.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Who bought.")
    placed_from: datetime | None = strawberry.field(default=None, description="Placed then or later.")
    placed_to: datetime | None = strawberry.field(default=None, description="Placed before.")
    search: str | None = strawberry.field(
        default=None, description="In number, receipt number, e-mail, and SKUs of lines."
    )


async def order_by_cart(context: Context, cart_id: UUID) -> Order | None:
    """The order that a cart became, for who may open either of them."""
    row = (await carts_by_ids(context.db, [cart_id])).get(cart_id)
    if row is None or row.order_id is None:
        return None
    load = load_known_orders if may_open(context.actor, row) else load_orders
    return (await load(context, [row.order_id]))[0]


async def find_order(context: Context, by: OrderBy) -> Order | None:
    """The order, where the caller may open it."""
    if by.cart_id:
        cart_id = ids.decode("Cart", by.cart_id)
        return await order_by_cart(context, cart_id) if cart_id is not None else None
    if by.id:
        key = ids.decode("Order", by.id)
    elif by.number:
        row = await queries.order_by_number(context.db, by.number)
        key = row.id if row is not None else None
    else:
        row = await queries.order_by_receipt(context.db, by.receipt_number or "")
        key = row.id if row is not None else None
    return (await load_orders(context, [key]))[0] if key is not None else None


async def wanted_orders(context: Context, given: OrderFilter | None) -> OrdersWanted:
    """A filter's words as keys. Raises BAD_REQUEST for malformed ids and lists that are too long."""
    if given is None:
        return OrdersWanted()
    if len(given.channels or ()) > MOST_NAMED or len(given.statuses or ()) > MOST_NAMED:
        raise RequestError(Code.BAD_REQUEST, f"A filter names at most {MOST_NAMED} of a kind.")
    if len(given.search or "") > LONGEST_SEARCH:
        raise RequestError(Code.BAD_REQUEST, f"`filter.search` has at most {LONGEST_SEARCH} characters.")
    channels = None
    if given.channels is not None:
        channels = tuple(row.id for row in (await channels_by_codes(context.db, given.channels)).values())
    location, customer = given.location_id, given.customer_id
    return OrdersWanted(
        statuses=tuple(str(each.value) for each in given.statuses) if given.statuses is not None else None,
        channel_ids=channels,
        location_id=None if location is None else key_given("Location", location, "filter.locationId"),
        customer_id=None if customer is None else key_given("Customer", customer, "filter.customerId"),
        placed_from=given.placed_from,
        placed_to=given.placed_to,
        search=given.search,
    )


@strawberry.type
class OrderQueries:
    @strawberry.field(description="One order, where the caller may open it; else null.")
    async def order(
        self, info: Info, by: Annotated[OrderBy, strawberry.argument(description="Which one.")]
    ) -> Order | None:
        return await find_order(info.context, by)

    @strawberry.field(description="Orders of the caller's locations and channels, newest first.")
    async def orders(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on behind this cursor.")] = None,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which ones; all when left out.")] = None,
    ) -> Connection[Order] | None:
        wanted = await wanted_orders(info.context, filter)
        return await page_of_orders(info.context, wanted, first=first, after=after)
