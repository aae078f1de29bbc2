"""The audit finds catalog rows that contradict one another."""

import pytest
from sqlalchemy import delete, update

from app.catalog.audit import violations
from app.catalog.categories import CategoryDraft, create_category
from app.catalog.tables import category, product, product_text, search_word, variant
from tests.catalog.drafting import camiseta, save_one

ROOT = category.c.slug == "roupas"
CHILD = category.c.slug == "camisetas"


@pytest.fixture
async def sound(shop):
    async def shelve(tx):
        actor = shop.actor()
        root = await create_category(tx, actor, CategoryDraft(name={"pt-BR": "Roupas"}, slug="roupas"))
        child = CategoryDraft(name={"pt-BR": "Camisetas"}, slug="camisetas", parent_id=root)
        return await create_category(tx, actor, child)

    await save_one(shop, camiseta(category_id=await shop.db.run(shelve)))
    assert await violations(shop.db) == []
    return shop


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (update(category).where(CHILD).values(lineage=[]), "camisetas: its lineage is not"),
        (update(category).where(CHILD).values(parent_id=None), "camisetas: its lineage is not"),
        (update(category).where(ROOT).values(lineage=[]), "roupas: its lineage is not"),
        (
            update(category).where(ROOT).values(archived=True),
            "camisetas: it is in use below",
        ),
        (delete(product_text), "camiseta: it has no name"),
        (
            delete(search_word).where(search_word.c.word == "camiseta"),
            "camiseta: its name has a word that is not found",
        ),
        (update(product).values(options=[]), "CAM-P: it has another number of option values"),
        (update(variant).where(variant.c.sku == "CAM-M").values(option_values=[]), "CAM-M: it has another number"),
    ],
)
async def test_what_contradicts_itself_is_found(sound, harm, told):
    await sound.db.run(lambda tx: tx.execute(harm))
    assert any(line.startswith(told) for line in await violations(sound.db))


async def test_archived_variants_may_have_what_options_there_were(sound):
    await sound.db.run(lambda tx: tx.execute(update(variant).values(option_values=["P", "M", "G"], archived=True)))
    assert await violations(sound.db) == []
