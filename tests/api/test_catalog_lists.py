"""Lists of the catalog through the schema: pages, filters, facets, cursors, and what they send to the database."""

from collections import Counter
from typing import Any

import pytest

from app.api.paging import encode_cursor
from app.platform.ids import new_id
from tests.api.test_catalog_reads import shirt
from tests.browse.asking import Asking
from tests.browse.catalog import Catalog
from tests.shop import LONG_AGO, Shop


async def test_the_back_office_lists_by_status_and_publication(shop: Shop) -> None:
    catalog = Catalog(shop)
    asking = Asking(shop)
    states: dict[str, dict[str, Any]] = {"a": {}, "b": {"status": "DRAFT"}, "c": {"channels": ("pos",)}}
    for slug, columns in states.items():
        await catalog.product(slug, **columns)
    document = "query($f: ProductFilter) { products(first: 9, filter: $f) { totalCount nodes { slug } } }"

    async def slugs(**wanted: Any) -> list[str]:
        data = await asking.ask(document, role="catalog", f=wanted)
        assert data["products"]["totalCount"] == len(data["products"]["nodes"])
        return [node["slug"] for node in data["products"]["nodes"]]

    assert await slugs(status=["DRAFT"]) == ["b"]
    assert await slugs(status=["DRAFT", "ACTIVE", "ARCHIVED"]) == ["a", "b", "c"]
    assert await slugs(status=[]) == []
    assert await slugs(published=False) == ["b", "c"]
    assert await slugs(status=["ACTIVE"], published=False) == ["c"]
    for wanted in ({"status": ["DRAFT"]}, {"published": True}):
        for role in ("anonymous", "cashier", "device"):
            assert await asking.refused(document, role=role, f=wanted) == ["FORBIDDEN"]


async def test_variants_come_in_pages(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug, many in (("a", 5), ("b", 2)):
        await catalog.product(slug, variants=[{"values": [str(place)]} for place in range(many)])
    document = """query($after: String, $first: Int! = 50) { products(first: 9) { nodes { slug
      variants(first: $first, after: $after) { totalCount nodes { sku } edges { cursor }
        pageInfo { hasNextPage hasPreviousPage endCursor } } } } }"""
    asking = Asking(shop)
    a, b = (await asking.ask(document, first=2))["products"]["nodes"]
    assert [one["sku"] for one in a["variants"]["nodes"]] == ["A", "A-1"]
    assert (a["variants"]["totalCount"], b["variants"]["totalCount"]) == (5, 2)
    assert (a["variants"]["pageInfo"]["hasNextPage"], b["variants"]["pageInfo"]["hasNextPage"]) == (True, False)
    a, _ = (await asking.ask(document, first=2, after=a["variants"]["edges"][1]["cursor"]))["products"]["nodes"]
    assert [one["sku"] for one in a["variants"]["nodes"]] == ["A-2", "A-3"]
    assert a["variants"]["pageInfo"]["hasPreviousPage"]
    assert len((await asking.ask(document))["products"]["nodes"][0]["variants"]["nodes"]) == 5


FEED = """
query($first: Int!, $after: String, $search: String, $sort: ProductSort, $filter: ProductFilter) {
  products(first: $first, after: $after, search: $search, sort: $sort, filter: $filter) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { slug } }
    nodes { slug } facets { name label field values { value label count } }
  }
}
"""


@pytest.mark.parametrize("key", [None, "RELEVANCE", "NAME", "PRICE", "CREATED_AT", "UPDATED_AT"])
@pytest.mark.parametrize("search", [None, "fruta", "frutta"])
async def test_cursors_lead_through_every_order(shop: Shop, key: str | None, search: str | None) -> None:
    catalog = Catalog(shop)
    for number in range(7):
        await catalog.product(f"fruta-{number}", name=f"Fruta {number}", variants=[{"price": number % 3 * 100 or None}])
    asking = Asking(shop)
    for descending in (False, True):
        sort = None if key is None else {"key": key, "descending": descending}
        whole = (await asking.ask(FEED, first=100, search=search, sort=sort))["products"]
        assert whole["totalCount"] == 7
        seen: list[str] = []
        after = None
        while True:
            page = (await asking.ask(FEED, first=3, after=after, search=search, sort=sort))["products"]
            seen += [node["slug"] for node in page["nodes"]]
            assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert seen == [node["slug"] for node in whole["nodes"]]
        assert len(seen) == 7


async def test_filters_and_facets_speak_one_language(shop: Shop) -> None:
    await shirt(shop)
    catalog = Catalog(shop)
    await catalog.product("caneca", brand="Mar", variants=[{"price": 1990, "stock": {"cd": 1000}}])
    asking = Asking(shop)

    async def slugs(**wanted: Any) -> list[str]:
        return [node["slug"] for node in (await asking.ask(FEED, first=9, filter=wanted))["products"]["nodes"]]

    assert await slugs(categories=["roupas"]) == ["camiseta"]
    assert await slugs(categories=["nenhuma"]) == []
    assert await slugs(categories=[]) == ["camiseta", "caneca"]
    assert await slugs(collections=["verao"], brands=["Feira", "Mar"]) == ["camiseta"]
    assert await slugs(price={"min": "30.00"}) == ["camiseta"]
    assert await slugs(price={"min": "19.905", "max": "29.999"}) == []
    assert await slugs(price={"max": "19.905"}) == ["caneca"]
    assert await slugs(price={"max": "1e29"}) == ["camiseta", "caneca"]
    assert await slugs(price={"min": "-5", "max": "-1"}) == []
    assert await slugs(options=[{"name": "Cor", "values": ["Azul"]}, {"name": "Cor", "values": ["Roxo"]}]) == [
        "camiseta"
    ]
    assert await slugs(options=[{"name": "Cor", "values": []}]) == ["camiseta", "caneca"]
    assert await slugs(inStock=False) == []
    assert await slugs(ids=[]) == []
    assert await slugs(tags=["nada", "algodao"], brands=["Feira"]) == ["camiseta"]
    facets = (await asking.ask(FEED, first=1, locale="en"))["products"]["facets"]
    for facet in facets:
        for value in facet["values"]:
            wanted: Any = [value["value"]]
            if facet["field"] == "IN_STOCK":
                wanted = value["value"] == "true"
            if facet["field"] == "OPTIONS":
                wanted = [{"name": facet["name"], "values": wanted}]
            name = "options" if facet["field"] == "OPTIONS" else facet["name"]
            assert len(await slugs(**{name: wanted})) == value["count"], facet
    only = await asking.ask("{ products(first: 1) { facets(fields: [BRANDS]) { name } } }")
    assert only["products"]["facets"] == [{"name": "brands"}]


@pytest.mark.parametrize(
    "arguments",
    [
        "first: -1", "first: 101", 'first: 1, after: "x"', 'first: 1, after: ""', 'first: 1, after: "WyJhIl0"',
        f'first: 1, search: "{"x" * 201}"', 'first: 1, filter: {ids: ["x"]}', 'first: 1, filter: {ids: ["cat_0"]}',
        f'first: 1, filter: {{tags: [{", ".join(chr(34) + str(n) + chr(34) for n in range(101))}]}}',
        f'first: 1, filter: {{brands: ["{"x" * 501}"]}}',
    ],
)  # fmt: skip
async def test_malformed_lists_are_bad_requests(shop: Shop, arguments: str) -> None:
    assert await Asking(shop).refused(f"{{ products({arguments}) {{ nodes {{ id }} }} }}") == ["BAD_REQUEST"]


async def test_a_cursor_of_another_order_or_made_up_is_a_bad_request(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug in ("a", "b"):
        await catalog.product(slug)
    asking = Asking(shop)
    after = (await asking.ask(FEED, first=1))["products"]["pageInfo"]["endCursor"]
    assert await asking.refused(FEED, first=1, after=after, sort={"key": "PRICE"}) == ["BAD_REQUEST"]
    assert await asking.refused(FEED, first=1, after=after, sort={"key": "NAME", "descending": True}) == ["BAD_REQUEST"]
    assert await asking.refused(FEED, first=1, after=after, locale="en") == ["BAD_REQUEST"]
    found = (await asking.ask(FEED, first=1, search="a"))["products"]["pageInfo"]["endCursor"]
    assert (await asking.ask(FEED, first=1, search="A", after=found))["products"]["nodes"] == []
    for other in ({"search": "b"}, {"search": "a b"}, {"search": "a", "locale": "en"}, {}):
        assert await asking.refused(FEED, first=1, after=found, **other) == ["BAD_REQUEST"]
    key = new_id()
    for made_up in (
        encode_cursor("products/NAME/up/pt-BR", 0, "a\0", key),
        encode_cursor("products/NAME/up/pt-BR", 2, "a", key),
        encode_cursor("products/NAME/up/pt-BR", 0, None, key),
        encode_cursor("products/NAME/up/pt-BR", 0, "a", None),
    ):
        assert await asking.refused(FEED, first=1, after=made_up) == ["BAD_REQUEST"]
    naive = encode_cursor("products/CREATED_AT/up", 0, LONG_AGO.replace(tzinfo=None), key)
    assert await asking.refused(FEED, first=1, after=naive, sort={"key": "CREATED_AT"}) == ["BAD_REQUEST"]
    far = encode_cursor("products/PRICE/up", 0, 2**62, key)
    assert (await asking.ask(FEED, first=1, after=far, sort={"key": "PRICE"}))["products"]["nodes"] == []


LISTING = """
query($first: Int!) { products(first: $first) { totalCount facets { name } nodes {
  name description slug category { name parent { name } } collections { name } options { name } media { url }
  priceRange { min { amount } } availability
  variants(first: 3) { totalCount nodes { sku name selectedOptions { name } price { unitPrice { amount } }
    availability { available byLocation { available } } media { url } product { name category { slug } } } } } } }
"""


async def test_a_listing_takes_as_many_statements_for_three_as_for_twenty(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.category("c")
    for number in range(20):
        await catalog.product(f"p{number}", category="c", variants=[{"values": [v]} for v in "abc"])
    asking = Asking(shop)
    sent: list[Counter[str]] = []
    for first in (3, 20):
        with asking.counted() as statements:
            found = (await asking.ask(LISTING, first=first))["products"]
        assert len(found["nodes"]) == first
        sent.append(Counter(statements))
    assert sent[0] == sent[1]


async def test_only_what_is_asked_for_is_read(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("a")
    asking = Asking(shop)
    with asking.counted() as statements:
        await asking.ask("{ products(first: 3) { nodes { slug brand tags status options { name } } } }")
    assert len([statement for statement in statements if "FROM channel" not in statement]) == 1
    with asking.counted() as statements:
        await asking.ask("{ products(first: 3) { totalCount } }")
    assert not [statement for statement in statements if "listed_by" in statement]
