"""Commands that write collections: products put together, in an order of their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from app.catalog.drafts import KEEP, Kept, given
from app.catalog.fields import Problems, check_count
from app.catalog.queries import COLLECTIONS_BY_SLUG
from app.catalog.repeat import SHELVES_KEY, TAKE_TURNS, again_when_taken
from app.catalog.search_text import rewrite_search
from app.catalog.shelves import check_shelf, free_slug
from app.catalog.tables import collection, collection_product
from app.catalog.whole import lock_wholes
from app.catalog.writing import Pair, write_products
from app.events.outbox import Change, Topic, emit
from app.events.scopes import shelf_scopes
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version, collect
from app.platform.ids import new_id
from app.platform.texts import key_of, name_of

MAX_PRODUCTS: Final = 250
"""That one call adds, removes or puts in order."""

LOCK: Final = select(collection).where(collection.c.id == bindparam("id")).with_for_update()
INSERT: Final = insert(collection)
UPDATE: Final = update(collection).where(collection.c.id == bindparam("key"))
ALL: Final = select(collection).where(~collection.c.archived).order_by(collection.c.slug)
MEMBERS: Final = (
    select(collection_product.c.product_id, collection_product.c.position)
    .where(collection_product.c.collection_id == bindparam("id"))
    .order_by(collection_product.c.position, collection_product.c.product_id)
)
PLACE: Final = update(collection_product).where(
    collection_product.c.collection_id == bindparam("of_collection"),
    collection_product.c.product_id == bindparam("of_product"),
)
PRODUCTS: Final = select(collection_product.c.product_id).where(collection_product.c.collection_id == bindparam("id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionDraft:
    """A collection as wanted: names by language, merged over those that are there."""

    name: Mapping[str, str] | Kept = KEEP
    slug: str | Kept = KEEP


async def create_collection(tx: Tx, actor: Actor, draft: CollectionDraft) -> UUID:
    """A new, empty collection. Raises InvalidInput (TAKEN for the slug)."""
    problems: Problems = []
    name = given(draft.name, {})
    check_shelf(problems, name, draft.slug)
    collect(problems)

    async def create() -> UUID:
        key = new_id()
        slug = await free_slug(tx, COLLECTIONS_BY_SLUG, draft.slug, name)
        row = {"id": key, "slug": slug, "name": dict(name), "created_at": actor.now, "updated_at": actor.now}
        await tx.many(INSERT, [row])
        await emit(tx, [Change(Topic.COLLECTION, key, 1, after=shelf_scopes(archived=False), before=())])
        return key

    return await again_when_taken(tx, create)


async def update_collection(
    tx: Tx, actor: Actor, collection_id: UUID, draft: CollectionDraft, *, expected_version: int | None = None
) -> None:
    """Rename a collection; its products are found by the new name. Raises NotFound, VersionConflict, InvalidInput."""
    row = await _lock(tx, collection_id, expected_version)
    name = {**row.name, **given(draft.name, {})}
    problems: Problems = []
    check_shelf(problems, name, draft.slug)
    collect(problems)

    async def write() -> None:
        slug = row.slug
        if not isinstance(draft.slug, Kept):
            slug = await free_slug(tx, COLLECTIONS_BY_SLUG, draft.slug, name, collection_id)
        if (slug, name) != (row.slug, row.name):
            await _write(tx, actor, row, slug=slug, name=name)

    await again_when_taken(tx, write)
    if name != row.name:
        await _rewrite_products(tx, collection_id)


async def archive_collection(
    tx: Tx, actor: Actor, collection_id: UUID, *, archived: bool = True, expected_version: int | None = None
) -> None:
    """Take a collection away from shoppers, its products with nothing changed; `archived` False: back."""
    row = await _lock(tx, collection_id, expected_version)
    if row.archived != archived:
        await _write(tx, actor, row, archived=archived)
        await _rewrite_products(tx, collection_id)


async def add_products(
    tx: Tx, actor: Actor, collection_id: UUID, product_ids: Sequence[UUID], *, expected_version: int | None = None
) -> None:
    """Add products at the end, in this order; those in it stay where they are.

    Raises NotFound for each unknown product, InvalidInput (TOO_MANY).
    """
    await _change_members(tx, actor, collection_id, product_ids, expected_version, joins=True)


async def remove_products(
    tx: Tx, actor: Actor, collection_id: UUID, product_ids: Sequence[UUID], *, expected_version: int | None = None
) -> None:
    """Take products out; those that are not in it are left alone. Raises NotFound for each unknown product."""
    await _change_members(tx, actor, collection_id, product_ids, expected_version, joins=False)


async def reorder_products(
    tx: Tx, actor: Actor, collection_id: UUID, product_ids: Sequence[UUID], *, expected_version: int | None = None
) -> None:
    """Put these first, in this order; the others follow as they stood. Raises NotFound for one that is not in it."""
    row = await _lock(tx, collection_id, expected_version)
    _check_products(product_ids)
    members = [(one.product_id, one.position) for one in await tx.rows(MEMBERS, {"id": collection_id})]
    there = dict(members)
    collect(_unknown(product_ids, there))
    first = dict.fromkeys(product_ids)
    order = [*first, *(key for key, _ in members if key not in first)]
    if order == list(there):
        return
    places = [
        {"of_collection": collection_id, "of_product": key, "position": place}
        for place, key in enumerate(order, start=1)
        if there[key] != place
    ]
    await tx.many(PLACE, places)
    await _write(tx, actor, row)


async def ensure_collections(tx: Tx, actor: Actor, names: Iterable[str], *, locale: str) -> dict[str, UUID]:
    """The collection of each name, compared in `locale` without case and accents; what is missing is made."""
    wanted = {name: key_of(name) for name in names}
    there = await _by_name(tx, locale)
    if not there.keys() >= set(wanted.values()):
        await tx.rows(TAKE_TURNS, {"key": SHELVES_KEY})
        there = await _by_name(tx, locale)
    for name, key in wanted.items():
        if key not in there:
            there[key] = await create_collection(tx, actor, CollectionDraft(name={locale: name}))
    return {name: there[key] for name, key in wanted.items()}


async def _by_name(tx: Tx, locale: str) -> dict[str, UUID]:
    return {key_of(name_of(row.name, locale)): row.id for row in reversed(await tx.rows(ALL))}


async def _lock(tx: Tx, collection_id: UUID, expected_version: int | None) -> Row[Any]:
    row = await tx.row(LOCK, {"id": collection_id})
    if row is None:
        raise NotFound("There is no such collection.", path=("collectionId",))
    check_version(expected_version, row.version, "Collection", collection_id)
    return row


async def _write(tx: Tx, actor: Actor, row: Row[Any], **values: Any) -> None:
    version = row.version + 1
    await tx.execute(UPDATE, {"key": row.id, **values, "version": version, "updated_at": actor.now})
    before = shelf_scopes(archived=row.archived)
    after = shelf_scopes(archived=values.get("archived", row.archived))
    await emit(tx, [Change(Topic.COLLECTION, row.id, version, before=before, after=after)])


async def _change_members(
    tx: Tx,
    actor: Actor,
    collection_id: UUID,
    product_ids: Sequence[UUID],
    expected_version: int | None,
    *,
    joins: bool,
) -> None:
    row = await _lock(tx, collection_id, expected_version)
    if row.archived and joins:
        raise InvalidInput("The collection is archived.", path=("collectionId",), code="ARCHIVED")
    _check_products(product_ids)
    wholes = await lock_wholes(tx, ids=set(product_ids))
    collect(_unknown(product_ids, wholes))
    pairs = []
    for key in dict.fromkeys(product_ids):
        after = wholes[key].copy()
        after.collections = after.collections | {collection_id} if joins else after.collections - {collection_id}
        pairs.append(Pair(wholes[key], after))
    await write_products(tx, actor.now, pairs)
    if any(pair.changed for pair in pairs):
        await _write(tx, actor, row)


def _check_products(product_ids: Sequence[UUID]) -> None:
    problems: Problems = []
    check_count(problems, product_ids, ("productIds",), most=MAX_PRODUCTS)
    collect(problems)


def _unknown(product_ids: Sequence[UUID], known: Mapping[UUID, Any]) -> Problems:
    return [
        NotFound("There is no such product.", path=("productIds", str(place)))
        for place, key in enumerate(product_ids)
        if key not in known
    ]


async def _rewrite_products(tx: Tx, collection_id: UUID) -> None:
    rows = await tx.rows(PRODUCTS, {"id": collection_id})
    await rewrite_search(tx, [row.product_id for row in rows])
