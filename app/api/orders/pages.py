"""Pages of orders: in a list, and of each of many customers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.api.context import Context
from app.api.orders.types import Order
from app.api.paging import Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.orders import queries
from app.orders.queries import OrdersWanted

CURSOR = "orders"


def _place(after: str | None) -> Any:
    return decode_cursor(CURSOR, after, datetime, UUID)


def _page(
    context: Context, rows: Sequence[Any], first: int, after: str | None, count: Callable[[], Awaitable[int | None]]
) -> Connection[Order]:
    shown, more = slice_page(rows, first)
    return Connection(
        page=Page(
            nodes=[Order.of(row, context) for row in shown],
            cursors=[encode_cursor(CURSOR, row.placed_at, row.id) for row in shown],
            more=more,
            before=after is not None,
            count=count,
        )
    )


async def page_of_orders(context: Context, wanted: OrdersWanted, *, first: int, after: str | None) -> Connection[Order]:
    """A page of the orders that the caller may see, newest first."""
    check_first(first)
    rows = await queries.list_orders(context.db, context.principal, wanted, first=first, after=_place(after))

    async def count() -> int | None:
        return await queries.count_orders(context.db, context.principal, wanted)

    return _page(context, rows, first, after, count)


async def pages_of_customers(
    context: Context, customer_ids: Sequence[UUID], *, first: int, after: str | None
) -> list[Connection[Order] | None]:
    """A page of each of these customers' orders that the caller may see, newest first."""
    check_first(first)
    found = await queries.orders_of_customers(
        context.db, context.principal, customer_ids, first=first, after=_place(after)
    )

    def counting(customer_id: UUID) -> Callable[[], Awaitable[int | None]]:
        async def count() -> int | None:
            return await queries.count_orders(context.db, context.principal, OrdersWanted(customer_id=customer_id))

        return count

    return [_page(context, found[key], first, after, counting(key)) for key in customer_ids]
