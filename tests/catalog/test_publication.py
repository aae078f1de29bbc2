"""Publication: which channel sells a product, and when."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.catalog import queries
from app.catalog.drafts import ProductDraft, PublicationDraft, Saved
from app.catalog.products import archive_product
from app.catalog.publication import publish_product, tell_due, unpublish_product
from app.events.scopes import STAFF, sight_scopes, sold_scope
from app.events.tables import outbox
from app.inventory.levels import StockChange, adjust
from app.platform import clock
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_id
from app.pricing.prices import PriceChange
from tests.catalog.drafting import camiseta, plain, save_one, told, version_of
from tests.pricing.pricing import put
from tests.shop import Shop

HOUR = timedelta(hours=1)


async def test_channels_begin_and_end_by_themselves(shop: Shop) -> None:
    saved, actor = await save_one(shop, camiseta()), shop.actor()
    key, (small, _) = saved.product_id, saved.variant_ids
    assert key is not None
    later = actor.now + timedelta(days=1)
    wanted = [
        PublicationDraft(channel_id=shop.channels["web"]),
        PublicationDraft(channel_id=shop.channels["app"], starts_at=later, ends_at=later + timedelta(days=1)),
    ]
    await shop.db.run(lambda tx: publish_product(tx, actor, key, wanted))

    async def sold(channel: str, moment) -> bool:
        found = await queries.sellable(shop.db, [small], channel_id=shop.channels[channel], moment=moment)
        return found[small].published

    assert [await sold(code, actor.now) for code in ("web", "app", "pos")] == [True, False, False]
    assert [await sold(code, later) for code in ("web", "app", "pos")] == [True, True, False]
    again = await shop.db.run(lambda tx: publish_product(tx, shop.actor(), key, wanted))
    assert not again.changed
    await shop.db.run(lambda tx: unpublish_product(tx, actor, key, [shop.channels["web"], shop.channels["pos"]]))
    assert not await sold("web", later)
    assert await sold("app", later)
    assert await version_of(shop, key) == 3
    scopes = [(row.scopes_before, row.scopes_after) for row in await told(shop)]
    web = sight_scopes([shop.channels["web"]])
    assert scopes == [([], ["staff"]), (["staff"], web), (web, ["staff"])]


async def published(shop: Shop, slug: str, *codes: str, **window: Any) -> Saved:
    wanted = [PublicationDraft(channel_id=shop.channels[code], **window) for code in codes]
    return await save_one(shop, plain(slug, publish=wanted))


async def since(shop: Shop, told_before: int) -> list[tuple[Any, ...]]:
    """Topic, entity, and who could see it and can, of what was told of the catalog after so many changes."""
    rows = [
        row
        for row in await shop.db.rows(select(outbox).order_by(outbox.c.id).offset(told_before))
        if row.topic != "STOCK"
    ]
    codes = {sold_scope(key): code for code, key in shop.channels.items()}

    def of(scopes: list[str]) -> set[str]:
        return {codes[scope] for scope in scopes if scope != STAFF}

    return [(row.topic, row.entity_id, of(row.scopes_before), of(row.scopes_after)) for row in rows]


async def test_what_begins_and_ends_by_the_clock_is_told_with_prices_and_availability(shop: Shop) -> None:
    now = clock.now()
    saved = await published(shop, "panetone", "web", "app", starts_at=now + HOUR, ends_at=now + 3 * HOUR)
    key, (variant_id,) = saved.product_id, saved.variant_ids
    assert key is not None
    await put(shop, now, PriceChange(variant_id, 2990))
    before = await shop.db.value(select(func.count()).select_from(outbox))
    assert await tell_due(shop.db, now + HOUR - timedelta(microseconds=1)) == 0
    changes = {now + HOUR: (set(), {"web", "app"}), now + 3 * HOUR: ({"web", "app"}, set())}
    for version, (moment, (was, becomes)) in enumerate(changes.items(), start=2):
        assert await tell_due(shop.db, moment) == 1
        assert await tell_due(shop.db, moment) == 0
        assert await since(shop, before) == [
            ("PRODUCT", key, was, becomes),
            ("PRICE", variant_id, was, becomes),
            ("AVAILABILITY", variant_id, was, becomes),
        ]
        assert await version_of(shop, key) == version
        before += 3


async def test_who_writes_a_product_before_the_clock_comes_by_tells_what_the_clock_did(shop: Shop) -> None:
    now = clock.now()
    saved = await published(shop, "panetone", "web", starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    key, (variant_id,) = saved.product_id, saved.variant_ids
    for moment, was, becomes in ((now + HOUR, set(), {"web"}), (now + 2 * HOUR, {"web"}, set())):
        before = await shop.db.value(select(func.count()).select_from(outbox))
        actor = replace(shop.actor(), now=moment)
        await save_one(shop, ProductDraft(id=key, brand=f"at {moment}"), actor)
        assert await since(shop, before) == [
            ("PRODUCT", key, was, becomes),
            ("AVAILABILITY", variant_id, was, becomes),
        ]
        assert await tell_due(shop.db, moment) == 0


async def test_stock_that_is_written_before_the_clock_comes_by_is_told_to_those_who_were_told_last(shop: Shop) -> None:
    saved = await published(shop, "panetone", "web", ends_at=clock.now() + timedelta(milliseconds=50))
    (variant_id,) = saved.variant_ids
    before = await shop.db.value(select(func.count()).select_from(outbox))
    await asyncio.sleep(0.1)
    change = StockChange(variant_id, shop.locations["centro"], delta=1000)
    await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[change], kind="RECEIPT"))
    assert (await since(shop, before))[-1] == ("AVAILABILITY", variant_id, {"web"}, {"web"})
    assert await tell_due(shop.db, clock.now()) == 1
    assert (await since(shop, before))[-1] == ("AVAILABILITY", variant_id, {"web"}, set())


async def test_what_is_not_for_sale_waits_for_nothing(shop: Shop) -> None:
    now = clock.now()
    saved = await published(shop, "panetone", "web", starts_at=now + HOUR)
    assert saved.product_id is not None
    key = saved.product_id
    await shop.db.run(lambda tx: archive_product(tx, shop.actor(), key))
    assert await tell_due(shop.db, now + HOUR) == 0
    await save_one(shop, ProductDraft(id=key, status="ACTIVE"))
    assert await tell_due(shop.db, now + HOUR) == 1


async def test_clocks_of_several_processes_tell_each_publication_once(shop: Shop) -> None:
    now = clock.now()
    keys = [(await published(shop, f"p-{n}", "web", starts_at=now + HOUR)).product_id for n in range(15)]
    counts = await asyncio.gather(*(tell_due(shop.db, now + HOUR, most=4) for _ in range(4)))
    assert sum(counts) == len(keys)
    assert [await version_of(shop, key) for key in keys if key is not None] == [2] * len(keys)


async def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    saved, actor = await save_one(shop, camiseta()), shop.actor()
    key = saved.product_id
    assert key is not None
    web = shop.channels["web"]
    backwards = [PublicationDraft(channel_id=web, starts_at=actor.now, ends_at=actor.now - timedelta(hours=1))]
    with pytest.raises(InvalidInput):
        await shop.db.run(lambda tx: publish_product(tx, actor, key, backwards))
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: publish_product(tx, actor, key, [PublicationDraft(channel_id=new_id())]))
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: publish_product(tx, actor, new_id(), [PublicationDraft(channel_id=web)]))
    await shop.db.run(lambda tx: archive_product(tx, actor, key))
    with pytest.raises(InvalidInput) as refused:
        await shop.db.run(lambda tx: publish_product(tx, actor, key, [PublicationDraft(channel_id=web)]))
    assert refused.value.code == "ARCHIVED"
