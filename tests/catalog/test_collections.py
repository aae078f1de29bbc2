"""Collections: products join, leave and take their order, and are found by the name."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.catalog import collections, queries
from app.catalog.collections import CollectionDraft
from app.catalog.tables import collection_product
from app.platform.errors import InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from tests.catalog.drafting import finds, plain, save, save_one, told, version_of
from tests.shop import Shop


async def create(shop: Shop, name: str = "Verão") -> UUID:
    draft = CollectionDraft(name={"pt-BR": name})
    return await shop.db.run(lambda tx: collections.create_collection(tx, shop.actor(), draft))


async def do(shop: Shop, verb: str, key: UUID, *arguments: Any, **named: Any) -> None:
    command = getattr(collections, verb)
    await shop.db.run(lambda tx: command(tx, shop.actor(), key, *arguments, **named))


async def members(shop: Shop, key: UUID) -> list[UUID]:
    rows = await shop.db.rows(
        select(collection_product.c.product_id)
        .where(collection_product.c.collection_id == key)
        .order_by(collection_product.c.position)
    )
    return [row.product_id for row in rows]


async def products(shop: Shop, *slugs: str) -> list[UUID]:
    return [one.product_id for one in await save(shop, *map(plain, slugs)) if one.product_id]


async def test_products_join_and_leave_in_order(shop: Shop) -> None:
    key, (a, b, c) = await create(shop), await products(shop, "a", "b", "c")
    await do(shop, "add_products", key, [b, a])
    await do(shop, "add_products", key, [a, c], expected_version=2)
    assert await members(shop, key) == [b, a, c]
    assert await finds(shop, "verao") == {a, b, c}
    await do(shop, "reorder_products", key, [c, b])
    assert await members(shop, key) == [c, b, a]
    await do(shop, "remove_products", key, [b, b])
    assert await members(shop, key) == [c, a]
    assert await finds(shop, "verao") == {a, c}
    assert [await version_of(shop, one) for one in (a, b, c)] == [2, 3, 2]
    assert [row.version for row in await told(shop, "COLLECTION")] == [1, 2, 3, 4, 5]
    await do(shop, "remove_products", key, [b])
    await do(shop, "reorder_products", key, [c])
    assert len(await told(shop, "COLLECTION")) == 5


async def test_an_order_is_told_of_the_collection_alone(shop: Shop) -> None:
    key, (a, b, c) = await create(shop), await products(shop, "a", "b", "c")

    async def reorder(*order: UUID) -> None:
        await shop.watched.run(lambda tx: collections.reorder_products(tx, shop.actor(), key, order))

    await do(shop, "add_products", key, [a, b, c])
    await reorder(c, a)
    assert await members(shop, key) == [c, a, b]
    assert len(await told(shop, "COLLECTION")) == 3
    await do(shop, "remove_products", key, [a])
    # Where one has left, nobody moves, and nothing is told.
    for same in ((), (c,), (c, b)):
        await reorder(*same)
    assert await members(shop, key) == [c, b]
    assert len(await told(shop, "COLLECTION")) == 4
    assert [await version_of(shop, one) for one in (a, b, c)] == [3, 2, 2]


async def test_unknown_products_are_each_refused(shop: Shop) -> None:
    key, (a, b) = await create(shop), await products(shop, "a", "b")
    with pytest.raises(Refusals) as refused:
        await do(shop, "add_products", key, [a, new_id(), new_id()])
    assert [one.path for one in refused.value.refusals] == [("productIds", "1"), ("productIds", "2")]
    await do(shop, "add_products", key, [a])
    with pytest.raises(NotFound):
        await do(shop, "reorder_products", key, [b])
    with pytest.raises(InvalidInput) as many:
        await do(shop, "add_products", key, [a] * 251)
    assert many.value.code == "TOO_MANY"
    with pytest.raises(NotFound):
        await do(shop, "add_products", new_id(), [a])


async def test_a_new_name_is_found_and_an_archived_one_is_not(shop: Shop) -> None:
    key, (a,) = await create(shop), await products(shop, "a")
    await do(shop, "add_products", key, [a])
    await do(shop, "update_collection", key, CollectionDraft(name={"pt-BR": "Inverno"}, slug="frio"))
    assert await finds(shop, "inverno") == {a}
    assert await finds(shop, "verao") == set()
    assert set(await queries.collections_by_slugs(shop.db, ["frio"])) == {"frio"}
    await do(shop, "archive_collection", key)
    assert await finds(shop, "inverno") == set()
    assert (await queries.collections_of_products(shop.db, [a])) == {}
    with pytest.raises(InvalidInput) as refused:
        await do(shop, "add_products", key, [a])
    assert refused.value.code == "ARCHIVED"


async def test_products_added_at_once_all_stay(shop: Shop) -> None:
    key, ids = await create(shop), await products(shop, *"abcdef")
    await asyncio.gather(*(do(shop, "add_products", key, [one]) for one in ids))
    assert set(await members(shop, key)) == set(ids)
    rows = await shop.db.rows(select(collection_product.c.position))
    assert sorted(row.position for row in rows) == [1, 2, 3, 4, 5, 6]


async def test_a_product_names_its_collections(shop: Shop) -> None:
    key, other = await create(shop), await create(shop, "Festa")
    saved = await save_one(shop, plain("a", collection_ids=[key, other]))
    assert await finds(shop, "festa") == {saved.product_id}
    await save_one(shop, plain("a", collection_ids=[key]))
    assert await members(shop, other) == []
    assert await members(shop, key) == [saved.product_id]


async def test_names_lead_to_collections_made_once(shop: Shop) -> None:
    async def ensure() -> dict[str, UUID]:
        names = ["Verão", "verao", "Festa"]
        return await shop.db.run(lambda tx: collections.ensure_collections(tx, shop.actor(), names, locale="pt-BR"))

    first = await ensure()
    assert first["Verão"] == first["verao"] != first["Festa"]
    assert await ensure() == first
