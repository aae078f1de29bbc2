"""A search in another order than by relevance: whichever way is gone, it is what the plain way finds."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.browse import worded
from app.browse.listing import Order
from app.browse.matching import OptionChoice
from tests.browse.generated import ORDERS, forget_statements, generated, listed, walked
from tests.shop import Shop

WAYS: dict[str, dict[str, Any]] = {
    "begun": {"LOOKED_AT": (99, 99, 99)},
    "going on": {"LOOKED_AT": (2, 99, 99), "LIKELY": 0},
    "going on, for nothing": {"LOOKED_AT": (2, 3, 99), "LIKELY": 0, "PEEKED": 1},
    "further": {"LOOKED_AT": (1, 1, 99), "LIKELY": 99, "PEEKED": 1},
    "few": {"LOOKED_AT": (1, 1, 1), "LIKELY": 99, "PEEKED": 99},
    "all": {"LOOKED_AT": (1, 1, 1), "LIKELY": 99, "PEEKED": 1},
    "any": {"LOOKED_AT": (3, 6, 12), "LIKELY": 2, "PEEKED": 8},
}


@pytest.fixture(autouse=True)
def _statements() -> Iterator[None]:
    forget_statements()
    yield
    forget_statements()


def bound(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setattr(worded, name, value)
    forget_statements()


@pytest.mark.postgres15
@pytest.mark.parametrize("order", ORDERS)
async def test_every_way_finds_the_same(shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await generated(shop, 7 + ORDERS.index(order), 36)
    for typed in ("azul", "raro", "azul -copo"):
        for locale in ("pt-BR", "en"):
            wanted = catalog.matching(search=typed, locale=locale)
            for descending in (False, True):
                expected = await listed(catalog, wanted, order, descending)
                assert expected, typed
                for way in WAYS:
                    bound(monkeypatch, way)
                    found = await walked(catalog, wanted, order, descending, 4, rows=True)
                    assert found == expected, (typed, locale, descending, way)


@pytest.mark.parametrize("order", [Order.NAME, Order.PRICE])
@pytest.mark.parametrize(
    "also",
    [
        {"brands": ("Mar",)},
        {"price_min": 150, "price_max": 250},
        {"options": (OptionChoice("o", ("0",)),)},
        {"statuses": ("DRAFT",)},
        {"published": False},
        {"in_stock": True},
        {"in_stock": False},
    ],
    ids=str,
)
async def test_whatever_else_is_asked_holds_too(
    shop: Shop, order: Order, also: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await generated(shop, 23, 30)
    wanted = catalog.matching(search="azul", **also)
    for descending in (False, True):
        expected = await listed(catalog, wanted, order, descending, **also)
        assert expected or "options" in also
        for way in WAYS:
            bound(monkeypatch, way)
            assert await walked(catalog, wanted, order, descending, 3, rows=True) == expected, (descending, way)


async def test_a_code_is_found_in_every_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await generated(shop, 5, 12)
    await catalog.product("vela", name="Vela", variants=[{"sku": "CODIGO", "price": None}])
    await catalog.product("lamparina", name="Lamparina", variants=[{"sku": "L", "archived": True, "barcode": "78961"}])
    for order in ORDERS:
        for way in WAYS:
            bound(monkeypatch, way)
            for typed, expected in (("codigo", ["vela"]), ("78961", [])):
                found = await walked(catalog, catalog.matching(search=typed), order, False, 2, rows=True)
                assert found == expected, (order, way, typed)


async def test_a_code_is_found_on_the_way_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the walk fills a page of what words find, what a code names is on it."""
    catalog = await generated(shop, 5, 2)
    for number in range(3):
        await catalog.product(
            f"vela-{number}", name=f"Vela 07896110000077 {number}", variants=[{"price": 100 * number + 100}]
        )
    await catalog.product("lamparina", name="Lamparina", variants=[{"barcode": "7896110000077", "price": 50}])
    wanted = catalog.matching(search="07896110000077")
    for order in ORDERS:
        expected = await listed(catalog, wanted, order, False)
        assert sorted(expected) == ["lamparina", "vela-0", "vela-1", "vela-2"]
        for way in WAYS:
            bound(monkeypatch, way)
            assert await walked(catalog, wanted, order, False, 1, rows=True) == expected, (order, way)
