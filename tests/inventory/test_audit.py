"""The audit finds what breaks the law of stock."""

import pytest
from sqlalchemy import Uuid, column, delete, select, text, update, values

from app.inventory.audit import violations
from app.inventory.tables import allocation, stock_level, stock_movement
from app.inventory.tables import hold as held
from app.platform.db import Database
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, hold_some, order_some, take
from tests.shop import Shop


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    await shop.variant("CANECA", stock={"centro": 9 * UNIT})
    await hold_some(shop, "CANECA", 2)
    await order_some(shop, take(shop, "CANECA", 3))
    assert await violations(shop.db) == []
    return shop


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (update(stock_level).values(on_hand=8 * UNIT), "on hand is not the sum of the movements: 8, not 9"),
        (delete(stock_movement), "on hand is not the sum of the movements: 9, not 0"),
        (update(stock_level).values(reserved=4 * UNIT), "reserved is not the sum of holds and allocations: 4, not 5"),
        (delete(held), "reserved is not the sum of holds and allocations: 5, not 3"),
        (delete(stock_level), "on hand is not the sum of the movements: 0, not 9"),
        (update(stock_level).values(shortfall=1), "the shortfall is not what is missing: 0.001, not 0"),
    ],
)
async def test_a_balance_that_is_not_its_sum_is_found(busy: Shop, harm, told: str):
    async with busy.db.transaction() as tx:
        await tx.execute(harm)
    assert any(told in line and str(busy.variants["CANECA"]) in line for line in await violations(busy.db))


async def test_what_the_constraints_forbid_is_found_even_without_them(database: Database):
    shop = await Shop(database).open()
    await shop.variant("CANECA", stock={"centro": UNIT})
    async with database.transaction() as tx:
        await tx.execute(text("ALTER TABLE stock_level DROP CONSTRAINT ck_stock_level_never_oversold"))
        await tx.execute(text("ALTER TABLE stock_level DROP CONSTRAINT ck_stock_level_positive"))
        await tx.execute(update(stock_level).values(safety_stock=-UNIT, on_hand=-2 * UNIT))
    found = "\n".join(await violations(database))
    assert "sold beyond the backorder allowance" in found
    assert "a quantity is negative: -1, not 0" in found


async def test_holds_of_carts_that_are_closed_and_allocations_of_done_lines_are_found(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 9 * UNIT})
    await hold_some(shop, "CANECA", 2)
    asked = take(shop, "CANECA", 3)
    await order_some(shop, asked)
    nobody = select(values(column("id", Uuid), name="nobody").data([(new_id(),)]))
    everybody = select(held.c.cart_id)
    assert await violations(shop.db, live_carts=everybody) == []
    assert "no longer open holds stock: 2, not 0" in (await violations(shop.db, live_carts=nobody))[0]

    def lines(quantity: int):
        return select(allocation.c.order_line_id, (allocation.c.quantity * 0 + quantity).label("quantity"))

    assert await violations(shop.db, open_lines=lines(3 * UNIT)) == []
    assert (
        "more allocated than is to be fulfilled: 3, not 2" in (await violations(shop.db, open_lines=lines(2 * UNIT)))[0]
    )
