"""The tree of categories: lineages stay true, no cycle closes, products are found by where they stand."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.catalog import queries
from app.catalog.categories import (
    CategoryDraft,
    archive_category,
    create_category,
    ensure_categories,
    update_category,
)
from app.catalog.drafts import ProductDraft
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.catalog.drafting import finds, plain, said, save, save_one, told, version_of
from tests.shop import Shop


async def create(shop: Shop, name: str, parent_id: UUID | None = None, **fields: Any) -> UUID:
    draft = CategoryDraft(name={"pt-BR": name}, parent_id=parent_id, **fields)
    return await shop.db.run(lambda tx: create_category(tx, shop.actor(), draft))


async def update(shop: Shop, key: UUID, expected_version: int | None = None, **fields: Any) -> None:
    draft = CategoryDraft(**fields)
    await shop.db.run(lambda tx: update_category(tx, shop.actor(), key, draft, expected_version=expected_version))


async def lineage(shop: Shop, key: UUID) -> list[UUID]:
    held: list[UUID] = (await queries.categories_by_ids(shop.db, [key]))[key].lineage
    return held


async def test_a_branch_moves_with_all_below_it(shop: Shop) -> None:
    food = await create(shop, "Alimentos")
    fruit = await create(shop, "Frutas", food)
    citrus = await create(shop, "Cítricos", fruit)
    fresh = await create(shop, "Frescos")
    assert await lineage(shop, citrus) == [food, fruit, citrus]
    await update(shop, fruit, parent_id=fresh)
    assert await lineage(shop, citrus) == [fresh, fruit, citrus]
    await update(shop, fruit, parent_id=None)
    assert await lineage(shop, citrus) == [fruit, citrus]
    rows = await queries.categories_by_ids(shop.db, [fruit, citrus, food])
    assert [rows[key].version for key in (fruit, citrus, food)] == [3, 3, 1]
    assert [row.entity_id for row in await told(shop, "CATEGORY")].count(citrus) == 3


async def test_no_category_is_below_itself(shop: Shop) -> None:
    above = await create(shop, "A")
    below = await create(shop, "B", above)
    for parent in (above, below):
        with pytest.raises(InvalidInput) as refused:
            await update(shop, above, parent_id=parent)
        assert refused.value.code == "CYCLE"
    with pytest.raises(NotFound):
        await update(shop, above, parent_id=new_id())


async def test_two_who_put_each_branch_below_the_other_close_no_cycle(shop: Shop) -> None:
    for _ in range(3):
        one, two = await create(shop, "Um"), await create(shop, "Dois")
        results = await asyncio.gather(
            update(shop, one, parent_id=two), update(shop, two, parent_id=one), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["InvalidInput", "NoneType"]
        assert {len(await lineage(shop, key)) for key in (one, two)} == {1, 2}


async def test_the_tree_is_not_endlessly_deep(shop: Shop) -> None:
    key = None
    for number in range(10):
        key = await create(shop, f"Nível {number}", key)
    with pytest.raises(InvalidInput) as refused:
        await create(shop, "Fundo", key)
    assert refused.value.code == "TOO_DEEP"


async def test_slugs_are_made_and_unique(shop: Shop) -> None:
    keys = await asyncio.gather(*(create(shop, "Pães & Bolos") for _ in range(3)))
    rows = await queries.categories_by_ids(shop.db, keys)
    assert {row.slug for row in rows.values()} == {"paes-bolos", "paes-bolos-2", "paes-bolos-3"}
    with pytest.raises(InvalidInput) as refused:
        await create(shop, "Outra", slug="paes-bolos")
    assert (refused.value.code, refused.value.path) == ("TAKEN", ("slug",))
    with pytest.raises(InvalidInput):
        await create(shop, "Ruim", slug="com espaço")


async def test_products_are_found_by_the_names_above_them(shop: Shop) -> None:
    food = await create(shop, "Alimentos")
    fruit = await create(shop, "Frutas", food)
    saved = await save_one(shop, plain("uva", category_id=fruit))
    assert await finds(shop, "alimentos") == {saved.product_id}
    await update(shop, food, name={"pt-BR": "Mercearia"})
    assert await finds(shop, "alimentos") == set()
    assert await finds(shop, "mercearia") == {saved.product_id}
    await update(shop, fruit, parent_id=None)
    assert await finds(shop, "mercearia") == set()
    assert await version_of(shop, saved.product_id) == 1


async def test_a_product_put_there_while_it_is_renamed_is_found_by_the_new_name(shop: Shop) -> None:
    for number in range(4):
        key = await create(shop, "Antigo")
        await asyncio.gather(
            update(shop, key, name={"pt-BR": f"Novidade{number}"}),
            save(shop, plain(f"p{number}", category_id=key)),
        )
        assert len(await finds(shop, f"novidade{number}")) == 1


async def test_archiving_keeps_the_tree_whole(shop: Shop) -> None:
    food = await create(shop, "Alimentos")
    fruit = await create(shop, "Frutas", food)

    async def archive(key: UUID, **fields: Any) -> None:
        await shop.db.run(lambda tx: archive_category(tx, shop.actor(), key, **fields))

    with pytest.raises(InvalidInput) as refused:
        await archive(food)
    assert refused.value.code == "HAS_CHILDREN"
    await archive(fruit, expected_version=1)
    await archive(food)
    assert await queries.all_categories(shop.db) == []
    assert said((await save(shop, plain("uva", category_id=fruit)))[0].refusals) == [("NOT_FOUND", "categoryId")]
    with pytest.raises(InvalidInput) as refused:
        await archive(fruit, archived=False)
    assert refused.value.code == "PARENT_ARCHIVED"
    with pytest.raises(VersionConflict):
        await archive(food, archived=False, expected_version=1)
    scopes = [(row.scopes_before, row.scopes_after) for row in await told(shop, "CATEGORY")]
    assert scopes[-1] == (["public", "staff"], ["staff"])


async def test_paths_of_names_lead_to_categories_made_once(shop: Shop) -> None:
    paths = [("Casa", "Jardim"), ("Casa",), ("Casa", "Cozinha"), ("jardim",)]

    async def ensure() -> dict[tuple[str, ...], UUID]:
        return await shop.db.run(lambda tx: ensure_categories(tx, shop.actor(), paths, locale="pt-BR"))

    first, second = await asyncio.gather(ensure(), ensure())
    assert first == second
    assert first[("Casa", "Jardim")] != first[("jardim",)]
    assert await lineage(shop, first[("Casa", "Jardim")]) == [first[("Casa",)], first[("Casa", "Jardim")]]
    assert len(await queries.all_categories(shop.db)) == 4


async def test_a_product_leaves_its_category(shop: Shop) -> None:
    key = await create(shop, "Frutas")
    saved = await save_one(shop, plain("uva", category_id=key))
    await save_one(shop, ProductDraft(id=saved.product_id, category_id=None))
    assert await finds(shop, "frutas") == set()
