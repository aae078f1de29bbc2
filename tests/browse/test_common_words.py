"""Common words, whose products are known: the same are ranked, and nothing is looked for again."""

from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from app.browse import hits, search, sets
from app.browse.common_words import find_listed
from app.browse.counting import total_of
from app.browse.listing import Order
from app.browse.matching import count
from app.browse.pages import find_products
from app.catalog.tables import product, variant
from app.platform import clock
from app.platform.ids import new_id
from tests.api.keeping import SEARCH, Keeping
from tests.browse.agreeing import of
from tests.browse.test_search import MANY
from tests.browse.test_tallies import caps


async def many(keeps: Keeping) -> None:
    async with keeps.shop.db.transaction() as tx:
        for statement in MANY:
            await tx.execute(text(statement))
        # Codes name some of them, new and old, and some that no word finds.
        for number, sku in ((1, "panela-x"), (700, "PANELA"), (2_400, "panela")):
            key = select(product.c.id).where(product.c.slug == f"coisa-{number}").scalar_subquery()
            stamps = {"created_at": clock.now(), "updated_at": clock.now()}
            await tx.execute(insert(variant).values(id=new_id(), product_id=key, position=1, sku=sku, **stamps))


async def test_the_same_are_ranked(keeps: Keeping) -> None:
    """What codes name and what is named so, and the newest, a thousand in all, page by page."""
    await many(keeps)
    wordless = select(product.c.id).where(product.c.slug == "coisa-2401").scalar_subquery()
    async with keeps.shop.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.id == wordless).values(brand="Panela", tags=["panela"]))
        await tx.execute(
            text("UPDATE product_text SET search = '' FROM product p WHERE p.id = product_id AND brand <> ''")
        )
        await tx.execute(
            text("UPDATE variant SET product_id = p.id FROM product p WHERE brand <> '' AND sku = 'panela'")
        )
    db = keeps.shop.db
    for wanted in ({}, {"tags": ("panela",)}, {"brands": ("Panela", "nobody")}, {"locale": "en"}):
        for typed in ("panela", "tampa", "panela -coisa", "coisa 1"):
            matching = of(keeps, search=typed, **wanted)
            for descending in (False, True):
                after, seen = None, 0
                for first in (20, 400, 700):
                    how: dict[str, Any] = {"descending": descending, "after": after, "first": first, "stock": None}
                    there = await find_products(db, matching, Order.RELEVANCE, **how)
                    assert await find_listed(db, keeps.catalog, matching, Order.RELEVANCE, **how) == there
                    after, seen = there.keys[-1] if there.keys else after, seen + len(there.keys)
                assert seen <= search.RANKED
            assert await total_of(db, keeps.catalog, matching) == await count(db, matching)


async def test_a_common_word_is_not_looked_for_again(keeps: Keeping) -> None:
    await many(keeps)
    given, moment = {"search": "panela"}, clock.now()
    there = await keeps.ask(SEARCH, moment, kept=False, variables=given)
    counts = []
    for _ in range(3):
        with keeps.counted() as sent:
            assert await keeps.ask(SEARCH, moment, variables=given) == there
        counts.append(len(sent))
    # The statement that ranks the newest.
    assert counts[2] == 1, sent
    assert there["products"]["totalCount"] == 2_520


async def test_a_word_that_finds_little_is_read_by_its_own_statement(keeps: Keeping) -> None:
    await caps(keeps)
    for _ in range(2):
        await keeps.ask(SEARCH, clock.now(), variables={"search": "azul"})
    assert not [key for key in keeps.catalog.sets._atoms if key[0] == "part"]


async def test_texts_that_are_too_many_are_found_by_sets(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the whole way, as if each word were a common one."""
    await caps(keeps)
    monkeypatch.setattr(hits, "TEXTS", 0)
    hits._statement.cache_clear()
    try:
        for typed in ("azul", "peixe", "bone azul", "nada disso"):
            for brands in (None, ["Mar"]):
                given = {"search": typed, "filter": {"brands": brands}}
                moment = clock.now()
                there = await keeps.ask(SEARCH, moment, kept=False, variables=given)
                for _ in range(2):
                    assert await keeps.ask(SEARCH, moment, variables=given) == there
    finally:
        hits._statement.cache_clear()


@pytest.mark.parametrize("typed", ["azul", "bone azul", "azul -liso", "az", "nada disso", "azul nada"])
async def test_what_is_known_is_not_looked_for_again(keeps: Keeping, typed: str) -> None:
    """However little a common word finds beside another: but whether words are spelled nearly so is still asked."""
    await caps(keeps)
    given, moment = {"search": typed}, clock.now()
    there = await keeps.ask(SEARCH, moment, kept=False, variables=given)
    await total_of(keeps.shop.db, keeps.catalog, of(keeps, search=typed))
    found = await keeps.catalog.sets.members(of(keeps, search=typed), kept=True)
    assert found is not None
    with keeps.counted() as sent:
        assert await keeps.ask(SEARCH, moment, variables=given) == there
    assert any("texts_0" in each for each in sent) is (found.by_words < search.FEW)


async def test_what_finds_much_is_known_from_then_on(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    await caps(keeps)
    monkeypatch.setattr(sets, "MUCH", 2)
    for typed, known in (("peixe", False), ("azul", True)):
        moment = clock.now()
        there = await keeps.ask(SEARCH, moment, kept=False, variables={"search": typed})
        assert (there["products"]["totalCount"] > 2) is known
        for _ in range(2):
            assert await keeps.ask(SEARCH, moment, variables={"search": typed}) == there
        assert await keeps.catalog.sets.know(of(keeps, moment, search=typed)) is known
