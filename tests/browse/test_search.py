"""What a search finds, and what it shows first."""

import pytest

from app.browse.listing import Order
from app.browse.search import is_loose, read_search
from app.catalog.barcodes import check_digit
from tests.browse.catalog import Catalog, days_ago
from tests.shop import Shop


async def market(shop: Shop) -> Catalog:
    catalog = Catalog(shop)
    await catalog.category("mercearia")
    await catalog.category("graos", "mercearia")
    await catalog.collection("churrasco")
    await catalog.product("arroz", name={"pt-BR": "Arroz branco", "en": "White rice"}, category="graos")
    await catalog.product("arroz-integral", name={"pt-BR": "Arroz integral", "en": "Brown rice"}, category="graos")
    await catalog.product(
        "bolinho", name={"pt-BR": "Bolinho", "en": "Fritter"}, description="<p>De arroz com queijo.</p>"
    )
    await catalog.product("acucar", name={"pt-BR": "Açúcar mascavo", "en": "Brown sugar"}, brand="Doce Mar")
    await catalog.product("pao", name={"pt-BR": "Pão de queijo", "en": "Cheese bread"}, collections=["churrasco"])
    await catalog.product("chocolate", name={"pt-BR": "Chocolate ao leite"}, tags=["vegano"])
    await catalog.product(
        "camisetas",
        name={"pt-BR": "Camisetas da feira", "en": "Market T-shirts"},
        options={"Cor": ["Azul", "Verde"]},
        variants=[
            {"sku": "CAM-AZ", "barcode": "7896110000077", "values": ["Azul"]},
            {"sku": "CAM-VD", "values": ["Verde"], "scale_code": "51234", "archived": False},
        ],
    )
    return catalog


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("arroz", ["arroz", "arroz-integral", "bolinho"]),
        ("ARROZ  branco", ["arroz"]),
        ("açucar", ["acucar"]),
        ("acúcar", ["acucar"]),
        ("pao de queijo", ["pao"]),
        ("camiseta", ["camisetas"]),
        ("cam azul", ["camisetas"]),
        ("choc", ["chocolate"]),
        ("doce mar", ["acucar"]),
        ("vegano", ["chocolate"]),
        ("rice", ["arroz", "arroz-integral"]),
        ("shirt", ["camisetas"]),
        ("arroz -integral", ["arroz", "bolinho"]),
        ('"arroz branco"', ["arroz"]),
        ("graos", ["arroz", "arroz-integral"]),
        ("churrasco", ["pao"]),
        ("CAM-VD", ["camisetas"]),
        ("cam-az", ["camisetas"]),
        ("7896110000077", ["camisetas"]),
        ("07896110000077", ["camisetas"]),
    ],
)
async def test_words_in_both_languages_codes_and_marks_are_found(shop: Shop, typed: str, first: list[str]) -> None:
    catalog = await market(shop)
    found = await catalog.slugs(Order.RELEVANCE, search=typed)
    assert set(found[: len(first)]) == set(first)
    if "rice" not in typed and "graos" not in typed:
        assert found[:1] == first[:1]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("asucar", "acucar"),
        ("xocolate", "chocolate"),
        ("camizeta", "camisetas"),
        ("aroz integrau", "arroz-integral"),
        ("queixo", "pao"),
        ("chocolte", "chocolate"),
        ("arruz intergal", "arroz-integral"),
    ],
)
async def test_typing_errors_are_forgiven(shop: Shop, typed: str, first: str) -> None:
    catalog = await market(shop)
    assert (await catalog.slugs(Order.RELEVANCE, search=typed))[0] == first


async def test_spelling_is_looked_at_only_where_words_find_few(shop: Shop) -> None:
    catalog = await market(shop)
    await catalog.product("arruz", name="Arruz")
    many, few = catalog.matching(search="arroz"), catalog.matching(search="arruz")
    assert many.search
    assert few.search
    assert not await is_loose(shop.db, many.search, many.sight)
    assert await is_loose(shop.db, few.search, few.sight)
    assert "arruz" not in await catalog.slugs(search="arroz")
    found = await catalog.slugs(Order.RELEVANCE, search="arruz")
    assert found[0] == "arruz"
    assert "arroz" in found
    # What the channel does not sell does not make it many, and what is quoted is meant.
    assert await is_loose(shop.db, many.search, catalog.matching(moment=days_ago(10_000)).sight)
    assert await catalog.slugs(search='"arruz"') == ["arruz"]


@pytest.mark.parametrize("typed", [None, "", "   ", "!!!", "-", '"', "- -", "\0", "-arroz", '""', "& | !", "(:*)"])
async def test_what_says_nothing_is_no_search(shop: Shop, typed: str | None) -> None:
    assert read_search(typed) is None


@pytest.mark.parametrize(
    "typed",
    ["a", "' OR 1=1 --", "arroz:*", "arroz & | !", "\\", "a'b\"c", "%", "😀 arroz", "<->", "x" * 5_000,
     "a " * 500, "ß ŉ ǆ", "de", "-5 kg", "1,5l", "C:\\a", "'", "arroz '", "A" * 199 + "é",
     "東京 米"],
)  # fmt: skip
async def test_odd_searches_find_what_they_can_and_break_nothing(shop: Shop, typed: str) -> None:
    catalog = Catalog(shop)
    await catalog.product("arroz", name="Arroz")
    for order in (Order.RELEVANCE, Order.NAME):
        assert set(await catalog.slugs(order, search=typed)) <= {"arroz"}


async def test_the_best_comes_first_and_the_search_holds_in_every_order(shop: Shop) -> None:
    catalog = await market(shop)
    relevant = await catalog.slugs(Order.RELEVANCE, search="arroz")
    assert relevant[2] == "bolinho"
    assert await catalog.slugs(Order.RELEVANCE, descending=True, search="arroz") == relevant[::-1]
    for order in Order:
        assert set(await catalog.slugs(order, search="arroz")) == set(relevant)


async def test_a_whole_name_comes_before_one_that_begins_so(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug, name in {"a": "Café com leite", "b": "Café", "c": "Filtro de café", "d": "Cafés do sul"}.items():
        await catalog.product(slug, name=name)
    assert (await catalog.slugs(Order.RELEVANCE, search="cafe"))[0] == "b"


async def test_a_scale_label_finds_its_product(shop: Shop) -> None:
    catalog = await market(shop)
    label = "251234001590" + check_digit("251234001590")
    assert await catalog.slugs(Order.RELEVANCE, search=label) == ["camisetas"]
