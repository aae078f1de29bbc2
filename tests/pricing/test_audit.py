"""The audit of law 3 sees what contradicts it, and the database refuses what it can."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.platform import clock
from app.pricing.audit import violations
from app.pricing.prices import PriceChange
from app.pricing.tables import channel_price, price, priced_variant
from tests.pricing.pricing import add_price, put
from tests.shop import LONG_AGO, Shop

NOW = clock.now()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_a_shop_whose_prices_were_set_by_the_commands_has_no_violation(shop: Shop) -> None:
    a, b = await shop.variant("A", price=None), await shop.variant("B", price=None)
    await put(shop, NOW - DAY, PriceChange(a, 1000), PriceChange(b, 500, min_quantity=5000))
    await put(shop, NOW, PriceChange(a, 900, ends_at=NOW + DAY), PriceChange(b, 400, starts_at=NOW + HOUR))
    assert await violations(shop.db) == []


@pytest.mark.parametrize(
    "columns", [{"amount": 5}, {"tax": 1}, {"valid_until": NOW + HOUR}, {"compare_at": 1}], ids=lambda one: str(*one)
)
async def test_a_listing_that_is_not_the_price_is_seen(shop: Shop, columns: dict[str, Any]) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000))
    async with shop.db.transaction() as tx:
        web = channel_price.c.channel_id == shop.channels["web"]
        await tx.execute(update(channel_price).where(web).values(columns))
    (violation,) = await violations(shop.db)
    assert str(a) in violation


async def test_a_listing_that_is_missing_or_too_much_is_seen(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000))
    async with shop.db.transaction() as tx:
        await tx.execute(channel_price.delete().where(channel_price.c.channel_id == shop.channels["web"]))
        await tx.execute(update(channel_price).values(channel_id=shop.locations["cd"]).where(
            channel_price.c.channel_id == shop.channels["app"]
        ))  # fmt: skip
    assert len(await violations(shop.db)) == 3


async def test_what_the_clock_would_miss_is_seen(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000, ends_at=NOW + DAY))
    for moment, word in ((None, "next changes"), (NOW - HOUR, "waits")):
        async with shop.db.transaction() as tx:
            await tx.execute(update(priced_variant).values(next_at=moment))
        (violation,) = await violations(shop.db)
        assert word in violation


async def test_prices_that_cross_each_other_are_seen(shop: Shop) -> None:
    await shop.variant("A", price=None)
    await add_price(shop, "A", 100, starts_at=LONG_AGO, ends_at=LONG_AGO + 2 * DAY)
    await add_price(shop, "A", 200, starts_at=LONG_AGO + DAY, ends_at=LONG_AGO + 3 * DAY)
    await add_price(shop, "A", 300, starts_at=LONG_AGO + DAY, ends_at=LONG_AGO + DAY)
    await add_price(shop, "A", 400, starts_at=LONG_AGO + 3 * DAY, ends_at=LONG_AGO + 4 * DAY)
    found = await violations(shop.db)
    assert [violation for violation in found if "cross" not in violation] == []
    assert len(found) == 1


async def test_the_database_refuses_a_second_price_without_an_end(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    with pytest.raises(IntegrityError, match="uq_price_open"):
        await add_price(shop, "A", 900, starts_at=NOW)
    with pytest.raises(IntegrityError, match="ck_price_sane"):
        await add_price(shop, "A", -1, starts_at=NOW, ends_at=NOW + DAY)
    async with shop.db.transaction() as tx:
        assert await tx.execute(update(price).values(ends_at=NOW)) == 1
