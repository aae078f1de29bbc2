"""What anybody pays in each channel is what `price` says, and whatever changes it, time too, is told."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from app.catalog.tables import product
from app.channels.tables import channel
from app.events.scopes import STAFF, sight_scopes
from app.events.tables import outbox
from app.platform import clock
from app.platform.db import Tx
from app.platform.ids import new_id
from app.pricing.audit import violations
from app.pricing.listing import refresh, refresh_due, refresh_products
from app.pricing.price_lists import create_price_list, update_price_list
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import tax_class, tax_rate
from app.pricing.taxes import RateChange, set_tax_rate
from tests.pricing.pricing import actor_at, add_list, listed, put, quotes, told
from tests.shop import LONG_AGO, STAMPS, Shop

NOW = clock.now()
HOUR = timedelta(hours=1)
CHANNELS = ("web", "app", "pos")


async def check_listed(shop: Shop, moment: datetime) -> None:
    """Every variant in every channel is listed as it is quoted."""
    for code in CHANNELS:
        for sku, quote in zip(shop.variants, await quotes(shop, *shop.variants, code=code, moment=moment), strict=True):
            row = await listed(shop, sku, code)
            assert (row is None) == (quote is None), (sku, code)
            if row is not None and quote is not None:
                expected = (quote.unit, quote.unit_gross - quote.unit_net, quote.compare_at, quote.valid_until)
                assert (row.amount, row.tax, row.compare_at, row.valid_until) == expected, (sku, code)


def change(variant_id: Any, roll: random.Random, moment: datetime) -> PriceChange:
    starts_at = roll.choice([None, None, moment + roll.randint(0, 6) * HOUR])
    ends_at = roll.choice([None, None, (starts_at or moment) + roll.randint(1, 8) * HOUR])
    return PriceChange(
        variant_id,
        roll.choice([None, 900, 1000, 1100, 1200]),
        roll.choice([None, None, 1500]),
        min_quantity=roll.choice([0, 0, 1000, 2000]),
        starts_at=starts_at,
        ends_at=ends_at,
    )


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_the_listing_is_the_price_after_any_changes_and_any_time(shop: Shop, seed: int) -> None:
    roll = random.Random(seed)
    tag = new_id().hex[-8:]
    shop.variants.clear()
    skus = [f"{tag}-{number}" for number in range(3)]
    variants = [await shop.variant(sku, price=None) for sku in skus]
    group = new_id()
    lists = [
        shop.price_list_id,
        await add_list(shop, f"app-{tag}", channel_ids=[shop.channels["app"]], priority=1),
        await add_list(shop, f"net-{tag}", includes_tax=False, starts_at=NOW + 3 * HOUR, ends_at=NOW + 9 * HOUR),
        await add_list(shop, f"vip-{tag}", customer_group_ids=[group], priority=9),
    ]
    moment = NOW
    for _ in range(12):
        changes = [change(roll.choice(variants), roll, moment) for _ in range(roll.randint(1, 4))]
        await put(shop, moment, *changes, price_list_id=roll.choice(lists))
        await check_listed(shop, moment)
        moment += roll.choice([timedelta(0), HOUR, 2 * HOUR])
        await refresh_due(shop.db, moment, most=2)
        await check_listed(shop, moment)
    for price_list_id in lists[1:]:
        await shop.db.run(
            lambda tx, key=price_list_id: update_price_list(  # type: ignore[misc]
                tx, actor_at(shop, moment), price_list_id=key, given={"active": False}
            )
        )
        await check_listed(shop, moment)


async def test_a_scheduled_price_begins_and_ends_and_both_are_told(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000))
    await put(shop, NOW, PriceChange(a, 700, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR))
    assert await told(shop) == [(a, 1), (a, 2)]
    assert await refresh_due(shop.db, NOW + HOUR - timedelta(microseconds=1)) == 0
    expected = {NOW + HOUR: (700, NOW + 2 * HOUR, 3), NOW + 2 * HOUR: (1000, None, 4)}
    for moment, (amount, valid_until, version) in expected.items():
        assert await refresh_due(shop.db, moment) == 1
        assert await refresh_due(shop.db, moment) == 0
        row = await listed(shop, "A")
        assert row is not None
        assert (row.amount, row.valid_until) == (amount, valid_until)
        assert (await told(shop))[-1] == (a, version)


async def test_what_begins_for_some_only_is_told_too(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)
    vip = await add_list(shop, "vip", customer_group_ids=[new_id()])
    await put(shop, NOW, PriceChange(a, 700, starts_at=NOW + HOUR), price_list_id=vip)
    await put(shop, NOW, PriceChange(a, 800, min_quantity=10_000, starts_at=NOW + 2 * HOUR))
    before = await told(shop)
    for count, moment in enumerate((NOW + HOUR, NOW + 2 * HOUR), 1):
        assert await refresh_due(shop.db, moment) == 1
        assert len(await told(shop)) == len(before) + count


async def test_clocks_of_several_processes_tell_each_change_once(shop: Shop) -> None:
    changes = []
    for number in range(25):
        variant_id = await shop.variant(f"V{number}", price=None)
        changes.append(PriceChange(variant_id, 1000, starts_at=NOW + HOUR))
    await put(shop, NOW, *changes)
    before = await told(shop)
    counts = await asyncio.gather(*(refresh_due(shop.db, NOW + HOUR, most=4) for _ in range(4)))
    assert sum(counts) == 25
    new = (await told(shop))[len(before) :]
    assert sorted(new) == sorted((each.variant_id, 2) for each in changes)
    await check_listed(shop, NOW + HOUR)


async def test_a_price_is_told_to_who_sees_its_variant(shop: Shop) -> None:
    a = await shop.variant("A", price=None, channels=("web", "pos"))
    hidden = await shop.variant("B", price=None, archived=True)
    for amount in (1000, 1100):
        await put(shop, NOW, PriceChange(a, amount), PriceChange(hidden, amount))
    rows = await shop.db.rows(outbox.select().where(outbox.c.topic == "PRICE").order_by(outbox.c.id))
    sold = sight_scopes([shop.channels["web"], shop.channels["pos"]])
    assert [(row.scopes_before, row.scopes_after) for row in rows if row.entity_id == a] == [([], sold), (sold, sold)]
    assert [row.scopes_after for row in rows if row.entity_id == hidden] == [[STAFF], [STAFF]]


async def test_a_list_that_begins_by_the_clock_is_told(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)

    async def make(tx: Any) -> Any:
        given = {"name": {"en": "Sale"}, "starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR}
        return await create_price_list(
            tx,
            actor_at(shop, NOW),
            code="sale",
            currency="BRL",
            includes_tax=True,
            given=given,  # type: ignore[arg-type]
        )

    await put(shop, NOW, PriceChange(a, 600), price_list_id=await shop.db.run(make))
    for moment, amount in ((NOW, 1000), (NOW + HOUR, 600), (NOW + 2 * HOUR, 1000)):
        await refresh_due(shop.db, moment)
        row = await listed(shop, "A")
        assert row is not None
        assert row.amount == amount


async def test_a_rate_that_begins_by_the_clock_is_told(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000))
    new = RateChange(shop.tax_class_id, "BR", None, {"pt-BR": "ICMS"}, 120_000, starts_at=NOW + HOUR)
    await shop.db.run(lambda tx: set_tax_rate(tx, actor_at(shop, NOW), new))
    row = await listed(shop, "A")
    assert row is not None
    assert (row.tax, row.valid_until) == (153, NOW + HOUR)
    assert await refresh_due(shop.db, NOW + HOUR) == 1
    row = await listed(shop, "A")
    assert row is not None
    assert (row.tax, row.valid_until) == (107, None)


async def test_a_channel_that_opens_closes_or_shows_other_prices_is_listed_anew(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1180))
    before = len(await told(shop))

    async def alter(**values: Any) -> int:
        async with shop.db.transaction() as tx:
            await tx.execute(update(channel).where(channel.c.id == shop.channels["app"]).values(**values))
            return await refresh(tx, None, [shop.channels["app"]], NOW)

    assert await alter(prices_include_tax=False) == 1
    row = await listed(shop, "A", "app")
    assert row is not None
    assert (row.amount, row.tax) == (1000, 180)
    assert await alter(active=False) == 1
    assert await listed(shop, "A", "app") is None
    assert await listed(shop, "A", "web") is not None
    assert await alter(active=False) == 0
    assert len(await told(shop)) == before + 2


async def test_a_product_of_another_tax_class_is_listed_anew(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1000))
    food = new_id()
    async with shop.db.transaction() as tx:
        await tx.execute(insert(tax_class).values(id=food, code="food", name={"en": "Food"}, **STAMPS))
        row = {"id": new_id(), "tax_class_id": food, "country": "BR", "rate_ppm": 70_000, "name": {"en": "Low"}}
        await tx.execute(insert(tax_rate).values(**row, created_at=LONG_AGO))
        product_id = (await listed(shop, "A")).product_id  # type: ignore[union-attr]
        assert await refresh_products(tx, [product_id], NOW) == 0
        await tx.execute(update(product).where(product.c.id == product_id).values(tax_class_id=food))
        assert await refresh_products(tx, [product_id], NOW) == 1
    row_now = await listed(shop, "A")
    assert row_now is not None
    assert (row_now.amount, row_now.tax) == (1000, 65)


async def test_lists_and_prices_changed_at_once_leave_the_listing_right(shop: Shop) -> None:
    variants = [await shop.variant(f"V{number}", price=1000) for number in range(4)]
    app = await add_list(shop, "app", channel_ids=[shop.channels["app"]])
    rate = RateChange(shop.tax_class_id, "BR", None, {"pt-BR": "ICMS"}, 120_000)

    async def prices(number: int) -> None:
        changes = [PriceChange(variant_id, 500 + number) for variant_id in variants]
        await put(shop, NOW, *changes, price_list_id=app if number % 2 else None)

    async def frame(number: int) -> None:
        given = {"priority": number, "active": bool(number % 2)}
        await shop.db.run(
            lambda tx: update_price_list(tx, actor_at(shop, NOW), price_list_id=app, given=given)  # type: ignore[arg-type]
        )

    await asyncio.gather(
        *(prices(number) for number in range(8)),
        *(frame(number) for number in range(4)),
        shop.db.run(lambda tx: set_tax_rate(tx, actor_at(shop, NOW), rate)),
        shop.db.run(lambda tx: refresh(tx, None, None, NOW)),
    )
    await check_listed(shop, NOW)
    assert await violations(shop.db) == []


@pytest.mark.parametrize("order", [("price", "tax"), ("tax", "price"), ("price", "channel"), ("channel", "price")])
async def test_a_first_price_waits_for_what_changes_all_prices_and_the_other_way_round(
    shop: Shop, order: tuple[str, str]
) -> None:
    a = await shop.variant("A", price=None)
    actor = actor_at(shop, NOW)
    rate = RateChange(shop.tax_class_id, "BR", None, {"pt-BR": "ICMS"}, 120_000)

    async def set_price(tx: Tx) -> None:
        await set_prices(tx, actor, price_list_id=shop.price_list_id, changes=[PriceChange(a, 1180)])

    async def set_tax(tx: Tx) -> None:
        await set_tax_rate(tx, actor, rate)

    async def set_channel(tx: Tx) -> None:
        await tx.execute(update(channel).where(channel.c.code == "app").values(prices_include_tax=False))
        await refresh(tx, None, None, NOW)

    commands = {"price": set_price, "tax": set_tax, "channel": set_channel}
    async with shop.db.transaction() as tx:
        await commands[order[0]](tx)
        waiting = asyncio.create_task(shop.db.run(commands[order[1]]))
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
    await waiting
    await check_listed(shop, NOW)
