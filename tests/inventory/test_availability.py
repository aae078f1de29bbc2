"""What can be promised."""

import pytest
from sqlalchemy import text

from app.inventory.availability import Stock, available, is_unbounded, obtainable, promises_of, stock_of
from app.inventory.guard import UNBOUNDED
from app.platform.db import Database
from app.platform.ids import new_id
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
async def test_promises_are_planned_once(shop: Shop):
    """Of two keys as of one: PostgreSQL would plan anew each time, which costs more than to look them up."""
    keys = [await shop.variant(sku, stock={"centro": UNIT, "cd": UNIT}) for sku in ("CANECA", "BULE", "PRATO")]
    db = Database.open(shop.db.reads.url.render_as_string(hide_password=False), reads=1)
    try:
        for turn in range(12):
            wanted = [(key, 0) for key in keys[: 1 + turn % 3]]
            locations = list(shop.locations.values())
            assert len(await promises_of(db, wanted, locations, ignores_safety_stock=False)) == len(wanted)
        # What is asked for the first time goes past the connection's own plans, and is prepared once more.
        plans = text("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM stock_level%'")
        found = [row.generic_plans for row in await db.rows(plans)]
        assert max(found) > 0, found
    finally:
        await db.close()
