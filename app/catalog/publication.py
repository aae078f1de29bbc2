"""Publishing products: which channel sells them, from when, up to when. Time publishes too, and that is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, bindparam, select

from app.catalog.drafts import ProductDraft, PublicationDraft, Saved
from app.catalog.products import save_product
from app.catalog.tables import product
from app.catalog.whole import lock_products
from app.catalog.writing import touch_products
from app.identity.principal import Actor
from app.platform.db import Database, Tx
from app.platform.errors import InvalidInput

AT_ONCE: Final = 200
"""How many products of the clock's are told in a transaction."""

LOCK_DUE: Final = (
    select(product.c.id)
    .where(product.c.next_at <= bindparam("now", type_=DateTime(timezone=True)))
    .order_by(product.c.next_at)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True)
)


async def publish_product(
    tx: Tx,
    actor: Actor,
    product_id: UUID,
    publications: Sequence[PublicationDraft],
    *,
    expected_version: int | None = None,
) -> Saved:
    """Let these channels sell the product in their times; other channels stay as they are.

    A draft is sold once its status is ACTIVE. Raises NotFound for the product or a channel, InvalidInput (ARCHIVED) for
    an archived product.
    """
    rows = await lock_products(tx, ids=[product_id])
    if rows and rows[0].status == "ARCHIVED":
        raise InvalidInput("The product is archived: bring it back first.", path=("productId",), code="ARCHIVED")
    draft = ProductDraft(id=product_id, mode="update", publish=publications, expected_version=expected_version)
    return await save_product(tx, actor, draft)


async def unpublish_product(
    tx: Tx, actor: Actor, product_id: UUID, channel_ids: Sequence[UUID], *, expected_version: int | None = None
) -> Saved:
    """These channels sell the product no more; those that did not are left alone. Raises NotFound for the product."""
    draft = ProductDraft(id=product_id, mode="update", unpublish=channel_ids, expected_version=expected_version)
    return await save_product(tx, actor, draft)


async def tell_due(db: Database, now: datetime, *, most: int = AT_ONCE) -> int:
    """Tell of every product of which a publication began or ended by `now`, in one new version each; how many.

    Its variants' prices and availability are told with it. Safe in any number of processes at once: each takes what no
    other has. `most`: how many a transaction.
    """

    async def batch(tx: Tx) -> int:
        due = [row.id for row in await tx.rows(LOCK_DUE, {"now": now, "most": most})]
        await touch_products(tx, now, due)
        return len(due)

    total = 0
    while True:
        done = await db.run(batch)
        total += done
        if done < most:
            return total
