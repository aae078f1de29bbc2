"""A product with all that its version counts: texts, variants, media, publication, collections. Locked, then read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, any_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.selling import selling
from app.catalog.tables import collection_product, media, product, product_media, product_text, publication, variant
from app.catalog.tables import variant_media as variant_media_table
from app.platform.db import Tx

Values = dict[str, Any]
"""A row's columns by name."""

IDS: Final[Any] = any_(bindparam("ids", type_=ARRAY(Uuid)))

# PostgreSQL checks the condition again on the row that it waited for: a slug that moved meanwhile is not taken for it.
LOCK: Final = (
    select(product)
    .where(or_(product.c.id == IDS, product.c.slug == any_(bindparam("slugs", type_=ARRAY(Text(collation="C"))))))
    .order_by(product.c.id)
    .with_for_update()
)
TEXT_COLUMNS: Final = ("product_id", "locale", "name", "name_key", "description", "seo_title", "seo_description")
TEXTS: Final = select(*(product_text.c[name] for name in TEXT_COLUMNS)).where(product_text.c.product_id == IDS)
VARIANTS: Final = (
    select(*(column for column in variant.c if column.name != "barcode_key"))
    .where(variant.c.product_id == IDS)
    .order_by(variant.c.product_id, variant.c.position, variant.c.id)
)
MEDIA: Final = (
    select(product_media.c.product_id, media)
    .join(media, media.c.id == product_media.c.media_id)
    .where(product_media.c.product_id == IDS)
    .order_by(product_media.c.product_id, product_media.c.position, media.c.id)
)
VARIANT_MEDIA: Final = (
    select(variant.c.product_id, variant_media_table.c.variant_id, variant_media_table.c.media_id)
    .join(variant, variant.c.id == variant_media_table.c.variant_id)
    .where(variant.c.product_id == IDS)
    .order_by(variant_media_table.c.variant_id, variant_media_table.c.position, variant_media_table.c.media_id)
)
PUBLICATIONS: Final = select(publication).where(publication.c.product_id == IDS)
COLLECTIONS: Final = select(collection_product).where(collection_product.c.product_id == IDS)


@dataclass(slots=True)
class Whole:
    """Rows as they are, or as they are to be written. Variants by id, in their order; archived ones too.

    `media` are the rows of the product's media by id; `product_media` their order; `variant_media` the ids of each
    variant's own. `collections` are ids.
    """

    product: Values
    texts: dict[str, Values] = field(default_factory=dict)
    variants: dict[UUID, Values] = field(default_factory=dict)
    media: dict[UUID, Values] = field(default_factory=dict)
    product_media: tuple[UUID, ...] = ()
    variant_media: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    publications: dict[UUID, Values] = field(default_factory=dict)
    collections: frozenset[UUID] = frozenset()

    @property
    def id(self) -> UUID:
        key: UUID = self.product["id"]
        return key

    def copy(self) -> "Whole":
        """One to change, while this stays what was read. Lists and JSON inside a row are replaced, never changed."""
        return Whole(
            product=dict(self.product),
            texts={key: dict(row) for key, row in self.texts.items()},
            variants={key: dict(row) for key, row in self.variants.items()},
            media={key: dict(row) for key, row in self.media.items()},
            product_media=self.product_media,
            variant_media=dict(self.variant_media),
            publications={key: dict(row) for key, row in self.publications.items()},
            collections=self.collections,
        )

    @property
    def sold_in(self) -> frozenset[UUID]:
        """The channels that sell it, as is told of it until its `next_at`."""
        if self.product["status"] != "ACTIVE":
            return frozenset()
        return selling(self.publications.values(), self.product["next_at"])

    def variant_sold_in(self, variant_id: UUID) -> frozenset[UUID]:
        """The channels that sell one of its variants."""
        return frozenset() if self.variants[variant_id]["archived"] else self.sold_in


async def lock_products(tx: Tx, *, ids: Iterable[UUID] = (), slugs: Iterable[str] = ()) -> list[Row[Any]]:
    """Lock products in the order of their ids. Their rows as they are once locked."""
    parameters = {"ids": list(ids), "slugs": list(slugs)}
    return list(await tx.rows(LOCK, parameters)) if parameters["ids"] or parameters["slugs"] else []


async def lock_wholes(tx: Tx, *, ids: Iterable[UUID] = (), slugs: Iterable[str] = ()) -> dict[UUID, Whole]:
    """Lock products, then read all that belongs to them; unknown ids and slugs are left out."""
    return await read_wholes(tx, await lock_products(tx, ids=ids, slugs=slugs))


async def read_wholes(tx: Tx, locked: Sequence[Row[Any]]) -> dict[UUID, Whole]:
    """The rest of products that are locked."""
    wholes = {row.id: Whole(product=row._asdict()) for row in locked}
    if not wholes:
        return wholes
    parameters = {"ids": list(wholes)}
    for row in await tx.rows(TEXTS, parameters):
        wholes[row.product_id].texts[row.locale] = row._asdict()
    for row in await tx.rows(VARIANTS, parameters):
        wholes[row.product_id].variants[row.id] = row._asdict()
    for row in await tx.rows(MEDIA, parameters):
        values = row._asdict()
        whole = wholes[values.pop("product_id")]
        whole.media[row.id] = values
        whole.product_media = (*whole.product_media, row.id)
    for row in await tx.rows(VARIANT_MEDIA, parameters):
        own = wholes[row.product_id].variant_media
        own[row.variant_id] = (*own.get(row.variant_id, ()), row.media_id)
    for row in await tx.rows(PUBLICATIONS, parameters):
        wholes[row.product_id].publications[row.channel_id] = row._asdict()
    for row in await tx.rows(COLLECTIONS, parameters):
        wholes[row.product_id].collections |= {row.collection_id}
    return wholes
