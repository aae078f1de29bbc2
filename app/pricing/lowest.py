"""Which of a product's prices in a channel is its lowest: `channel_price.lowest`, by which lists are sorted.

It is false only where another price of the product in the channel comes before this one, of a variant that is not
archived; who sorts by it may find it true of too many, and looks. So that no two writers each take the other's old
price for the lowest, they go one after the other for each product, whichever of its variants they are about: who
writes `channel_price`, or archives a variant, locks the product's row in `priced_product` first, after the variants'
(`listing.lock_variants`) and in the order of the ids, and marks last.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, and_, any_, bindparam, exists, func, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.catalog.tables import variant
from app.platform.db import Tx
from app.pricing.tables import channel_price, priced_product

_ids = bindparam("product_ids", type_=ARRAY(Uuid))
ENSURE: Final = (
    insert(priced_product)
    .from_select(["product_id"], select(func.unnest(_ids).label("product_id")).order_by("product_id"))
    .on_conflict_do_nothing()
)
LOCK: Final = (
    select(priced_product.c.product_id)
    .where(priced_product.c.product_id == any_(_ids))
    .order_by(priced_product.c.product_id)
    .with_for_update()
)
_other, _its = channel_price.alias("other_price"), variant.alias("other_variant")
CHEAPER: Final = (
    exists(literal_column("1"))
    .select_from(_other.join(_its, and_(_its.c.id == _other.c.variant_id, ~_its.c.archived)))
    .where(
        _other.c.channel_id == channel_price.c.channel_id,
        _other.c.product_id == channel_price.c.product_id,
        tuple_(_other.c.amount, _other.c.variant_id) < tuple_(channel_price.c.amount, channel_price.c.variant_id),
    )
    .correlate(channel_price)
)
"""Whether another price of the product comes before a row of `channel_price`."""
_theirs = select(variant.c.id).where(variant.c.product_id == any_(_ids))
MARK: Final = (
    update(channel_price)
    .where(channel_price.c.variant_id.in_(_theirs), channel_price.c.lowest == CHEAPER)
    .values(lowest=~channel_price.c.lowest)
)
PRODUCTS: Final = (
    select(variant.c.product_id).where(variant.c.id == any_(bindparam("variant_ids", type_=ARRAY(Uuid)))).distinct()
)


async def lock_products(tx: Tx, product_ids: Collection[UUID]) -> list[UUID]:
    """Until the transaction ends nobody else writes prices of these products; in the order of their ids."""
    ids = sorted(set(product_ids))
    await tx.execute(ENSURE, {"product_ids": ids})
    await tx.rows(LOCK, {"product_ids": ids})
    return ids


async def mark_lowest(tx: Tx, locked: Collection[UUID]) -> None:
    """Say anew of these products, which are locked, which of their prices are the lowest."""
    await tx.execute(MARK, {"product_ids": list(locked)})


async def mark_lowest_of(tx: Tx, variant_ids: Collection[UUID]) -> None:
    """The same for the products of these variants, after some were archived or brought back."""
    rows = await tx.rows(PRODUCTS, {"variant_ids": list(variant_ids)})
    await mark_lowest(tx, await lock_products(tx, [row.product_id for row in rows]))
