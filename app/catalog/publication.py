"""Publishing products: which channel sells them, from when, up to when."""

from collections.abc import Sequence
from uuid import UUID

from app.catalog.drafts import ProductDraft, PublicationDraft, Saved
from app.catalog.products import save_product
from app.catalog.whole import lock_products
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput


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
