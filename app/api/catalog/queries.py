"""The catalog's root fields."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.by import ProductBy, VariantBy
from app.api.catalog.connections import ProductConnection, product_page
from app.api.catalog.filters import ProductFilter, ProductSort
from app.api.catalog.shelves import Category, Collection
from app.api.catalog.sight import followed, sees_all, sight_of
from app.api.catalog.types import Product, load_products, sold_product
from app.api.catalog.variants import Variant, load_variants
from app.api.channels.types import Channel
from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.engine.selection import selection_of
from app.api.ids_given import key_given
from app.api.inventory.availability import Availability, availability_of
from app.api.money import Money
from app.api.paging import Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.api.pricing.prices import VariantPrice
from app.api.scalars import Quantity
from app.browse.channel_views import channels_see
from app.browse.shelves import count_collections, list_collections
from app.browse.sight import seen_products_by_slugs
from app.catalog import queries
from app.catalog.fields import storable
from app.catalog.lookup import VariantRef, read_code, resolve_variants

argument = strawberry.argument


@strawberry.type(
    description="What a scanned code says: the variant, the quantity (1 unless embedded), "
    "and the label's price when embedded, which is then charged."
)
class Scan:
    variant: Variant = strawberry.field(description="What was scanned.")
    quantity: Quantity = strawberry.field(description="How many: 1, or the weight that the label holds.")
    label_total: Money | None = strawberry.field(description="The price that the label holds, for all of it.")


@strawberry.type(description="A variant as one channel sees it.")
class ChannelView:
    channel: Channel = strawberry.field(description="The channel.")
    published: bool = strawberry.field(description="Whether the channel sells it now.")
    price: VariantPrice | None = strawberry.field(description="What anybody pays there for one unit; null: no price.")
    availability: Availability = strawberry.field(description="What the channel can promise.")


@strawberry.type
class CatalogQueries:
    @strawberry.field(
        description="One product that the channel sells; with `catalog.read` any. Null where there is none."
    )
    async def product(self, info: Info, by: Annotated[ProductBy, argument(description="Which one.")]) -> Product | None:
        context = info.context
        if isinstance(by.id, str):
            return (await load_products(context, [key_given("Product", by.id)]))[0]
        slug = by.slug or ""
        if (catalog := followed(context)) is not None and storable(slug):
            entry = await catalog.document_at(slug, context.now)
            if entry is None or entry.value is not None:
                return None if entry is None else sold_product(context, entry)
        row = (await seen_products_by_slugs(context.db, _slugs(slug), sight_of(context))).get(slug)
        return Product.of(row, context) if row is not None else None

    @strawberry.field(
        description="The products that the channel sells, for every caller alike; `filter.status` and "
        "`filter.published` let staff list the others."
    )
    async def products(
        self,
        info: Info,
        first: Annotated[int, argument(description="How many, at most 100.")],
        after: Annotated[str | None, argument(description="The cursor to go on behind.")] = None,
        search: Annotated[
            str | None,
            argument(
                description="Words in any of the shop's languages, with or without accents, the last one perhaps "
                'half typed; a SKU or barcode. "Two words" in quotes stand together, -word must be absent. '
                "At most 200 characters; the first 12 words count, and the first 12 that must be absent. "
                "Without a word that must be there nothing is looked for, and all are listed."
            ),
        ] = None,
        filter: Annotated[ProductFilter | None, argument(description="Which ones.")] = None,
        sort: Annotated[
            ProductSort | None, argument(description="In which order: by relevance with a search, else by name.")
        ] = None,
    ) -> ProductConnection | None:
        return await product_page(
            info.context, selection_of(info), first=first, after=after, search=search, filter=filter, sort=sort
        )

    @strawberry.field(
        description="One variant that the channel sells; with `catalog.read` any. Null where there is none."
    )
    async def variant(self, info: Info, by: Annotated[VariantBy, argument(description="Which one.")]) -> Variant | None:
        return await variant_by(info.context, by)

    @strawberry.field(description="What a scanner read: EAN, UPC, scale label.")
    async def scan(self, info: Info, code: Annotated[str, argument(description="The characters read.")]) -> Scan | None:
        context = info.context
        scanned = await read_code(context.db, code) if storable(code) else None
        if scanned is None:
            return None
        (variant,) = await load_variants(context, [scanned.variant_id])
        if variant is None:
            return None
        total = scanned.label_total_minor
        return Scan(
            variant=variant,
            quantity=Quantity(scanned.quantity_milli),
            label_total=None if total is None else Money.of(total, context.channel.currency),
        )

    @strawberry.field(description="Every category, each before those below it, siblings in the shop's order.")
    async def categories(
        self,
        info: Info,
        roots_only: Annotated[bool, argument(description="Only those at the top; `children` leads down.")] = False,
        archived: Annotated[bool, argument(description="Archived ones too: for those who may see them.")] = False,
    ) -> list[Category] | None:
        context = info.context
        _check_archived(context, archived)
        rows = tree_order(await queries.all_categories(context.db, archived=archived))
        return [Category.of(row, context) for row in rows if not (roots_only and row.parent_id)]

    @strawberry.field(description="The collections by slug.")
    async def collections(
        self,
        info: Info,
        first: Annotated[int, argument(description="How many, at most 100.")],
        after: Annotated[str | None, argument(description="The cursor to go on behind.")] = None,
        archived: Annotated[bool, argument(description="Archived ones too: for those who may see them.")] = False,
    ) -> Connection[Collection] | None:
        context, size = info.context, check_first(first)
        _check_archived(context, archived)
        place = decode_cursor("collections", after, str)
        if place is not None and (place[0] is None or not storable(place[0])):
            raise RequestError(Code.BAD_REQUEST, "`after` is not a cursor of this list in this order.")
        found = await list_collections(context.db, after=place[0] if place else None, most=size + 1, archived=archived)
        rows, more = slice_page(found, size)

        async def total() -> int | None:
            return await count_collections(context.db, archived=archived)

        return Connection(
            page=Page(
                nodes=[Collection.of(row, context) for row in rows],
                cursors=[encode_cursor("collections", row.slug) for row in rows],
                more=more,
                before=after is not None,
                count=total,
            )
        )

    @strawberry.field(description="One variant as every channel sees it now, side by side.")
    async def channel_views(
        self, info: Info, variant: Annotated[VariantBy, argument(description="Which one.")]
    ) -> list[ChannelView] | None:
        context = info.context
        found = await variant_by(context, variant)
        if found is None:
            return None
        views = []
        for seen in await channels_see(context.db, found.key, context.now):
            there = replace(context, channel=seen.channel)
            (promise,) = await availability_of(there, [(found.key, found.track_stock)], None)
            price = VariantPrice.of(seen.quote, seen.channel.currency, context.locale) if seen.quote else None
            channel = Channel.of(seen.channel, context)
            views.append(ChannelView(channel=channel, published=seen.published, price=price, availability=promise))
        return views


async def variant_by(context: Context, by: VariantBy) -> Variant | None:
    """The variant that is meant, where the caller may see it. Raises BAD_REQUEST for a malformed id."""
    ref: VariantRef
    if isinstance(by.id, str):
        ref = VariantRef("id", key_given("Variant", by.id))
    elif isinstance(by.sku, str):
        ref = VariantRef("sku", by.sku)
    else:
        ref = VariantRef("barcode", by.barcode or "")
    if isinstance(ref.value, str) and not storable(ref.value):
        return None
    (key,) = await resolve_variants(context.db, [ref])
    return None if key is None else (await load_variants(context, [key]))[0]


def tree_order(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Categories each before those below it, siblings in the order given; what hangs below none of them is left out."""
    below: dict[UUID | None, list[Row[Any]]] = {}
    for row in rows:
        below.setdefault(row.parent_id, []).append(row)
    ordered: list[Row[Any]] = []
    waiting = below.get(None, [])[::-1]
    while waiting:
        row = waiting.pop()
        ordered.append(row)
        waiting.extend(below.get(row.id, [])[::-1])
    return ordered


def _slugs(slug: str) -> list[str]:
    return [slug] if storable(slug) else []


def _check_archived(context: Context, archived: bool) -> None:
    if archived and not sees_all(context):
        raise RequestError(Code.FORBIDDEN, "This needs the permission 'catalog.read'.")
