"""Batch reads of the catalog by ids and natural keys: one statement for any number of them.

Rows are full rows of the table, archived ones and drafts too: who may see them is the caller's to decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Text, Uuid, and_, bindparam, func, or_, select

from app.catalog.barcodes import barcode_key
from app.catalog.fields import storable
from app.catalog.names import variant_names
from app.catalog.tables import (
    category,
    collection,
    collection_product,
    media,
    product,
    product_media,
    product_text,
    publication,
    variant,
    variant_media,
)
from app.platform.db import Reader
from app.platform.unnest import among

IDS: Any = among("ids", Uuid())
KEYS: Any = among("keys", Text(collation="C"))

PRODUCTS_BY_ID = select(product).where(product.c.id == IDS)
PRODUCTS_BY_SLUG = select(product).where(product.c.slug == KEYS)
VARIANTS_BY_ID = select(variant).where(variant.c.id == IDS)
VARIANTS_BY_SKU = select(variant).where(variant.c.sku == KEYS)
VARIANTS_BY_BARCODE = select(variant).where(variant.c.barcode_key == KEYS)
VARIANTS_OF_PRODUCTS = (
    select(variant)
    .where(variant.c.product_id == IDS, or_(~variant.c.archived, bindparam("archived")))
    .order_by(variant.c.product_id, variant.c.position, variant.c.id)
)
TEXTS = select(*(column for column in product_text.c if column.name not in {"search", "search_words"})).where(
    product_text.c.product_id == IDS
)
PUBLICATIONS = select(publication).where(publication.c.product_id == IDS)
CATEGORIES_BY_ID = select(category).where(category.c.id == IDS)
CATEGORIES_BY_SLUG = select(category).where(category.c.slug == KEYS)
ALL_CATEGORIES = (
    select(category)
    .where(or_(~category.c.archived, bindparam("archived")))
    .order_by(category.c.position, category.c.slug)
)
CHILDREN = (
    select(category)
    .where(category.c.parent_id == IDS, or_(~category.c.archived, bindparam("archived")))
    .order_by(category.c.position, category.c.slug)
)
COLLECTIONS_BY_ID = select(collection).where(collection.c.id == IDS)
COLLECTIONS_BY_SLUG = select(collection).where(collection.c.slug == KEYS)
COLLECTIONS_OF_PRODUCTS = (
    select(collection_product.c.product_id.label("of_id"), collection)
    .join(collection, collection.c.id == collection_product.c.collection_id)
    .where(collection_product.c.product_id == IDS, or_(~collection.c.archived, bindparam("archived")))
    .order_by(collection.c.slug)
)
MEDIA_OF_PRODUCTS = (
    select(product_media.c.product_id.label("of_id"), media)
    .join(media, media.c.id == product_media.c.media_id)
    .where(product_media.c.product_id == IDS, or_(~media.c.archived, bindparam("archived")))
    .order_by(product_media.c.position, media.c.id)
)
MEDIA_OF_VARIANTS = (
    select(variant_media.c.variant_id.label("of_id"), media)
    .join(media, media.c.id == variant_media.c.media_id)
    .where(variant_media.c.variant_id == IDS, or_(~media.c.archived, bindparam("archived")))
    .order_by(variant_media.c.position, media.c.id)
)
_NAMES = (
    select(func.jsonb_object_agg(product_text.c.locale, product_text.c.name))
    .where(product_text.c.product_id == product.c.id)
    .scalar_subquery()
)
_MOMENT = bindparam("moment", type_=publication.c.starts_at.type)
_PUBLISHED = and_(
    product.c.status == "ACTIVE",
    ~variant.c.archived,
    publication.c.starts_at.is_not(None),
    publication.c.starts_at <= _MOMENT,
    or_(publication.c.ends_at.is_(None), publication.c.ends_at > _MOMENT),
)
SELLABLE = (
    select(
        variant.c.id,
        variant.c.product_id,
        variant.c.sku,
        variant.c.barcode,
        variant.c.unit,
        variant.c.quantity_step,
        variant.c.weight_grams,
        variant.c.requires_shipping,
        variant.c.track_stock,
        variant.c.backorder_allowance,
        func.coalesce(variant.c.tax_class_id, product.c.tax_class_id).label("tax_class_id"),
        variant.c.option_values,
        product.c.options,
        _NAMES.label("names"),
        func.coalesce(_PUBLISHED, False).label("published"),
    )
    .join(product, product.c.id == variant.c.product_id)
    .outerjoin(
        publication,
        and_(publication.c.product_id == product.c.id, publication.c.channel_id == bindparam("channel_id")),
    )
    .where(variant.c.id == IDS)
)


@dataclass(frozen=True, slots=True)
class Sellable:
    """What a cart or checkout needs of a variant. Quantities in thousandths of `unit`, weight in grams of one unit.

    `tax_class_id`: the variant's own, else its product's; None: the shop's default class. `name`: by locale, the
    product's name and the option values. `published`: whether the channel sells it at the moment asked for.
    """

    id: UUID
    product_id: UUID
    sku: str
    barcode: str | None
    unit: str
    quantity_step: int
    weight_grams: int | None
    requires_shipping: bool
    track_stock: bool
    backorder_allowance: int | None
    tax_class_id: UUID | None
    option_values: tuple[str, ...]
    name: dict[str, str]
    published: bool


async def sellable(
    db: Reader, variant_ids: Iterable[UUID], *, channel_id: UUID, moment: datetime
) -> dict[UUID, Sellable]:
    """The variants as a channel would sell them at a moment; unknown ids are left out."""
    parameters = {"ids": list(variant_ids), "channel_id": channel_id, "moment": moment}
    return {row.id: _sellable(row) for row in await db.rows(SELLABLE, parameters)}


def _sellable(row: Row[Any]) -> Sellable:
    return Sellable(
        id=row.id,
        product_id=row.product_id,
        sku=row.sku,
        barcode=row.barcode,
        unit=row.unit,
        quantity_step=row.quantity_step,
        weight_grams=row.weight_grams,
        requires_shipping=row.requires_shipping,
        track_stock=row.track_stock,
        backorder_allowance=row.backorder_allowance,
        tax_class_id=row.tax_class_id,
        option_values=tuple(row.option_values),
        name=variant_names(row.names or {}, row.options, row.option_values),
        published=row.published,
    )


async def products_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return await _by_id(db, PRODUCTS_BY_ID, ids)


async def products_by_slugs(db: Reader, slugs: Iterable[str]) -> dict[str, Row[Any]]:
    return {row.slug: row for row in await db.rows(PRODUCTS_BY_SLUG, _keys(slugs))}


async def variants_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return await _by_id(db, VARIANTS_BY_ID, ids)


async def variants_by_skus(db: Reader, skus: Iterable[str]) -> dict[str, Row[Any]]:
    return {row.sku: row for row in await db.rows(VARIANTS_BY_SKU, _keys(skus))}


async def variants_by_barcodes(db: Reader, barcodes: Iterable[str]) -> dict[str, Row[Any]]:
    """By the barcodes asked for, however they write a GTIN. Scale labels are `lookup`'s."""
    wanted = {code: barcode_key(code) for code in barcodes}
    found = {row.barcode_key: row for row in await db.rows(VARIANTS_BY_BARCODE, _keys(wanted.values()))}
    return {code: found[key] for code, key in wanted.items() if key in found}


async def variants_of_products(
    db: Reader, product_ids: Iterable[UUID], *, archived: bool = False
) -> dict[UUID, list[Row[Any]]]:
    """Each product's variants in their order; `archived`: those too. Products without any have an empty list."""
    ids = list(product_ids)
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in ids}
    for row in await db.rows(VARIANTS_OF_PRODUCTS, {"ids": ids, "archived": archived}):
        found[row.product_id].append(row)
    return found


async def texts(db: Reader, product_ids: Iterable[UUID]) -> dict[UUID, dict[str, Row[Any]]]:
    """Each product's texts by locale: name, name_key, description, seo_title, seo_description."""
    found: dict[UUID, dict[str, Row[Any]]] = {}
    for row in await db.rows(TEXTS, {"ids": list(product_ids)}):
        found.setdefault(row.product_id, {})[row.locale] = row
    return found


async def publications(db: Reader, product_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, Row[Any]]]:
    """Each product's publications by channel id: starts_at, ends_at."""
    found: dict[UUID, dict[UUID, Row[Any]]] = {}
    for row in await db.rows(PUBLICATIONS, {"ids": list(product_ids)}):
        found.setdefault(row.product_id, {})[row.channel_id] = row
    return found


async def categories_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return await _by_id(db, CATEGORIES_BY_ID, ids)


async def categories_by_slugs(db: Reader, slugs: Iterable[str]) -> dict[str, Row[Any]]:
    return {row.slug: row for row in await db.rows(CATEGORIES_BY_SLUG, _keys(slugs))}


async def all_categories(db: Reader, *, archived: bool = False) -> Sequence[Row[Any]]:
    """The whole tree as a list, siblings in their order."""
    return await db.rows(ALL_CATEGORIES, {"archived": archived})


async def children_of_categories(
    db: Reader, ids: Iterable[UUID], *, archived: bool = False
) -> dict[UUID, list[Row[Any]]]:
    """The categories right below each of these, in their order."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(CHILDREN, {"ids": list(ids), "archived": archived}):
        found.setdefault(row.parent_id, []).append(row)
    return found


async def collections_by_ids(db: Reader, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return await _by_id(db, COLLECTIONS_BY_ID, ids)


async def collections_by_slugs(db: Reader, slugs: Iterable[str]) -> dict[str, Row[Any]]:
    return {row.slug: row for row in await db.rows(COLLECTIONS_BY_SLUG, _keys(slugs))}


async def collections_of_products(
    db: Reader, product_ids: Iterable[UUID], *, archived: bool = False
) -> dict[UUID, list[Row[Any]]]:
    return await _of(db, COLLECTIONS_OF_PRODUCTS, product_ids, archived)


async def media_of_products(
    db: Reader, product_ids: Iterable[UUID], *, archived: bool = False
) -> dict[UUID, list[Row[Any]]]:
    """Each product's media in their order."""
    return await _of(db, MEDIA_OF_PRODUCTS, product_ids, archived)


async def media_of_variants(
    db: Reader, variant_ids: Iterable[UUID], *, archived: bool = False
) -> dict[UUID, list[Row[Any]]]:
    """Each variant's own media in their order."""
    return await _of(db, MEDIA_OF_VARIANTS, variant_ids, archived)


def _keys(keys: Iterable[str]) -> dict[str, list[str]]:
    """As a parameter, without what PostgreSQL cannot hold and so nothing is called."""
    return {"keys": [key for key in set(keys) if storable(key)]}


async def _by_id(db: Reader, statement: Select[Any], ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(statement, {"ids": list(ids)})}


async def _of(db: Reader, statement: Select[Any], ids: Iterable[UUID], archived: bool) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(statement, {"ids": list(ids), "archived": archived}):
        found.setdefault(row.of_id, []).append(row)
    return found
