"""The demo shop is loaded whole, once, by commands alone; an interrupted load is gone on with."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from app.carts.tables import cart
from app.catalog.queries import products_by_slugs, publications, sellable, variants_by_skus, variants_of_products
from app.catalog.tables import category, collection, media, product, variant
from app.channels.queries import channels_by_codes, default_channel, locations_by_codes, locations_of_channel
from app.customers.tables import customer
from app.delivery.queries import all_methods
from app.events.tables import outbox
from app.identity.authentication import authenticate
from app.identity.principal import system_actor
from app.identity.tables import staff, token
from app.identity.tokens import REVOKE_OF, has_demo_tokens
from app.inventory.availability import available, stock_of
from app.inventory.levels import StockChange, adjust
from app.inventory.tables import stock_level, stock_movement
from app.platform import clock
from app.platform.config import Settings
from app.platform.db import Database
from app.platform.tables import operation
from app.pos.tables import register
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import all_price_lists, price_lists_by_codes
from app.pricing.quotes import Ask, quote_variants
from app.pricing.tables import price, tax_rate
from app.worker import AUDITED, audit
from seed import demo, marker
from seed.content import load

ROLES = ["owner", "manager", "cashier", "catalog", "service", "readonly"]
BEARERS = [*ROLES, "till centro-1", "till praia-1", "web client", "app client"]
CATALOG = [category, collection, product, variant, media]
TABLES = [*CATALOG, register, staff, customer, tax_rate, price, stock_level, outbox]
TOKENS_MADE = select(func.count()).select_from(token)


@pytest.fixture(scope="module")
def content():
    return load()


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="module")
async def demo_url(postgres_servers):
    """A demo shop that these tests share; none of them changes what another looks at."""
    with postgres_servers.fresh_database("embedded") as url:
        database = Database.open(url)
        await demo.load(database, Settings(), silent)
        await database.close()
        yield url


@pytest.fixture
async def demo_shop(demo_url):
    database = Database.open(demo_url)
    yield database
    await database.close()


def silent(*_):
    pass


async def counts(db):
    return {table.name: await db.value(select(func.count()).select_from(table)) for table in TABLES}


class Interrupted(BaseException):
    pass


def stops_after(records):
    def bar(_, done, __):
        if done >= records:
            raise Interrupted

    return bar


async def test_all_of_the_content_is_there_and_every_law_holds(database, settings, content):
    told = []
    await demo.load(database, settings, lambda *step: told.append(step))
    assert told[0][1] == 0
    assert told[-1][1] == told[-1][2]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)

    variants = [one for each in content.products for one in each.variants]
    levels = sum(len(one.stock) for one in variants)
    found = await counts(database)
    assert found | {"outbox": 0, "media": 0} == {
        "category": len(content.catalog.categories),
        "collection": len(content.catalog.collections),
        "product": len(content.products),
        "variant": len(variants),
        "register": len(content.shop.registers),
        "staff": len(content.people.staff),
        "customer": len(content.people.customers),
        "tax_rate": len(content.shop.tax_rates),
        "price": len(variants) + sum(len(each.prices) for each in content.price_lists),
        "stock_level": levels,
        "outbox": 0,
        "media": 0,
    }
    assert await database.value(select(func.count()).select_from(stock_movement)) == levels
    assert [row.code for row in await all_methods(database)] == [each.code for each in content.delivery_options]
    assert await audit(database) == {check: [] for check in AUDITED}


async def test_it_sells_as_its_channels_say(demo_shop, settings, content):
    web = await default_channel(demo_shop)
    assert web.code == "web"
    channels = await channels_by_codes(demo_shop, ["web", "app", "pos"])
    assert [row.code for row in await locations_of_channel(demo_shop, web.id)] == ["cd", "centro", "praia"]
    assert channels["pos"].ignores_safety_stock

    rows = await variants_by_skus(demo_shop, ["HORT-TOM-ITA", "BEBI-CER-ZER"])
    asks = [Ask(row.id, 1000, None) for row in rows.values()]
    quotes = await quote_variants(demo_shop, asks, channel=channels["app"], moment=clock.now())
    base = {one.sku: one.price for each in content.products for one in each.variants}
    assert [quote and quote.unit for quote in quotes] == [int(base[sku] * 100) for sku in rows]

    places = await locations_by_codes(demo_shop, ["centro", "praia"])
    (beer,) = await quote_variants(
        demo_shop,
        [Ask(rows["BEBI-CER-ZER"].id, 1000, None)],
        channel=channels["pos"],
        moment=clock.now(),
        location_id=places["praia"].id,
    )
    assert beer
    assert beer.unit == 849

    weekend = (await price_lists_by_codes(demo_shop, ["app-weekend"]))["app-weekend"]
    assert weekend.channel_ids == [channels["app"].id]
    assert weekend.ends_at - weekend.starts_at == timedelta(hours=48)
    assert weekend.ends_at > clock.now()
    assert [row.code for row in await all_price_lists(demo_shop) if row.is_base] == ["base"]


async def test_the_special_cases_of_the_content_are_there(demo_shop, settings, content):
    web = await default_channel(demo_shop)
    places = await locations_by_codes(demo_shop, ["centro", "praia", "cd"])
    ids = {code: row.id for code, row in places.items()}
    mug = (await variants_by_skus(demo_shop, ["CASA-CANECA-UNICA"]))["CASA-CANECA-UNICA"]
    stock = (await stock_of(demo_shop, [mug.id], list(ids.values())))[mug.id]
    assert {code: available(stock[key]) for code, key in ids.items()} == {"centro": 1000, "praia": 0, "cd": 0}
    assert {code: stock[key].backorder_allowance for code, key in ids.items()} == {"centro": 0, "praia": 0, "cd": 0}

    backordered = [(one.sku, one.backorder) for each in content.products for one in each.variants if one.backorder]
    ((sku, allowed),) = backordered
    late = (await variants_by_skus(demo_shop, [sku]))[sku]
    stock = (await stock_of(demo_shop, [late.id], list(ids.values())))[late.id]
    assert {code: stock[ids[code]].backorder_allowance for code in allowed} == {
        code: int(quantity * 1000) for code, quantity in allowed.items()
    }

    untracked = [one.sku for each in content.products for one in each.variants if not one.track_stock]
    rows = await variants_by_skus(demo_shop, untracked)
    assert rows
    assert not any(row.track_stock for row in rows.values())
    assert not await demo_shop.rows(
        select(stock_level).where(stock_level.c.variant_id.in_([r.id for r in rows.values()]))
    )

    by_status = {each.status: each.slug for each in content.products}
    site_only = next(each.slug for each in content.products if each.channels == ["web", "app"])
    slugs = [by_status["draft"], by_status["archived"], site_only]
    products = await products_by_slugs(demo_shop, slugs)
    assert [products[slug].status for slug in slugs] == ["DRAFT", "ARCHIVED", "ACTIVE"]
    channels = {row.id: code for code, row in (await channels_by_codes(demo_shop, ["web", "app", "pos"])).items()}
    published = await publications(demo_shop, [products[site_only].id])
    assert {channels[key] for key in published[products[site_only].id]} == {"web", "app"}
    for slug in slugs[:2]:
        (one, *_) = (await variants_of_products(demo_shop, [products[slug].id]))[products[slug].id]
        seen = await sellable(demo_shop, [one.id], channel_id=web.id, moment=clock.now())
        assert not seen[one.id].published


async def test_a_second_load_changes_nothing_and_undoes_no_sale(database, settings):
    await demo.load(database, settings, silent)
    await change_a_few_things(database)
    before = await counts(database)
    await demo.load(database, settings, silent)
    assert await counts(database) == before
    # Forgotten after a while, the marker is not missed: the shop has products.
    await database.run(lambda tx: tx.execute(delete(operation).where(operation.c.id == marker.MARKER)))
    await demo.load(database, settings, silent)
    assert await counts(database) == before


async def change_a_few_things(database):
    """A price and a stock that the load must not set back."""
    mug = (await variants_by_skus(database, ["CASA-CANECA-UNICA"]))["CASA-CANECA-UNICA"]
    places = await locations_by_codes(database, ["centro"])
    base = (await price_lists_by_codes(database, ["base"]))["base"]

    async def change(tx):
        actor = system_actor((await default_channel(tx)).id, clock.now())
        await adjust(tx, actor, changes=[StockChange(mug.id, places["centro"].id, delta=-1000)], kind="ADJUSTMENT")
        await set_prices(tx, actor, price_list_id=base.id, changes=[PriceChange(mug.id, 1)])

    await database.run(change)
    return mug


@pytest.mark.parametrize("records", [1, 150, 1000])
async def test_an_interrupted_load_is_gone_on_with(database, settings, records, content):
    with pytest.raises(Interrupted):
        await demo.load(database, settings, stops_after(records))
    assert await demo.tokens(database, settings) == {}
    await demo.load(database, settings, silent)
    assert await database.value(select(func.count()).select_from(product)) == len(content.products)
    found = await counts(database)
    await demo.load(database, settings, silent)
    assert await counts(database) == found
    assert await audit(database) == {check: [] for check in AUDITED}


async def test_a_cancelled_load_leaves_the_turn_to_the_next(database, database_url, settings, content):
    def bar(_, done, __):
        if done >= 150:
            loading.cancel()

    loading = asyncio.create_task(demo.load(database, settings, bar))
    with pytest.raises(asyncio.CancelledError):
        await loading
    other = Database.open(database_url)
    try:
        async with asyncio.timeout(30):
            await demo.load(other, settings, silent)
    finally:
        await other.close()
    assert await database.value(select(func.count()).select_from(product)) == len(content.products)


async def test_what_was_changed_between_an_interruption_and_the_rest_stays(database, settings, content):
    total = sum(size for size, _ in demo.steps(content))
    with pytest.raises(Interrupted):
        await demo.load(database, settings, stops_after(total))
    mug = await change_a_few_things(database)
    await demo.load(database, settings, silent)
    row = await database.row(
        select(func.sum(stock_level.c.on_hand).label("on_hand")).where(stock_level.c.variant_id == mug.id)
    )
    assert row
    assert row.on_hand == 0
    prices = await database.rows(select(price.c.amount).where(price.c.variant_id == mug.id, price.c.ends_at.is_(None)))
    assert [row.amount for row in prices] == [1]


async def test_two_loads_at_a_time_are_one(database, database_url, settings, content):
    other = Database.open(database_url)
    try:
        await asyncio.gather(demo.load(database, settings, silent), demo.load(other, settings, silent))
    finally:
        await other.close()
    assert await database.value(select(func.count()).select_from(product)) == len(content.products)
    assert (await counts(database))["stock_level"] == await database.value(
        select(func.count()).select_from(stock_movement)
    )


async def test_a_shop_that_somebody_filled_is_left_alone(shop, settings):
    await shop.variant("CANECA")
    before = await counts(shop.db)
    await demo.load(shop.db, settings, silent)
    assert await counts(shop.db) == before
    assert await demo.tokens(shop.db, settings) == {}
    assert not settings.data_dir.exists()


async def test_each_role_has_a_token_that_works_and_stays(demo_shop, demo_url, settings):
    given = await demo.tokens(demo_shop, settings)
    made = await demo_shop.value(TOKENS_MADE)
    assert list(given) == BEARERS
    for label, secret in given.items():
        principal = await authenticate(demo_shop, secret, clock.now())
        assert principal
        assert label in (principal.role, f"till {principal.name}", f"{principal.name} client")
    assert await has_demo_tokens(demo_shop, clock.now())
    assert (settings.data_dir / "demo-tokens.json").stat().st_mode & 0o777 == 0o600

    again = Database.open(demo_url)
    try:
        assert await demo.tokens(again, settings) == given
        assert await again.value(TOKENS_MADE) == made

        principal = await authenticate(again, given["service"], clock.now())
        assert principal
        where = {"bearer_id": principal.id, "now": clock.now()}
        await again.run(lambda tx: tx.execute(REVOKE_OF["staff"], where))
    finally:
        await again.close()
    third = Database.open(demo_url)
    try:
        renewed = await demo.tokens(third, settings)
        assert {label for label in given if given[label] != renewed[label]} == {"service"}
        assert await authenticate(third, renewed["service"], clock.now())
    finally:
        await third.close()


async def test_a_lost_or_spoiled_file_of_tokens_is_made_anew(demo_shop, settings):
    given = await demo.tokens(demo_shop, settings)
    for spoil in (
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"\xff{"),
        lambda file: file.write_text("[]"),
    ):
        spoil(settings.data_dir / "demo-tokens.json")
        fresh = await demo.tokens(demo_shop, settings)
        assert list(fresh) == BEARERS
        assert not set(fresh.values()) & set(given.values())
        assert await demo.tokens(demo_shop, settings) == fresh


async def test_where_nothing_can_be_written_the_tokens_work_all_the_same(demo_shop):
    given = await demo.tokens(demo_shop, Settings(data_dir=Path("/proc/nowhere")))
    assert await authenticate(demo_shop, given["owner"], clock.now())


async def test_staff_who_left_have_no_token(demo_shop, settings):
    async def work(active):
        change = update(staff).where(staff.c.role == "readonly").values(active=active)
        await demo_shop.run(lambda tx: tx.execute(change))

    await work(False)
    try:
        assert "readonly" not in await demo.tokens(demo_shop, settings)
    finally:
        await work(True)


async def test_a_shop_in_production_gets_no_demo_tokens(demo_shop, settings):
    before = await demo_shop.value(TOKENS_MADE)
    assert await demo.tokens(demo_shop, replace(settings, env="production")) == {}
    assert await demo_shop.value(TOKENS_MADE) == before


async def test_no_cart_comes_with_the_shop(demo_shop, settings):
    assert await demo_shop.value(select(func.count()).select_from(cart)) == 0
