"""Publication: which channel sells a product, and when."""

from datetime import timedelta

import pytest

from app.catalog import queries
from app.catalog.drafts import PublicationDraft
from app.catalog.products import archive_product
from app.catalog.publication import publish_product, unpublish_product
from app.events.scopes import sight_scopes
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_id
from tests.catalog.drafting import camiseta, save_one, told, version_of
from tests.shop import Shop


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
