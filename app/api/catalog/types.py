"""Products, as the API shows them; the catalog's other types are to be had from here too."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.enums import MediaKind, ProductStatus
from app.api.catalog.media import Media
from app.api.catalog.shelves import Category, Collection, categories_seen
from app.api.catalog.sight import sees_all, sight_of
from app.api.catalog.texts import LocalizedText, ProductText, best
from app.api.catalog.together import together
from app.api.catalog.variants import SelectedOption, Variant, load_variants, texts_together
from app.api.channels.types import Channel, load_channels
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.inventory.availability import AvailabilityStatus, statuses_of_products
from app.api.nodes import Node, loads
from app.api.paging import Connection, Page, check_first, decode_cursor, encode_cursor
from app.api.pricing.prices import PriceRange, price_ranges_of
from app.browse import sight
from app.browse.variants import VariantPage, count_variants, variant_pages
from app.catalog import queries
from app.platform import ids
from app.platform.texts import LOCALES, name_of

__all__ = [
    "Category", "Collection", "LocalizedText", "Media", "MediaKind", "Product", "ProductOption", "ProductPublication",
    "ProductStatus", "ProductText", "SelectedOption", "Variant", "load_products", "load_variants",
]  # fmt: skip

_VARIANTS = "variants"


@strawberry.type(description="What variants of a product differ in.")
class ProductOption:
    name: str = strawberry.field(description="What it is called, in the caller's language.")
    values: list[str] = strawberry.field(description="Its values in their order, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="What it is called, in each language.")

    @classmethod
    def of(cls, option: Mapping[str, Any], locale: str) -> "ProductOption":
        """From an element of `product.options`."""
        return cls(
            name=name_of(option["name"], locale),
            values=[name_of(texts, locale) for texts in option["values"]],
            names=LocalizedText.all_of(option["name"]),
        )


@strawberry.type(description="That a channel sells a product, and when.")
class ProductPublication:
    channel: Channel = strawberry.field(description="Where.")
    starts_at: datetime = strawberry.field(description="From then on.")
    ends_at: datetime | None = strawberry.field(description="Until then; null: without end.")
    active: bool = strawberry.field(description="Whether that is now, and the product is ACTIVE.")


@strawberry.type(description="What the shop sells, in all its variants.")
class Product(Node):
    row: strawberry.Private[Row[Any]]
    key: strawberry.Private[UUID]
    slug: str = strawberry.field(description="Its name in addresses, unique.")
    status: ProductStatus = strawberry.field(description="Whether it may be sold.")
    brand: str | None = strawberry.field(description="Its brand.")
    product_type: str | None = strawberry.field(description="What kind of thing it is, in the shop's own words.")
    tags: list[str] = strawberry.field(description="Words that it can be found and filtered by.")
    options: list[ProductOption] = strawberry.field(description="What its variants differ in, in order.")
    version: int = strawberry.field(description="Counts its writes, its variants' too; for `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was first written.")
    updated_at: datetime = strawberry.field(description="When it was last written.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Product":
        """From a row of `product`."""
        return cls(
            id=strawberry.ID(ids.encode("Product", row.id)),
            row=row,
            key=row.id,
            slug=row.slug,
            status=ProductStatus(row.status),
            brand=row.brand,
            product_type=row.product_type,
            tags=row.tags,
            options=[ProductOption.of(option, context.locale) for option in row.options],
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @batched(description="Its name, in the caller's language.")
    @staticmethod
    async def name(parents: Sequence["Product"], batch: Batch[Context]) -> list[str]:
        return [row.name if row else "" for row in await _texts(parents, batch.context)]

    @batched(description="Its description, HTML as the shop wrote it, in the caller's language.")
    @staticmethod
    async def description(parents: Sequence["Product"], batch: Batch[Context]) -> list[str]:
        return [row.description if row else "" for row in await _texts(parents, batch.context)]

    @batched(description="The title to tell search engines; null: its name will do.")
    @staticmethod
    async def seo_title(parents: Sequence["Product"], batch: Batch[Context]) -> list[str | None]:
        return [row.seo_title if row else None for row in await _texts(parents, batch.context)]

    @batched(description="The description to tell search engines.")
    @staticmethod
    async def seo_description(parents: Sequence["Product"], batch: Batch[Context]) -> list[str | None]:
        return [row.seo_description if row else None for row in await _texts(parents, batch.context)]

    @batched(description="Its texts in each language that it has any in.")
    @staticmethod
    async def texts(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[ProductText] | None]:
        found = await texts_together(batch.context, [parent.key for parent in parents])
        return [
            [ProductText.of(found[parent.key][locale]) for locale in LOCALES if locale in found.get(parent.key, {})]
            for parent in parents
        ]

    @batched(description="Where it is filed; null: nowhere.")
    @staticmethod
    async def category(parents: Sequence["Product"], batch: Batch[Context]) -> list[Category | None]:
        return await categories_seen(batch.context, [parent.row.category_id for parent in parents])

    @batched(description="The collections that it is in, by slug.")
    @staticmethod
    async def collections(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[Collection]]:
        context = batch.context
        found = await queries.collections_of_products(
            context.db, {parent.key for parent in parents}, archived=sees_all(context)
        )
        return [[Collection.of(row, context) for row in found.get(parent.key, ())] for parent in parents]

    @batched(description="Its variants in the shop's order.")
    @staticmethod
    async def variants(
        parents: Sequence["Product"],
        batch: Batch[Context],
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="The cursor to go on behind.")] = None,
        archived: Annotated[
            bool, strawberry.argument(description="Archived ones too: for those who may see them.")
        ] = False,
    ) -> list[Connection[Variant]]:
        context, keys = batch.context, [parent.key for parent in parents]
        if archived and not sees_all(context):
            raise RequestError(Code.FORBIDDEN, "This needs the permission 'catalog.read'.")
        place = _variant_place(after)
        pages = await variant_pages(context.db, keys, first=check_first(first), after=place, archived=archived)
        counts = {}
        if "totalCount" in batch.selection:
            counts = await count_variants(context.db, keys, archived=archived)
        return [
            _variant_connection(context, pages[key], before=after is not None, total=counts.get(key, 0)) for key in keys
        ]

    @batched(description="Its pictures, videos and files, in their order.")
    @staticmethod
    async def media(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[Media]]:
        context = batch.context
        found = await queries.media_of_products(context.db, {parent.key for parent in parents})
        return [[Media.of(row, context) for row in found.get(parent.key, ())] for parent in parents]

    @batched(description="The lowest and the highest price of its variants, for one unit; null: none has a price.")
    @staticmethod
    async def price_range(parents: Sequence["Product"], batch: Batch[Context]) -> list[PriceRange | None]:
        context = batch.context
        variants = await _variants(parents, context)
        wanted = [
            [(row.id, row.tax_class_id or parent.row.tax_class_id) for row in variants[parent.key]]
            for parent in parents
        ]
        return await price_ranges_of(context, wanted)

    @batched(description="The best of its variants'.")
    @staticmethod
    async def availability(parents: Sequence["Product"], batch: Batch[Context]) -> list[AvailabilityStatus]:
        variants = await _variants(parents, batch.context)
        wanted = [[(row.id, row.track_stock) for row in variants[parent.key]] for parent in parents]
        return await statuses_of_products(batch.context, wanted)

    @batched(description="Which channels sell it, and when.")
    @staticmethod
    async def publications(
        parents: Sequence["Product"], batch: Batch[Context]
    ) -> list[list[ProductPublication] | None]:
        context = batch.context
        found = await queries.publications(context.db, {parent.key for parent in parents})
        wanted = sorted({channel_id for rows in found.values() for channel_id in rows})
        channels = dict(zip(wanted, await load_channels(context, wanted), strict=True))
        return [
            [
                _publication(parent, channel, rows[channel_id], context)
                for rows in (found.get(parent.key, {}),)
                for channel_id, channel in channels.items()
                if channel is not None and channel_id in rows
            ]
            for parent in parents
        ]

    @strawberry.field(description="Its tax class; null: the shop's default one.")
    def tax_class_id(self) -> strawberry.ID | None:
        key = self.row.tax_class_id
        return strawberry.ID(ids.encode("TaxClass", key)) if key else None


def _publication(product: Product, channel: Channel, row: Row[Any], context: Context) -> ProductPublication:
    now = row.starts_at <= context.now and (row.ends_at is None or row.ends_at > context.now)
    return ProductPublication(
        channel=channel,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        active=now and product.status is ProductStatus.ACTIVE,
    )


def _variant_place(after: str | None) -> tuple[int, UUID] | None:
    place = decode_cursor(_VARIANTS, after, int, UUID)
    if place is None:
        return None
    position, key = place
    if abs(position) >= 1 << 31:
        raise RequestError(Code.BAD_REQUEST, "`after` is not a cursor of this list in this order.")
    return position, key


def _variant_connection(context: Context, page: VariantPage, *, before: bool, total: int) -> Connection[Variant]:
    async def count() -> int:
        return total

    return Connection(
        page=Page(
            nodes=[Variant.of(row, context) for row in page.rows],
            cursors=[encode_cursor(_VARIANTS, row.position, row.id) for row in page.rows],
            more=page.more,
            before=before,
            count=count,
        )
    )


async def _texts(products: Sequence[Product], context: Context) -> list[Row[Any] | None]:
    found = await texts_together(context, [product.key for product in products])
    return [best(found.get(product.key, {}), context.locale) for product in products]


async def _variants(products: Sequence[Product], context: Context) -> Mapping[UUID, Sequence[Row[Any]]]:
    keys = [product.key for product in products]
    return await together(context, _VARIANTS, keys, lambda some: queries.variants_of_products(context.db, some))


@loads("Product")
async def load_products(context: Context, keys: Sequence[UUID]) -> list[Product | None]:
    """Products that the channel sells now; with `catalog.read` any."""
    rows = await sight.seen_products(context.db, keys, sight_of(context))
    return [Product.of(rows[key], context) if key in rows else None for key in keys]
