"""Who sees what of the catalog: shoppers what the channel sells now, staff with `catalog.read` everything."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Row, Select, Text, Uuid, and_, bindparam, exists, or_, select

from app.catalog.tables import media, product, product_media, publication, variant, variant_media
from app.platform.db import Reader
from app.platform.unnest import among


@dataclass(frozen=True, slots=True)
class Sight:
    """Where and when somebody looks, and whether they see `everything`: drafts, archived and unpublished things."""

    channel_id: UUID
    moment: datetime
    everything: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        return {"channel_id": self.channel_id, "moment": self.moment, "everything": self.everything}


def published_now() -> ColumnElement[bool]:
    """Whether a row of `publication` covers `moment` in the channel `channel_id`."""
    moment = bindparam("moment", type_=publication.c.starts_at.type)
    return and_(
        publication.c.channel_id == bindparam("channel_id", type_=Uuid),
        publication.c.starts_at <= moment,
        or_(publication.c.ends_at.is_(None), publication.c.ends_at > moment),
    )


def sold() -> ColumnElement[bool]:
    """Whether the channel sells a row of `product`: it is ACTIVE, and published there at this moment."""
    return and_(
        product.c.status == "ACTIVE",
        exists().where(publication.c.product_id == product.c.id, published_now()),
    )


_everything = bindparam("everything", type_=Boolean)
_ids: Any = among("ids", Uuid())
_slugs: Any = among("slugs", Text(collation="C"))
_products = select(product).where(or_(_everything, sold()))
PRODUCTS_BY_IDS = _products.where(product.c.id == _ids)
PRODUCTS_BY_SLUGS = _products.where(product.c.slug == _slugs)
VARIANTS_BY_IDS = (
    select(variant)
    .join(product, product.c.id == variant.c.product_id)
    .where(variant.c.id == _ids, or_(_everything, and_(~variant.c.archived, sold())))
)
_of_product = exists().where(
    product_media.c.media_id == media.c.id, product_media.c.product_id == product.c.id, or_(_everything, sold())
)
_of_variant = exists().where(
    variant_media.c.media_id == media.c.id,
    variant.c.id == variant_media.c.variant_id,
    ~variant.c.archived,
    product.c.id == variant.c.product_id,
    sold(),
)
MEDIA_BY_IDS = select(media).where(
    media.c.id == _ids, or_(_everything, and_(~media.c.archived, or_(_of_product, _of_variant)))
)


async def seen_products(db: Reader, ids: Collection[UUID], sight: Sight) -> dict[UUID, Row[Any]]:
    """Rows of those of these products that are in sight."""
    return await _by_id(db, PRODUCTS_BY_IDS, ids, sight)


async def seen_products_by_slugs(db: Reader, slugs: Collection[str], sight: Sight) -> dict[str, Row[Any]]:
    """The same by slug."""
    known = [slug for slug in slugs if "\0" not in slug]
    if not known:
        return {}
    return {row.slug: row for row in await db.rows(PRODUCTS_BY_SLUGS, {"slugs": known, **sight.parameters})}


async def seen_variants(db: Reader, ids: Collection[UUID], sight: Sight) -> dict[UUID, Row[Any]]:
    """Rows of those of these variants that are in sight."""
    return await _by_id(db, VARIANTS_BY_IDS, ids, sight)


async def seen_media(db: Reader, ids: Collection[UUID], sight: Sight) -> dict[UUID, Row[Any]]:
    """Rows of those of these media that a product or variant in sight shows."""
    return await _by_id(db, MEDIA_BY_IDS, ids, sight)


async def _by_id(db: Reader, statement: Select[Any], ids: Collection[UUID], sight: Sight) -> dict[UUID, Row[Any]]:
    if not ids:
        return {}
    return {row.id: row for row in await db.rows(statement, {"ids": list(ids), **sight.parameters})}
