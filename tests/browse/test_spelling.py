"""What is found by words that are spelled wrong, who teaches the shop's words, and what must not come of it."""

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.browse.listing import Order
from app.browse.matching import count
from app.browse.search import read_search
from app.browse.spelling import LOOKED_AT, MET, NEWEST
from app.catalog.drafts import TextDraft
from app.catalog.products import save_products
from app.catalog.search_text import is_spelled, learn_words, rewrite_search
from app.catalog.tables import category, product, search_word
from tests.browse.catalog import Catalog
from tests.browse.importing import HEADER, MUG, SHIRT, file, run
from tests.catalog.drafting import plain, save_one
from tests.shop import Shop

MANY = (
    """INSERT INTO product (id, slug, status, created_at, updated_at)
       SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')\\:\\:uuid, 'coisa-' || n,
         CASE WHEN n > :sold THEN 'DRAFT' ELSE 'ACTIVE' END, now(), now()
       FROM generate_series(1, :products) n""",
    "INSERT INTO publication SELECT p.id, c.id, '2020-01-01' FROM product p, channel c WHERE c.code = 'web'",
    """INSERT INTO product_text (product_id, locale, name, name_key, search, search_words)
       SELECT id, 'pt-BR', words, words, to_tsvector('portuguese', words), words FROM (
         SELECT id, CASE WHEN slug = 'coisa-1' THEN :first ELSE :others END || ' ' || slug AS words FROM product
       ) texts""",
    """INSERT INTO search_word
       SELECT DISTINCT word FROM unnest(string_to_array(:first || ' ' || :others, ' ')) AS word""",
)


async def many(shop: Shop, *, products: int, sold: int | None = None, first: str, others: str) -> Catalog:
    """So many products, of which the first are sold; the very first, and the oldest, has words of its own."""
    values: dict[str, Any] = {"products": products, "sold": products if sold is None else sold}
    values |= {"first": first, "others": others}
    async with shop.db.transaction() as tx:
        for statement in MANY:
            clause = text(statement)
            await tx.execute(clause, {name: values[name] for name in clause.compile().params})
    return Catalog(shop)


async def market(shop: Shop) -> Catalog:
    catalog = Catalog(shop)
    await catalog.category("mercearia")
    names = {
        "acucar": {"pt-BR": "Açúcar mascavo", "en": "Brown sugar"},
        "leite": {"pt-BR": "Leite integral", "en": "Whole milk"},
        "chocolate": {"pt-BR": "Chocolate amargo", "en": "Dark chocolate"},
        "tomate": {"pt-BR": "Tomate-cereja orgânico", "en": "Organic cherry tomatoes"},
        "refrigerante": {"pt-BR": "Coca Cola lata", "en": "Coca Cola can"},
        "cadeira": {"pt-BR": "Cadeira de madeira", "en": "Wooden chair"},
        "teclado": {"pt-BR": "Teclado sem fio", "en": "Wireless keyboard"},
        "guarda-chuva": {"pt-BR": "Guarda-chuva azul", "en": "Blue umbrella"},
        "agua": {"pt-BR": "Água 500ml", "en": "Water 500ml"},
    }
    for number, (slug, name) in enumerate(names.items()):
        own = {"sku": f"XK-1077{number}", "barcode": f"789611000007{number}"}
        await catalog.product(slug, name=name, category="mercearia", variants=[own])
    return catalog


@pytest.mark.postgres15
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("asucar", "acucar"),
        ("açucra", "acucar"),
        ("leyte", "leite"),
        ("lete integrau", "leite"),
        ("chocolte", "chocolate"),
        ("chocolatte amago", "chocolate"),
        ("shugar", "acucar"),
        ("sugr", "acucar"),
        ("wole mlik whole", "leite"),
        ("chery tomatos", "tomate"),
        ("cerexa", "tomate"),
        ("cadera", "cadeira"),
        ("woden chair", "cadeira"),
        ("keybord", "teclado"),
        ("wireles keybaord", "teclado"),
        ("cocacola", "refrigerante"),
        ("coca-colla", "refrigerante"),
        ("umbrela", "guarda-chuva"),
        ("chiar", "cadeira"),
        ("agau", "agua"),
        ("wodoen chiar", "cadeira"),
        ("mercearea", "acucar"),
        ("agua 500ml mercearea", "agua"),
        ("xyzzyq", None),
        ("acucar xyzzyq", None),
    ],
)
async def test_words_are_found_that_are_spelled_nearly_so(shop: Shop, typed: str, found: str | None) -> None:
    catalog = await market(shop)
    slugs = await catalog.slugs(Order.RELEVANCE, search=typed)
    if typed == "mercearea":
        assert set(slugs) == set(catalog.products)
    else:
        assert slugs[:1] == ([found] if found else [])
    assert await catalog.slugs(Order.RELEVANCE, search=typed) == slugs


async def test_words_may_be_typed_together_or_apart(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("apart", name="Coca Cola lata", variants=[{"sku": "X-1"}])
    assert await catalog.slugs(search="cocacola") == ["apart"]
    await catalog.product("together", name="Cocacola zero", variants=[{"sku": "X-2"}])
    assert await catalog.slugs(Order.RELEVANCE, search="coca cola zeroo") == ["together"]
    assert await catalog.slugs(Order.RELEVANCE, search="cocacola") == ["together", "apart"]


@pytest.mark.parametrize(
    "typed", ["7896110000079", "6896110000078", "XK-10779", "XQ-10778", "10779", "agua 501ml", "agua 5000", "500m1"]
)
async def test_numbers_and_codes_are_meant_as_they_are_typed(shop: Shop, typed: str) -> None:
    catalog = await market(shop)
    assert await catalog.slugs(search="7896110000078") == await catalog.slugs(search="XK-10778") == ["agua"]
    assert await catalog.slugs(search=typed) == []
    known = {row.word for row in await shop.db.rows(select(search_word))}
    assert {"agua", "coca", "tomate-cereja"} <= known
    assert not [word for word in known if re.search("[0-9]", word)]


@pytest.mark.parametrize("word", ["arroz", "tomate-cereja", "ps5x", "5kg", "x" * 40])
def test_what_is_mostly_letters_may_be_spelled_wrong(word: str) -> None:
    assert is_spelled(word)


@pytest.mark.parametrize("word", ["", "a", "5", "--", "350ml", "7896110000077", "syn-00220-m", "x" * 41])
def test_what_is_not_is_meant_as_it_is_typed(word: str) -> None:
    assert not is_spelled(word)


async def test_the_oldest_of_very_many_is_found(shop: Shop) -> None:
    catalog = await many(shop, products=64_500, first="panela funda", others="tampa rasa")
    assert await catalog.slugs(Order.RELEVANCE, search="panella") == ["coisa-1"]
    assert await catalog.slugs(Order.NAME, search="panela fumda") == ["coisa-1"]
    # Of what very many have the newest are found, in an order that holds.
    for typed in ("tammpa", "tampa rassa"):
        page = await catalog.page(catalog.matching(search=typed, loosely=True), Order.RELEVANCE, first=300)
        assert [row.slug for row in page.rows] == [f"coisa-{n}" for n in range(64_500, 64_200, -1)]
        assert await count(shop.db, catalog.matching(search=typed, loosely=True)) == MET


async def test_what_is_not_sold_takes_no_place_of_what_is(shop: Shop) -> None:
    """Neither among the newest, nor among what the index finds."""
    catalog = await many(shop, products=NEWEST + LOOKED_AT // 2, sold=1, first="panela", others="panela")
    assert await catalog.slugs(Order.RELEVANCE, search="panella") == ["coisa-1"]
    drafts = catalog.matching(search="panella", statuses=("DRAFT",), loosely=True)
    assert await count(shop.db, drafts) == MET
    assert await catalog.slugs(search="panella", channel="app") == []


async def test_words_that_only_the_unsold_has_hide_no_others_and_show_nothing(shop: Shop) -> None:
    catalog = await market(shop)
    await catalog.product("chocolat", name="Chocolt", status="ARCHIVED")
    await catalog.product("chocolto", name="Chocolto", channels=["app"])
    assert await catalog.slugs(search="chocolte") == ["chocolate"]
    assert set(await catalog.slugs(search="chocolte", channel="app")) == {"chocolate", "chocolto"}
    # The more alike first.
    assert (await catalog.slugs(Order.RELEVANCE, search="chocolte", channel="app"))[0] == "chocolto"


async def test_a_word_that_no_text_has_any_more_finds_nothing(shop: Shop) -> None:
    catalog = await market(shop)
    async with shop.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.slug == "leite").values(slug="suco"))
        await tx.execute(
            text("UPDATE product_text SET name = 'Suco', name_key = 'suco' WHERE product_id = :id"),
            {"id": catalog.products["leite"]},
        )
        await rewrite_search(tx, [catalog.products["leite"]])
    assert await catalog.slugs(search="leyte") == []
    assert await catalog.slugs(search="sucko") == ["suco"]


async def test_pages_of_what_is_spelled_nearly_so_go_on_where_they_ended(shop: Shop) -> None:
    catalog = Catalog(shop)
    for n in range(30):
        await catalog.product(f"p-{n}", name=["Panela", "Panelas", "Panelinha"][n % 3] + f" número {n}")
    matching = catalog.matching(search="panella", loosely=True)
    for order in Order:
        for descending in (False, True):
            whole = [row.slug for row in (await catalog.page(matching, order, descending=descending)).rows]
            assert len(whole) == len(set(whole)) == 30
            met: list[str] = []
            after = None
            while True:
                page = await catalog.page(matching, order, descending=descending, after=after, first=7)
                met += [row.slug for row in page.rows]
                if not page.more:
                    break
                after = page.keys[-1]
                # What comes meanwhile moves nothing.
                await learn_late(shop, f"palavra{len(met)}")
            assert met == whole


async def learn_late(shop: Shop, word: str) -> None:
    await shop.db.run(lambda tx: learn_words(tx, [word]))


async def test_a_saved_product_is_found_by_its_words_and_these_are_learned_once(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug in ("bandeja", "outra"):
        draft = plain(slug, texts=[TextDraft(locale="pt-BR", name=f"Bandeja {slug}")], brand="Jacaranda")
        saved = await save_one(shop, draft)
        async with shop.db.transaction() as tx:
            await tx.execute(
                text("INSERT INTO publication SELECT :id, id, '2020-01-01' FROM channel"), {"id": saved.product_id}
            )
            await tx.execute(update(product).values(status="ACTIVE"))
    assert set(await catalog.slugs(search="bandeija")) == {"bandeja", "outra"}
    assert set(await catalog.slugs(search="jacarandha")) == {"bandeja", "outra"}
    words = [row.word for row in await shop.db.rows(select(search_word).order_by(search_word.c.word))]
    assert words == ["bandeja", "jacaranda", "outra"]


async def test_what_is_imported_is_found(shop: Shop) -> None:
    await run(shop, file(SHIRT, MUG, header=HEADER))
    catalog = Catalog(shop)
    assert await catalog.slugs(search="kaneca") == ["caneca"]
    assert await catalog.slugs(search="camiza linhu") == ["camisa"]


async def test_a_category_that_changes_its_name_teaches_it(shop: Shop) -> None:
    catalog = await market(shop)
    async with shop.db.transaction() as tx:
        await tx.execute(update(category).values(name={"pt-BR": "Quitanda"}))
        await rewrite_search(tx, list(catalog.products.values()))
    assert set(await catalog.slugs(search="kitanda")) == set(catalog.products)


async def test_who_brings_the_same_new_words_waits_for_nobody(shop: Shop) -> None:
    def draft(slug: str, name: str) -> Any:
        return plain(slug, texts=[TextDraft(locale="pt-BR", name=name)])

    async with asyncio.timeout(20):
        async with shop.db.transaction() as one, shop.db.transaction() as other:
            # Each brings what the other brings later: who waited would wait for ever.
            await save_products(one, shop.actor(), [draft("a", "Jabuticaba")])
            await save_products(other, shop.actor(), [draft("b", "Pitanga")])
            await save_products(other, shop.actor(), [draft("c", "Jabuticaba doce")])
            await save_products(one, shop.actor(), [draft("d", "Pitanga doce")])
        await save_one(shop, draft("e", "Pitanga Jabuticaba"))
    async with shop.db.transaction() as tx:
        await tx.execute(text("INSERT INTO publication SELECT p.id, c.id, '2020-01-01' FROM product p, channel c"))
        await tx.execute(update(product).values(status="ACTIVE"))
    catalog = Catalog(shop)
    assert set(await catalog.slugs(search="jaboticaba")) == {"a", "c", "e"}
    assert set(await catalog.slugs(search="pitamga")) == {"b", "d", "e"}
    rows = await shop.db.rows(select(search_word.c.word))
    assert sorted(row.word for row in rows) == ["doce", "doce", "jabuticaba", "jabuticaba", "pitanga", "pitanga"]


async def test_what_is_quoted_or_left_out_is_never_looked_for_by_spelling(shop: Shop) -> None:
    catalog = await market(shop)
    for typed in ('"leyte"', "leyte -suco", '"leite integrau"'):
        search = read_search(typed)
        assert search is not None
        assert search.exacting
        assert await catalog.slugs(search=typed) == []
