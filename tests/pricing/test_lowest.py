"""Each product's lowest price in a channel is known, whoever writes which of its prices, or archives what, at once."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app.catalog.tables import variant
from app.catalog.variants import archive_variant
from app.platform import clock
from app.platform.db import Tx
from app.pricing.audit import violations
from app.pricing.listing import refresh
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import channel_price
from tests.browse.catalog import Catalog
from tests.pricing.pricing import actor_at, add_list, put
from tests.shop import Shop

NOW = clock.now()
VALUES = ("P", "M", "G")


async def shirt(shop: Shop, slug: str = "camisa", *, status: str = "ACTIVE") -> list[UUID]:
    """The variants of a product, without prices."""
    catalog = Catalog(shop)
    variants = [{"values": [value], "price": None, "position": place} for place, value in enumerate(VALUES, 1)]
    await catalog.product(slug, options={"Tamanho": VALUES}, variants=variants, status=status)
    skus = [slug.upper(), *(f"{slug.upper()}-{place}" for place in (1, 2))]
    return [shop.variants[sku] for sku in skus]


async def check(shop: Shop) -> None:
    """A price is the lowest exactly where no other of a variant that is not archived comes before it."""
    statement = select(channel_price, variant.c.archived).join(variant, variant.c.id == channel_price.c.variant_id)
    rows = await shop.db.rows(statement)
    for row in rows:
        cheaper = [
            other
            for other in rows
            if (other.channel_id, other.product_id) == (row.channel_id, row.product_id)
            and (other.amount, other.variant_id) < (row.amount, row.variant_id)
            and not other.archived
        ]
        assert row.lowest == (not cheaper), (row, cheaper)


async def archive(shop: Shop, variant_id: UUID, *, archived: bool) -> None:
    await shop.watched.run(lambda tx: archive_variant(tx, shop.actor(), variant_id, archived=archived))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_the_lowest_is_known_after_any_prices_and_archivings(shop: Shop, seed: int) -> None:
    roll = random.Random(seed)
    slug = f"s{seed}-{clock.now().timestamp():.6f}".replace(".", "-")
    variants = await shirt(shop, slug, status=roll.choice(["ACTIVE", "DRAFT"]))
    app = await add_list(shop, slug, channel_ids=[shop.channels["app"]], priority=1)
    archived = dict.fromkeys(variants, False)
    for _ in range(10):
        if roll.random() < 0.3:
            one = roll.choice(variants)
            archived[one] = not archived[one]
            await archive(shop, one, archived=archived[one])
        else:
            changes = [PriceChange(one, roll.choice([None, 900, 1000, 1100])) for one in roll.sample(variants, 2)]
            await put(shop, NOW, *changes, price_list_id=roll.choice([None, app]))
        await check(shop)


async def test_two_prices_of_a_product_are_written_one_after_the_other(shop: Shop) -> None:
    small, medium, large = await shirt(shop)
    await put(shop, NOW, PriceChange(small, 1000), PriceChange(medium, 1100), PriceChange(large, 1200))

    def setting(variant_id: UUID, amount: int) -> Any:
        changes = [PriceChange(variant_id, amount)]
        return lambda tx: set_prices(tx, actor_at(shop, NOW), price_list_id=shop.price_list_id, changes=changes)

    async with shop.db.transaction() as tx:
        await setting(small, 1050)(tx)
        waiting = asyncio.create_task(shop.db.run(setting(medium, 1020)))
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
    await waiting
    await check(shop)


async def test_what_is_archived_while_a_sibling_gets_a_price_hides_nothing(shop: Shop) -> None:
    small, medium, _ = await shirt(shop)
    await put(shop, NOW, PriceChange(small, 1000), PriceChange(medium, 900))

    async def price(tx: Tx) -> None:
        changes = [PriceChange(medium, 1100)]
        await set_prices(tx, actor_at(shop, NOW), price_list_id=shop.price_list_id, changes=changes)

    async with shop.db.transaction() as tx:
        await price(tx)
        waiting = asyncio.create_task(archive(shop, small, archived=True))
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
    await waiting
    await check(shop)


async def test_many_writers_of_one_product_at_once_leave_it_right(shop: Shop) -> None:
    variants = await shirt(shop)
    roll = random.Random(7)

    async def write(number: int) -> None:
        for _ in range(6):
            chosen = roll.sample(variants, roll.randint(1, 2))
            await put(shop, NOW, *(PriceChange(one, roll.choice([None, 500, 700, 900 + number])) for one in chosen))

    async def turn() -> None:
        for archived in (True, False) * 3:
            await archive(shop, variants[0], archived=archived)

    anew = shop.db.run(lambda tx: refresh(tx, None, None, NOW))
    await asyncio.gather(*(write(number) for number in range(5)), turn(), anew)
    await check(shop)
    assert await violations(shop.db) == []


@pytest.mark.parametrize("lowest", [False, True])
async def test_a_product_that_no_list_by_price_would_show_is_seen(shop: Shop, lowest: bool) -> None:
    """One that is marked too often is only slower."""
    small, medium, _ = await shirt(shop)
    await put(shop, NOW, PriceChange(small, 1000), PriceChange(medium, 1100))
    wrong = channel_price.c.variant_id == (medium if lowest else small)
    here = channel_price.c.channel_id == shop.channels["web"]
    async with shop.db.transaction() as tx:
        await tx.execute(update(channel_price).where(wrong, here).values(lowest=lowest))
    found = await violations(shop.db)
    assert [str(small) in each for each in found] == ([] if lowest else [True])
