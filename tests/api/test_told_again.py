"""What was told of stock before is told again only while it is true of the same variants, whoever asks."""

from collections.abc import AsyncIterator
from gc import collect
from typing import Any
from weakref import ref

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.api.documents import document
from app.api.engine import forms, kept
from app.catalog.categories import CategoryDraft, create_category, update_category
from app.catalog.drafts import MediaDraft, ProductDraft, TextDraft
from app.catalog.products import save_product
from app.catalog.tables import product
from app.channels import channels
from app.inventory.levels import StockChange, adjust
from app.platform import clock, ids
from app.platform.ids import new_id
from app.pricing.price_lists import PriceListFields, create_price_list
from app.pricing.prices import PriceChange, set_prices
from tests.api.keeping import SHEET, Keeping, differences, keeping
from tests.inventory.stock import UNIT, expire, hold_some
from tests.shop import Shop


@pytest_asyncio.fixture
async def keeps(shop: Shop, believed: None) -> AsyncIterator[Keeping]:
    await shop.variant("CANECA", price=1990, stock={"centro": 5 * UNIT})
    async with keeping(shop) as keeping_:
        yield keeping_


async def shown(keeps: Keeping, who: Any = None) -> list[Any]:
    """How many there are of each variant, as they are told again and again."""
    told = []
    for _ in range(3):
        data = await keeps.ask(SHEET, clock.now(), who=who)
        nodes = [each for product in data["products"]["nodes"] for each in product["variants"]["nodes"]]
        told.append([each["availability"]["available"] for each in nodes])
    assert told == [told[0]] * 3
    return told[0]


async def test_who_sees_quantities_and_who_does_not_ask_in_turn(keeps: Keeping) -> None:
    """Nothing tells their rows apart, but what is live."""
    shop = keeps.shop
    await keeps.write(
        lambda tx: channels.update_channel(
            tx, shop.actor(), channel_id=shop.channels["web"], given={"shows_quantities": False}
        )
    )
    await keeps.catch_up()
    cashier = shop.actor("cashier").principal
    for _ in range(3):
        assert await shown(keeps) == [None]
        assert await shown(keeps, cashier) == [5]


@pytest.mark.parametrize("name", ["productPage", "listProducts"])
async def test_the_site_is_told_again_what_did_not_change(keeps: Keeping, filled: list[int], name: str) -> None:
    shop, text = keeps.shop, document("storefront", name)
    key = await shop.db.value(select(product.c.id).where(product.c.slug == "caneca"))
    above = await keeps.write(lambda tx: create_category(tx, shop.actor(), CategoryDraft(name={"pt-BR": "Casa"})))
    shelf = CategoryDraft(name={"pt-BR": "Copa"}, parent_id=above)
    category = await keeps.write(lambda tx: create_category(tx, shop.actor(), shelf))
    picture = MediaDraft(url="/media/azul.jpg", alt={"pt-BR": "Azul"})
    draft = ProductDraft(id=key, mode="update", category_id=category, media=[picture])
    await keeps.write(lambda tx: save_product(tx, shop.actor(), draft))
    await keeps.catch_up()
    variables: dict[str, Any] = {"slug": "caneca"} if name == "productPage" else {"first": 20}

    async def ask() -> Any:
        there = await keeps.ask(text, clock.now(), kept=False, variables=variables)
        for _ in range(3):
            told = await keeps.ask(text, clock.now(), variables=variables)
            assert told == there, differences(told, there)
        return there

    await ask()
    assert filled == [1]
    await hold_some(shop, "CANECA", 5)
    # The facet of stock is as new as the feed's reader.
    await keeps.catch_up()
    await ask()
    assert filled == [1, 1]
    await keeps.write(lambda tx: update_category(tx, shop.actor(), above, CategoryDraft(name={"pt-BR": "Lar"})))
    await keeps.catch_up()
    told = await ask()
    if name == "productPage":
        assert told["product"]["category"]["parent"]["name"] == "Lar"
        assert filled == [1, 1, 1]


async def test_one_location_and_all_are_asked_in_turn(keeps: Keeping) -> None:
    """By a variable: the same field of the same variants."""
    shop = keeps.shop
    text = """query($at: ID) { products(first: 9) { nodes { slug variants(first: 3) { nodes { sku
      availability(locationId: $at) { status available } } } } } }"""
    await keeps.write(lambda tx: adjust(tx, shop.actor(), changes=[more(shop)], kind="COUNT"))
    at = {code: ids.encode("Location", key) for code, key in shop.locations.items()}
    for _ in range(4):
        for place, quantity in ((None, 12), ("centro", 5), (None, 12), ("cd", 7), ("praia", 0)):
            variables = {"at": None if place is None else at[place]}
            data = await keeps.ask(text, clock.now(), variables=variables)
            (each,) = data["products"]["nodes"][0]["variants"]["nodes"]
            assert each["availability"]["available"] == quantity, place


def more(shop: Shop) -> StockChange:
    return StockChange(shop.variants["CANECA"], shop.locations["cd"], on_hand=7 * UNIT)


async def test_what_a_hold_gives_back_when_it_expires_is_told(keeps: Keeping) -> None:
    """No level is written, and the feed is silent."""
    shop = keeps.shop
    assert await shown(keeps) == [5]
    await hold_some(shop, "CANECA", 2)
    assert await shown(keeps) == [3]
    await expire(shop)
    assert await shown(keeps) == [5]


async def test_tills_are_told_the_same_rows_where_all_has_the_same_price(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, made = keeps.shop, list[Any]()

    def written_down(row: Any, *given: Any) -> Any:
        made.append(row)
        return forms.written_down(row, *given)

    monkeypatch.setattr(kept, "written_down", written_down)

    def till(code: str) -> Any:
        return shop.actor("device", register_id=new_id(), location_ids=frozenset({shop.locations[code]})).principal

    async def price(who: Any) -> str:
        data = await keeps.ask(SHEET, clock.now(), code="pos", who=who)
        (each,) = data["products"]["nodes"][0]["variants"]["nodes"]
        amount: str = each["price"]["unitPrice"]["amount"]
        return amount

    tills = [till(code) for code in ("centro", "centro", "praia", "praia")]
    assert [await price(each) for each in tills] == ["19.90"] * 4
    assert len(made) == 1

    given: PriceListFields = {"name": {"pt-BR": "Praia"}, "location_ids": [shop.locations["praia"]], "priority": 5}
    promo = await keeps.write(
        lambda tx: create_price_list(tx, shop.actor(), code="praia", currency="BRL", includes_tax=True, given=given)
    )
    prices = [PriceChange(shop.variants["CANECA"], 1500)]
    await keeps.write(lambda tx: set_prices(tx, shop.actor(), price_list_id=promo, changes=prices))
    await keeps.catch_up()
    for _ in range(2):
        assert [await price(each) for each in tills] == ["19.90", "19.90", "15.00", "15.00"]
    assert len(made) == 3


async def test_nothing_holds_on_to_a_product_that_was_dropped(keeps: Keeping) -> None:
    shop = keeps.shop
    await shop.variant("COPO", price=990)
    await keeps.catch_up()
    assert await shown(keeps) == [5, 0]
    key = await shop.db.value(select(product.c.id).where(product.c.slug == "caneca"))
    entries = keeps.catalog.documents_kept([key], clock.now())
    assert entries is not None
    (old,) = [ref(each) for each in entries[0].shown.values()]
    del entries
    assert old() is not None
    draft = ProductDraft(id=key, mode="update", texts=[TextDraft(locale="pt-BR", name="Copa")])
    await keeps.write(lambda tx: save_product(tx, shop.actor(), draft))
    await keeps.catch_up()
    collect()
    assert old() is None
    assert await shown(keeps) == [5, 0]
