"""Variants, as the API shows them."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.known import KnownVariant, later, told
from app.api.catalog.media import Media
from app.api.catalog.priced import known_prices, price_lasts
from app.api.catalog.sight import followed, followed_by_now, sight_of
from app.api.catalog.together import together
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.engine.forms import Shelf
from app.api.ids_given import key_given
from app.api.inventory.availability import Availability, availability_of
from app.api.inventory.promised import promised
from app.api.nodes import Node, loads
from app.api.pricing.prices import VariantPrice, prices_of
from app.api.scalars import Quantity
from app.browse import sight
from app.browse.documents import VariantFacts
from app.browse.followed import Catalog
from app.catalog import queries
from app.catalog.names import localized_values, variant_names
from app.platform import ids
from app.platform.texts import name_of

if TYPE_CHECKING:
    from app.api.catalog.types import Product


@strawberry.type(description="The value that a variant has of one of its product's options.")
class SelectedOption:
    name: str = strawberry.field(description="The option, in the caller's language.")
    value: str = strawberry.field(description="Its value, in the caller's language.")

    @classmethod
    def all_of(cls, options: Sequence[Mapping[str, Any]], values: Sequence[str], locale: str) -> "list[SelectedOption]":
        """Of a variant's values of its product's options."""
        names = [name_of(option["name"], locale) for option in options]
        shown = localized_values(options, values, locale)
        return [cls(name=name, value=value) for name, value in zip(names, shown, strict=False)]


@strawberry.type(description="What is sold: a product in one of its sizes, colours, packs.")
class Variant(Node):
    known: strawberry.Private[KnownVariant | None] = None
    key: strawberry.Private[UUID]
    raw: strawberry.Private[bytes]
    position: strawberry.Private[int]
    product_key: strawberry.Private[UUID]
    option_values: strawberry.Private[Sequence[str]]
    own_tax_class: strawberry.Private[UUID | None]
    allowance: strawberry.Private[int | None]
    sku: str = strawberry.field(description="The shop's own code for it, unique.")
    barcode: str | None = strawberry.field(description="What a scanner reads on it: EAN, UPC, any other; unique.")
    scale_code: str | None = strawberry.field(description="The five digits by which a scale's labels name it.")
    unit: str = strawberry.field(description='What quantities count ("un", "kg", "m").')
    quantity_step: Quantity = strawberry.field(description="The step that quantities come in (1, 0.001).")
    weight_grams: int | None = strawberry.field(description="The weight of one unit, in grams, if known.")
    requires_shipping: bool = strawberry.field(description="Whether anything is sent: false for a service.")
    track_stock: bool = strawberry.field(description="Whether stock is counted; if not, it is always there.")
    archived: bool = strawberry.field(description="Whether it is out of sale: shoppers do not see it.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @property
    def kept(self) -> Shelf | None:
        """How it has been shown, for the engine."""
        return self.known.kept if self.known is not None else None

    @classmethod
    def of(cls, row: Row[Any] | VariantFacts) -> "Variant":
        """From a row of `variant`."""
        return cls(
            id=strawberry.ID(ids.encode("Variant", row.id)),
            key=row.id,
            raw=row.id.bytes,
            position=row.position,
            product_key=row.product_id,
            option_values=row.option_values,
            own_tax_class=row.tax_class_id,
            allowance=row.backorder_allowance,
            sku=row.sku,
            barcode=row.barcode,
            scale_code=row.scale_code,
            unit=row.unit,
            quantity_step=Quantity(row.quantity_step),
            weight_grams=row.weight_grams,
            requires_shipping=row.requires_shipping,
            track_stock=row.track_stock,
            archived=row.archived,
            version=row.version,
        )

    @batched(lasting=True, description="Its product's name and its options' values, in the caller's language.")
    @staticmethod
    def name(parents: Sequence["Variant"], batch: Batch[Context]) -> list[str]:
        return told(parents, attrgetter("name"), lambda rest: _names(rest, batch.context))

    @batched(lasting=True, description="What it is a variant of.")
    @staticmethod
    def product(
        parents: Sequence["Variant"], batch: Batch[Context]
    ) -> list[Annotated["Product", strawberry.lazy("app.api.catalog.types")]]:
        from app.api.catalog.types import Product, product_of

        async def read(rest: Sequence[Variant]) -> list[Product]:
            rows = await products_of(rest, batch.context)
            return [Product.of(rows[parent.product_key], batch.context) for parent in rest]

        return told(parents, lambda known: product_of(batch.context, known.entry, known.document), read)

    @batched(lasting=True, description="Its value of each of its product's options, in their order.")
    @staticmethod
    def selected_options(parents: Sequence["Variant"], batch: Batch[Context]) -> list[list[SelectedOption]]:
        async def read(rest: Sequence[Variant]) -> list[list[SelectedOption]]:
            rows, locale = await products_of(rest, batch.context), batch.context.locale
            return [
                SelectedOption.all_of(rows[parent.product_key].options, parent.option_values, locale) for parent in rest
            ]

        return told(parents, attrgetter("selected_options"), read)

    @batched(
        lasting=price_lasts,
        description="The price that this request's channel, customer and moment get, "
        "for one unit when buying `quantity`.",
    )
    @staticmethod
    def price(
        parents: Sequence["Variant"],
        batch: Batch[Context],
        quantity: Annotated[Quantity | None, strawberry.argument(description="How many are bought: one unit.")] = None,
    ) -> list[VariantPrice | None]:
        if quantity is not None and quantity <= 0:
            raise RequestError(Code.BAD_REQUEST, "`quantity` must be more than 0.")
        explain = "explanation" in batch.selection
        known = None if explain else known_prices(batch.context, parents, quantity)
        return known if known is not None else later(_prices(batch.context, parents, quantity, explain=explain))

    @batched(description="What can be promised now: in all the channel's locations together, or in one.")
    @staticmethod
    def availability(
        parents: Sequence["Variant"],
        batch: Batch[Context],
        location_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="One of the channel's locations.")
        ] = None,
    ) -> list[Availability]:
        place = None if location_id is None else key_given("Location", location_id, "locationId")
        if place is None and "byLocation" not in batch.selection:
            return later(promised(batch.context, parents))
        wanted = [(parent.key, parent.track_stock) for parent in parents]
        return later(availability_of(batch.context, wanted, place, parents))

    @batched(
        lasting=True,
        description="Its own pictures, videos and files, in their order; without any, its product's are for it.",
    )
    @staticmethod
    def media(parents: Sequence["Variant"], batch: Batch[Context]) -> list[list[Media]]:
        context = batch.context

        async def read(rest: Sequence[Variant]) -> list[list[Media]]:
            found = await queries.media_of_variants(context.db, {parent.key for parent in rest})
            return [[Media.of(row, context.locale) for row in found.get(parent.key, ())] for parent in rest]

        return told(parents, attrgetter("media"), read)

    @strawberry.field(description="The tax class of its own; null: its product's.")
    def tax_class_id(self) -> strawberry.ID | None:
        return strawberry.ID(ids.encode("TaxClass", self.own_tax_class)) if self.own_tax_class else None

    @strawberry.field(
        description="How far below nothing new stock levels of it may be sold; null: without bound. "
        "What a level may owe is told by the level."
    )
    def backorder_allowance(self) -> Quantity | None:
        return None if self.allowance is None else Quantity(self.allowance)


async def _names(variants: Sequence[Variant], context: Context) -> list[str]:
    products = await products_of(variants, context)
    texts = await texts_together(context, [each.product_key for each in variants])
    named = []
    for each in variants:
        names = {locale: row.name for locale, row in texts.get(each.product_key, {}).items()}
        named.append(variant_name(names, products[each.product_key].options, each.option_values, context.locale))
    return named


def variant_name(
    names: Mapping[str, str], options: Sequence[Mapping[str, Any]], values: Sequence[str], locale: str
) -> str:
    """What a variant is called in a language, by its product's names, the product's options, its own values."""
    return name_of(variant_names(names, options, values), locale)


async def _prices(
    context: Context, variants: Sequence[Variant], quantity: Quantity | None, *, explain: bool
) -> list[VariantPrice | None]:
    catalog = followed(context)
    if not explain and catalog is not None:
        settings = await catalog.settings(context.now)
        if (known := known_prices(context, variants, quantity, settings)) is not None:
            return known
    products = await products_of(variants, context)
    wanted = [(each.key, each.own_tax_class or products[each.product_key].tax_class_id) for each in variants]
    return await prices_of(context, wanted, quantity, explain)


async def products_of(variants: Sequence[Variant], context: Context) -> Mapping[UUID, Row[Any]]:
    """The rows of their products: whoever sees a variant sees what it is a variant of."""
    keys = {variant.product_key for variant in variants}
    return await together(context, "products", keys, lambda some: queries.products_by_ids(context.db, some))


async def texts_together(context: Context, product_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Row[Any]]]:
    """The texts of products by locale."""
    return await together(context, "texts", product_ids, lambda some: queries.texts(context.db, some))


@loads("Variant")
async def load_variants(context: Context, keys: Sequence[UUID]) -> list[Variant | None]:
    """Variants that the channel sells now; with `catalog.read` any."""
    catalog, known = await followed_by_now(context), dict[UUID, Variant | None]()
    if catalog is not None:
        known = await known_variants(context, catalog, keys)
        if len(known) == len(set(keys)):
            return [known[key] for key in keys]
    rest = [key for key in keys if key not in known]
    rows = await sight.seen_variants(context.db, rest, sight_of(context))
    return [known[key] if key in known else Variant.of(rows[key]) if key in rows else None for key in keys]


async def known_variants(context: Context, catalog: Catalog, keys: Sequence[UUID]) -> dict[UUID, Variant | None]:
    """Those that the channel sells now, None for those that it does not; what is too large to be kept is left out."""
    from app.api.catalog.types import product_of

    entries = await catalog.documents_of(dict.fromkeys(keys), context.now)
    found: dict[UUID, Variant | None] = {}
    for key in keys:
        entry = entries.get(key)
        if entry is None:
            found[key] = None
        elif entry.value is not None:
            sold = entry.value.sold_in(context.channel.id, context.now)
            known = product_of(context, entry, entry.value).known if sold else None
            found[key] = next((each for each in known.variants if each.key == key), None) if known else None
    return found


async def any_variants(context: Context, keys: Sequence[UUID]) -> list[Variant | None]:
    """Variants whether the channel sells them or not: for parents that may tell of them, such as a stock level."""
    rows = await queries.variants_by_ids(context.db, keys)
    return [Variant.of(rows[key]) if key in rows else None for key in keys]
