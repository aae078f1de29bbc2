"""What a list could be narrowed by, and whether the counts are what the filter then finds."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from app.browse.facets import Facet, Field, facets_of
from app.browse.matching import Matching, OptionChoice, count
from app.browse.slugs import ids_of_slugs
from app.catalog.tables import product
from tests.browse.catalog import Catalog
from tests.browse.test_matching import shirts
from tests.shop import Shop

COLOURS = {"name": {"pt-BR": "Cor", "en": "Colour"}, "values": [{"pt-BR": "Azul", "en": "Blue"}, {"pt-BR": "Verde"}]}


def plain(facets: list[Facet] | None) -> dict[str, dict[str, int]]:
    assert facets is not None
    return {facet.name: {value.value: value.count for value in facet.values} for facet in facets}


async def test_every_field_is_counted_with_its_labels(shop: Shop) -> None:
    catalog = await shirts(shop)
    await catalog.product(
        "bone", options=[COLOURS], variants=[{"values": ["Azul"]}], brand="Feira", tags=["azul", "azul"]
    )
    await catalog.product("invisivel", status="DRAFT", brand="Feira", tags=["azul"])
    facets = await facets_of(shop.db, catalog.matching(locale="en"))
    assert plain(facets) == {
        "categories": {"roupas": 2, "camisetas": 1, "casa": 1},
        "collections": {"verao": 1},
        "brands": {"Feira": 2, "Mar": 1},
        "tags": {"algodao": 2, "azul": 2},
        "Cor": {"Azul": 3, "Verde": 1},
        "Tamanho": {"M": 2, "P": 1},
        "inStock": {"true": 2, "false": 2},
    }
    assert facets is not None
    assert [facet.field for facet in facets][-3:] == [Field.OPTIONS, Field.OPTIONS, Field.IN_STOCK]
    by_name = {facet.name: facet for facet in facets}
    assert by_name["brands"].label == "Brands"
    assert next((value.value, value.label) for value in by_name["categories"].values) == ("roupas", "Roupas")
    assert {value.label for value in by_name["inStock"].values} == {"In stock", "Out of stock"}


async def test_labels_are_translated_and_values_are_not(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("bone", options=[COLOURS], variants=[{"values": ["Azul"]}, {"values": ["Verde"]}])
    (facet,) = await facets_of(shop.db, catalog.matching(locale="en"), [Field.OPTIONS]) or []
    assert (facet.name, facet.label) == ("Cor", "Colour")
    assert [(value.value, value.label) for value in facet.values] == [("Azul", "Blue"), ("Verde", "Verde")]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"brands": ("Feira",)},
        {"brands": ("Feira",), "tags": ("algodao",)},
        {"options": (OptionChoice("Cor", ("Azul",)),)},
        {"options": (OptionChoice("Cor", ("Azul",)), OptionChoice("Tamanho", ("M",)))},
        {"in_stock": True},
        {"in_stock": False, "price_max": 4500},
        {"price_min": 3500},
        {"options": (OptionChoice("Tamanho", ("M",)),), "price_max": 4500, "in_stock": True},
        {"search": "feira"},
    ],
)
async def test_each_count_is_what_the_filter_finds(shop: Shop, wanted: dict[str, Any]) -> None:
    """The disjunctive rule: with the facet's own field asking for this value alone, so many products are found."""
    catalog = await shirts(shop)
    await catalog.product(
        "bone", options={"Cor": ["Azul"]}, variants=[{"values": ["Azul"]}], brand="Feira", category="casa"
    )
    matching = catalog.matching(**wanted)
    facets = await facets_of(shop.db, matching)
    assert facets
    for facet in facets:
        for value in facet.values:
            narrowed = await choose(shop, matching, facet, value.value)
            assert await count(shop.db, narrowed) == value.count, (facet.name, value)


async def choose(shop: Shop, matching: Matching, facet: Facet, value: str) -> Matching:
    match facet.field:
        case Field.BRANDS:
            return replace(matching, brands=(value,))
        case Field.TAGS:
            return replace(matching, tags=(value,))
        case Field.IN_STOCK:
            return replace(matching, in_stock=value == "true")
        case Field.OPTIONS:
            others = tuple(choice for choice in matching.options if choice.name != facet.name)
            return replace(matching, options=(*others, OptionChoice(facet.name, (value,))))
        case Field.CATEGORIES:
            categories, _ = await ids_of_slugs(shop.db, categories=[value], collections=None)
            return replace(matching, category_ids=categories)
        case Field.COLLECTIONS:
            _, collections = await ids_of_slugs(shop.db, categories=None, collections=[value])
            return replace(matching, collection_ids=collections)


async def test_a_facets_own_choice_is_left_out_of_its_counts(shop: Shop) -> None:
    catalog = await shirts(shop)
    found = plain(
        await facets_of(shop.db, catalog.matching(brands=("Mar",), options=(OptionChoice("Cor", ("Azul",)),)))
    )
    assert found["brands"] == {"Feira": 1, "Mar": 1}
    assert found["Cor"] == {"Azul": 1}
    assert found["Tamanho"] == {"M": 1}
    assert found["categories"] == {"roupas": 1}


async def test_only_the_fields_asked_for_and_only_with_something_to_choose(shop: Shop) -> None:
    catalog = await shirts(shop)
    assert set(plain(await facets_of(shop.db, catalog.matching(), [Field.TAGS]))) == {"tags"}
    await shop.db.run(lambda tx: tx.execute(update(product).values(brand=None)))
    assert "brands" not in plain(await facets_of(shop.db, catalog.matching()))
    assert await facets_of(shop.db, catalog.matching(brands=("Nada",), tags=("nada",))) == []
    assert await facets_of(shop.db, catalog.matching(), []) == []


async def test_archived_categories_and_collections_are_no_choice(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.category("roupas")
    await catalog.category("velhas", "roupas", archived=True)
    await catalog.collection("velha", archived=True)
    await catalog.product("meia", category="velhas", collections=["velha"])
    found = plain(await facets_of(shop.db, catalog.matching(), [Field.CATEGORIES, Field.COLLECTIONS]))
    assert found == {"categories": {"roupas": 1}}
