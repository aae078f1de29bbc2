"""Facets counted in the process: the same as PostgreSQL counts them, of whatever is kept."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from app.browse import followed
from app.browse.counting import narrowed_by
from app.browse.facets import Facet, Field, facets_of
from app.browse.followed import TRAITS
from app.browse.hits import find_hits
from app.browse.matching import Matching
from app.browse.tallies import Tallying
from app.browse.traits import Traits
from app.catalog.categories import CategoryDraft, update_category
from app.catalog.drafts import ProductDraft
from app.catalog.products import save_product
from app.catalog.tables import product
from app.inventory.tables import stock_level
from app.platform import clock
from tests.api.keeping import Keeping
from tests.browse.catalog import Catalog
from tests.browse.test_facets import COLOURS
from tests.browse.test_matching import shirts


async def tallied(keeps: Keeping, matching: Matching, fields: Collection[Field] = tuple(Field)) -> list[Facet] | None:
    hits = await find_hits(keeps.shop.db, matching, descending=False, after=None, first=1, stock=None, counted=True)
    assert hits.matched is not None
    return await facets_of(keeps.shop.db, matching, fields, Tallying(keeps.catalog, clock.now(), hits.matched))


async def caps(keeps: Keeping) -> Catalog:
    """Shirts, and what has the same option twice, tags twice, no options, no category, nothing at all."""
    catalog = await shirts(keeps.shop)
    twice = [COLOURS, COLOURS]
    await catalog.product("bone-azul", options=[COLOURS], variants=[{"values": ["Azul"]}], tags=["azul", "azul"])
    await catalog.product("azul-liso", options=twice, variants=[{"values": ["Azul", "Azul"], "archived": False}])
    await catalog.product("azul-velho", options=[COLOURS], variants=[{"values": ["Verde"], "archived": True}])
    await catalog.product("azul-nada", variants=[], category="casa", collections=["verao"], brand="Mar")
    await catalog.product("azul-solto", variants=[{"values": [""]}], options=[COLOURS], brand="Solto")
    await keeps.catch_up()
    return catalog


@pytest.mark.parametrize("locale", ["pt-BR", "en"])
@pytest.mark.parametrize("typed", ["azul", "bone", "nada disso", "feira"])
@pytest.mark.parametrize("wanted", [{}, {"brands": ("Mar",)}, {"tags": ("algodao",)}, {"category_ids": ()}])
async def test_they_are_what_the_tables_say(keeps: Keeping, typed: str, locale: str, wanted: dict[str, Any]) -> None:
    catalog = await caps(keeps)
    matching = catalog.matching(search=typed, locale=locale, **wanted)
    there = await facets_of(keeps.shop.db, matching)
    # Once as it is read, and once as it is kept.
    assert await tallied(keeps, matching) == there
    assert await tallied(keeps, matching) == there


async def test_what_products_call_differently_is_called_one_thing_by_all(keeps: Keeping) -> None:
    catalog = Catalog(keeps.shop)
    for slug, called in ("um", "Large"), ("dois", "Big"), ("tres", "Grand"):
        size = {"name": {"pt-BR": "Tamanho", "en": f"{called} size"}, "values": [{"pt-BR": "G", "en": called}]}
        await catalog.product(slug, name=f"Azul {slug}", options=[size], variants=[{"values": ["G"]}])
    await keeps.catch_up()
    for typed in ("azul", None):
        matching = catalog.matching(search=typed, locale="en")
        found = [await facets_of(keeps.shop.db, matching), await narrowed_by(keeps.shop.db, keeps.catalog, matching)]
        if typed:
            found.append(await tallied(keeps, matching))
        for facets in found:
            (sizes,) = [facet for facet in facets or () if facet.field is Field.OPTIONS]
            assert (sizes.name, sizes.label) == ("Tamanho", "Big size")
            assert [(value.value, value.label, value.count) for value in sizes.values] == [("G", "Big", 3)]


async def test_only_the_fields_asked_for(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    matching = catalog.matching(search="azul")
    for field in Field:
        assert await tallied(keeps, matching, [field]) == await facets_of(keeps.shop.db, matching, [field])
    assert await tallied(keeps, matching, []) == []


async def test_what_changed_since_the_feed_was_read_is_not_counted_by_what_was(keeps: Keeping) -> None:
    """Traits are as new as what was found, however far behind the feed's reader is."""
    catalog = await caps(keeps)
    matching = catalog.matching(search="azul")
    await tallied(keeps, matching)
    draft = ProductDraft(id=catalog.products["azul-liso"], mode="update", brand="Novo", tags=["novo"])
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))
    there = await facets_of(keeps.shop.db, matching)
    assert "Novo" in str(there)
    assert await tallied(keeps, matching) == there
    # And nobody keeps them before the feed has told.
    key = catalog.products["azul-liso"].bytes
    kept = keeps.catalog.kept(TRAITS, [key], clock.now())
    assert kept is not None
    assert kept[key].value.brand is None
    await keeps.catch_up()
    assert keeps.catalog.kept(TRAITS, [key], clock.now()) is None
    assert await tallied(keeps, matching) == there


async def test_a_category_is_called_what_the_feed_says(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    matching = catalog.matching(search="feira")
    assert "Roupas" in str(await tallied(keeps, matching))
    key = catalog.categories["roupas"][0]
    draft = CategoryDraft(name={"pt-BR": "Vestuário"})
    await keeps.write(lambda tx: update_category(tx, keeps.shop.actor(), key, draft))
    await keeps.catch_up()
    assert "Vestuário" in str(await tallied(keeps, matching))


async def test_what_is_put_away_is_no_choice(keeps: Keeping) -> None:
    catalog = await shirts(keeps.shop)
    await catalog.category("velhas", "roupas", archived=True)
    await catalog.collection("inverno", archived=True)
    await catalog.product("peixe-velho", category="velhas", collections=["inverno", "verao"])
    await keeps.catch_up()
    matching = catalog.matching(search="peixe")
    told = await tallied(keeps, matching)
    assert told == await facets_of(keeps.shop.db, matching)
    assert [[each.value for each in facet.values] for facet in told or []][:2] == [["roupas"], ["verao"]]


async def test_traits_that_changed_while_they_were_read_are_read_again(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await caps(keeps)
    key, left = catalog.products["peixe"], [1]

    async def read(db: Any, keys: Collection[Any], moment: Any) -> Any:
        found = await TRAITS.read(db, keys, moment)
        if left:
            left.pop()
            draft = ProductDraft(id=key, mode="update", brand="Outra")
            await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))
            await keeps.catch_up()
        return found

    monkeypatch.setattr(followed, "TRAITS", replace(TRAITS, read=read))
    assert (await keeps.catalog.traits([key.bytes], clock.now()))[key.bytes].value.brand == "Outra"
    assert keeps.catalog.spoiled == 1


async def test_stock_is_looked_at_each_time(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    matching = catalog.matching(search="peixe")
    for quantity, value in ((2000, "true"), (0, "false"), (1000, "true")):
        async with keeps.shop.db.transaction() as tx:
            level = stock_level.c.variant_id == keeps.shop.variants["PEIXE"]
            await tx.execute(update(stock_level).where(level).values(on_hand=quantity))
        (facet,) = await tallied(keeps, matching, [Field.IN_STOCK]) or []
        assert [each.value for each in facet.values] == [value]


async def test_traits_are_dropped_with_their_product(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    key = catalog.products["peixe"]
    entries = await keeps.catalog.traits([key.bytes], clock.now())
    traits: Traits = entries[key.bytes].value
    assert traits.brand == "Mar"
    assert set(traits.choices) == {("Tamanho", "M"), ("Cor", "Azul")}
    async with keeps.shop.db.transaction() as tx:
        # Told by nobody.
        await tx.execute(update(product).where(product.c.id == key).values(brand="Outra"))
    assert (await keeps.catalog.traits([key.bytes], clock.now()))[key.bytes].value.brand == "Mar"
    draft = ProductDraft(id=key, mode="update", tags=["novo"])
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))
    await keeps.catch_up()
    assert (await keeps.catalog.traits([key.bytes], clock.now()))[key.bytes].value.brand == "Outra"
