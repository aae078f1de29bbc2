"""Reading customers and groups."""

from typing import Annotated
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.customers.types import Customer, CustomerGroup
from app.api.engine.errors import Code, RequestError
from app.api.ids_given import key_given
from app.api.paging import (
    COUNTED_UP_TO,
    Connection,
    Page,
    check_first,
    decode_cursor,
    encode_cursor,
    slice_page,
)
from app.api.written import one
from app.customers.queries import all_customer_groups
from app.customers.search import MOST_CHARACTERS, Place, count, search

CURSOR = "customers"


@strawberry.type
class CustomersQueries:
    @strawberry.field(description="Customers; the newest first, or those that a search finds, the best match first.")
    async def customers(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Any part of name, e-mail, phone or tax number.")
        ] = None,
    ) -> Connection[Customer] | None:
        return await _page(info, first, after, search)

    @strawberry.field(description="One customer.")
    async def customer(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The customer's id.")]
    ) -> Customer | None:
        return await one(Customer, info.context, key_given("Customer", id))

    @strawberry.field(description="The groups that price lists may name, by code.")
    async def customer_groups(self, info: Info) -> list[CustomerGroup] | None:
        return [CustomerGroup.of(row, info.context) for row in await all_customer_groups(info.context.db)]


async def _page(info: Info, first: int, after: str | None, text: str | None) -> Connection[Customer]:
    size, db = check_first(first), info.context.db
    if text is not None and len(text) > MOST_CHARACTERS:
        raise RequestError(Code.BAD_REQUEST, f"`search` may have {MOST_CHARACTERS} characters at most.")
    cursor = decode_cursor(CURSOR, after, int, UUID)
    found = await search(db, text, size=size + 1, after=Place(*cursor) if cursor else None)
    rows, more = slice_page(found, size)

    async def total() -> int | None:
        number = await count(db, text, most=COUNTED_UP_TO + 1)
        return number if number <= COUNTED_UP_TO else None

    return Connection(
        page=Page(
            nodes=[Customer.of(row, info.context) for row in rows],
            cursors=[encode_cursor(CURSOR, row.rank, row.id) for row in rows],
            more=more,
            before=cursor is not None,
            count=total,
        )
    )
