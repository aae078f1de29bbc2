"""Pages of products: every order, both directions, and pages that hold while rows are written."""

from typing import Any

import pytest
from sqlalchemy import delete, update

from app.browse.listing import Order
from app.browse.matching import Matching
from app.catalog.tables import product, product_text, publication
from app.platform.texts import key_of
from app.pricing.tables import channel_price
from tests.browse.catalog import Catalog, days_ago
from tests.shop import Shop


async def fruit(shop: Shop) -> Catalog:
    catalog = Catalog(shop)
    for place, (slug, price) in enumerate(
        {"uva": 500, "abacate": 700, "caju": 300, "goiaba": None, "manga": 500, "banana": 900}.items()
    ):
        times: dict[str, Any] = {"created_at": days_ago(place), "updated_at": days_ago(10 - place)}
        variants: list[dict[str, Any]] = [{"price": price}]
        if slug == "banana":
            variants += [{"sku": "BANANA-MENOR", "price": 200, "values": ["menor"]}]
        await catalog.product(slug, variants=variants, **times)
    return catalog


ORDERS = {
    Order.NAME: ["abacate", "banana", "caju", "goiaba", "manga", "uva"],
    Order.PRICE: ["banana", "caju", "uva", "manga", "abacate", "goiaba"],
    Order.CREATED_AT: ["banana", "manga", "goiaba", "caju", "abacate", "uva"],
    Order.UPDATED_AT: ["uva", "abacate", "caju", "goiaba", "manga", "banana"],
}


async def test_each_order_both_ways_in_pages_of_any_size(shop: Shop) -> None:
    catalog = await fruit(shop)
    for order, ascending in ORDERS.items():
        for descending in (False, True):
            expected = list(reversed(ascending)) if descending else ascending
            if order is Order.PRICE and descending:
                expected = [slug for slug in expected if slug != "goiaba"] + ["goiaba"]
            for size in (1, 2, 4, 6, 100):
                assert await walk(catalog, catalog.matching(), order, descending, size) == expected, (order, size)


async def walk(catalog: Catalog, matching: Matching, order: Order, descending: bool, size: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await catalog.page(matching, order, descending=descending, after=after, first=size)
        found += [row.slug for row in page.rows]
        if not page.more:
            return found
        assert len(page.rows) == size
        after = page.keys[-1]


@pytest.mark.parametrize("order", [Order.NAME, Order.PRICE, Order.CREATED_AT, Order.RELEVANCE])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_neither_skip_nor_repeat_while_rows_change(shop: Shop, order: Order, descending: bool) -> None:
    catalog = Catalog(shop)
    for number in range(12):
        variants = [{"price": 100 * (number // 2 + 1)}]
        name = "fruta " * (number // 3 + 1) + f"{number:02}"
        await catalog.product(f"fruta-{number:02}", name=name, variants=variants, created_at=days_ago(20 - number // 2))
    matching = catalog.matching(search="fruta" if order is Order.RELEVANCE else None)
    all_ = [row.slug for row in (await catalog.page(matching, order, descending=descending)).rows]
    assert len(all_) == 12
    page = await catalog.page(matching, order, descending=descending, first=5)
    seen = [row.slug for row in page.rows]
    # Gone: one seen, the one that the cursor stands on, one to come. New: more on both sides. Changed: other columns.
    gone = {seen[1], seen[4], all_[7]}
    async with shop.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.slug.in_(gone - {seen[4]})).values(status="ARCHIVED"))
        ids = [catalog.products[seen[4]]]
        await tx.execute(delete(publication).where(publication.c.product_id.in_(ids)))
        await tx.execute(update(product).values(brand="Feira", version=2))
    for number in (0, 99):
        await catalog.product(f"nova-{number}", name=f"fruta fruta {number}", created_at=days_ago(30 if number else 1))
    while page.more:
        page = await catalog.page(matching, order, descending=descending, first=5, after=page.keys[-1])
        seen += [row.slug for row in page.rows]
    assert [slug for slug in seen if slug.startswith("fruta")] == [slug for slug in all_ if slug != all_[7]]
    assert len(seen) == len(set(seen))


async def test_a_product_without_a_name_in_the_language_stands_at_the_name_that_is_shown(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("uva", name={"pt-BR": "Uva", "en": "Grape"})
    await catalog.product("caju", name={"pt-BR": "Caju"})
    await catalog.product("kale", name={"en": "Kale"})
    await catalog.product("manga", name={"pt-BR": "Manga", "en": "Mango"})
    await catalog.product("zimbro", name={"pt-BR": "Zimbro"})
    await catalog.product("abacate", name={"pt-BR": "Abacate", "en": "Avocado"})
    portuguese = ["abacate", "caju", "kale", "manga", "uva", "zimbro"]
    english = ["abacate", "caju", "uva", "kale", "manga", "zimbro"]
    for locale, expected in (("pt-BR", portuguese), ("en", english)):
        for descending in (False, True):
            order = list(reversed(expected)) if descending else expected
            for size in (1, 2, 3, 5, 100):
                found = await walk(catalog, catalog.matching(locale=locale), Order.NAME, descending, size)
                assert found == order, (locale, descending, size)


async def test_names_are_sorted_without_accents_and_case(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug, name in {"a": "Água", "b": "abóbora", "c": "Ágar", "d": "AZEITE", "e": "ácido"}.items():
        await catalog.product(slug, name=name)
    assert await catalog.slugs() == ["b", "e", "c", "a", "d"]


async def test_only_what_the_channel_sells_now_is_listed(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("aqui")
    await catalog.product("rascunho", status="DRAFT")
    await catalog.product("arquivado", status="ARCHIVED")
    await catalog.product("noutro", channels=("pos",))
    later = await catalog.product("depois")
    ended = await catalog.product("acabou")
    async with shop.db.transaction() as tx:
        of = publication.c.product_id
        await tx.execute(update(publication).where(of == later).values(starts_at=days_ago(-1)))
        await tx.execute(update(publication).where(of == ended).values(ends_at=days_ago(1)))
    for order in Order:
        assert await catalog.slugs(order) == ["aqui"]
    assert await catalog.slugs(channel="pos") == ["aqui", "noutro"]
    assert await catalog.slugs(moment=days_ago(-2)) == ["aqui", "depois"]
    assert await catalog.slugs(moment=days_ago(2)) == ["acabou", "aqui"]


async def test_the_lowest_price_counts_and_that_of_an_archived_variant_does_not(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("um", variants=[{"price": 800, "values": ["a"]}, {"price": 100, "archived": True}])
    await catalog.product("dois", variants=[{"price": 700, "values": ["a"]}, {"price": 900, "values": ["b"]}])
    await catalog.product("tres", variants=[{"price": 100, "archived": True}])
    assert await catalog.slugs(Order.PRICE) == ["dois", "um", "tres"]
    assert await catalog.slugs(Order.PRICE, descending=True) == ["um", "dois", "tres"]
    async with shop.db.transaction() as tx:
        one = channel_price.c.product_id == catalog.products["um"]
        await tx.execute(update(channel_price).where(one).values(amount=50))
    assert await catalog.slugs(Order.PRICE) == ["um", "dois", "tres"]


async def test_a_renamed_product_moves(shop: Shop) -> None:
    catalog = await fruit(shop)
    async with shop.db.transaction() as tx:
        one = product_text.c.product_id == catalog.products["uva"]
        await tx.execute(update(product_text).where(one).values(name="Ácaro", name_key=key_of("Ácaro")))
    assert (await catalog.slugs())[:3] == ["abacate", "uva", "banana"]
