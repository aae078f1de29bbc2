"""Products, as the API shows them; the catalog's other types are to be had from here too."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.enums import MediaKind, ProductStatus
from app.api.catalog.known import MEDIA, PRODUCT, VARIANT, KnownProduct, KnownVariant, later, told
from app.api.catalog.media import Media
from app.api.catalog.priced import known_ranges, range_lasts
from app.api.catalog.shelves import (
    Category,
    Collection,
    categories_kept,
    categories_seen,
    collections_kept,
    collections_seen,
)
from app.api.catalog.sight import followed, followed_by_now, sees_all, sight_of
from app.api.catalog.texts import LocalizedText, ProductText, best
from app.api.catalog.together import together
from app.api.catalog.variant_lists import VARIANTS, known_page, variant_connection, variant_place
from app.api.catalog.variants import SelectedOption, Variant, load_variants, texts_together, variant_name
from app.api.channels.types import Channel, load_channels
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.engine.forms import Shelf
from app.api.inventory.availability import AvailabilityStatus
from app.api.inventory.promised import promised_statuses
from app.api.nodes import Node, loads
from app.api.paging import Connection, check_first
from app.api.pricing.prices import PriceRange, price_ranges_of
from app.browse import sight
from app.browse.documents import Document, VariantFacts
from app.browse.facts import Entry
from app.browse.variants import count_variants, variant_pages
from app.catalog import queries
from app.platform import ids
from app.platform.texts import name_of

__all__ = [
    "Category", "Collection", "LocalizedText", "Media", "MediaKind", "Product", "ProductOption", "ProductPublication",
    "ProductStatus", "ProductText", "SelectedOption", "Variant", "load_products", "load_variants",
]  # fmt: skip


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
    known: strawberry.Private[KnownProduct | None] = None
    key: strawberry.Private[UUID]
    category_key: strawberry.Private[UUID | None]
    own_tax_class: strawberry.Private[UUID | None]
    slug: str = strawberry.field(description="Its name in addresses, unique.")
    status: ProductStatus = strawberry.field(description="Whether it may be sold.")
    brand: str | None = strawberry.field(description="Its brand.")
    product_type: str | None = strawberry.field(description="What kind of thing it is, in the shop's own words.")
    tags: list[str] = strawberry.field(description="Words that it can be found and filtered by.")
    options: list[ProductOption] = strawberry.field(description="What its variants differ in, in order.")
    version: int = strawberry.field(description="Counts its writes, its variants' too; for `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was first written.")
    updated_at: datetime = strawberry.field(description="When it was last written.")

    @property
    def kept(self) -> Shelf | None:
        """How it has been shown, for the engine."""
        return self.known.kept if self.known is not None else None

    @classmethod
    def of(cls, row: Row[Any] | Document, context: Context) -> "Product":
        """From a row of `product`."""
        return cls(
            id=strawberry.ID(ids.encode("Product", row.id)),
            key=row.id,
            category_key=row.category_id,
            own_tax_class=row.tax_class_id,
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

    @batched(lasting=True, description="Its name, in the caller's language.")
    @staticmethod
    def name(parents: Sequence["Product"], batch: Batch[Context]) -> list[str]:
        return _text(parents, batch.context, "name", "")

    @batched(lasting=True, description="Its description, HTML as the shop wrote it, in the caller's language.")
    @staticmethod
    def description(parents: Sequence["Product"], batch: Batch[Context]) -> list[str]:
        return _text(parents, batch.context, "description", "")

    @batched(lasting=True, description="The title to tell search engines; null: its name will do.")
    @staticmethod
    def seo_title(parents: Sequence["Product"], batch: Batch[Context]) -> list[str | None]:
        return _text(parents, batch.context, "seo_title", None)

    @batched(lasting=True, description="The description to tell search engines.")
    @staticmethod
    def seo_description(parents: Sequence["Product"], batch: Batch[Context]) -> list[str | None]:
        return _text(parents, batch.context, "seo_description", None)

    @batched(lasting=True, description="Its texts in each language that it has any in.")
    @staticmethod
    def texts(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[ProductText] | None]:
        async def read(rest: Sequence[Product]) -> list[list[ProductText] | None]:
            found = await texts_together(batch.context, [parent.key for parent in rest])
            return [ProductText.all_of(found.get(parent.key, {})) for parent in rest]

        return told(parents, attrgetter("texts"), read)

    @batched(description="Where it is filed; null: nowhere.")
    @staticmethod
    def category(parents: Sequence["Product"], batch: Batch[Context]) -> list[Category | None]:
        keys = [parent.category_key for parent in parents]
        kept = categories_kept(batch.context, keys)
        return kept if kept is not None else later(categories_seen(batch.context, keys))

    @batched(description="The collections that it is in, by slug.")
    @staticmethod
    def collections(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[Collection]]:
        context = batch.context
        if all(parent.known for parent in parents):
            shelved = [parent.known.document.collection_ids if parent.known else [] for parent in parents]
            kept = collections_kept(context, shelved)
            return kept if kept is not None else later(collections_seen(context, shelved))

        async def read() -> list[list[Collection]]:
            found = await queries.collections_of_products(
                context.db, {parent.key for parent in parents}, archived=sees_all(context)
            )
            return [[Collection.of(row, context) for row in found.get(parent.key, ())] for parent in parents]

        return later(read())

    @batched(lasting=True, description="Its variants in the shop's order.")
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
        place = variant_place(after)
        if not archived and all(parent.known for parent in parents):
            known = [parent.known.variants if parent.known else [] for parent in parents]
            return [known_page(variants, check_first(first), place) for variants in known]
        pages = await variant_pages(context.db, keys, first=check_first(first), after=place, archived=archived)
        counts = {}
        if "totalCount" in batch.selection:
            counts = await count_variants(context.db, keys, archived=archived)
        return [variant_connection(pages[key], before=after is not None, total=counts.get(key, 0)) for key in keys]

    @batched(lasting=True, description="Its pictures, videos and files, in their order.")
    @staticmethod
    def media(parents: Sequence["Product"], batch: Batch[Context]) -> list[list[Media]]:
        context = batch.context

        async def read(rest: Sequence[Product]) -> list[list[Media]]:
            found = await queries.media_of_products(context.db, {parent.key for parent in rest})
            return [[Media.of(row, context.locale) for row in found.get(parent.key, ())] for parent in rest]

        return told(parents, attrgetter("media"), read)

    @batched(
        lasting=range_lasts,
        description="The lowest and the highest price of its variants, for one unit; null: none has a price.",
    )
    @staticmethod
    async def price_range(parents: Sequence["Product"], batch: Batch[Context]) -> list[PriceRange | None]:
        context = batch.context
        if (catalog := followed(context)) is not None:
            settings = catalog.settings_kept() or await catalog.settings(context.now)
            if (known := known_ranges(context, parents, settings)) is not None:
                return known
        variants = await _variants(parents, context)
        wanted = [
            [(row.id, row.tax_class_id or parent.own_tax_class) for row in variants[parent.key]] for parent in parents
        ]
        return await price_ranges_of(context, wanted)

    @batched(description="The best of its variants'.")
    @staticmethod
    def availability(parents: Sequence["Product"], batch: Batch[Context]) -> list[AvailabilityStatus]:
        context = batch.context
        if all(parent.known for parent in parents):
            wanted = [parent.known.variants if parent.known else [] for parent in parents]
            return later(promised_statuses(context, wanted, parents))

        async def read() -> list[AvailabilityStatus]:
            rows = await _variants(parents, context)
            found = promised_statuses(context, [[Variant.of(row) for row in rows[parent.key]] for parent in parents])
            return found if isinstance(found, list) else await found

        return later(read())

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
        key = self.own_tax_class
        return strawberry.ID(ids.encode("TaxClass", key)) if key else None


def _publication(product: Product, channel: Channel, row: Row[Any], context: Context) -> ProductPublication:
    now = row.starts_at <= context.now and (row.ends_at is None or row.ends_at > context.now)
    return ProductPublication(
        channel=channel,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        active=now and product.status is ProductStatus.ACTIVE,
    )


def _text(products: Sequence[Product], context: Context, name: str, missing: Any) -> list[Any]:
    async def read(rest: Sequence[Product]) -> list[Any]:
        return [getattr(row, name) if row else missing for row in await _texts(rest, context)]

    return told(products, attrgetter(name), read)


async def _texts(products: Sequence[Product], context: Context) -> list[Row[Any] | None]:
    found = await texts_together(context, [product.key for product in products])
    return [best(found.get(product.key, {}), context.locale) for product in products]


async def _variants(products: Sequence[Product], context: Context) -> Mapping[UUID, Sequence[Row[Any]]]:
    keys = [product.key for product in products]
    return await together(context, VARIANTS, keys, lambda some: queries.variants_of_products(context.db, some))


@loads("Product")
async def load_products(context: Context, keys: Sequence[UUID]) -> list[Product | None]:
    """Products that the channel sells now; with `catalog.read` any."""
    catalog, known = await followed_by_now(context), dict[UUID, Product | None]()
    if catalog is not None:
        entries = await catalog.documents(dict.fromkeys(keys), context.now)
        for key in keys:
            entry = entries.get(key)
            if entry is None or entry.value is not None:
                known[key] = None if entry is None else sold_product(context, entry)
    rest = [key for key in keys if key not in known]
    rows = await sight.seen_products(context.db, rest, sight_of(context)) if rest else {}
    return [known[key] if key in known else Product.of(rows[key], context) if key in rows else None for key in keys]


def sold_product(context: Context, entry: Entry) -> Product | None:
    """The product of a document, if the channel sells it now."""
    document: Document = entry.value
    sold = document.sold_in(context.channel.id, context.now)
    return product_of(context, entry, document) if sold else None


def product_of(context: Context, entry: Entry, document: Document) -> Product:
    """The product of a document in the caller's language, as everybody is given it who reads that."""
    locale = context.locale
    product: Product | None = entry.shown.get(locale)
    if product is None:
        grow = partial(context.catalog.grow, entry) if context.catalog is not None else _nowhere
        product = Product.of(document, context)
        text = best({each.locale: each for each in document.texts}, locale)
        names = {each.locale: each.name for each in document.texts}
        product.known = KnownProduct(
            entry=entry,
            document=document,
            name=text.name if text else "",
            description=text.description if text else "",
            seo_title=text.seo_title if text else None,
            seo_description=text.seo_description if text else None,
            texts=ProductText.all_of({each.locale: each for each in document.texts}),
            media=[Media.of(each, locale) for each in document.media],
            variants=[_known_variant(entry, document, facts, names, locale, grow) for facts in document.variants],
            kept=_shelf(entry, grow),
        )
        entry.shown[locale] = product
        if context.catalog is not None:
            pictures = len(document.media) + sum(len(each.media) for each in document.variants)
            context.catalog.grow(entry, PRODUCT + VARIANT * len(document.variants) + MEDIA * pictures)
    return product


def _known_variant(
    entry: Entry,
    document: Document,
    facts: VariantFacts,
    names: Mapping[str, str],
    locale: str,
    grow: Callable[[int], None],
) -> Variant:
    made = Variant.of(facts)
    # Stock is asked for by it, again and again.
    made.key = ids.native(facts.id)
    made.known = KnownVariant(
        entry=entry,
        document=document,
        facts=facts,
        name=variant_name(names, document.options, facts.option_values, locale),
        selected_options=SelectedOption.all_of(document.options, facts.option_values, locale),
        media=[Media.of(each, locale) for each in facts.media],
        kept=_shelf(entry, grow),
    )
    return made


def _shelf(entry: Entry, grow: Callable[[int], None]) -> Shelf:
    """For the forms of what is made of this entry, as long as it is kept."""
    shelf = Shelf(grow)
    entry.at_end(shelf.close)
    return shelf


def _nowhere(_: int) -> None:
    """Where nothing is counted."""
