"""Commands that write media: pictures, videos and files by their address, and which products and variants have them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from app.catalog.drafts import KEEP, Kept, MediaDraft, ProductDraft, Saved, Texts, VariantDraft, given
from app.catalog.fields import MAX_NAME, Problems, check_texts
from app.catalog.merge import media_row
from app.catalog.products import save_product
from app.catalog.tables import media
from app.catalog.variants import SavedVariant, VariantChange, save_variant
from app.catalog.writing import PRODUCTS_OF_MEDIA, touch_products
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import NotFound, check_version, collect

LOCK: Final = select(media).where(media.c.id == bindparam("id")).with_for_update()
INSERT: Final = insert(media)
UPDATE: Final = update(media).where(media.c.id == bindparam("key"))


async def create_media(tx: Tx, actor: Actor, draft: MediaDraft) -> UUID:
    """A media of no product yet. Raises InvalidInput."""
    problems: Problems = []
    row = media_row(problems, None, draft, ())
    collect(problems)
    await tx.many(INSERT, [row | {"created_at": actor.now, "updated_at": actor.now}])
    key: UUID = row["id"]
    return key


async def update_media(
    tx: Tx, actor: Actor, media_id: UUID, alt: Texts | Kept = KEEP, *, expected_version: int | None = None
) -> None:
    """Describe a media in other words: texts by language, merged over those that are there. Raises NotFound."""
    row = await _lock(tx, media_id, expected_version)
    wanted = {**row.alt, **given(alt, {})}
    problems: Problems = []
    check_texts(problems, wanted, ("alt",), most=MAX_NAME, least=0)
    collect(problems)
    if wanted != row.alt:
        await _write(tx, actor, row, alt=wanted)


async def archive_media(
    tx: Tx, actor: Actor, media_id: UUID, *, archived: bool = True, expected_version: int | None = None
) -> None:
    """Show a media nowhere any more; `archived` False: again, where it was. Raises NotFound, VersionConflict."""
    row = await _lock(tx, media_id, expected_version)
    if row.archived != archived:
        await _write(tx, actor, row, archived=archived)


async def set_product_media(
    tx: Tx, actor: Actor, product_id: UUID, media_ids: Sequence[UUID], *, expected_version: int | None = None
) -> Saved:
    """Let these be the product's media, in this order; variants lose what is not among them. Raises NotFound."""
    draft = ProductDraft(id=product_id, mode="update", media=media_ids, expected_version=expected_version)
    return await save_product(tx, actor, draft)


async def set_variant_media(
    tx: Tx, actor: Actor, variant_id: UUID, media_ids: Sequence[UUID], *, expected_version: int | None = None
) -> SavedVariant:
    """Let these, of its product's media, be the variant's own, in this order. Raises NotFound for one that is not."""
    draft = VariantDraft(id=variant_id, mode="update", media=media_ids, expected_version=expected_version)
    return await save_variant(tx, actor, VariantChange(draft))


async def _lock(tx: Tx, media_id: UUID, expected_version: int | None) -> Row[Any]:
    row = await tx.row(LOCK, {"id": media_id})
    if row is None:
        raise NotFound("There is no such media.", path=("mediaId",))
    check_version(expected_version, row.version, "Media", media_id)
    return row


async def _write(tx: Tx, actor: Actor, row: Row[Any], **values: Any) -> None:
    await tx.execute(UPDATE, {"key": row.id, **values, "version": row.version + 1, "updated_at": actor.now})
    products = await tx.rows(PRODUCTS_OF_MEDIA, {"ids": [row.id]})
    await touch_products(tx, actor.now, [one.product_id for one in products])
