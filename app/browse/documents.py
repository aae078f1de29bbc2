"""Product documents: everything that shoppers read of a product but its stock, flat, as PostgreSQL puts it together.

A document holds facts, no answers: texts in every language, publications in every channel, prices of every list with
their times. What a caller is shown follows from it, the channel, the language and the moment. What it only refers to
stands by its id: its category, its collections, tax classes. Archived variants and media are left out.

Each read is one statement, so of one moment, and says how far the feed was then.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.catalog.tables import (
    collection_product,
    media,
    product,
    product_media,
    product_text,
    publication,
    variant,
    variant_media,
)
from app.events.tables import feed_head
from app.platform.db import Reader
from app.platform.unnest import among
from app.pricing.price import PriceRow
from app.pricing.tables import price


class TextFacts(Struct, frozen=True, gc=False):
    """A row of `product_text`."""

    locale: str
    name: str
    description: str
    seo_title: str | None
    seo_description: str | None


class MediaFacts(Struct, frozen=True, gc=False):
    """A row of `media`."""

    id: UUID
    kind: str
    url: str
    alt: dict[str, str]
    width: int | None
    height: int | None
    version: int


class PublicationFacts(Struct, frozen=True, gc=False):
    """A row of `publication`."""

    channel_id: UUID
    starts_at: datetime
    ends_at: datetime | None


class VariantFacts(Struct, frozen=True, gc=False):
    """A row of `variant`, its own media in order, and its prices that had not ended a while before the read."""

    id: UUID
    product_id: UUID
    position: int
    sku: str
    barcode: str | None
    scale_code: str | None
    option_values: list[str]
    unit: str
    quantity_step: int
    weight_grams: int | None
    requires_shipping: bool
    track_stock: bool
    backorder_allowance: int | None
    tax_class_id: UUID | None
    archived: bool
    version: int
    media: list[MediaFacts]
    prices: list[PriceRow]


class Document(Struct, frozen=True, gc=False):
    """A row of `product` and all below it; variants in their order."""

    id: UUID
    slug: str
    status: str
    brand: str | None
    product_type: str | None
    tags: list[str]
    category_id: UUID | None
    tax_class_id: UUID | None
    options: list[dict[str, Any]]
    version: int
    created_at: datetime
    updated_at: datetime
    texts: list[TextFacts]
    collection_ids: list[UUID]
    publications: list[PublicationFacts]
    media: list[MediaFacts]
    variants: list[VariantFacts]

    def sold_in(self, channel_id: UUID, moment: datetime) -> bool:
        """Whether the channel sells it then: as `sight.sold`."""
        if self.status != "ACTIVE":
            return False
        for each in self.publications:
            if each.channel_id == channel_id:
                return each.starts_at <= moment and (each.ends_at is None or each.ends_at > moment)
        return False


class Read(Struct, frozen=True, gc=False):
    """Documents with their size in bytes as they came, and the head of the feed in the same snapshot."""

    position: int
    epoch: str
    documents: Sequence[tuple[Document, int]]


def _object(fields: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    pairs = [part for name, value in fields.items() for part in (literal_column(f"'{name}'", Text), value)]
    return func.json_build_object(*pairs, type_=JSON)


def _columns(table: FromClause, kind: type[Struct], **others: ColumnElement[Any]) -> ColumnElement[Any]:
    """The struct's fields, of the table's columns but for these others."""
    return _object({name: others[name] if name in others else table.c[name] for name in kind.__struct_fields__})


def _array(
    item: ColumnElement[Any],
    rows: Select[Any],
    *order: ColumnElement[Any],
    around: Sequence[FromClause] = (product, variant),
) -> ColumnElement[Any]:
    """What these rows give, in this order; the statement `around` them is what they are correlated with."""
    gathered = func.json_agg(aggregate_order_by(item, *order)) if order else func.json_agg(item)
    array = func.coalesce(gathered, literal_column("'[]'::json"), type_=JSON)
    return rows.with_only_columns(array).correlate(*around).scalar_subquery()


def _media(link: FromClause, of_owner: ColumnElement[bool]) -> ColumnElement[Any]:
    """What is linked to a product or a variant and not archived, in the link's order."""
    rows = select(media.c.id).join(link, link.c.media_id == media.c.id).where(of_owner, ~media.c.archived)
    return _array(_columns(media, MediaFacts), rows, link.c.position, media.c.id)


_PRICES = _array(
    _columns(price, PriceRow),
    select(price.c.id).where(
        price.c.variant_id == variant.c.id,
        (price.c.ends_at.is_(None)) | (price.c.ends_at > bindparam("since", type_=DateTime(timezone=True))),
    ),
)
_VARIANTS = _array(
    _columns(
        variant,
        VariantFacts,
        media=_media(variant_media, variant_media.c.variant_id == variant.c.id),
        prices=_PRICES,
    ),
    select(variant.c.id).where(variant.c.product_id == product.c.id, ~variant.c.archived),
    variant.c.position,
    variant.c.id,
    around=(product,),
)
_BODY = _columns(
    product,
    Document,
    texts=_array(
        _columns(product_text, TextFacts),
        select(product_text.c.locale).where(product_text.c.product_id == product.c.id),
        product_text.c.locale,
    ),
    collection_ids=_array(
        collection_product.c.collection_id,
        select(collection_product.c.collection_id).where(collection_product.c.product_id == product.c.id),
    ),
    publications=_array(
        _columns(publication, PublicationFacts),
        select(publication.c.channel_id).where(publication.c.product_id == product.c.id),
    ),
    media=_media(product_media, product_media.c.product_id == product.c.id),
    variants=_VARIANTS,
)


def _read(which: ColumnElement[bool]) -> Select[Any]:
    found = select(cast(_BODY, Text).label("body")).where(which).subquery("found")
    return select(feed_head.c.position, feed_head.c.epoch, found.c.body).select_from(feed_head.outerjoin(found, true()))


_ids: Any = among("keys", Uuid())
_slugs: Any = among("keys", Text(collation="C"))
BY_IDS: Final = _read(product.c.id == _ids)
BY_SLUGS: Final = _read(product.c.slug == _slugs)
BY_VARIANTS: Final = _read(product.c.id.in_(select(variant.c.product_id).where(variant.c.id == _ids)))
_decoder: Final = msgspec.json.Decoder(Document)


async def read_documents(db: Reader, statement: Select[Any], keys: Collection[Any], since: datetime) -> Read:
    """The documents that one of the statements above finds; prices that ended by `since` are left out."""
    rows = await db.rows(statement, {"keys": list(keys), "since": since})
    found = [(_decoder.decode(row.body), len(row.body)) for row in rows if row.body is not None]
    return Read(rows[0].position, rows[0].epoch, found)
