"""What a search finds, and what it shows first."""

import pytest
from sqlalchemy import literal_column, select, text

from app.browse import search
from app.browse.listing import Order
from app.browse.matching import count
from app.browse.search import MOST_WORDS, PEEKED, RANKED, Slice, is_loose, materialized, read_search
from app.catalog.barcodes import check_digit
from app.catalog.tables import product
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


MANY = (
    f"""INSERT INTO product (id, slug, status, created_at, updated_at)
        SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')\\:\\:uuid, 'coisa-' || n,
          CASE WHEN n % 10 = 0 THEN 'DRAFT' ELSE 'ACTIVE' END, now(), now()
        FROM generate_series(1, {PEEKED + 800}) n""",
    """INSERT INTO publication SELECT p.id, c.id, '2020-01-01' FROM product p, channel c""",
    """INSERT INTO product_text (product_id, locale, name, name_key, search, search_words)
       SELECT id, locale, words, words, setweight(to_tsvector('simple', words), 'A'), words FROM (
         SELECT id, locale, CASE WHEN slug = 'coisa-1' THEN 'panela' ELSE 'tampa de panela ' || slug END AS words
         FROM product, unnest(ARRAY['pt-BR', 'en']) locale) texts""",
    "INSERT INTO search_word VALUES ('panela'), ('tampa'), ('de')",
)


async def test_of_many_that_are_found_the_newest_are_ranked_and_what_is_named_so(shop: Shop) -> None:
    catalog = Catalog(shop)
    async with shop.db.transaction() as tx:
        for statement in MANY:
            await tx.execute(text(statement))
    matching = catalog.matching(search="panela")
    assert await count(shop.db, matching) == PEEKED + 800 - (PEEKED + 800) // 10
    page = await catalog.page(matching, Order.RELEVANCE, first=RANKED + 50)
    slugs = [row.slug for row in page.rows]
    newest = [f"coisa-{n}" for n in range(PEEKED + 800, 0, -1) if n % 10]
    # One place for each language that it is named so in.
    assert slugs == ["coisa-1", *newest[: RANKED - 2]]
    assert not page.more
    # Of fewer, narrowed by whatever, each is ranked.
    few = catalog.matching(search="panela", ids=tuple(row.id for row in page.rows[:40]))
    assert len((await catalog.page(few, Order.RELEVANCE)).rows) == 40
    assert 100 < (await count(shop.db, catalog.matching(search="panella", loosely=True)) or 0) <= RANKED


async def test_slices_hold_each_product_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their sizes, and whether there are more products than they hold or not."""
    catalog = Catalog(shop)
    for number in range(9):
        await catalog.product(f"coisa-{number}", name=f"Coisa {number}")
    ids = [row.id for row in await shop.db.rows(select(product.c.id).order_by(product.c.id.desc()))]
    for first, second in ((2, 5), (1, 2), (8, 9), (9, 20), (3, 9)):
        behind = {
            size: materialized(
                select(product.alias(f"of_{size}").c.id)
                .order_by(text("id DESC"))
                .offset(literal_column(str(size)))
                .limit(literal_column("1")),
                f"behind_{size}",
            )
            for size in (first, second)
        }
        monkeypatch.setattr(search, "_BEHIND", behind)
        slices = (Slice(0, first), Slice(first, second), Slice(second))
        bounds = [0, first, second, 99]
        for place, each in enumerate(slices):
            rows = await shop.db.rows(select(product.c.id).where(*each.holds(product.c.id)))
            assert {row.id for row in rows} == set(ids[bounds[place] : bounds[place + 1]]), (first, second, place)


def test_what_must_be_absent_has_words_of_its_own() -> None:
    """However much is asked for, what is not wanted is not shown."""
    search = read_search("panela " * 13 + "-azul -" + " -".join("abcdefghijklmnop"))
    assert search is not None
    assert search.query.count("'panela'") == MOST_WORDS
    assert search.query.count("!") == MOST_WORDS
    assert "!('azul')" in search.query
