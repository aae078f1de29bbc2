"""Products with their variants, and what one unit costs in the base list of the request's currency.

The CSV has Shopify's columns, in the language asked for, and `feira import products` takes it back: into the same shop
it changes nothing. Left out of it is what these columns cannot say (products of more than three options, or without a
variant that is not archived): JSON lines have all. «Published» is of the channel asked for, else of the request's.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, DateTime, Row, Select, Text, Uuid, any_, bindparam, exists, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.exports.asking import Asked
from app.browse.exports.cells import Record, amount, moment, quantity
from app.browse.import_prices import STANDING
from app.browse.pictures import address
from app.catalog import queries
from app.catalog.names import localized_values
from app.catalog.tables import product, publication, variant
from app.channels.queries import all_channels
from app.inventory.availability import stock_of
from app.platform import ids
from app.platform.db import Reader
from app.platform.texts import name_of
from app.pricing.queries import base_price_list

BATCH: Final = 200
_MOMENT: Final = DateTime(timezone=True)
_FIRST: Final = UUID(int=0)
MOST_EXTRAS: Final = 200
"""Columns that an import kept, at most."""
_extras = select(func.jsonb_object_keys(product.c.extra).label("name")).union(
    select(func.jsonb_object_keys(variant.c.extra))
)
EXTRAS: Final = select(_extras.subquery().c.name).order_by("name").limit(MOST_EXTRAS)


@cache
def _page(wanted: frozenset[str]) -> Select[Any]:
    now = bindparam("moment", type_=_MOMENT)
    conditions: dict[str, Any] = {
        "statuses": product.c.status == any_(bindparam("statuses", type_=ARRAY(Text))),
        "category_ids": product.c.category_id == any_(bindparam("category_ids", type_=ARRAY(Uuid))),
        "channel_ids": exists().where(
            publication.c.product_id == product.c.id,
            publication.c.channel_id == any_(bindparam("channel_ids", type_=ARRAY(Uuid))),
            publication.c.starts_at <= now,
            or_(publication.c.ends_at.is_(None), publication.c.ends_at > now),
        ),
        "updated_from": product.c.updated_at >= bindparam("updated_from", type_=_MOMENT),
        "updated_to": product.c.updated_at < bindparam("updated_to", type_=_MOMENT),
    }
    return (
        select(product)
        .where(product.c.id > bindparam("after", type_=Uuid), *(conditions[name] for name in sorted(wanted)))
        .order_by(product.c.id)
        .limit(bindparam("most", type_=BigInteger))
    )


class Around(Struct, frozen=True):
    """What every product is told by: codes of channels, names of categories from the root down, the price list."""

    channels: Mapping[UUID, str]
    categories: Mapping[UUID, Row[Any]]
    price_list_id: UUID | None
    extras: Sequence[str]

    @classmethod
    async def of(cls, db: Reader, asked: Asked) -> "Around":
        prices = await base_price_list(db, asked.channel.currency)
        return cls(
            {row.id: row.code for row in await all_channels(db)},
            {row.id: row for row in await queries.all_categories(db, archived=True)},
            None if prices is None else prices.id,
            [row.name for row in await db.rows(EXTRAS)],
        )


async def batches(db: Reader, asked: Asked, around: Around) -> AsyncIterator[list[Record]]:
    """In the order in which they came."""
    given = {
        "statuses": asked.statuses,
        "category_ids": asked.category_ids,
        "channel_ids": asked.channel_ids,
        "updated_from": asked.updated_from,
        "updated_to": asked.updated_to,
    }
    wanted = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value is not None
    }
    statement, parameters = _page(frozenset(wanted)), wanted | {"most": BATCH}
    if "channel_ids" in wanted:
        parameters["moment"] = asked.moment
    after = _FIRST
    while found := await db.rows(statement, parameters | {"after": after}):
        yield await _records(db, found, asked, around)
        after = found[-1].id


async def _records(db: Reader, products: Sequence[Row[Any]], asked: Asked, around: Around) -> list[Record]:
    keys = [row.id for row in products]
    texts = await queries.texts(db, keys)
    publications = await queries.publications(db, keys)
    collections = await queries.collections_of_products(db, keys)
    pictures = await queries.media_of_products(db, keys)
    variants = await queries.variants_of_products(db, keys, archived=True)
    own = await queries.media_of_variants(db, [one.id for key in keys for one in variants[key]])
    more = await _prices_and_stock(db, [one.id for key in keys for one in variants[key]], asked, around)
    return [
        _record(row, asked, around)
        | {
            "texts": {tag: _text(text) for tag, text in sorted(texts.get(row.id, {}).items())},
            "collections": [each.slug for each in collections.get(row.id, ())],
            "publications": _publications(publications.get(row.id, {}), around),
            "published": _published(publications.get(row.id, {}), asked),
            "media": [_medium(each, asked) for each in pictures.get(row.id, ())],
            "variants": [
                _variant(one, row, asked)
                | {"media": [_medium(each, asked)["url"] for each in own.get(one.id, ())]}
                | more.get(one.id, {})
                for one in variants[row.id]
            ],
        }
        for row in products
    ]


async def _prices_and_stock(
    db: Reader, variant_ids: Collection[UUID], asked: Asked, around: Around
) -> dict[UUID, Record]:
    currency = asked.channel.currency
    found: dict[UUID, Record] = {key: {"price": None} for key in variant_ids}
    if around.price_list_id is not None:
        where = {"price_list_id": around.price_list_id, "variant_ids": list(variant_ids), "now": asked.moment}
        for row in await db.rows(STANDING, where):
            shown = {"amount": amount(row.amount, currency), "compareAt": amount(row.compare_at, currency)}
            found[row.variant_id]["price"] = shown | {"currency": currency}
    if asked.location_ids:
        (place,) = asked.location_ids
        for key, stocks in (await stock_of(db, variant_ids, [place])).items():
            found[key]["onHand"] = quantity(stocks[place].on_hand)
    return found


def _record(row: Row[Any], asked: Asked, around: Around) -> Record:
    return {
        "id": ids.encode("Product", row.id),
        "slug": row.slug,
        "status": row.status,
        "brand": row.brand,
        "type": row.product_type,
        "tags": list(row.tags),
        "category": _category(row.category_id, asked.locale, around),
        "options": [
            {
                "name": name_of(option["name"], asked.locale),
                "values": [name_of(value, asked.locale) for value in option["values"]],
            }
            for option in row.options
        ],
        "extra": row.extra,
        "version": row.version,
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }


def _category(key: UUID | None, locale: str, around: Around) -> Record | None:
    row = None if key is None else around.categories.get(key)
    if row is None:
        return None
    above = [around.categories[each] for each in row.lineage if each in around.categories]
    return {"slug": row.slug, "path": [name_of(each.name, locale) for each in above]}


def _text(row: Row[Any]) -> Record:
    return {
        "name": row.name,
        "description": row.description,
        "seoTitle": row.seo_title,
        "seoDescription": row.seo_description,
    }


def _publications(rows: Mapping[UUID, Row[Any]], around: Around) -> Record:
    codes = {around.channels[key]: row for key, row in rows.items()}
    return {code: {"from": moment(row.starts_at), "to": moment(row.ends_at)} for code, row in sorted(codes.items())}


def _published(rows: Mapping[UUID, Row[Any]], asked: Asked) -> bool:
    """Whether it is published now, whatever its status, in the channel that is asked about."""
    row = rows.get(asked.channel_ids[0] if asked.channel_ids else asked.channel.id)
    now: datetime = asked.moment
    return row is not None and row.starts_at <= now and (row.ends_at is None or row.ends_at > now)


def _medium(row: Row[Any], asked: Asked) -> Record:
    url = address(row.url, base_url=asked.base_url, kind=row.kind)
    return {"kind": row.kind, "url": url, "alt": row.alt}


def _variant(row: Row[Any], of: Row[Any], asked: Asked) -> Record:
    return {
        "id": ids.encode("Variant", row.id),
        "sku": row.sku,
        "barcode": row.barcode,
        "scaleCode": row.scale_code,
        "options": localized_values(of.options, row.option_values, asked.locale),
        "unit": row.unit,
        "quantityStep": quantity(row.quantity_step),
        "weightGrams": row.weight_grams,
        "requiresShipping": row.requires_shipping,
        "trackStock": row.track_stock,
        "backorderAllowance": quantity(row.backorder_allowance),
        "archived": row.archived,
        "extra": row.extra,
        "version": row.version,
        "updatedAt": moment(row.updated_at),
    }
