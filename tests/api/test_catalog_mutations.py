"""The catalog's mutations through the schema: inputs become drafts, refusals lead to fields, repeats write nothing."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import strawberry
from sqlalchemy import select
from strawberry.schema.config import StrawberryConfig

from app.api.catalog.mutations import CatalogMutations
from app.api.catalog.types import Product
from app.api.context import Context
from app.api.engine.execute import Engine
from app.api.errors import InvalidInput, NotFound, VersionConflict
from app.api.scalars import SCALARS
from app.catalog import queries
from app.catalog.tables import product, variant
from app.channels.queries import default_channel
from app.platform import ids
from app.platform.ids import new_id
from tests.shop import Shop


@strawberry.type
class Query:
    @strawberry.field
    def product(self) -> Product | None:
        return None


SCHEMA = strawberry.Schema(
    query=Query,
    mutation=CatalogMutations,
    types=[InvalidInput, NotFound, VersionConflict],
    config=StrawberryConfig(scalar_map=SCALARS),
)
ERRORS = "userErrors { __typename code path ... on VersionConflict { currentVersion current { id } } } replayed"


class Caller:
    """Runs mutations of the catalog as an owner."""

    def __init__(self, shop: Shop, context: Context) -> None:
        self.shop = shop
        self.context = context

    async def __call__(self, mutation: str, given: dict[str, Any], selection: str = "") -> dict[str, Any]:
        kind = mutation[0].upper() + mutation[1:]
        document = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {selection} {ERRORS} }} }}"
        answer = await SCHEMA.execute(document, variable_values={"input": given}, context_value=self.context)
        assert answer.errors is None, answer.errors
        assert answer.data is not None
        payload: dict[str, Any] = answer.data[mutation]
        return payload


@pytest.fixture
async def call(shop: Shop) -> Caller:
    actor = shop.actor()
    channel = await default_channel(shop.db)
    return Caller(
        shop, Context(db=shop.watched, principal=actor.principal, channel=channel, locale="pt-BR", now=actor.now)
    )


def shirt(**changes: Any) -> dict[str, Any]:
    return {
        "status": "ACTIVE",
        "texts": [{"locale": "pt-BR", "name": "Camiseta Feira"}, {"locale": "en", "name": "Feira T-shirt"}],
        "options": [
            {
                "names": [{"locale": "pt-BR", "text": "Tamanho"}],
                "values": [{"names": [{"locale": "pt-BR", "text": size}]} for size in "PM"],
            }
        ],
        "variants": [{"selectedOptions": [{"name": "Tamanho", "value": "P"}], "sku": "CAM-P", "quantityStep": 1}],
        "media": [{"url": "https://feira.test/a.jpg", "alt": [{"locale": "en", "text": "Front"}]}],
    } | changes


async def create(call: Caller, **changes: Any) -> tuple[str, str]:
    """The ids of a shirt and of its variant."""
    made = await call("productCreate", shirt(**changes), "product { id }")
    assert made["userErrors"] == []
    key = ids.decode("Product", made["product"]["id"])
    assert key is not None
    (row,) = (await queries.variants_of_products(call.shop.db, [key]))[key]
    return made["product"]["id"], ids.encode("Variant", row.id)


def codes(payload: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], ".".join(one["path"] or [])) for one in payload["userErrors"]]


async def test_a_product_is_created_once_for_one_operation(call: Caller) -> None:
    given = shirt(operationId=str(uuid4()))
    first = await call("productCreate", given, "product { id slug version }")
    assert first["product"]["slug"] == "camiseta-feira"
    assert (first["product"]["version"], first["replayed"]) == (1, False)
    again = await call("productCreate", given, "product { id slug version }")
    assert again == first | {"replayed": True}
    assert len(await call.shop.db.rows(select(product.c.id))) == 1


async def test_refusals_lead_to_the_fields_at_fault(call: Caller) -> None:
    given = shirt(slug="com espaço", categoryId="coll_00000000000000000000000000")
    assert codes(await call("productCreate", given)) == [("INVALID_ID", "input.categoryId")]
    given = shirt(
        slug="com espaço",
        taxClassId=ids.encode("TaxClass", new_id()),
        variants=[{"selectedOptions": [{"name": "Cor", "value": "P"}], "barcode": "7891234567890"}],
    )
    assert codes(await call("productCreate", given)) == [("NOT_FOUND", "input.taxClassId")]
    del given["taxClassId"]
    assert codes(await call("productCreate", given)) == [
        ("INVALID_INPUT", "input.slug"),
        ("OPTIONS", "input.variants.0.selectedOptions"),
    ]
    assert await call.shop.db.rows(select(product.c.id)) == []


async def test_a_stale_update_carries_the_product_as_it_is(call: Caller) -> None:
    key, _ = await create(call)
    change = {"productId": key, "brand": "Feira", "expectedVersion": 1}
    changed = await call("productUpdate", change, "product { version brand }")
    assert changed["product"] == {"version": 2, "brand": "Feira"}
    (stale,) = (await call("productUpdate", change))["userErrors"]
    assert (stale["__typename"], stale["currentVersion"], stale["current"]) == ("VersionConflict", 2, {"id": key})
    emptied = await call("productUpdate", {"productId": key, "brand": None}, "product { version brand }")
    assert emptied["product"] == {"version": 3, "brand": None}


async def test_each_payload_of_a_request_shows_what_its_own_write_left(call: Caller) -> None:
    """What fields share of the reading of one request does not outlast the next write in it."""
    key, _ = await create(call)
    selection = "product { name variants(first: 3) { nodes { sku product { name } } } }"
    document = f"""mutation($one: ProductUpdateInput!, $two: ProductUpdateInput!) {{
      one: productUpdate(input: $one) {{ {selection} }} two: productUpdate(input: $two) {{ {selection} }} }}"""

    def named(name: str) -> dict[str, Any]:
        return {"productId": key, "texts": [{"locale": "pt-BR", "name": name}]}

    given = {"one": named("Blusa"), "two": named("Regata")}
    engine = Engine(strawberry.Schema(Query, CatalogMutations, config=StrawberryConfig(scalar_map=SCALARS)))
    answer = await engine.execute(engine.operation(document), given, call.context)
    assert not answer.errors, answer.errors
    for alias, name in (("one", "Blusa"), ("two", "Regata")):
        variants = {"nodes": [{"sku": "CAM-P", "product": {"name": name}}]}
        assert (answer.data or {})[alias]["product"] == {"name": name, "variants": variants}


async def test_a_bulk_write_tells_of_each_item_again_when_repeated(call: Caller) -> None:
    given = {
        "operationId": str(uuid4()),
        "items": [
            shirt(slug="um"),
            shirt(slug="dois"),
            shirt(slug="tres", categoryId="x"),
            shirt(slug="quatro", variants=[{"selectedOptions": [{"name": "Tamanho", "value": "M"}]}]),
        ],
    }
    selection = "results { index product { slug } userErrors { __typename code path } }"
    first = await call("productBulkCreate", given, selection)
    assert [one["product"] and one["product"]["slug"] for one in first["results"]] == ["um", None, None, "quatro"]
    assert [one["index"] for one in first["results"]] == [0, 1, 2, 3]
    assert first["results"][1]["userErrors"] == [
        {"__typename": "InvalidInput", "code": "TAKEN", "path": ["input", "items", "1", "variants", "0", "sku"]}
    ]
    assert first["results"][2]["userErrors"][0]["path"] == ["input", "items", "2", "categoryId"]
    assert await call("productBulkCreate", given, selection) == first | {"replayed": True}
    many = {"items": [shirt()] * 101}
    assert codes(await call("productBulkCreate", many)) == [("TOO_MANY", "input.items")]


async def test_a_bulk_update_keeps_what_a_stale_item_stands_at(call: Caller) -> None:
    key, _ = await create(call)
    given = {
        "operationId": str(uuid4()),
        "items": [{"productId": key, "expectedVersion": 9, "brand": "X"}],
    }
    selection = "results { userErrors { code ... on VersionConflict { currentVersion current { id } } } }"
    expected = [{"userErrors": [{"code": "VERSION_CONFLICT", "currentVersion": 1, "current": {"id": key}}]}]
    assert (await call("productBulkUpdate", given, selection))["results"] == expected
    assert (await call("productBulkUpdate", given, selection))["results"] == expected


async def test_variants_are_written_one_by_one_and_in_bulk(call: Caller) -> None:
    product_id, small = await create(call)
    medium = {"productId": product_id, "selectedOptions": [{"name": "Tamanho", "value": "M"}], "unit": "kg"}
    made = await call(
        "variantCreate", medium | {"quantityStep": Decimal("0.001")}, "variant { id sku unit quantityStep }"
    )
    assert made["variant"]["sku"] == "CAMISETA-FEIRA-M"
    assert codes(await call("variantCreate", medium)) == [("TAKEN", "input.selectedOptions")]
    given = {
        "items": [
            {"variantId": small, "barcode": "7891234567895"},
            {"variantId": made["variant"]["id"], "barcode": "07891234567895"},
            {"variantId": "var_x", "barcode": None},
        ]
    }
    changed = await call("variantBulkUpdate", given, "results { variant { barcode } userErrors { code path } }")
    assert changed["results"] == [
        {"variant": {"barcode": "7891234567895"}, "userErrors": []},
        {"variant": None, "userErrors": [{"code": "TAKEN", "path": ["input", "items", "1", "barcode"]}]},
        {"variant": None, "userErrors": [{"code": "INVALID_ID", "path": ["input", "items", "2", "variantId"]}]},
    ]
    archived = await call("variantArchive", {"variantId": small}, "variant { id }")
    assert archived["userErrors"] == []
    row = await call.shop.db.row(select(variant).where(variant.c.archived))
    assert row is not None
    assert ids.encode("Variant", row.id) == small
    grams = await call("variantUpdate", {"variantId": small, "weightGrams": 10, "expectedVersion": 1})
    assert codes(grams) == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_a_product_is_published_by_channel_codes(call: Caller) -> None:
    key, _ = await create(call)
    decoded = ids.decode("Product", key)
    assert decoded is not None

    async def channels() -> set[str]:
        rows = (await queries.publications(call.shop.db, [decoded])).get(decoded, {})
        return {code for code, channel_id in call.shop.channels.items() if channel_id in rows}

    wrong = {"productId": key, "channels": ["web", "lua", "Lua!"]}
    assert codes(await call("productPublish", wrong)) == [
        ("NOT_FOUND", "input.channels.1"),
        ("NOT_FOUND", "input.channels.2"),
    ]
    backwards = {"productId": key, "startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-01T00:00:00Z"}
    assert codes(await call("productPublish", backwards))[0] == ("INVALID_INPUT", "input.endsAt")
    await call("productPublish", {"productId": key})
    assert await channels() == {"web", "app", "pos"}
    await call("productUnpublish", {"productId": key, "channels": ["app"]})
    assert await channels() == {"web", "pos"}
    archived = await call("productArchive", {"productId": key}, "product { id }")
    assert archived["product"] == {"id": key}
    assert codes(await call("productPublish", {"productId": key})) == [("ARCHIVED", "input.productId")]


async def test_shelves_and_media_are_written(call: Caller) -> None:
    product_id, small = await create(call)
    names = [{"locale": "pt-BR", "text": "Roupas"}, {"locale": "en", "text": "Clothes"}]
    made = await call("categoryCreate", {"names": names}, "category { id slug name }")
    category = made["category"]["id"]
    assert made["category"] == {"id": category, "slug": "roupas", "name": "Roupas"}
    below = await call("categoryCreate", {"names": names, "parentId": category}, "category { id slug }")
    cycle = {"categoryId": category, "parentId": below["category"]["id"]}
    assert codes(await call("categoryUpdate", cycle)) == [("CYCLE", "input.parentId")]
    top = await call("categoryUpdate", {"categoryId": below["category"]["id"], "parentId": None, "slug": "moda"})
    assert top["userErrors"] == []
    assert codes(await call("categoryUpdate", {"categoryId": category, "slug": "moda"})) == [("TAKEN", "input.slug")]
    assert (await call("categoryArchive", {"categoryId": category}))["userErrors"] == []

    collection = (await call("collectionCreate", {"names": names}, "collection { id }"))["collection"]["id"]
    members = {"collectionId": collection, "productIds": [product_id]}
    for mutation in ("collectionProductsAdd", "collectionProductsReorder", "collectionProductsRemove"):
        assert (await call(mutation, members))["userErrors"] == []
    unknown = {"collectionId": collection, "productIds": [ids.encode("Product", new_id())]}
    assert codes(await call("collectionProductsAdd", unknown)) == [("NOT_FOUND", "input.productIds.0")]

    media = (await call("mediaCreate", {"url": "https://feira.test/b.jpg"}, "media { id kind }"))["media"]
    assert media["kind"] == "IMAGE"
    assert codes(await call("mediaCreate", {"url": "b.jpg"})) == [("INVALID_URL", "input.url")]
    set_variant = {"variantId": small, "mediaIds": [media["id"]]}
    assert codes(await call("variantMediaSet", set_variant)) == [("NOT_FOUND", "input.mediaIds.0")]
    assert (await call("productMediaSet", {"productId": product_id, "mediaIds": [media["id"]]}))["userErrors"] == []
    assert (await call("variantMediaSet", set_variant))["userErrors"] == []
    alt = {"mediaId": media["id"], "alt": [{"locale": "en", "text": "Back"}]}
    assert (await call("mediaUpdate", alt))["userErrors"] == []
    assert (await call("mediaArchive", {"mediaId": media["id"]}))["userErrors"] == []
