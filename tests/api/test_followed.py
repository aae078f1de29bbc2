"""Law 5 in the process: what is kept of the catalog says what the tables say, whatever is written, whenever asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, select
from sqlalchemy.sql.visitors import iterate

from app.api.catalog.variants import load_variants
from app.api.documents import document
from app.browse import documents, slugs, traits
from app.catalog import queries
from app.catalog.categories import CategoryDraft, archive_category, create_category, update_category
from app.catalog.collections import (
    CollectionDraft,
    archive_collection,
    create_collection,
    remove_products,
    update_collection,
)
from app.catalog.drafts import (
    MediaDraft,
    OptionDraft,
    OptionValueDraft,
    ProductDraft,
    PublicationDraft,
    TextDraft,
    VariantDraft,
)
from app.catalog.media import archive_media, set_variant_media, update_media
from app.catalog.products import archive_product, save_product
from app.catalog.publication import publish_product, unpublish_product
from app.catalog.tables import category, product
from app.catalog.variants import VariantChange, archive_variant, save_variant
from app.channels import channels, locations
from app.channels import queries as places
from app.events.tables import outbox
from app.identity.principal import Actor
from app.inventory.levels import StockChange, adjust
from app.platform import clock
from app.platform.errors import Refusal, Refusals
from app.pricing import frame
from app.pricing.price_lists import create_price_list, deactivate_price_list
from app.pricing.prices import PriceChange, set_prices
from app.pricing.taxes import RateChange, set_tax_rate
from tests.api.keeping import ENGINE, ONE, SEARCH, SHEET, WRITES, Keeping, Writing, differences, keeping, writing
from tests.events.doings import HOUR
from tests.inventory.stock import UNIT
from tests.shop import Shop
from tests.telling import FOLLOWED

HEARD = {"PRODUCT", "PRICE", "CATEGORY", "COLLECTION", "SETTINGS"}
"""The topics that `Catalog` drops things by."""
KEPT = [
    *(documents.BY_IDS, documents.BY_SLUGS, documents.BY_VARIANTS, slugs.SLUGS),
    *(queries.CATEGORIES_BY_ID, queries.COLLECTIONS_BY_ID),
    traits.TRAITS_OF,
    *(frame.LISTS, frame.RATES, places.ALL_LOCATIONS, places.LOCATIONS_OF_CHANNELS),
]
"""The statements that what is kept is read by."""


def test_whatever_the_kept_is_read_from_is_told() -> None:
    tables = {part.name for each in KEPT for part in iterate(each) if isinstance(part, Table)} - {"feed_head"}
    assert {"product", "price", "tax_rate", "channel_location", "collection_product", "variant_media"} <= tables
    untold = {table for table in tables if HEARD.isdisjoint(topic for topic, _ in FOLLOWED.get(table, ()))}
    assert untold == set()


async def do(doings: Writing, which: Any) -> None:
    with suppress(Refusal, Refusals, IndexError):
        await doings.shop.watched.run(lambda tx: which(doings, tx))
        doings.done.append(which.__name__)


CHANGES: dict[str, Callable[[Shop, dict[str, Any], Any, Actor], Awaitable[Any]]] = {
    "its category is renamed": lambda _, of, tx, who: update_category(
        tx, who, of["category"], CategoryDraft(name={"pt-BR": "Outra"})
    ),
    "its category is put away": lambda _, of, tx, who: archive_category(tx, who, of["category"]),
    "the category above is renamed": lambda _, of, tx, who: update_category(
        tx, who, of["above"], CategoryDraft(slug="outra")
    ),
    "its category is moved": lambda _, of, tx, who: update_category(
        tx, who, of["category"], CategoryDraft(parent_id=None)
    ),
    "its collection is renamed": lambda _, of, tx, who: update_collection(
        tx, who, of["collection"], CollectionDraft(name={"pt-BR": "Outra"})
    ),
    "its collection is put away": lambda _, of, tx, who: archive_collection(tx, who, of["collection"]),
    "it leaves the collection": lambda _, of, tx, who: remove_products(tx, who, of["collection"], [of["product"]]),
    "its picture is described": lambda _, of, tx, who: update_media(tx, who, of["media"], {"pt-BR": "Azul"}),
    "its picture is put away": lambda _, of, tx, who: archive_media(tx, who, of["media"]),
    "its variant has no picture": lambda _, of, tx, who: set_variant_media(tx, who, of["variant"], []),
    "a variant is put away": lambda _, of, tx, who: archive_variant(tx, who, of["variant"]),
    "a variant is called otherwise": lambda _, of, tx, who: save_variant(
        tx, who, VariantChange(VariantDraft(id=of["variant"], mode="update", sku="OUTRA"))
    ),
    "it is put away": lambda _, of, tx, who: archive_product(tx, who, of["product"]),
    "it is no longer sold": lambda shop, of, tx, who: unpublish_product(tx, who, of["product"], [shop.channels["web"]]),
    "it is sold for an hour": lambda shop, of, tx, who: publish_product(
        tx, who, of["product"], [PublicationDraft(channel_id=shop.channels["web"], ends_at=who.now + HOUR)]
    ),
    "it costs less": lambda shop, of, tx, who: set_prices(
        tx, who, price_list_id=shop.price_list_id, changes=[PriceChange(of["variant"], 500)]
    ),
    "a dozen costs less": lambda shop, of, tx, who: set_prices(
        tx, who, price_list_id=shop.price_list_id, changes=[PriceChange(of["variant"], 500, min_quantity=9_000)]
    ),
    "its list is switched off": lambda _, of, tx, who: deactivate_price_list(tx, who, price_list_id=of["list"]),
    "it is taxed otherwise": lambda shop, _, tx, who: set_tax_rate(
        tx, who, RateChange(shop.tax_class_id, "BR", None, {"pt-BR": "ICMS"}, 250_000)
    ),
    "it will be taxed otherwise": lambda shop, _, tx, who: set_tax_rate(
        tx, who, RateChange(shop.tax_class_id, "BR", None, {"pt-BR": "ICMS"}, 250_000, starts_at=who.now + HOUR)
    ),
    # No channel is there, but a till.
    "it will be taxed otherwise in that place": lambda shop, _, tx, who: set_tax_rate(
        tx, who, RateChange(shop.tax_class_id, "BR", "SP", {"pt-BR": "ISS"}, 50_000, starts_at=who.now + HOUR)
    ),
    "a place has another name": lambda shop, _, tx, who: locations.update_location(
        tx, who, location_id=shop.locations["centro"], given={"name": "Outro"}
    ),
    "a place is closed": lambda shop, _, tx, who: locations.update_location(
        tx, who, location_id=shop.locations["centro"], given={"active": False}
    ),
    "the channel sells from elsewhere": lambda shop, _, tx, who: channels.set_locations(
        tx, who, channel_id=shop.channels["web"], location_ids=[shop.locations["cd"]]
    ),
    "the channel shows prices without tax": lambda shop, _, tx, who: channels.update_channel(
        tx, who, channel_id=shop.channels["web"], given={"prices_include_tax": False}
    ),
    "the channel shows no quantities": lambda shop, _, tx, who: channels.update_channel(
        tx, who, channel_id=shop.channels["web"], given={"shows_quantities": False}
    ),
    "some of it is sold": lambda shop, of, tx, who: adjust(
        tx,
        who,
        changes=[StockChange(of["variant"], shop.locations["centro"], delta=-UNIT)],
        kind="ADJUSTMENT",
        reason="broken",
    ),
}


async def full(keeps: Keeping) -> dict[str, Any]:
    """A product with all that a product can have; ids by what they are of."""
    shop, of = keeps.shop, dict[str, Any]()
    who = shop.actor()

    async def write(tx: Any) -> None:
        of["above"] = await create_category(tx, who, CategoryDraft(name={"pt-BR": "Casa"}))
        of["category"] = await create_category(tx, who, CategoryDraft(name={"pt-BR": "Copa"}, parent_id=of["above"]))
        of["collection"] = await create_collection(tx, who, CollectionDraft(name={"pt-BR": "Novas"}))
        draft = ProductDraft(
            slug="cheia",
            status="ACTIVE",
            texts=[TextDraft(locale="pt-BR", name="Xícara"), TextDraft(locale="en", name="Cup")],
            options=[OptionDraft(texts={"pt-BR": "Cor"}, values=[OptionValueDraft(texts={"pt-BR": "Azul"})])],
            variants=[VariantDraft(option_values=["Azul"], sku="AZUL", tax_class_id=shop.tax_class_id)],
            media=[MediaDraft(url="/media/azul.jpg", alt={"pt-BR": "Uma xícara"})],
            category_id=of["category"],
            collection_ids=[of["collection"]],
            publish=[PublicationDraft(channel_id=shop.channels[code]) for code in ("web", "app", "pos")],
        )
        saved = await save_product(tx, who, draft)
        assert saved.product_id is not None
        of["product"], of["variant"] = saved.product_id, saved.variant_ids[0]
        of["media"] = (await queries.media_of_products(tx, [saved.product_id]))[saved.product_id][0].id
        await set_variant_media(tx, who, of["variant"], [of["media"]])
        given: Any = {"name": {"pt-BR": "Promoção"}}
        of["list"] = await create_price_list(tx, who, code="promo", currency="BRL", includes_tax=True, given=given)
        await set_prices(tx, who, price_list_id=shop.price_list_id, changes=[PriceChange(of["variant"], 1990)])
        changes = [StockChange(of["variant"], shop.locations["centro"], on_hand=9 * UNIT)]
        await adjust(tx, who, changes=changes, kind="COUNT")

    await keeps.write(write)
    return of


@pytest.mark.parametrize("change", CHANGES)
async def test_each_change_is_shown(keeps: Keeping, change: str) -> None:
    shop, of = keeps.shop, await full(keeps)
    if "list" in change:
        price = PriceChange(of["variant"], 700)
        await keeps.write(lambda tx: set_prices(tx, shop.actor(), price_list_id=of["list"], changes=[price]))
    await keeps.catch_up()

    async def shown() -> Any:
        looks: list[dict[str, Any]] = [{}, {"code": "pos", "who": shop.actor("device").principal}]
        told = []
        for look, variables in ((ONE, {"slug": "cheia"}), (SHEET, {})):
            for how in looks:
                moment = clock.now()
                # As what is written down says it, where something is, as it surely does, and as it was filled last.
                kept = [await keeps.ask(look, moment, variables=variables, **how) for _ in range(3)]
                there = await keeps.ask(look, moment, variables=variables, kept=False, **how)
                assert kept == [there] * 3, differences(kept, [there] * 3)
                told.append(there)
        return told

    before = await shown()
    assert keeps.rows
    await keeps.write(lambda tx: CHANGES[change](shop, of, tx, shop.actor()))
    await keeps.catch_up()
    await keeps.check(clock.now(), change)
    assert await shown() != before
    await keeps.check(clock.now() + 2 * HOUR, change)


async def begun(shop: Shop) -> None:
    if "CANECA" not in shop.variants:
        await shop.variant("CANECA", price=1990, stock=dict.fromkeys(shop.locations, 100 * UNIT))


async def play(shop: Shop, keeps: Keeping, seed: int, steps: int) -> int:
    """Write by lot, let time go by, and look; how many products were seen."""
    last = await shop.db.value(select(func.max(product.c.updated_at)))
    doings, seen = writing(shop, seed, max(clock.now(), last)), 0
    for which in (Writing.equip, Writing.draft, Writing.shelve, Writing.list_prices, Writing.price_more):
        await do(doings, which)
    for step in range(steps):
        await do(doings, doings.roll.choice(WRITES))
        if doings.roll.random() < 0.2:
            doings.moment += doings.roll.choice([HOUR / 2, HOUR, 2 * HOUR])
            doings.done.append(f"the clock says {doings.moment:%H:%M}")
        if step % 2 == 0:
            await keeps.catch_up()
            seen += await keeps.check(doings.moment, doings.done[-6:])
    return seen


@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
async def test_what_is_kept_says_what_the_tables_say(shop: Shop, seed: int) -> None:
    # Whatever the machine has to do besides, the follower is believed: it is asked for what it keeps.
    await begun(shop)
    async with keeping(shop) as keeps:
        assert await play(shop, keeps, seed, 30)
        kept = keeps.catalog
        assert kept.hits > kept.misses > 0
        assert kept.drops > 0
        assert keeps.rows


RENAMED = "query($slug: String!) { product(by: {slug: $slug}) { name priceRange { min { amount } } } }"
TOLD = "{ changes(first: 9, topics: [PRODUCT]) { changes { entity { ... on Product { name } } } } }"
PAGE = document("storefront", "productPage")
LISTING = """query($category: [String!]) { products(first: 20, filter: {categories: $category}, sort: {key: NAME}) {
  nodes { id slug name variants(first: 3) { nodes {
    id sku price { unitPrice { amount } } availability { available }
  } } }
} }"""


@pytest_asyncio.fixture
async def keeps(shop: Shop, believed: None) -> AsyncIterator[Keeping]:
    await begun(shop)
    async with keeping(shop) as keeping_:
        yield keeping_


async def rename(keeps: Keeping, name: str) -> None:
    key = await keeps.shop.db.value(select(product.c.id).where(product.c.slug == "caneca"))
    draft = ProductDraft(id=key, mode="update", texts=[TextDraft(locale="pt-BR", name=name)])
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))


async def name_of(keeps: Keeping, **how: Any) -> str:
    found = await keeps.ask(RENAMED, clock.now(), variables={"slug": "caneca"}, **how)
    name: str = found["product"]["name"]
    return name


async def test_an_answer_is_as_new_as_what_it_is_asked_for(keeps: Keeping) -> None:
    """A process that has not yet read of a change shows what was before, and says so; never to who knows of it."""
    assert await name_of(keeps) == "Caneca"
    await rename(keeps, "Xícara")
    head = await keeps.number()
    assert keeps.feed.position < head
    assert await name_of(keeps) == "Caneca"
    assert await name_of(keeps, least=head) == "Xícara"
    (told,) = (await keeps.ask(TOLD, clock.now()))["changes"]["changes"]
    assert told["entity"] == {"name": "Xícara"}
    await keeps.catch_up()
    assert await name_of(keeps) == "Xícara"
    assert await name_of(keeps, least=head) == "Xícara"


async def test_who_has_written_is_shown_the_tables(keeps: Keeping) -> None:
    assert await name_of(keeps) == "Caneca"
    context = await keeps.context(clock.now(), kept=True)
    assert context.followed is keeps.catalog
    await rename(keeps, "Xícara")
    # As `perform` does after a commit, a repeated one's too.
    context.wrote_now(None)
    result = await ENGINE.execute(ENGINE.operation(RENAMED), {"slug": "caneca"}, context)
    assert result.data is not None
    assert result.data["product"]["name"] == "Xícara"


async def test_a_payload_waits_until_its_own_write_was_read(keeps: Keeping) -> None:
    """As its answer does anyway; what it shows then is kept, and as new as the write."""
    shop = keeps.shop
    key = shop.variants["CANECA"]
    (before,) = await load_variants(await keeps.context(clock.now(), kept=True), [key])
    assert before is not None
    await rename(keeps, "Xícara")
    told = await shop.db.value(select(func.max(outbox.c.id)))
    context = await keeps.context(clock.now(), kept=True)
    # In vain, where nothing is numbered: then the tables are read.
    context.wrote_now(told)
    (found,) = await load_variants(context, [key])
    assert found is not None
    assert (found.known, context.followed, keeps.feed.owed) == (None, None, {told})
    await keeps.catch_up()
    context.wrote_now(told)
    (found,) = await load_variants(context, [key])
    assert found is not None
    assert found.known is not None
    assert (found.known.name, context.least) == ("Xícara", keeps.feed.position)
    # A repeated write has nothing to wait for, and no position.
    context.wrote_now(None)
    (found,) = await load_variants(context, [key])
    assert found is not None
    assert found.known is None


async def test_who_sees_more_than_shoppers_reads_the_tables(keeps: Keeping) -> None:
    assert await name_of(keeps) == "Caneca"
    await rename(keeps, "Xícara")
    assert await name_of(keeps, who=keeps.shop.actor("catalog").principal) == "Xícara"
    assert await name_of(keeps, who=keeps.shop.actor("cashier").principal) == "Caneca"


async def test_nothing_is_taken_from_who_asks(keeps: Keeping) -> None:
    """A host that one caller names is not shown to the next."""
    shop = keeps.shop
    key = await shop.db.value(select(product.c.id).where(product.c.slug == "caneca"))
    draft = ProductDraft(id=key, mode="update", media=[MediaDraft(url="/media/azul.jpg")])
    await keeps.write(lambda tx: save_product(tx, shop.actor(), draft))
    await keeps.catch_up()
    query = '{ product(by: {slug: "caneca"}) { media { url } } }'
    for host in ("http://evil.example", "http://127.0.0.1:8000"):
        context = await keeps.context(clock.now(), kept=True)
        context.base_url = host
        result = await ENGINE.execute(ENGINE.operation(query), {}, context)
        assert result.data == {"product": {"media": [{"url": f"{host}/media/azul.jpg"}]}}


async def test_few_statements_are_sent(keeps: Keeping) -> None:
    """Of a listing the page and the stock, of a product's page the stock; for products that changed one more."""
    shop, doings = keeps.shop, writing(keeps.shop, 1, clock.now())
    await do(doings, Writing.shelve)
    shelf = await shop.db.row(select(category))
    assert shelf is not None
    key = await shop.db.value(select(product.c.id).where(product.c.slug == "caneca"))
    draft = ProductDraft(id=key, mode="update", category_id=shelf.id)
    await keeps.write(lambda tx: save_product(tx, shop.actor(), draft))
    await keeps.catch_up()
    # What facets count is kept apart from documents.
    asked: dict[str, Any] = {LISTING: ({"category": [shelf.slug]}, 2), PAGE: ({"slug": "caneca"}, 2)}
    asked[SEARCH] = ({"search": '"caneca"'}, 3)
    for query, (variables, _) in asked.items():
        counts = []
        for _ in range(3):
            with keeps.counted() as sent:
                assert await keeps.ask(query, clock.now(), variables=variables)
            counts.append(len(sent))
        assert counts[1:] == [1, 1], sent
    await rename(keeps, "Xícara")
    await keeps.catch_up()
    for query, (variables, anew) in asked.items():
        keeps.catalog._drop(key)
        keeps.catalog._drop(key.bytes)
        with keeps.counted() as sent:
            await keeps.ask(query, clock.now(), variables=variables)
        assert len(sent) == anew, sent


async def test_an_empty_channel_and_an_unknown_slug_are_asked_of_the_tables(keeps: Keeping) -> None:
    query = "query($slug: String!) { product(by: {slug: $slug}) { name } }"
    assert await keeps.ask(query, clock.now(), variables={"slug": "prato"}) == {"product": None}
    key = await keeps.shop.db.value(select(product.c.id))
    draft = ProductDraft(id=key, mode="update", slug="prato")
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))
    found = await keeps.ask(query, clock.now(), variables={"slug": "prato"})
    assert found == {"product": {"name": "Caneca"}}
