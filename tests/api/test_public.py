"""What anyone may keep of the shop's answers: of the catalog, by a GET, asked by a shopper; and for how long."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from graphql import get_named_type, is_object_type

from app.api.documents import document
from app.api.permissions import EVERYBODY, NEEDS
from app.api.public import PUBLIC
from app.api.schema import schema
from app.api.transport.trusted import digest
from tests.api.market import Market, open_cart, open_market, stock_market
from tests.api.reaching import reachable
from tests.databases import Servers

KEPT = "public, max-age=5, stale-while-revalidate=5"
OWN = "private, no-cache"
LISTING = "{ products(first: 5) { nodes { id name priceRange { min { amount } } } } }"
# What can be reached from a public field. Nothing among it may tell of a person, or of who asks.
REACHED = {
    *("Address", "Availability", "Category", "Channel", "ChannelSettings", "Collection", "CollectionConnection"),
    *("CollectionEdge", "Facet", "FacetValue", "LocalizedText", "Location", "LocationAvailability", "Media", "Money"),
    *("PageInfo", "PriceRange", "PriceStep", "Product", "ProductConnection", "ProductEdge", "ProductOption"),
    *("ProductPublication", "ProductText", "Scan", "SelectedOption", "TaxedMoney", "Variant", "VariantConnection"),
    *("VariantEdge", "VariantPrice"),
}


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            yield market


async def get(
    market: Market, query: str, who: str = "anonymous", method: str = "GET", **headers: str
) -> httpx.Response:
    if who in market.tokens:
        headers["authorization"] = f"Bearer {market.tokens[who]}"
    sent = {"accept": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await market.client.request(method, "/graphql", params={"query": query}, headers=sent)


def kept(response: httpx.Response) -> str:
    return response.headers["cache-control"]


def test_nothing_personal_can_be_reached_from_a_public_field() -> None:
    """A type more, and whoever adds it says here whether anyone may keep it."""
    graph = schema._schema
    assert graph.query_type is not None
    fields = graph.query_type.fields
    found = reachable(graph, [get_named_type(fields[name].type) for name in PUBLIC - {"__typename"}])
    assert {name for name in found if is_object_type(graph.type_map[name])} == REACHED
    assert all(NEEDS[f"Query.{name}"] is EVERYBODY for name in PUBLIC - {"__typename"})


@pytest.mark.parametrize("who", ["anonymous", "client"])
@pytest.mark.parametrize(
    "query",
    [
        LISTING,
        "query Q { ...R } fragment R on Query { channel { code } ... { locations { code } } __typename }",
        '{ variant(by: { sku: "CANECA" }) { availability { available } } }',
        '{ product(by: { slug: "nowhere" }) { id } }',
    ],
)
async def test_anyone_may_keep_what_a_shopper_reads_of_the_catalog(market: Market, who: str, query: str) -> None:
    response = await get(market, query, who)
    assert response.status_code == 200
    assert "errors" not in response.json()
    assert kept(response) == KEPT
    assert int(response.headers["feira-position"]) > 0
    assert response.headers["feira-epoch"]
    # Not what was left of the budget of whoever asked first.
    assert "left=" not in response.headers["feira-cost"]
    vary = {name.strip().lower() for name in response.headers["vary"].split(",")}
    assert vary >= {"accept", "authorization", "feira-channel", "accept-language", "feira-min-position"}


async def test_nobody_else_may_keep_what_is_a_persons_or_depends_on_who_asks(market: Market) -> None:
    cart = await open_cart(market, "anonymous")
    of_cart = f'cart(id: "{cart["id"]}") {{ id lines {{ id }} }}'
    asked = [
        (f"{{ {of_cart} }}", "anonymous"),
        (f"{{ mine: {of_cart} {LISTING[1:]}", "anonymous"),
        (f"{{ {of_cart.replace('{ id', '@skip(if: true) { id', 1)} {LISTING[1:]}", "anonymous"),
        (f"query Q {{ ...R }} fragment R on Query {{ ... {{ {of_cart} }} }}", "client"),
        (f'{{ order(by: {{ cartId: "{cart["id"]}" }}) {{ id }} }}', "anonymous"),
        (f'{{ node(id: "{market.of["Product"]}") {{ id }} }}', "anonymous"),
        ("{ viewer { permissions } }", "anonymous"),
        ("{ changes(first: 1) { endPosition } }", "anonymous"),
        *[(LISTING, who) for who in ("owner", "cashier", "readonly", "device")],
    ]
    for query, who in asked:
        response = await get(market, query, who)
        assert "errors" not in response.json(), (query, response.json())
        assert kept(response) == OWN, (who, query)
    posted = await market.send(LISTING)
    assert kept(posted) == "no-store"


async def test_an_answer_with_errors_is_never_kept(market: Market) -> None:
    partly = await get(market, "{ products(first: 1) { nodes { id publications { channel { code } } } } }")
    assert partly.json()["data"]["products"]["nodes"][0]["id"]
    for response in (
        partly,
        await get(market, "{ products(first: 1000) { nodes { id } } }"),
        await get(market, "{ nothing }"),
        await get(market, LISTING, authorization="Bearer nonsense"),
        await get(market, LISTING, feira_channel="nowhere"),
        await market.client.get("/graphql", params={"documentId": "a" * 64}),
    ):
        assert response.json()["errors"]
        assert kept(response) == "no-store"
        assert "etag" not in response.headers


async def test_what_decides_an_answer_is_named_in_vary(market: Market) -> None:
    """Each header that changes the answer is one that a cache is told to tell answers apart by."""
    plain = await get(market, "{ products(first: 1) { nodes { name } } channel { code } }", accept_language="pt-BR")
    vary = {name.strip().lower() for name in plain.headers["vary"].split(",")}
    for name, value in {"accept-language": "en", "feira-channel": "app"}.items():
        headers = {"accept": "application/json", "accept-language": "pt-BR"} | {name: value}
        params = {"query": "{ products(first: 1) { nodes { name } } channel { code } }"}
        other = await market.client.get("/graphql", params=params, headers=headers)
        assert other.json() != plain.json()
        assert other.headers["etag"] != plain.headers["etag"]
        assert name in vary
    pictures = "{ products(first: 1) { nodes { media { url } } } }"
    response = await get(market, pictures, x_forwarded_proto="https")
    assert response.status_code == 200
    assert "x-forwarded-proto" in vary


async def test_a_trusted_document_by_get_is_what_a_cdn_holds(market: Market) -> None:
    text = document("storefront", "listProducts")
    params = {"documentId": f"sha256:{digest(text)}", "variables": json.dumps({"first": 2}, separators=(",", ":"))}
    first = await market.client.get("/graphql", params=params, headers={"accept": "application/json"})
    assert first.json()["data"]["products"]["nodes"]
    assert kept(first) == KEPT
    assert len(urlencode(params)) < 200
    again = await market.client.get(
        "/graphql", params=params, headers={"accept": "application/json", "if-none-match": f"W/{first.headers['etag']}"}
    )
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "vary", "feira-position", "feira-epoch"):
        assert again.headers[name] == first.headers[name]


async def test_a_304_says_how_new_what_was_kept_still_is(market: Market) -> None:
    query = '{ product(by: { slug: "nowhere" }) { id } }'
    first = await get(market, query)
    goods = {"variant": {"sku": "CANECA"}, "locationId": market.location("centro"), "amount": {"delta": 1}}
    await market.done("stockAdjust", {"changes": [goods], "kind": "RECEIPT"})
    again = await get(market, query, if_none_match=first.headers["etag"])
    assert again.status_code == 304
    assert int(again.headers["feira-position"]) > int(first.headers["feira-position"])
    stock = '{ variant(by: { sku: "CANECA" }) { availability { available } } }'
    before = await get(market, stock)
    await market.done("stockAdjust", {"changes": [goods], "kind": "RECEIPT"})
    after = await get(market, stock, if_none_match=before.headers["etag"])
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]


async def test_a_head_is_the_headers_of_a_get(market: Market) -> None:
    got, head = await get(market, LISTING), await get(market, LISTING, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "cache-control", "vary", "content-type", "content-length"):
        assert head.headers[name] == got.headers[name]
    known = await get(market, LISTING, method="HEAD", if_none_match=got.headers["etag"])
    assert (known.status_code, known.content) == (304, b"")
    refused = await get(market, "{ nothing }", method="HEAD")
    assert (refused.status_code, refused.content) == (200, b"")
    stream = await market.client.head(
        "/graphql", params={"query": "subscription { changes { head } }"}, headers={"accept": "text/event-stream"}
    )
    assert (stream.status_code, stream.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(("seconds", "told"), [(0, OWN), (60, "public, max-age=60, stale-while-revalidate=60")])
async def test_how_long_is_the_operators_to_say(database_url: str, seconds: int, told: str) -> None:
    async with open_market(database_url, cache_seconds=seconds) as market:
        assert kept(await get(market, "{ channel { code } }")) == told
