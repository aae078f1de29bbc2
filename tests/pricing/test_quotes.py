"""Quotes: what variants cost, read from the database in a few statements."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from app.channels.queries import channels_by_codes
from app.channels.tables import channel
from app.platform import clock
from app.platform.db import Database
from app.platform.ids import new_id
from app.pricing.quotes import Ask, VariantQuote, quote_variants, tax_rates
from app.pricing.reasons import Reason
from app.pricing.tables import price_list, tax_class, tax_rate
from tests.shop import LONG_AGO, STAMPS, Shop

NOW = clock.now()


async def add_list(shop: Shop, code: str, **columns: Any) -> Any:
    row = {"id": new_id(), "code": code, "name": {"en": code}, "currency": "BRL", "includes_tax": True}
    async with shop.db.transaction() as tx:
        await tx.execute(insert(price_list).values(**row | columns, **STAMPS))
    return row["id"]


async def add_price(shop: Shop, sku: str, amount: int, **columns: Any) -> None:
    async with shop.db.transaction() as tx:
        await shop.price(tx, shop.variants[sku], amount, **columns)


async def quote(
    shop: Shop, *skus: str, code: str = "web", moment: datetime = NOW, quantity: int = 1000, **more: Any
) -> list[VariantQuote | None]:
    row = (await channels_by_codes(shop.db, [code]))[code]
    asks = [Ask(shop.variants[sku], quantity, None) for sku in skus]
    return await quote_variants(shop.db, asks, channel=row, moment=moment, **more)


class Counting(Database):
    """Counts the statements that are read."""

    statements = 0

    async def rows(self, *args: Any, **kwargs: Any) -> Any:
        self.statements += 1
        return await super().rows(*args, **kwargs)


async def test_each_ask_gets_its_own_quote_in_order(shop: Shop) -> None:
    await shop.variant("A", price=1990)
    await shop.variant("B", price=None)
    await shop.variant("C", price=250)
    first, missing, third, again = await quote(shop, "A", "B", "C", "A")
    assert first is not None
    assert third is not None
    assert (first.unit, first.unit_gross, first.unit_net) == (1990, 1990, 1686)
    assert missing is None
    assert third.unit == 250
    assert again == first
    assert [rate.rate_ppm for rate in first.rates] == [180_000]


@pytest.mark.parametrize("count", [1, 30])
async def test_three_statements_answer_any_number_of_asks(shop: Shop, count: int) -> None:
    for number in range(count):
        await shop.variant(f"V{number}")
    row = (await channels_by_codes(shop.db, ["web"]))["web"]
    counting = Counting(shop.db.reads, shop.db.writes)
    found = await quote_variants(
        counting, [Ask(variant_id, 1000, None) for variant_id in shop.variants.values()], channel=row, moment=NOW
    )
    await counting.lines.close()
    assert all(found)
    assert len(found) == count
    assert counting.statements == 3


async def test_nothing_asked_reads_nothing(shop: Shop) -> None:
    assert await quote(shop) == []
    assert await tax_rates(shop.db, [], country="BR", region=None, moment=NOW) == {}


async def test_a_list_counts_for_the_channel_location_and_group_it_names(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    group = new_id()
    named = {
        900: {"channel_ids": [shop.channels["app"]]},
        800: {"location_ids": [shop.locations["praia"]]},
        700: {"customer_group_ids": [group]},
    }
    for amount, columns in named.items():
        key = await add_list(shop, f"list-{amount}", **columns)
        await add_price(shop, "A", amount, price_list_id=key)

    async def unit(**asked: Any) -> tuple[int, int | None]:
        (found,) = await quote(shop, "A", **asked)
        assert found is not None
        return found.unit, found.compare_at

    assert await unit() == (1000, None)
    assert await unit(code="app") == (900, 1000)
    assert await unit(location_id=shop.locations["praia"]) == (800, 1000)
    assert await unit(location_id=shop.locations["centro"]) == (1000, None)
    assert await unit(customer_group_ids=frozenset({group, new_id()})) == (700, 1000)


async def test_prices_of_another_currency_are_never_mixed_in(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    key = await add_list(shop, "base-usd", currency="USD", is_base=True, includes_tax=False)
    await add_price(shop, "A", 99, price_list_id=key)
    async with shop.db.transaction() as tx:
        row = {"code": "us", "name": "US", "kind": "WEB", "currency": "USD", "country": "US", "order_prefix": "U"}
        await tx.execute(insert(channel).values(id=new_id(), **row, prices_include_tax=False, **STAMPS))
    (real,), (dollar,) = await quote(shop, "A"), await quote(shop, "A", code="us")
    assert real is not None
    assert dollar is not None
    assert (real.unit, dollar.unit, dollar.rates) == (1000, 99, ())


async def test_a_scheduled_price_counts_from_its_start_to_just_before_its_end(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    begins, ends = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    await add_price(shop, "A", 600, starts_at=begins, ends_at=ends)
    cases = {NOW: (1000, begins), begins: (600, ends), ends: (1000, None)}
    for moment, expected in cases.items():
        (found,) = await quote(shop, "A", moment=moment)
        assert found is not None
        assert (found.unit, found.valid_until) == expected


async def test_a_quote_ends_when_the_tax_does(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    ends = NOW + timedelta(days=1)
    async with shop.db.transaction() as tx:
        await tx.execute(update(tax_rate).values(ends_at=ends))
    (before,), (after,) = await quote(shop, "A"), await quote(shop, "A", moment=ends)
    assert before is not None
    assert after is not None
    assert (before.valid_until, after.valid_until) == (ends, None)
    assert (before.unit_net, after.unit_net) == (847, 1000)


async def test_tax_is_that_of_the_place_asked_for(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    async with shop.db.transaction() as tx:
        row = {"id": new_id(), "tax_class_id": shop.tax_class_id, "country": "BR", "region": "SP", "rate_ppm": 70_000}
        await tx.execute(insert(tax_rate).values(**row, name={"en": "City"}, created_at=LONG_AGO))
    (country,), (region,) = await quote(shop, "A"), await quote(shop, "A", country="BR", region="sp")
    (abroad,) = await quote(shop, "A", country="PT", region=None)
    assert country is not None
    assert region is not None
    assert abroad is not None
    assert [len(found.rates) for found in (country, region, abroad)] == [1, 2, 0]


async def test_a_class_of_its_own_goes_before_the_default_class(shop: Shop) -> None:
    food = new_id()
    async with shop.db.transaction() as tx:
        await tx.execute(insert(tax_class).values(id=food, code="food", name={"en": "Food"}, **STAMPS))
        row = {"id": new_id(), "tax_class_id": food, "country": "BR", "rate_ppm": 70_000, "name": {"en": "Low"}}
        await tx.execute(insert(tax_rate).values(**row, created_at=LONG_AGO))
    found = await tax_rates(shop.db, [None, food, shop.tax_class_id], country="BR", region="SP", moment=NOW)
    assert {key: [rate.rate_ppm for rate in rates] for key, rates in found.items()} == {
        None: [180_000],
        food: [70_000],
        shop.tax_class_id: [180_000],
    }


async def test_an_explanation_tells_of_every_list_the_inactive_too(shop: Shop) -> None:
    await shop.variant("A", price=1000)
    await add_list(shop, "off", active=False)
    await add_price(shop, "A", 700, starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=1))
    (found,), (plain,) = await quote(shop, "A", explain=True), await quote(shop, "A")
    assert found is not None
    assert plain is not None
    assert [(step.rule, step.code) for step in found.explanation] == [
        ("price-list:off", Reason.LIST_INACTIVE),
        ("price-list:base-brl", Reason.ENDED),
        ("price-list:base-brl", Reason.LIST_PRICE),
    ]
    assert plain.explanation == ()
