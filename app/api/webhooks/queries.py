"""Finding webhooks: by id, and in a list."""

from typing import Annotated
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.paging import Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.api.webhooks.types import Webhook, load_webhooks, sees_webhooks
from app.events.webhooks import queries
from app.platform import ids

CURSOR = "webhooks"


@strawberry.type
class WebhookQueries:
    @strawberry.field(description="A webhook by its id; null where there is none.")
    async def webhook(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Webhook | None:
        key = ids.decode("Webhook", id)
        return None if key is None else (await load_webhooks(info.context, [key]))[0]

    @strawberry.field(description="Webhooks, the newest first; none for who works at some places only.")
    async def webhooks(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> Connection[Webhook] | None:
        context, size = info.context, check_first(first)
        place = decode_cursor(CURSOR, after, UUID)
        seen = sees_webhooks(context)
        found = await queries.webhook_page(context.db, size=size + 1, after=place[0] if place else None) if seen else ()
        rows, more = slice_page(found, size)

        async def count() -> int | None:
            return await queries.webhook_count(context.db) if seen else 0

        return Connection(
            page=Page(
                nodes=[Webhook.of(row, context) for row in rows],
                cursors=[encode_cursor(CURSOR, row.id) for row in rows],
                more=more,
                before=place is not None,
                count=count,
            )
        )
