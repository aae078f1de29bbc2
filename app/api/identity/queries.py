"""Reading the viewer, staff, devices, API clients and tokens."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Info
from app.api.identity.types import ApiClient, Device, Staff, Token, Viewer
from app.api.paging import COUNTED_UP_TO, Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.identity import queries

First = Annotated[int, strawberry.argument(description="How many, at most 100.")]
After = Annotated[str | None, strawberry.argument(description="Go on after this cursor.")]


@strawberry.type
class IdentityQueries:
    @strawberry.field(description="Whom the request's credential stands for.")
    def viewer(self) -> Viewer | None:
        return Viewer()

    @strawberry.field(description="Staff within the caller's reach, the newest first.")
    async def staff(self, info: Info, first: First, after: After = None) -> Connection[Staff] | None:
        return await _page(info, Staff, queries.staff_page, queries.staff_count, first, after)

    @strawberry.field(description="Devices at the caller's locations, by name.")
    async def devices(self, info: Info) -> list[Device] | None:
        context = info.context
        rows = await queries.all_devices(context.db, context.principal)
        return [Device.of(row, context) for row in rows]

    @strawberry.field(description="API clients of the caller's channels, by name.")
    async def api_clients(self, info: Info) -> list[ApiClient] | None:
        context = info.context
        rows = await queries.all_api_clients(context.db, context.principal)
        return [ApiClient.of(row, context) for row in rows]

    @strawberry.field(description="Tokens within the caller's reach, the newest first, revoked and expired ones too.")
    async def tokens(self, info: Info, first: First, after: After = None) -> Connection[Token] | None:
        return await _page(info, Token, queries.token_page, queries.token_count, first, after)


async def _page(
    info: Info,
    kind: Any,
    read: Callable[..., Awaitable[Sequence[Row[Any]]]],
    count: Callable[..., Awaitable[int]],
    first: int,
    after: str | None,
) -> Connection[Any]:
    context, size, list_name = info.context, check_first(first), kind.__name__
    cursor = decode_cursor(list_name, after, UUID)
    found = await read(context.db, context.principal, size=size + 1, after=cursor[0] if cursor else None)
    rows, more = slice_page(found, size)

    async def total() -> int | None:
        number = await count(context.db, context.principal, most=COUNTED_UP_TO + 1)
        return number if number <= COUNTED_UP_TO else None

    return Connection(
        page=Page(
            nodes=[kind.of(row, context) for row in rows],
            cursors=[encode_cursor(list_name, row.id) for row in rows],
            more=more,
            before=cursor is not None,
            count=total,
        )
    )
