"""Law 1, behind the guard: were the guard gone, the table's own CHECK still refuses to sell what is not there."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.inventory.guard import LOCK, guarded_update, keys_of, lock, write
from app.platform.db import Tx
from tests.shop import Shop


def unguarded():
    """The guard's statement without its condition."""
    statement = guarded_update()
    statement._where_criteria = statement._where_criteria[:2]
    return statement


async def reserve(shop: Shop, sku: str, quantity: int, *, ignores_safety_stock: bool = False) -> None:
    key = (shop.variants[sku], shop.locations["centro"])

    async def claim(tx: Tx) -> None:
        levels = await lock(tx, LOCK, keys_of([key]))
        levels[key].take(quantity)
        await write(tx, unguarded(), levels, {}, ignores_safety_stock=ignores_safety_stock)

    await shop.db.run(claim)


async def test_the_check_refuses_what_the_guard_would_have(shop: Shop) -> None:
    await shop.variant("CANECA", stock={"centro": 5000})
    await reserve(shop, "CANECA", 5000)
    with pytest.raises(IntegrityError, match="never_oversold"):
        await reserve(shop, "CANECA", 1000)
    assert (await shop.level("CANECA", "centro")).reserved == 5000


async def test_the_check_lets_a_till_sell_the_safety_stock_and_no_more(shop: Shop) -> None:
    await shop.variant("PRATO")
    async with shop.db.transaction() as tx:
        await shop.stock(tx, shop.variants["PRATO"], "centro", 5000, safety_stock=2000)
    await reserve(shop, "PRATO", 5000, ignores_safety_stock=True)
    assert (await shop.level("PRATO", "centro")).shortfall == 2000
    with pytest.raises(IntegrityError, match="never_oversold"):
        await reserve(shop, "PRATO", 1000, ignores_safety_stock=True)
