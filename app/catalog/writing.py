"""Writing products: what differs between before and after, in few statements for any number of them; versions, search,
outbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, any_, bindparam, cast, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.search_text import (
    REWRITE,
    UPSERT,
    Shelves,
    learn_words,
    read_shelves,
    search_values,
    spelled_words,
)
from app.catalog.selling import next_change
from app.catalog.tables import collection_product, media, product, product_media, publication, variant, variant_media
from app.catalog.watching import Seen, hold_sight, tell_watchers
from app.catalog.whole import Values, Whole, lock_wholes
from app.events.outbox import Change, Topic, emit
from app.events.scopes import sight_scopes
from app.platform.db import Tx

_UUIDS: Final = ARRAY(Uuid)

INSERT_PRODUCT: Final = insert(product)
UPDATE_PRODUCT: Final = update(product).where(product.c.id == bindparam("key"))
INSERT_VARIANT: Final = insert(variant)
UPDATE_VARIANT: Final = update(variant).where(variant.c.id == bindparam("key"))
# Variants that exchange names or values with one another first let go of them: the indexes look at each row by itself.
PARK: Final = (
    update(variant)
    .where(variant.c.id == any_(bindparam("ids", type_=_UUIDS)))
    .values(
        sku=func.concat("parked:", cast(variant.c.id, Text)),
        barcode=None,
        scale_code=None,
        option_values=func.array_append(cast([], ARRAY(Text)), cast(variant.c.id, Text)),
    )
)
INSERT_MEDIA: Final = insert(media)
UPDATE_MEDIA: Final = update(media).where(media.c.id == bindparam("key"))
CLEAR_PRODUCT_MEDIA: Final = delete(product_media).where(
    product_media.c.product_id == any_(bindparam("ids", type_=_UUIDS))
)
CLEAR_VARIANT_MEDIA: Final = delete(variant_media).where(
    variant_media.c.variant_id == any_(bindparam("ids", type_=_UUIDS))
)
INSERT_PRODUCT_MEDIA: Final = insert(product_media)
INSERT_VARIANT_MEDIA: Final = insert(variant_media)
CLEAR_PUBLICATIONS: Final = delete(publication).where(publication.c.product_id == any_(bindparam("ids", type_=_UUIDS)))
INSERT_PUBLICATION: Final = insert(publication)
LEAVE_COLLECTIONS: Final = delete(collection_product).where(
    tuple_(collection_product.c.collection_id, collection_product.c.product_id).in_(
        select(
            func.unnest(bindparam("collection_ids", type_=_UUIDS)), func.unnest(bindparam("product_ids", type_=_UUIDS))
        )
    )
)
LAST_POSITIONS: Final = (
    select(collection_product.c.collection_id, func.max(collection_product.c.position).label("last"))
    .where(collection_product.c.collection_id == any_(bindparam("ids", type_=_UUIDS)))
    .group_by(collection_product.c.collection_id)
)
JOIN_COLLECTION: Final = insert(collection_product)
PRODUCTS_OF_MEDIA: Final = (
    select(product_media.c.product_id)
    .where(product_media.c.media_id == any_(bindparam("ids", type_=_UUIDS)))
    .distinct()
)
BATCH: Final = 500
COUNTING: Final = ("track_stock", "backorder_allowance")
"""What of a variant says how much of it can be promised where."""


@dataclass(slots=True)
class Pair:
    """A product before (None: new) and after. `changed` is set when it is written; `touched`: count it as changed."""

    before: Whole | None
    after: Whole
    touched: bool = False
    changed: bool = False
    variants: set[UUID] = field(default_factory=set)
    """Variants that are new or changed."""


async def write_products(tx: Tx, now: datetime, pairs: Sequence[Pair]) -> None:
    """Write what differs and tell it; products that don't differ keep version and time. Products must be locked."""
    for pair in pairs:
        _count(pair, now)
    changed = [pair for pair in pairs if pair.changed]
    if not changed:
        return
    seen = [each for pair in changed for each in _seen(pair)]
    if seen:
        await hold_sight(tx)
    await _write_products(tx, changed)
    edited = await _write_media(tx, now, changed)
    await _write_variants(tx, changed)
    await _write_links(tx, changed)
    await _write_collections(tx, changed)
    await _write_texts(tx, changed)
    await emit(tx, [_told(pair) for pair in changed])
    await tell_watchers(tx, seen)
    if edited:
        others = {row.product_id for row in await tx.rows(PRODUCTS_OF_MEDIA, {"ids": edited})}
        await touch_products(tx, now, others - {pair.after.id for pair in pairs})


async def touch_products(tx: Tx, now: datetime, product_ids: Iterable[UUID]) -> None:
    """Raise the versions of products of which something changed that is not a row of theirs: media, a collection."""
    ids = sorted(product_ids)
    for start in range(0, len(ids), BATCH):
        wholes = await lock_wholes(tx, ids=ids[start : start + BATCH])
        await write_products(tx, now, [Pair(whole, whole.copy(), touched=True) for whole in wholes.values()])


def _told(pair: Pair) -> Change:
    before, after = pair.before, pair.after
    return Change(
        Topic.PRODUCT,
        after.id,
        after.product["version"],
        before=() if before is None else sight_scopes(before.sold_in),
        after=sight_scopes(after.sold_in),
    )


def _seen(pair: Pair) -> list[Seen]:
    """The variants that others see than before, of which another amount can be promised, or that were archived."""
    there = pair.before.variants if pair.before else {}
    found = []
    for key, row in pair.after.variants.items():
        old = there.get(key)
        before = None if pair.before is None or old is None else pair.before.variant_sold_in(key)
        counted = old is not None and any(old[name] != row[name] for name in COUNTING)
        turned = old is not None and old["archived"] != row["archived"]
        found.append(Seen(key, before, pair.after.variant_sold_in(key), counted, turned))
    return [seen for seen in found if seen.moved or seen.counted or seen.turned]


def _count(pair: Pair, now: datetime) -> None:
    """See whether anything differs, and raise the versions of what does."""
    before, after = pair.before, pair.after
    if before is None:
        pair.changed, pair.variants = True, set(after.variants)
        _schedule(after, now)
        return
    for key, row in after.variants.items():
        old = before.variants.get(key)
        if old != row or before.variant_media.get(key, ()) != after.variant_media.get(key, ()):
            pair.variants.add(key)
            if old is not None:
                row["version"], row["updated_at"] = old["version"] + 1, now
    pair.changed = pair.touched or bool(pair.variants) or before != after
    if pair.changed:
        after.product["version"], after.product["updated_at"] = before.product["version"] + 1, now
        _schedule(after, now)


def _schedule(whole: Whole, now: datetime) -> None:
    """Note when who sells it next changes by the clock. What is not for sale waits for nothing."""
    is_active = whole.product["status"] == "ACTIVE"
    whole.product["next_at"] = next_change(whole.publications.values(), now) if is_active else None


async def _write_products(tx: Tx, pairs: Sequence[Pair]) -> None:
    new = sorted((pair.after.product for pair in pairs if pair.before is None), key=lambda row: str(row["slug"]))
    await tx.many(INSERT_PRODUCT, new)
    await tx.many(UPDATE_PRODUCT, [_update(pair.after.product) for pair in pairs if pair.before is not None])


async def _write_variants(tx: Tx, pairs: Sequence[Pair]) -> None:
    new: list[Values] = []
    old: list[Values] = []
    parked: list[UUID] = []
    for pair in pairs:
        there = pair.before.variants if pair.before else {}
        moved = [key for key in pair.variants if key in there and _renamed(there[key], pair.after.variants[key])]
        parked += moved if len(moved) > 1 else []
        for key in pair.variants:
            (old if key in there else new).append(pair.after.variants[key])
    if parked:
        await tx.execute(PARK, {"ids": parked})
    await tx.many(UPDATE_VARIANT, [_update(row) for row in sorted(old, key=lambda row: row["id"].int)])
    await tx.many(INSERT_VARIANT, sorted(new, key=lambda row: str(row["sku"])))


def _renamed(old: Values, new: Values) -> bool:
    return any(old[name] != new[name] for name in ("sku", "barcode", "scale_code", "option_values"))


def _update(row: Values) -> Values:
    return {"key": row["id"], **{name: value for name, value in row.items() if name != "id"}}


async def _write_media(tx: Tx, now: datetime, pairs: Sequence[Pair]) -> list[UUID]:
    """Ids of the media that were there and changed."""
    new: dict[UUID, Values] = {}
    edited: dict[UUID, Values] = {}
    for pair in pairs:
        there = pair.before.media if pair.before else {}
        for key, row in pair.after.media.items():
            if row["created_at"] is None:
                new[key] = row | {"created_at": now, "updated_at": now}
            elif key in there and there[key] != row:
                edited[key] = row | {"version": row["version"] + 1, "updated_at": now}
    await tx.many(INSERT_MEDIA, list(new.values()))
    await tx.many(UPDATE_MEDIA, [_update(edited[key]) for key in sorted(edited)])
    return list(edited)


async def _write_links(tx: Tx, pairs: Sequence[Pair]) -> None:
    """Which media products and variants have, and which channels sell them."""
    links = [pair for pair in pairs if _of(pair.before, "product_media", ()) != pair.after.product_media]
    published = [pair for pair in pairs if _of(pair.before, "publications", {}) != pair.after.publications]
    own: dict[UUID, tuple[UUID, ...]] = {}
    for pair in pairs:
        before: dict[UUID, tuple[UUID, ...]] = _of(pair.before, "variant_media", {})
        own |= {key: ids for key, ids in pair.after.variant_media.items() if before.get(key, ()) != ids}
    if there := [pair.after.id for pair in links if pair.before]:
        await tx.execute(CLEAR_PRODUCT_MEDIA, {"ids": there})
    await tx.many(
        INSERT_PRODUCT_MEDIA,
        [row for pair in links for row in _ranked("product_id", pair.after.id, pair.after.product_media)],
    )
    if own:
        await tx.execute(CLEAR_VARIANT_MEDIA, {"ids": list(own)})
        await tx.many(
            INSERT_VARIANT_MEDIA, [row for key, ids in own.items() for row in _ranked("variant_id", key, ids)]
        )
    if there := [pair.after.id for pair in published if pair.before]:
        await tx.execute(CLEAR_PUBLICATIONS, {"ids": there})
    await tx.many(INSERT_PUBLICATION, [row for pair in published for row in pair.after.publications.values()])


def _of(whole: Whole | None, name: str, none: Any) -> Any:
    return none if whole is None else getattr(whole, name)


def _ranked(name: str, key: UUID, media_ids: Iterable[UUID]) -> list[Values]:
    return [{name: key, "media_id": one, "position": place} for place, one in enumerate(media_ids, start=1)]


async def _write_collections(tx: Tx, pairs: Sequence[Pair]) -> None:
    left: list[tuple[UUID, UUID]] = []
    joined: list[tuple[UUID, UUID]] = []
    for pair in pairs:
        before: frozenset[UUID] = _of(pair.before, "collections", frozenset())
        left += [(key, pair.after.id) for key in before - pair.after.collections]
        joined += [(key, pair.after.id) for key in pair.after.collections - before]
    if left:
        names = ("collection_ids", "product_ids")
        await tx.execute(LEAVE_COLLECTIONS, dict(zip(names, map(list, zip(*left, strict=True)), strict=True)))
    if joined:
        rows = await tx.rows(LAST_POSITIONS, {"ids": list({key for key, _ in joined})})
        last = {row.collection_id: row.last for row in rows}
        values = []
        for key, product_id in joined:
            last[key] = last.get(key, 0) + 1
            values.append({"collection_id": key, "product_id": product_id, "position": last[key]})
        await tx.many(JOIN_COLLECTION, values)


async def _write_texts(tx: Tx, pairs: Sequence[Pair]) -> None:
    """Texts that changed, and what products are found by where that changed."""
    shelves = await read_shelves(tx, [whole for pair in pairs for whole in (pair.before, pair.after) if whole])
    written: list[Values] = []
    rewritten: list[Values] = []
    words: set[str] = set()
    for pair in pairs:
        for locale, row in pair.after.texts.items():
            values = search_values(pair.after, shelves, locale)
            if pair.before is None or pair.before.texts.get(locale) != row:
                written.append(row | values)
            elif not _same_search(pair.before, shelves, locale, values):
                rewritten.append({"of_product": pair.after.id, "of_locale": locale, **values})
            else:
                continue
            words |= spelled_words(pair.after, shelves, locale)
    await tx.many(UPSERT, written)
    await tx.many(REWRITE, rewritten)
    await learn_words(tx, words)


def _same_search(before: Whole, shelves: Shelves, locale: str, values: Values) -> bool:
    return search_values(before, shelves, locale) == values
