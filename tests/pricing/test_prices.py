"""Setting prices: history stays, what is so already is left alone, writers of one variant take turns."""

import asyncio
from datetime import timedelta

import pytest

from app.platform import clock
from app.platform.errors import InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from app.platform.money import MAX_MINOR
from app.pricing.audit import violations
from app.pricing.listing import refresh_due
from app.pricing.prices import PriceChange
from tests.pricing.pricing import actor_at, add_list, history, listed, put, quotes, told
from tests.shop import LONG_AGO, Shop

NOW = clock.now()
HOUR = timedelta(hours=1)


async def test_a_new_price_ends_the_one_in_force_and_both_are_kept(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)
    done = await put(shop, NOW, PriceChange(a, 1200, 1500))
    old, new = await history(shop, "A")
    assert (old.amount, old.starts_at, old.ends_at) == (1000, LONG_AGO, NOW)
    assert (new.amount, new.compare_at, new.starts_at, new.ends_at) == (1200, 1500, NOW, None)
    assert (done.price_ids, done.variant_ids) == ([new.id], [a])
    (was,) = await quotes(shop, "A", moment=NOW - HOUR)
    (now,) = await quotes(shop, "A", moment=NOW)
    assert was is not None
    assert now is not None
    assert (was.unit, now.unit, now.compare_at) == (1000, 1200, 1500)
    assert await told(shop) == [(a, 1)]


async def test_the_same_prices_again_write_and_tell_nothing(shop: Shop) -> None:
    variants = [await shop.variant(f"V{number}", price=None) for number in range(5)]
    changes = [PriceChange(variant_id, 1000 + place) for place, variant_id in enumerate(variants)]
    changes += [PriceChange(variant_id, 900, min_quantity=10_000) for variant_id in variants]
    first = await put(shop, NOW, *changes)
    before = await told(shop)
    again = await put(shop, NOW + HOUR, *changes)
    assert (again.price_ids, again.variant_ids) == (first.price_ids, [])
    assert await told(shop) == before
    assert len(before) == 5
    assert len(await history(shop, "V0")) == 2


async def test_quantities_have_prices_of_their_own(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)
    await put(shop, NOW, PriceChange(a, 800, min_quantity=10_000))
    (few,) = await quotes(shop, "A", moment=NOW, quantity=9_999)
    (many,) = await quotes(shop, "A", moment=NOW, quantity=10_000)
    assert few is not None
    assert many is not None
    assert (few.unit, many.unit) == (1000, 800)
    row = await listed(shop, "A")
    assert row is not None
    assert row.amount == 1000


async def test_a_price_that_ends_leaves_the_channel_without_one(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 800))
    assert await listed(shop, "A") is not None
    done = await put(shop, NOW + HOUR, PriceChange(a, None))
    assert done.price_ids == [None]
    assert await listed(shop, "A") is None
    assert await quotes(shop, "A", moment=NOW + HOUR) == [None]
    assert (await put(shop, NOW + HOUR, PriceChange(a, None))).variant_ids == []


async def test_several_changes_of_one_price_are_carried_out_in_their_order(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)
    done = await put(
        shop,
        NOW,
        PriceChange(a, 1100),
        PriceChange(a, 900, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR),
        PriceChange(a, 1200),
    )
    rows = await history(shop, "A")
    assert [(row.amount, row.starts_at, row.ends_at) for row in rows] == [
        (1000, LONG_AGO, NOW),
        (1200, NOW, None),
        (900, NOW + HOUR, NOW + 2 * HOUR),
    ]
    assert done.price_ids == [None, rows[2].id, rows[1].id]
    assert await told(shop) == [(a, 1)]


async def test_every_fault_is_told_at_its_place_and_nothing_is_written(shop: Shop) -> None:
    a = await shop.variant("A", price=1000)
    past = NOW - HOUR
    with pytest.raises(Refusals) as refused:
        await put(
            shop,
            NOW,
            PriceChange(a, -1, path=("0",)),
            PriceChange(a, MAX_MINOR + 1, path=("1",)),
            PriceChange(a, 1, -5, path=("2",)),
            PriceChange(a, 1, min_quantity=-1, path=("3",)),
            PriceChange(a, 1, starts_at=past, path=("4",)),
            PriceChange(a, 1, ends_at=NOW, path=("5",)),
            PriceChange(a, 1, starts_at=NOW + 2 * HOUR, ends_at=NOW + HOUR, path=("6",)),
        )
    assert [(refusal.path, refusal.code) for refusal in refused.value.refusals] == [
        (("0", "amount"), "NEGATIVE_AMOUNT"),
        (("1", "amount"), "AMOUNT_TOO_LARGE"),
        (("2", "compareAt"), "NEGATIVE_AMOUNT"),
        (("3", "minQuantity"), "INVALID_QUANTITY"),
        (("4", "startsAt"), "IN_THE_PAST"),
        (("5", "endsAt"), "ENDS_BEFORE_IT_STARTS"),
        (("6", "endsAt"), "ENDS_BEFORE_IT_STARTS"),
    ]
    with pytest.raises(NotFound) as unknown:
        await put(shop, NOW, PriceChange(a, 5), PriceChange(new_id(), 5, path=("changes", "1")))
    assert unknown.value.path == ("changes", "1", "variant")
    with pytest.raises(NotFound) as no_list:
        await put(shop, NOW, PriceChange(a, 5), price_list_id=new_id())
    assert no_list.value.path == ("priceListId",)
    with pytest.raises(InvalidInput):
        await put(shop, NOW, PriceChange(a, -1))
    assert len(await history(shop, "A")) == 1
    assert await told(shop) == []


async def test_writers_of_the_same_variants_take_turns(shop: Shop) -> None:
    names = [f"V{number}" for number in range(6)]
    variants = [await shop.variant(name, price=None) for name in names]
    vip = await add_list(shop, "vip", channel_ids=[shop.channels["app"]])
    # Not this file's NOW, which may be minutes ago: the audit goes by the database's clock.
    began = clock.now()

    async def write(number: int) -> None:
        order = variants if number % 2 else variants[::-1]
        # Clocks are not quite in step.
        moment = began + timedelta(milliseconds=(number * 7) % 20)
        changes = [PriceChange(variant_id, 1000 + number) for variant_id in order]
        if number % 3 == 0:
            changes += [PriceChange(variants[0], 500 + number, starts_at=moment + HOUR, ends_at=moment + 2 * HOUR)]
        await put(shop, moment, *changes, price_list_id=vip if number % 5 == 0 else None)

    await asyncio.gather(*(write(number) for number in range(16)))
    # A writer whose clock is behind leaves to the clock's job what begins a moment later by another's.
    await refresh_due(shop.db, began + timedelta(milliseconds=20))
    assert await violations(shop.db) == []
    for name in names:
        rows = [row for row in await history(shop, name) if row.price_list_id == shop.price_list_id]
        assert sum(row.ends_at is None for row in rows) == 1
        versions = [version for variant_id, version in await told(shop) if variant_id == shop.variants[name]]
        assert versions == list(range(1, len(versions) + 1))


async def test_the_last_to_write_wins_whatever_its_clock_says(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW + timedelta(milliseconds=80), PriceChange(a, 1000))
    await put(shop, NOW, PriceChange(a, 2000))
    row = await listed(shop, "A")
    assert row is not None
    assert row.amount == 2000
    assert actor_at(shop, NOW).now == NOW
