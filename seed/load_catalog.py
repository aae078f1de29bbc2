"""Loads what the demo shop sells: categories, collections, products with their variants, pictures and publication.

Each function is a transaction of its own; what is there already, by its slug, is left as it is.
"""

import html
from collections.abc import Mapping, Sequence
from uuid import UUID

import app.browse.watched  # noqa: F401
from app.catalog.categories import CategoryDraft, create_category
from app.catalog.collections import CollectionDraft, create_collection
from app.catalog.drafts import (
    MediaDraft,
    OptionDraft,
    OptionValueDraft,
    ProductDraft,
    PublicationDraft,
    TextDraft,
    VariantDraft,
)
from app.catalog.products import raise_refused, save_products
from app.catalog.queries import categories_by_slugs, collections_by_slugs, products_by_slugs
from app.channels.queries import channels_by_codes
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.quantities import parse_quantity
from app.pricing.queries import all_tax_classes
from seed.load_settings import texts
from seed.shapes import Content, Option, Product, Text, Variant

PIXELS = 800


async def shelves(tx: Tx, actor: Actor, content: Content) -> None:
    """Categories, a parent before its children, and collections."""
    known = await categories_by_slugs(tx, [each.slug for each in content.catalog.categories])
    ids = {slug: row.id for slug, row in known.items()}
    for category in content.catalog.categories:
        if category.slug not in ids:
            parent_id = ids[category.parent] if category.parent else None
            draft = CategoryDraft(name=texts(category.name), slug=category.slug, parent_id=parent_id)
            ids[category.slug] = await create_category(tx, actor, draft)
    there = await collections_by_slugs(tx, [each.slug for each in content.catalog.collections])
    for collection in content.catalog.collections:
        if collection.slug not in there:
            await create_collection(tx, actor, CollectionDraft(name=texts(collection.name), slug=collection.slug))


async def products(tx: Tx, actor: Actor, content: Content, some: Sequence[Product]) -> None:
    """These of the content's products."""
    there = await products_by_slugs(tx, [each.slug for each in some])
    drafting = await _drafting(tx, content)
    for saved in await save_products(tx, actor, [drafting.draft(each) for each in some if each.slug not in there]):
        raise_refused(saved)


class _Drafting:
    """What the content's codes and slugs stand for in this database."""

    def __init__(
        self,
        content: Content,
        categories: Mapping[str, UUID],
        collections: Mapping[str, UUID],
        channels: Mapping[str, UUID],
        tax_classes: Mapping[str, UUID],
    ) -> None:
        self.options = {option.code: option for option in content.catalog.options}
        self.categories = categories
        self.collections = collections
        self.channels = channels
        self.tax_classes = tax_classes

    def draft(self, product: Product) -> ProductDraft:
        options = [self.options[code] for code in product.options]
        active = product.status == "active"
        return ProductDraft(
            mode="create",
            slug=product.slug,
            status="ACTIVE" if active else "ARCHIVED" if product.status == "archived" else "DRAFT",
            brand=product.brand,
            tags=product.tags,
            category_id=self.categories[product.category],
            tax_class_id=self.tax_classes[product.tax_class],
            texts=[
                TextDraft(locale="pt-BR", name=product.name.pt, description=_paragraph(product.description.pt)),
                TextDraft(locale="en", name=product.name.en, description=_paragraph(product.description.en)),
            ],
            options=[_option(option, product) for option in options],
            variants=[_variant(product, variant, options) for variant in product.variants],
            media=[
                MediaDraft(url=media.path, alt=texts(media.alt), width=PIXELS, height=PIXELS) for media in product.media
            ],
            collection_ids=[self.collections[slug] for slug in product.collections],
            publish=[PublicationDraft(channel_id=self.channels[code]) for code in product.channels] if active else (),
        )


async def _drafting(tx: Tx, content: Content) -> _Drafting:
    catalog, codes = content.catalog, [each.code for each in content.shop.channels]
    categories = await categories_by_slugs(tx, [each.slug for each in catalog.categories])
    collections = await collections_by_slugs(tx, [each.slug for each in catalog.collections])
    return _Drafting(
        content,
        categories={slug: row.id for slug, row in categories.items()},
        collections={slug: row.id for slug, row in collections.items()},
        channels={code: row.id for code, row in (await channels_by_codes(tx, codes)).items()},
        tax_classes={row.code: row.id for row in await all_tax_classes(tx)},
    )


def _option(option: Option, product: Product) -> OptionDraft:
    """The option with those of its values that the product's variants use."""
    used = {variant.options[option.code] for variant in product.variants}
    values = [OptionValueDraft(texts=texts(value.name)) for value in option.values if value.code in used]
    return OptionDraft(texts=texts(option.name), values=values)


def _variant(product: Product, variant: Variant, options: Sequence[Option]) -> VariantDraft:
    names: Mapping[tuple[str, str], Text] = {
        (option.code, value.code): value.name for option in options for value in option.values
    }
    paths = {media.file: media.path for media in product.media}
    return VariantDraft(
        mode="create",
        option_values=[names[option.code, variant.options[option.code]].pt for option in options],
        sku=variant.sku,
        barcode=variant.barcode,
        scale_code=variant.scale_code,
        unit=product.unit,
        quantity_step=parse_quantity(product.quantity_step),
        weight_grams=variant.weight_grams,
        requires_shipping=product.requires_shipping,
        track_stock=variant.track_stock,
        media=[paths[file] for file in variant.media],
    )


def _paragraph(text: str) -> str:
    """Plain words as the HTML that descriptions are."""
    return f"<p>{html.escape(text, quote=False)}</p>"
