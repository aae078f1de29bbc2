"""Pictures, videos and files, as the API shows them."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.enums import MediaKind
from app.api.catalog.sight import sight_of
from app.api.catalog.texts import LocalizedText
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.engine.sheets import again
from app.api.nodes import Node, loads
from app.browse import sight
from app.browse.documents import MediaFacts
from app.browse.pictures import address
from app.platform import ids
from app.platform.texts import name_of


@strawberry.type(description="A picture, video or file of a product or variant.")
class Media(Node):
    address: strawberry.Private[str]
    kind: MediaKind = strawberry.field(description="What it is.")
    alt: str = strawberry.field(description="What it shows, in the caller's language; may be empty.")
    alts: list[LocalizedText] = strawberry.field(description="What it shows, in each language that it is told in.")
    width: int | None = strawberry.field(description="Width in pixels, if known.")
    height: int | None = strawberry.field(description="Height in pixels, if known.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @batched(
        description="Where it is, as an absolute address. `maxWidth`: at most this wide, for small screens; "
        "media that their host cannot make smaller come as they are."
    )
    @staticmethod
    def url(
        parents: Sequence["Media"],
        batch: Batch[Context],
        max_width: Annotated[int | None, strawberry.argument(description="The most pixels across, from 1.")] = None,
    ) -> list[str]:
        if max_width is not None and max_width < 1:
            raise RequestError(Code.BAD_REQUEST, f"`maxWidth` must be at least 1, it is {max_width}.")
        base = batch.context.base_url

        def addresses() -> list[str]:
            return [
                address(each.address, base_url=base, kind=each.kind.name, width=each.width, max_width=max_width)
                for each in parents
            ]

        return again(parents, (base, max_width), addresses)

    @classmethod
    def of(cls, row: Row[Any] | MediaFacts, locale: str) -> "Media":
        """From a row of `media`."""
        return cls(
            id=strawberry.ID(ids.encode("Media", row.id)),
            address=row.url,
            kind=MediaKind(row.kind),
            alt=name_of(row.alt, locale),
            alts=LocalizedText.all_of(row.alt),
            width=row.width,
            height=row.height,
            version=row.version,
        )


@loads("Media")
async def load_media(context: Context, keys: Sequence[UUID]) -> list[Media | None]:
    """Media are seen with a product or variant that shows them."""
    rows = await sight.seen_media(context.db, keys, sight_of(context))
    return [Media.of(rows[key], context.locale) if key in rows else None for key in keys]
