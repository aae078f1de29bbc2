"""The catalog as shoppers and staff read it through the schema."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from app.catalog.barcodes import check_digit
from app.catalog.tables import media, product_media, publication, variant_media
from app.channels.tables import channel
from app.platform import ids
from app.platform.clock import now
from app.platform.ids import new_id
from tests.browse.asking import Asking
from tests.browse.catalog import Catalog
from tests.shop import STAMPS, Shop

COLOURS = {"name": {"pt-BR": "Cor", "en": "Colour"}, "values": [{"pt-BR": "Azul", "en": "Blue"}, {"pt-BR": "Verde"}]}


async def shirt(shop: Shop) -> Catalog:
    catalog = Catalog(shop)
    await catalog.category("roupas", name={"pt-BR": "Roupas", "en": "Clothes"})
    await catalog.category("camisetas", "roupas")
    await catalog.collection("verao")
    await catalog.product(
        "camiseta", name={"pt-BR": "Camiseta Feira", "en": "Feira T-shirt"}, description="<p>Boa</p>",
        category="camisetas", collections=["verao"], brand="Feira", tags=["algodao"], options=[COLOURS],
        variants=[
            {"sku": "CAM-AZ", "values": ["Azul"], "price": 3000, "stock": {"centro": 9000}, "barcode": "7896110000077"},
            {"sku": "CAM-VD", "values": ["Verde"], "price": 4000},
            {"sku": "CAM-OLD", "values": ["Roxo"], "price": 1000, "archived": True},
        ],
    )  # fmt: skip
    return catalog


PAGE = """
query($by: ProductBy!) {
  product(by: $by) {
    id slug name description status brand tags seoTitle version createdAt updatedAt availability
    category { slug name parent { slug name parent { slug } children { slug } } }
    collections { slug name } options { name values }
    priceRange { min { amount currency } max { amount } }
    variants { totalCount pageInfo { hasNextPage } nodes {
      id sku barcode name unit quantityStep version selectedOptions { name value } product { slug }
      price { unitPrice { amount } taxed { net { amount } tax { amount } } explanation { rule } }
      availability { status available byLocation { available location { code } } } media { url }
    } }
    media { kind alt width url(maxWidth: 320) }
  }
}
"""


async def test_a_product_page_holds_all_there_is(shop: Shop) -> None:
    catalog = await shirt(shop)
    asking = Asking(shop)
    found = (await asking.ask(PAGE, by={"slug": "camiseta"}))["product"]
    assert found == (await asking.ask(PAGE, by={"id": ids.encode("Product", catalog.products["camiseta"])}))["product"]
    assert (found["name"], found["description"], found["status"]) == ("Camiseta Feira", "<p>Boa</p>", "ACTIVE")
    assert found["availability"] == "IN_STOCK"
    assert found["category"] == {
        "slug": "camisetas", "name": "Camisetas",
        "parent": {"slug": "roupas", "name": "Roupas", "parent": None, "children": [{"slug": "camisetas"}]},
    }  # fmt: skip
    assert found["collections"] == [{"slug": "verao", "name": "Verao"}]
    assert found["options"] == [{"name": "Cor", "values": ["Azul", "Verde"]}]
    assert found["priceRange"] == {"min": {"amount": "30.00", "currency": "BRL"}, "max": {"amount": "40.00"}}
    assert found["variants"]["totalCount"] == 2
    blue, green = found["variants"]["nodes"]
    assert (blue["sku"], blue["name"], blue["quantityStep"]) == ("CAM-AZ", "Camiseta Feira / Azul", 1)
    assert blue["selectedOptions"] == [{"name": "Cor", "value": "Azul"}]
    assert blue["price"]["unitPrice"] == {"amount": "30.00"}
    assert Decimal(blue["price"]["taxed"]["net"]["amount"]) + Decimal(blue["price"]["taxed"]["tax"]["amount"]) == 30
    assert (blue["availability"]["status"], blue["availability"]["available"]) == ("IN_STOCK", 9)
    assert len(blue["availability"]["byLocation"]) == 3
    assert green["availability"]["status"] == "OUT_OF_STOCK"


async def test_names_are_in_the_callers_language(shop: Shop) -> None:
    await shirt(shop)
    found = (await Asking(shop).ask(PAGE, by={"slug": "camiseta"}, locale="en"))["product"]
    assert found["name"] == "Feira T-shirt"
    assert found["options"] == [{"name": "Colour", "values": ["Blue", "Verde"]}]
    assert [one["name"] for one in found["variants"]["nodes"]] == ["Feira T-shirt / Blue", "Feira T-shirt / Verde"]
    assert found["category"]["parent"]["name"] == "Clothes"
    assert found["category"]["name"] == "Camisetas"


SEEN = """
query($p: ID!, $v: ID!, $slug: String!, $sku: String!) {
  node(id: $p) { id } other: node(id: $v) { id }
  product(by: {slug: $slug}) { id } byId: product(by: {id: $p}) { id }
  variant(by: {sku: $sku}) { id } vById: variant(by: {id: $v}) { id }
}
"""


@pytest.mark.parametrize("role", ["anonymous", "cashier", "device", "owner", "catalog", "readonly"])
async def test_only_what_the_channel_sells_is_seen_without_catalog_read(shop: Shop, role: str) -> None:
    catalog = Catalog(shop)
    asking = Asking(shop)
    await catalog.product("rascunho", status="DRAFT")
    await catalog.product("arquivado", status="ARCHIVED")
    await catalog.product("noutro", channels=("app",))
    await catalog.product("aqui", channels=("web", "pos"))
    await catalog.product("sobras", variants=[{}, {"sku": "SOBRAS-OLD", "archived": True, "values": ["x"]}])
    sees_all = role in ("owner", "catalog", "readonly")
    channel = "pos" if role == "device" else "web"

    async def seen(slug: str, sku: str) -> dict[str, bool]:
        variables = {"p": ids.encode("Product", catalog.products[slug]), "v": ids.encode("Variant", shop.variants[sku])}
        data = await asking.ask(SEEN, role=role, channel=channel, slug=slug, sku=sku, **variables)
        return {name: value is not None for name, value in data.items()}

    for slug in ("rascunho", "arquivado", "noutro"):
        assert set((await seen(slug, slug.upper())).values()) == {sees_all}, slug
    assert set((await seen("aqui", "AQUI")).values()) == {True}
    old = await seen("sobras", "SOBRAS-OLD")
    assert (old["product"], old["variant"], old["vById"], old["other"]) == (True, sees_all, sees_all, sees_all)
    listed = await asking.ask("{ products(first: 9) { nodes { slug } } }", role=role, channel=channel)
    assert [node["slug"] for node in listed["products"]["nodes"]] == ["aqui", "sobras"]


async def test_staff_read_texts_and_publications(shop: Shop) -> None:
    catalog = await shirt(shop)
    until = now() + timedelta(days=1)
    async with shop.db.transaction() as tx:
        own = publication.c.channel_id == shop.channels["app"]
        await tx.execute(update(publication).where(own).values(ends_at=until))
    document = """{ product(by: {slug: "camiseta"}) {
      texts { locale name description } taxClassId
      publications { channel { code } startsAt endsAt active }
      variants(archived: true) { totalCount nodes { sku archived weightGrams backorderAllowance taxClassId } } } }"""
    found = (await Asking(shop).ask(document, role="catalog"))["product"]
    assert [text["name"] for text in found["texts"]] == ["Camiseta Feira", "Feira T-shirt"]
    assert {one["channel"]["code"]: one["active"] for one in found["publications"]} == {
        "web": True, "app": True, "pos": True
    }  # fmt: skip
    assert [one["endsAt"] is None for one in found["publications"]].count(False) == 1
    assert [one["sku"] for one in found["variants"]["nodes"]] == ["CAM-AZ", "CAM-VD", "CAM-OLD"]
    assert found["variants"]["totalCount"] == 3
    assert ids.decode("TaxClass", found["taxClassId"]) == shop.tax_class_id
    archived = '{ product(by: {slug: "camiseta"}) { variants(archived: true) { nodes { sku } } } }'
    assert await Asking(shop).refused(archived) == ["FORBIDDEN"]
    assert catalog.products


async def test_things_are_named_by_id_sku_slug_and_barcode(shop: Shop) -> None:
    await shirt(shop)
    asking = Asking(shop)

    async def sku(by: dict[str, str]) -> str | None:
        found = (await asking.ask("query($by: VariantBy!) { variant(by: $by) { sku } }", by=by))["variant"]
        return found["sku"] if found else None

    assert await sku({"sku": "CAM-VD"}) == "CAM-VD"
    assert await sku({"barcode": "07896110000077"}) == "CAM-AZ"
    assert await sku({"id": ids.encode("Variant", shop.variants["CAM-AZ"])}) == "CAM-AZ"
    for unknown in (
        {"sku": "x"},
        {"sku": ""},
        {"barcode": "1"},
        {"id": ids.encode("Variant", new_id())},
    ):
        assert await sku(unknown) is None
    for malformed in ({"id": "x"}, {"id": ids.encode("Product", new_id())}, {"sku": "a", "barcode": "b"}, {}):
        assert await asking.refused("query($by: VariantBy!) { variant(by: $by) { sku } }", by=malformed) == [
            "BAD_REQUEST"
        ]
    document = "query($by: ProductBy!) { product(by: $by) { id } }"
    for slug in ("", "nada", "x" * 10_000):
        assert (await asking.ask(document, by={"slug": slug}))["product"] is None
    assert await asking.refused(document, by={"id": "nada"}) == ["BAD_REQUEST"]
    assert await asking.refused('{ products(first: 1) { nodes { id } } product(by: {id: "1"}) { id } }') == [
        "BAD_REQUEST"
    ]


async def test_a_scanner_reads_barcodes_and_scale_labels(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("queijo", variants=[{"unit": "kg", "quantity_step": 1, "scale_code": "51234", "price": 5990}])
    await catalog.product("bolo", variants=[{"unit": "kg", "quantity_step": 1, "scale_code": "01234"}])
    await catalog.product("suco", variants=[{"barcode": "7896110000077"}], channels=("pos",))
    asking = Asking(shop)

    async def scan(code: str, channel: str = "pos") -> Any:
        document = "query($c: String!) { scan(code: $c) { variant { sku } quantity labelTotal { amount currency } } }"
        return (await asking.ask(document, c=code, channel=channel))["scan"]

    weighed, priced = "251234001590", "201234001590"
    assert await scan(weighed + check_digit(weighed)) == {
        "variant": {"sku": "QUEIJO"}, "quantity": Decimal("1.59"), "labelTotal": None
    }  # fmt: skip
    assert await scan(priced + check_digit(priced)) == {
        "variant": {"sku": "BOLO"}, "quantity": 1, "labelTotal": {"amount": "15.90", "currency": "BRL"}
    }  # fmt: skip
    assert (await scan("7896110000077"))["quantity"] == 1
    assert await scan("7896110000077", "web") is None
    for unknown in ("", "123", "x" * 1_000, weighed + "x"):
        assert await scan(unknown) is None
    by = await asking.ask(
        "query($c: String!) { variant(by: {barcode: $c}) { sku } }", c=weighed + check_digit(weighed), channel="web"
    )
    assert by["variant"] == {"sku": "QUEIJO"}


async def test_categories_are_a_tree_and_collections_a_list(shop: Shop) -> None:
    catalog = Catalog(shop)
    for slug, parent in (("b", None), ("a", None), ("b2", "b"), ("b1", "b"), ("b21", "b2"), ("z", None)):
        await catalog.category(slug, parent, archived=slug == "z")
    for slug in ("k3", "k1", "k2"):
        await catalog.collection(slug, archived=slug == "k2")
    asking = Asking(shop)
    document = "{ categories { slug parent { slug } } roots: categories(rootsOnly: true) { slug children { slug } } }"
    found = await asking.ask(document)
    assert [one["slug"] for one in found["categories"]] == ["b", "b2", "b21", "b1", "a"]
    assert found["roots"] == [
        {"slug": "b", "children": [{"slug": "b2"}, {"slug": "b1"}]},
        {"slug": "a", "children": []},
    ]
    listed = await asking.ask(
        "{ collections(first: 1) { totalCount nodes { slug } pageInfo { endCursor hasNextPage } } }"
    )
    assert (listed["collections"]["totalCount"], listed["collections"]["nodes"]) == (2, [{"slug": "k1"}])
    rest = "query($a: String) { collections(first: 5, after: $a) { nodes { slug } pageInfo { hasNextPage } } }"
    found = await asking.ask(rest, a=listed["collections"]["pageInfo"]["endCursor"])
    assert found["collections"] == {"nodes": [{"slug": "k3"}], "pageInfo": {"hasNextPage": False}}
    everything = "{ categories(archived: true) { slug } collections(first: 9, archived: true) { nodes { slug } } }"
    assert len((await asking.ask(everything, role="owner"))["categories"]) == 6
    assert await asking.refused(everything) == ["FORBIDDEN", "FORBIDDEN"]
    hidden = ids.encode("Category", catalog.categories["z"][0])
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await asking.ask(node, id=hidden))["node"] is None
    assert (await asking.ask(node, id=hidden, role="owner"))["node"] is not None


async def test_one_variant_as_every_channel_sees_it(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("suco", channels=("web", "pos"), variants=[{"stock": {"centro": 5000}, "price": 700}])
    await shop.db.run(lambda tx: tx.execute(update(channel).where(channel.c.code == "pos").values(low_stock=0)))
    document = """{ channelViews(variant: {sku: "SUCO"}) {
      channel { code } published price { unitPrice { amount } } availability { status available } } }"""
    views = (await Asking(shop).ask(document, role="owner"))["channelViews"]
    price, five = {"unitPrice": {"amount": "7.00"}}, 5
    assert views == [
        {"channel": {"code": "app"}, "published": False, "price": price,
         "availability": {"status": "LOW_STOCK", "available": five}},
        {"channel": {"code": "pos"}, "published": True, "price": price,
         "availability": {"status": "IN_STOCK", "available": five}},
        {"channel": {"code": "web"}, "published": True, "price": price,
         "availability": {"status": "LOW_STOCK", "available": five}},
    ]  # fmt: skip
    unknown = '{ channelViews(variant: {sku: "NADA"}) { published } }'
    assert (await Asking(shop).ask(unknown, role="owner"))["channelViews"] is None


async def test_media_have_absolute_addresses_and_the_sight_of_what_shows_them(shop: Shop) -> None:
    catalog = Catalog(shop)
    shown = await catalog.product("foto")
    hidden = await catalog.product("oculta", status="DRAFT")
    keys: dict[str, Any] = {}
    async with shop.db.transaction() as tx:
        for place, url in enumerate(("/media/a.svg", "https://cdn.shopify.com/s/b.jpg?v=1", "https://x.example/c.jpg")):
            key = keys[url] = new_id()
            row = {"id": key, "kind": "IMAGE", "url": url, "alt": {"pt-BR": "Foto", "en": "Photo"}, "width": 900}
            await tx.execute(insert(media).values(**row, **STAMPS))
            owner = hidden if place == 2 else shown
            await tx.execute(insert(product_media).values(product_id=owner, media_id=key, position=place))
        link = {"variant_id": shop.variants["FOTO"], "media_id": keys["/media/a.svg"], "position": 0}
        await tx.execute(insert(variant_media).values(link))
    document = """{ product(by: {slug: "foto"}) { media { alt url small: url(maxWidth: 300) wide: url(maxWidth: 900) }
      variants { nodes { media { url } } } } }"""
    found = (await Asking(shop).ask(document, locale="en"))["product"]
    own, theirs = found["media"]
    assert own == {"alt": "Photo"} | dict.fromkeys(("url", "small", "wide"), "http://127.0.0.1:8000/media/a.svg")
    assert theirs["url"] == theirs["wide"] == "https://cdn.shopify.com/s/b.jpg?v=1"
    assert theirs["small"] == "https://cdn.shopify.com/s/b.jpg?v=1&width=300"
    assert found["variants"]["nodes"][0]["media"] == [{"url": own["url"]}]
    bad = '{ product(by: {slug: "foto"}) { media { url(maxWidth: 0) } } }'
    assert "BAD_REQUEST" in await Asking(shop).refused(bad)
    node = "query($id: ID!) { node(id: $id) { id } }"
    for url, seen in (("/media/a.svg", True), ("https://x.example/c.jpg", False)):
        for role in ("anonymous", "owner"):
            found = await Asking(shop).ask(node, id=ids.encode("Media", keys[url]), role=role)
            assert (found["node"] is not None) == (seen or role == "owner")
