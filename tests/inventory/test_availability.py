"""What can be promised."""

import pytest

from app.inventory.availability import PROMISES, Stock, available, is_unbounded, obtainable, stock_of
from app.inventory.guard import UNBOUNDED
from app.platform.ids import new_id
from tests.browse.test_plans import Explain
from tests.inventory.stock import UNIT, expire, hold_some
from tests.shop import Shop


async def test_what_expired_and_is_not_released_counts_as_available(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await hold_some(shop, "CANECA", 3)
    centro = shop.locations["centro"]
    assert available((await stock_of(shop.db, [variant], [centro]))[variant][centro]) == 2 * UNIT
    await expire(shop)
    assert available((await stock_of(shop.db, [variant], [centro]))[variant][centro]) == 5 * UNIT


async def test_a_cart_sees_what_it_holds_itself_as_free(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, _ = await hold_some(shop, "CANECA", 3)
    await hold_some(shop, "CANECA", 1)
    centro = shop.locations["centro"]
    assert available((await stock_of(shop.db, [variant], [centro], cart_id=cart))[variant][centro]) == 4 * UNIT


async def test_where_there_is_no_level_it_is_what_a_new_one_would_be(shop: Shop):
    tight = await shop.variant("CANECA", stock={"centro": UNIT})
    loose = await shop.variant("BULE", backorder_allowance=None)
    found = await stock_of(shop.db, [tight, loose, new_id()], shop.locations.values())
    assert found.keys() == {tight, loose}
    assert found[tight][shop.locations["praia"]] == Stock()
    assert found[tight][shop.locations["centro"]] == Stock(on_hand=UNIT)
    assert all(is_unbounded(stock) for stock in found[loose].values())
    assert await stock_of(shop.db, [], shop.locations.values()) == {}


def test_safety_stock_is_kept_back_and_backorders_are_no_stock():
    stock = Stock(on_hand=5 * UNIT, reserved=2 * UNIT, safety_stock=2 * UNIT, backorder_allowance=4 * UNIT)
    assert available(stock) == UNIT
    assert available(stock, ignores_safety_stock=True) == 3 * UNIT
    assert obtainable(stock) == 5 * UNIT
    assert available(Stock(on_hand=UNIT, reserved=3 * UNIT)) == 0
    assert obtainable(Stock(on_hand=UNIT, reserved=3 * UNIT)) == 0
    assert not is_unbounded(stock)
    assert is_unbounded(Stock(backorder_allowance=UNBOUNDED))


@pytest.mark.postgres15
async def test_the_planner_sees_no_keys_of_promises(shop: Shop):
    """Else a few look cheaper to it than what it does not know, and it plans anew each time, which costs more."""
    variant = await shop.variant("CANECA", stock={"centro": UNIT})
    asked = {"variant_ids": [variant], "location_ids": [shop.locations["centro"]], "ignores_safety_stock": False}
    async with shop.db.reads.connect() as connection:
        plan = "\n".join(row[0] for row in await connection.execute(Explain(PROMISES), asked))
    assert "variant_id = ANY ((InitPlan" in plan
    assert "location_id = ANY ((InitPlan" in plan
    assert str(variant) not in plan
