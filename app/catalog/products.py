"""Writing products: many drafts at once, each refused or carried out by itself; single commands call the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.drafts import Kept, ProductDraft, Saved
from app.catalog.fields import storable
from app.catalog.merge import Merged, merge
from app.catalog.repeat import again_when_taken
from app.catalog.tables import category, collection, media
from app.catalog.taken import settle_names
from app.catalog.whole import Values, Whole, lock_products, read_wholes
from app.catalog.writing import Pair, write_products
from app.channels.queries import channels_by_ids
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Refusals, check_version

_IDS: Final = any_(bindparam("ids", type_=ARRAY(Uuid)))
# Locked before the products, so that a new name of theirs and a product put there meanwhile find each other.
LOCK_CATEGORIES: Final = (
    select(category.c.id, category.c.archived)
    .where(category.c.id == _IDS)
    .order_by(category.c.id)
    .with_for_update(read=True)
)
LOCK_COLLECTIONS: Final = (
    select(collection.c.id, collection.c.archived)
    .where(collection.c.id == _IDS)
    .order_by(collection.c.id)
    .with_for_update(read=True)
)
MEDIA: Final = select(media).where(media.c.id == _IDS, ~media.c.archived)


async def save_products(tx: Tx, actor: Actor, drafts: Sequence[ProductDraft]) -> list[Saved]:
    """Carry out the drafts, in their order, in few statements for all of them; what became of each.

    A draft that is refused leaves nothing and keeps no other back. At most some thousands at a time: all are held in
    memory, and their products locked until the transaction ends. Two drafts of one product: the second is refused.
    """
    return await again_when_taken(tx, lambda: _save(tx, actor, drafts))


async def save_product(tx: Tx, actor: Actor, draft: ProductDraft) -> Saved:
    """Carry out one draft. Raises its refusals."""
    saved = (await save_products(tx, actor, [draft]))[0]
    raise_refused(saved)
    return saved


def raise_refused(saved: Saved) -> None:
    """Raise why a draft was refused, if it was."""
    if len(saved.refusals) == 1:
        raise saved.refusals[0]
    if saved.refusals:
        raise Refusals(saved.refusals)


async def archive_product(tx: Tx, actor: Actor, product_id: UUID, *, expected_version: int | None = None) -> Saved:
    """No channel sells it any more; its carts' lines become withdrawn, its orders keep it. Raises NotFound."""
    return await _set_status(tx, actor, product_id, "ARCHIVED", expected_version)


async def unarchive_product(tx: Tx, actor: Actor, product_id: UUID, *, expected_version: int | None = None) -> Saved:
    """It is a draft again; one that is not archived stays as it is. Raises NotFound."""
    return await _set_status(tx, actor, product_id, "DRAFT", expected_version)


@dataclass(frozen=True, slots=True)
class Known:
    """What drafts refer to and is there: categories and collections that are not archived, channels, media rows."""

    categories: frozenset[UUID]
    collections: frozenset[UUID]
    channels: frozenset[UUID]
    media: Mapping[UUID, Values]


async def _save(tx: Tx, actor: Actor, drafts: Sequence[ProductDraft]) -> list[Saved]:
    known = await _lock_known(tx, drafts)
    ids = [draft.id for draft in drafts if draft.id]
    slugs = [draft.slug for draft in drafts if not draft.id and not isinstance(draft.slug, Kept)]
    wholes = await read_wholes(tx, await lock_products(tx, ids=ids, slugs=filter(storable, slugs)))
    by_slug = {whole.product["slug"]: whole for whole in wholes.values()}
    items: list[Merged] = []
    seen: set[UUID] = set()
    for draft in drafts:
        item = merge(draft, _found(draft, wholes, by_slug), actor.now, known.media)
        if item.after.id in seen:
            path = ("productId",) if draft.id else ("slug",)
            item.problems.append(InvalidInput("This product is there twice.", path=path, code="DUPLICATE"))
        seen.add(item.after.id)
        _check_known(item, known)
        items.append(item)
    await settle_names(tx, items)
    pairs = [None if item.problems else Pair(item.before, item.after) for item in items]
    await write_products(tx, actor.now, [pair for pair in pairs if pair])
    return [_saved(item, pair) for item, pair in zip(items, pairs, strict=True)]


def _found(draft: ProductDraft, by_id: Mapping[UUID, Whole], by_slug: Mapping[str, Whole]) -> Whole | None:
    if draft.id is not None:
        return by_id.get(draft.id)
    return None if isinstance(draft.slug, Kept) else by_slug.get(draft.slug)


def _saved(item: Merged, pair: Pair | None) -> Saved:
    if pair is None:
        return Saved(product_id=item.before.id if item.before else None, refusals=tuple(item.problems))
    return Saved(
        product_id=item.after.id,
        version=item.after.product["version"],
        created=item.before is None,
        changed=pair.changed,
        variant_ids=item.variant_ids,
    )


async def _lock_known(tx: Tx, drafts: Sequence[ProductDraft]) -> Known:
    categories = {draft.category_id for draft in drafts if isinstance(draft.category_id, UUID)}
    collections = {
        key for draft in drafts if not isinstance(draft.collection_ids, Kept) for key in draft.collection_ids
    }
    channels = {one.channel_id for draft in drafts for one in draft.publish}
    linked = {
        item
        for draft in drafts
        for item in (*draft.media_added, *(() if isinstance(draft.media, Kept) else draft.media))
        if isinstance(item, UUID)
    }
    rows = await tx.rows(MEDIA, {"ids": list(linked)}) if linked else []
    return Known(
        categories=await _locked(tx, LOCK_CATEGORIES, categories),
        collections=await _locked(tx, LOCK_COLLECTIONS, collections),
        channels=frozenset(await channels_by_ids(tx, channels)),
        media={row.id: row._asdict() for row in rows},
    )


async def _locked(tx: Tx, statement: Select[Any], ids: set[UUID]) -> frozenset[UUID]:
    rows = await tx.rows(statement, {"ids": list(ids)}) if ids else []
    return frozenset(row.id for row in rows if not row.archived)


def _check_known(item: Merged, known: Known) -> None:
    draft, problems = item.draft, item.problems
    if isinstance(draft.category_id, UUID) and draft.category_id not in known.categories:
        problems.append(NotFound("There is no such category.", path=("categoryId",)))
    for place, key in enumerate(() if isinstance(draft.collection_ids, Kept) else draft.collection_ids):
        if key not in known.collections:
            problems.append(NotFound("There is no such collection.", path=("collectionIds", str(place))))
    for place, one in enumerate(draft.publish):
        if one.channel_id not in known.channels:
            problems.append(NotFound("There is no such channel.", path=("publish", str(place), "channelId")))


async def _set_status(
    tx: Tx, actor: Actor, product_id: UUID, status: Literal["DRAFT", "ARCHIVED"], expected_version: int | None
) -> Saved:
    if status == "DRAFT":
        rows = await lock_products(tx, ids=[product_id])
        if rows and rows[0].status != "ARCHIVED":
            check_version(expected_version, rows[0].version, "Product", product_id)
            return Saved(product_id=product_id, version=rows[0].version)
    draft = ProductDraft(id=product_id, mode="update", status=status, expected_version=expected_version)
    return await save_product(tx, actor, draft)
