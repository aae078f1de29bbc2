"""Reading carts: one by its id, and in lists for staff."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from app.api.carts.types import Cart, CartStatus, load_carts
from app.api.context import Context, Info
from app.api.ids_given import key_given
from app.api.paging import Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.carts import queries
from app.carts.queries import CartsWanted

CURSOR = "carts"


@strawberry.input(description="Which carts to list. Within a field any, between fields all.")
class CartFilter:
    statuses: list[CartStatus] | None = strawberry.field(default=None, description="Where they stand.")
    location_id: strawberry.ID | None = strawberry.field(default=None, description="At this location.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer.")
    updated_before: datetime | None = strawberry.field(default=None, description="Not touched since.")


@strawberry.type
class CartQueries:
    @strawberry.field(
        description="One cart, where the caller may open it; else null. A guest's cart is opened by its id."
    )
    async def cart(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The cart's id.")]
    ) -> Cart | None:
        key = key_given("Cart", id, "id")
        return (await load_carts(info.context, [key]))[0]

    @strawberry.field(
        description="Parked carts of a location, abandoned carts, a customer's carts: of the caller's locations and "
        "channels, last touched first."
    )
    async def carts(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on behind this cursor.")] = None,
        filter: Annotated[CartFilter | None, strawberry.argument(description="Which ones; all when left out.")] = None,
    ) -> Connection[Cart] | None:
        return await _page(info.context, filter or CartFilter(), first, after)


async def _page(context: Context, given: CartFilter, first: int, after: str | None) -> Connection[Cart]:
    check_first(first)
    place = decode_cursor(CURSOR, after, datetime, UUID)
    wanted = CartsWanted(
        statuses=tuple({str(each.value) for each in given.statuses}) if given.statuses is not None else None,
        location_id=key_given("Location", given.location_id, "filter.locationId") if given.location_id else None,
        customer_id=key_given("Customer", given.customer_id, "filter.customerId") if given.customer_id else None,
        updated_before=given.updated_before,
    )
    db, principal = context.db, context.principal
    rows = await queries.list_carts(
        db, principal, wanted, limit=first + 1, after=(place[0], place[1]) if place is not None else None
    )
    shown, more = slice_page(rows, first)

    async def count() -> int | None:
        return await queries.count_carts(db, principal, wanted)

    return Connection(
        page=Page(
            nodes=[Cart.of(row, context) for row in shown],
            cursors=[encode_cursor(CURSOR, row.updated_at, row.id) for row in shown],
            more=more,
            before=after is not None,
            count=count,
        )
    )
