"""The sweep finds what channels show differently without a rule, and nothing that a rule explains."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Update, delete, select, update

from app.browse import convergence
from app.browse.convergence import kept_divergences, last_sweep, sweep, violations
from app.browse.tables import divergence
from app.catalog.tables import product, publication, variant
from app.channels.tables import channel, channel_location
from app.inventory.availability import Stock, stock_of
from app.platform.clock import now
from app.pricing.listing import anybody, refresh
from app.pricing.tables import channel_price, price_list
from tests.pricing.pricing import add_list, add_price
from tests.shop import Shop


@pytest.fixture
async def stall(shop: Shop) -> Shop:
    """Mugs and rice, sold in all channels from all locations."""
    await shop.variant("CANECA", price=4990, stock={"centro": 3000, "cd": 9000})
    await shop.variant("ARROZ", price=700, stock={"centro": 500}, unit="kg")
    await priced(shop)
    return shop


async def priced(shop: Shop) -> None:
    await shop.db.run(lambda tx: refresh(tx, None, None, now()))


async def write(shop: Shop, statement: Update) -> None:
    await shop.db.run(lambda tx: tx.execute(statement))


def shown(shop: Shop, code: str, sku: str = "CANECA") -> Update:
    """What a channel lists a variant at, to be changed behind everybody's back."""
    return update(channel_price).where(
        channel_price.c.channel_id == shop.channels[code], channel_price.c.variant_id == shop.variants[sku]
    )


async def found(shop: Shop) -> list[tuple[str, list[str], str]]:
    """The sweep's findings: SKU, channels, what."""
    await sweep(shop.db, rests=0)
    skus = {key: sku for sku, key in shop.variants.items()}
    return [(skus[row.variant_id], row.channels, row.what) for row in await kept_divergences(shop.db, most=100)]


async def test_a_shop_in_order_has_none(stall: Shop) -> None:
    assert await last_sweep(stall.db) is None
    assert await found(stall) == []
    row = await last_sweep(stall.db)
    assert row is not None
    assert (row.variants, row.divergent) == (2, 0)


async def test_a_price_that_is_listed_otherwise_is_found_and_goes_when_put_right(stall: Shop) -> None:
    await write(stall, shown(stall, "app").values(amount=4790))
    assert await found(stall) == [
        (
            "CANECA",
            ["app", "pos", "web"],
            "price listed differs: app: 47.90 BRL, tax 7.61; pos, web: 49.90 BRL, tax 7.61",
        )
    ]
    (told,) = await violations(stall.db)
    assert told.startswith(f"variant {stall.variants['CANECA']}: price listed differs: app: 47.90 BRL")
    await priced(stall)
    assert await found(stall) == []
    row = await last_sweep(stall.db)
    assert row is not None
    assert row.divergent == 0


async def test_since_when_it_differs_is_known_whatever_is_shown_meanwhile(stall: Shop) -> None:
    await write(stall, shown(stall, "app").values(amount=4790))
    await found(stall)
    (first,) = await kept_divergences(stall.db, most=100)
    await write(stall, shown(stall, "app").values(amount=4690))
    await write(stall, shown(stall, "web", "ARROZ").values(amount=1))
    await found(stall)
    again, other = sorted(await kept_divergences(stall.db, most=100), key=lambda row: row.since)
    assert (again.variant_id, again.since) == (first.variant_id, first.since)
    assert again.shown == {"app": "46.90 BRL, tax 7.61", "pos": "49.90 BRL, tax 7.61", "web": "49.90 BRL, tax 7.61"}
    assert (again.aspect, again.location, other.since > first.since) == ("PRICE_LISTED", None, True)
    # Put right and wrong once more, it is another one.
    await priced(stall)
    await found(stall)
    await write(stall, shown(stall, "app").values(amount=4790))
    await found(stall)
    assert (await kept_divergences(stall.db, most=100))[0].since > other.since


async def test_two_sweeps_that_end_at_once_keep_it_once(stall: Shop) -> None:
    await write(stall, shown(stall, "app").values(amount=4790))
    await asyncio.gather(*(sweep(stall.db, rests=0) for _ in range(4)))
    assert len(await kept_divergences(stall.db, most=100)) == 1


async def test_what_was_found_comes_in_pages(stall: Shop) -> None:
    await write(
        stall, update(channel_price).where(channel_price.c.channel_id == stall.channels["app"]).values(amount=1)
    )
    await found(stall)
    rows = await kept_divergences(stall.db, most=100)
    assert len(rows) == 2
    assert list(await kept_divergences(stall.db, most=1)) == [rows[0]]
    assert list(await kept_divergences(stall.db, most=1, after=(rows[0].variant_id, rows[0].what))) == [rows[1]]
    assert await kept_divergences(stall.db, most=1, after=(rows[1].variant_id, rows[1].what)) == []


async def test_a_price_that_one_channel_lacks_is_found(stall: Shop) -> None:
    gone = delete(channel_price).where(
        channel_price.c.channel_id == stall.channels["pos"], channel_price.c.variant_id == stall.variants["ARROZ"]
    )
    await stall.db.run(lambda tx: tx.execute(gone))
    ((sku, _, what),) = await found(stall)
    assert (sku, what) == ("ARROZ", "price listed differs: app, web: 7.00 BRL, tax 1.07; pos: none")


async def test_a_price_that_is_asked_otherwise_is_found(stall: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in how prices are worked out, which the list of them need not show."""

    def wrong(row, moment):
        buyer = anybody(row, moment)
        return replace(buyer, place=("UY", None), shows_tax=False) if row.code == "pos" else buyer

    monkeypatch.setattr("app.browse.convergence.anybody", wrong)
    assert {what.partition(" differs")[0] for _, _, what in await found(stall)} == {"price asked"}


async def test_a_list_that_names_a_channel_is_a_rule_for_what_it_prices(stall: Shop) -> None:
    key = await add_list(stall, "app", channel_ids=[stall.channels["app"]], priority=5)
    await add_price(stall, "CANECA", 4490, price_list_id=key)
    await priced(stall)
    assert await found(stall) == []
    # It explains the app's price of the mug, not the till's, nor the rice.
    await write(stall, shown(stall, "pos").values(amount=1))
    await write(stall, shown(stall, "app", "ARROZ").values(amount=1))
    assert {(sku, tuple(channels)) for sku, channels, _ in await found(stall)} == {
        ("CANECA", ("pos", "web")),
        ("ARROZ", ("app", "pos", "web")),
    }


async def test_a_list_that_is_not_in_force_is_no_rule(stall: Shop) -> None:
    key = await add_list(stall, "app", channel_ids=[stall.channels["app"]], priority=5)
    await add_price(stall, "CANECA", 4490, price_list_id=key)
    await priced(stall)
    # Nobody worked prices out anew.
    await write(stall, update(price_list).where(price_list.c.id == key).values(active=False))
    assert [sku for sku, _, _ in await found(stall)] == ["CANECA"]


@pytest.mark.parametrize("terms", [{"currency": "USD"}, {"country": "UY"}, {"prices_include_tax": False}])
async def test_channels_of_other_terms_are_not_compared(stall: Shop, terms) -> None:
    await write(stall, update(channel).where(channel.c.code == "app").values(**terms))
    await write(stall, shown(stall, "app").values(amount=1))
    assert await found(stall) == []


async def test_only_what_is_on_sale_is_compared(stall: Shop) -> None:
    await write(stall, shown(stall, "app").values(amount=1))
    mug = select(variant.c.product_id).where(variant.c.id == stall.variants["CANECA"]).scalar_subquery()
    here = publication.c.channel_id == stall.channels["app"]
    for statement, back in (
        (update(variant).where(variant.c.sku == "CANECA").values(archived=True), {"archived": False}),
        (update(product).where(product.c.id == mug).values(status="DRAFT"), {"status": "ACTIVE"}),
        (update(publication).where(publication.c.product_id == mug, here).values(ends_at=now()), {"ends_at": None}),
        (update(channel).where(channel.c.code == "app").values(active=False), {"active": True}),
    ):
        await write(stall, statement)
        assert await found(stall) == []
        await write(stall, statement.values(**back))
        assert [sku for sku, _, _ in await found(stall)] == ["CANECA"]


async def test_channels_may_sell_from_elsewhere_and_ignore_safety_stock(stall: Shop) -> None:
    await stall.db.run(
        lambda tx: tx.execute(
            delete(channel_location).where(
                channel_location.c.channel_id == stall.channels["pos"],
                channel_location.c.location_id == stall.locations["cd"],
            )
        )
    )
    await write(stall, update(channel).where(channel.c.code == "pos").values(ignores_safety_stock=True))
    assert await found(stall) == []


async def test_stock_that_is_promised_otherwise_is_found(stall: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def wrong(db, variant_ids, location_ids):
        """As a cache that missed a sale would answer, to one of three."""
        nonlocal asked
        asked += 1
        stocks = await stock_of(db, variant_ids, location_ids)
        if asked == 1:
            stocks[stall.variants["CANECA"]][stall.locations["cd"]] = Stock(on_hand=8000)
        return stocks

    monkeypatch.setattr("app.browse.convergence.stock_of", wrong)
    assert await found(stall) == [
        ("CANECA", ["app", "pos", "web"], "availability at cd differs: app: 8 of 8; pos, web: 9 of 9")
    ]


async def test_a_large_shop_is_looked_at_in_chunks_and_so_much_is_kept(
    stall: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convergence, "MOST_KEPT", 3)
    monkeypatch.setattr(convergence.chunk, "__kwdefaults__", {"most": 2})
    for number in range(5):
        await stall.variant(f"PRATO-{number}", price=100)
    await priced(stall)
    everywhere = update(channel_price).where(channel_price.c.channel_id == stall.channels["app"])
    await write(stall, everywhere.values(amount=1))
    assert await sweep(stall.db, rests=0) == 7
    row = await last_sweep(stall.db)
    assert row is not None
    assert (row.variants, row.divergent) == (7, 7)
    assert len(await stall.db.rows(select(divergence))) == 3
