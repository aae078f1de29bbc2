"""What a filter lets through."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Text, func, insert, literal, select, update

from app.browse.matching import OptionChoice, count
from app.browse.slugs import ids_of_slugs
from app.catalog.tables import product, publication
from app.inventory.tables import hold, stock_level
from app.platform.clock import now
from app.platform.ids import new_id
from tests.browse.catalog import Catalog
from tests.shop import LONG_AGO, Shop

SHIRT = {"Tamanho": ["P", "M"], "Cor": ["Azul", "Verde"]}


async def shirts(shop: Shop) -> Catalog:
    catalog = Catalog(shop)
    await catalog.category("roupas")
    await catalog.category("camisetas", "roupas")
    await catalog.category("casa")
    await catalog.collection("verao")
    await catalog.product(
        "feira", category="camisetas", collections=["verao"], brand="Feira", tags=["algodao", "azul"], options=SHIRT,
        variants=[
            {"values": ["P", "Azul"], "price": 3000, "stock": {"centro": 1000}},
            {"values": ["M", "Verde"], "price": 5000},
        ],
    )  # fmt: skip
    await catalog.product(
        "peixe", category="roupas", brand="Mar", tags=["algodao"], options=SHIRT,
        variants=[{"values": ["M", "Azul"], "price": 4000, "stock": {"praia": 2000}}],
    )  # fmt: skip
    await catalog.product("caneca", category="casa", variants=[{"price": 900}])
    return catalog


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"brands": ("Feira",)}, ["feira"]),
        ({"brands": ("Feira", "Mar")}, ["feira", "peixe"]),
        ({"brands": ()}, []),
        ({"tags": ("algodao",)}, ["feira", "peixe"]),
        ({"tags": ("azul", "nada")}, ["feira"]),
        ({"tags": ("algodao",), "brands": ("Mar",)}, ["peixe"]),
        ({"price_min": 4000}, ["feira", "peixe"]),
        ({"price_max": 3999}, ["caneca", "feira"]),
        ({"price_min": 3001, "price_max": 4999}, ["peixe"]),
        ({"options": (OptionChoice("Cor", ("Azul",)),)}, ["feira", "peixe"]),
        ({"options": (OptionChoice("Cor", ("Verde", "Roxo")),)}, ["feira"]),
        ({"options": (OptionChoice("Tamanho", ("Azul",)),)}, []),
        # The blue one is small, the medium one is green.
        ({"options": (OptionChoice("Cor", ("Azul",)), OptionChoice("Tamanho", ("M",)))}, ["peixe"]),
        ({"options": (OptionChoice("Tamanho", ("M",)),), "price_max": 4500}, ["peixe"]),
        ({"in_stock": True}, ["feira", "peixe"]),
        ({"in_stock": False}, ["caneca"]),
        ({"in_stock": True, "options": (OptionChoice("Cor", ("Verde",)),)}, []),
        ({"in_stock": False, "options": (OptionChoice("Cor", ("Verde",)),)}, ["feira"]),
    ],
)
async def test_within_a_field_any_between_fields_all_of_one_variant(
    shop: Shop, wanted: dict[str, Any], found: list[str]
) -> None:
    catalog = await shirts(shop)
    assert await catalog.slugs(**wanted) == found
    assert await count(shop.db, catalog.matching(**wanted)) == len(found)


async def test_a_category_takes_its_descendants_along(shop: Shop) -> None:
    catalog = await shirts(shop)

    async def of(*slugs: str) -> list[str]:
        categories, _ = await ids_of_slugs(shop.db, categories=slugs, collections=None)
        return await catalog.slugs(category_ids=categories)

    assert await of("roupas") == ["feira", "peixe"]
    assert await of("camisetas") == ["feira"]
    assert await of("camisetas", "casa") == ["caneca", "feira"]
    assert await of("nenhuma", "\0") == []
    categories, collections = await ids_of_slugs(shop.db, categories=None, collections=["verao", "nada"])
    assert categories is None
    assert await catalog.slugs(collection_ids=collections) == ["feira"]
    assert await ids_of_slugs(shop.db, categories=None, collections=None) == (None, None)


async def test_ids_are_of_those_that_are_sold(shop: Shop) -> None:
    catalog = await shirts(shop)
    draft = await catalog.product("rascunho", status="DRAFT")
    ids = (catalog.products["caneca"], draft, new_id())
    assert await catalog.slugs(ids=ids) == ["caneca"]
    assert await catalog.slugs(ids=()) == []
    assert await catalog.slugs(statuses=("DRAFT",)) == ["rascunho"]
    assert await catalog.slugs(statuses=("DRAFT", "ACTIVE"), published=True) == ["caneca", "feira", "peixe"]
    assert await catalog.slugs(published=False) == ["rascunho"]


async def test_what_can_be_bought_is_in_stock(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("contado", variants=[{"stock": {"cd": 1000}}])
    await catalog.product("servico", variants=[{"track_stock": False}])
    await catalog.product("encomenda", variants=[{"backorder_allowance": 2000}])
    await catalog.product("sem-fim", variants=[{"backorder_allowance": None}])
    await catalog.product("vazio", variants=[{"stock": {"cd": 0}}])
    await catalog.product("guardado", variants=[{"stock": {"cd": 3000}}])
    await catalog.product("preso", variants=[{"stock": {"cd": 3000}}])
    await catalog.product("arquivado", variants=[{"stock": {"cd": 3000}, "archived": True}])

    def change(sku: str, **values: Any) -> Any:
        own = stock_level.c.variant_id == shop.variants[sku]
        return shop.db.run(lambda tx: tx.execute(update(stock_level).where(own).values(**values)))

    await change("GUARDADO", safety_stock=3000)
    await change("PRESO", reserved=3000)
    buyable = ["contado", "encomenda", "sem-fim", "servico"]
    assert await catalog.slugs(in_stock=True) == buyable
    assert await catalog.slugs(in_stock=False) == ["arquivado", "guardado", "preso", "vazio"]
    assert "guardado" in await catalog.slugs(in_stock=True, ignores_safety_stock=True)
    # A hold that has expired is there to be taken, though nobody has released it yet.
    row: dict[str, Any] = {
        "id": new_id(),
        "cart_id": new_id(),
        "cart_line_id": new_id(),
        "variant_id": shop.variants["PRESO"],
    }
    row |= {"location_id": shop.locations["cd"], "quantity": 3000, "expires_at": now() - timedelta(seconds=1)}
    await shop.db.run(lambda tx: tx.execute(insert(hold).values(**row)))
    assert "preso" in await catalog.slugs(in_stock=True)
    # Only what the channel's locations have.
    assert await catalog.slugs(in_stock=True, location_ids=(shop.locations["centro"],)) == buyable[1:]
    assert await catalog.slugs(in_stock=True, location_ids=()) == ["servico"]


async def test_counting_stops_at_ten_thousand(shop: Shop) -> None:
    catalog = await shirts(shop)
    ids = select(
        func.gen_random_uuid(), func.generate_series(1, 9_998).cast(Text), literal("ACTIVE"), func.now(), func.now()
    )
    made = insert(product).from_select(["id", "slug", "status", "created_at", "updated_at"], ids)
    rows = select(product.c.id, literal(shop.channels["web"]), literal(LONG_AGO)).where(
        product.c.brand.is_(None), product.c.slug != "caneca"
    )
    async with shop.db.transaction() as tx:
        await tx.execute(made)
        await tx.execute(insert(publication).from_select(["product_id", "channel_id", "starts_at"], rows))
    assert await count(shop.db, catalog.matching()) is None
    await shop.db.run(lambda tx: tx.execute(update(product).where(product.c.slug == "1").values(status="DRAFT")))
    assert await count(shop.db, catalog.matching()) == 10_000
