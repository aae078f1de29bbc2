"""Nothing that others follow can be written without telling it: the triggers of `tests.telling` see to that."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app.api.schema import schema
from app.carts.tables import cart
from app.catalog.categories import CategoryDraft, create_category
from app.catalog.collections import CollectionDraft, create_collection
from app.catalog.drafts import MediaDraft, ProductDraft, PublicationDraft, TextDraft, VariantDraft
from app.catalog.media import set_variant_media
from app.catalog.products import save_product
from app.catalog.publication import publish_product
from app.catalog.queries import media_of_products
from app.catalog.tables import product
from app.customers import customers, groups
from app.events.tables import outbox
from app.inventory.tables import hold
from app.platform import clock
from app.platform.db import metadata
from app.pos import registers
from app.pricing.prices import PriceChange
from app.worker import JOBS
from tests.api.market import open_market, stock_market
from tests.carts.selling import ADDRESS, buyer
from tests.checkout.counter import UNIT, call_off, guest, new_cart, order_of, sale, ship_method, shipped_cart, web_order
from tests.fulfillment.test_create import send
from tests.pricing.pricing import put
from tests.shop import Shop
from tests.telling import FOLLOWED, NOT_FOLLOWED

TESTS = Path(__file__).parents[1]
JOB = {job.name: job.run for job in JOBS}
NOW = clock.now()
SOON = NOW + timedelta(hours=1)


@pytest.fixture
async def watched(shop: Shop) -> Shop:
    """The shop, through a database that is watched; with a mug that was put there as a row, and shipping."""
    await shop.variant("CANECA", price=1990, stock=dict.fromkeys(shop.locations, 100 * UNIT))
    await ship_method(shop)
    return replace(shop, db=shop.watched)


async def write_all(shop: Shop) -> None:
    """A row or more in every table that is followed, by commands."""
    owner = shop.actor()
    async with shop.db.transaction() as tx:
        shelf = await create_category(tx, owner, CategoryDraft(name={"pt-BR": "Canecas"}))
        best = await create_collection(tx, owner, CollectionDraft(name={"pt-BR": "As melhores"}))
        picture = MediaDraft(url="https://feira.example/azul.jpg")
        draft = ProductDraft(
            slug="azul",
            status="ACTIVE",
            texts=(TextDraft(locale="pt-BR", name="Caneca azul"),),
            media=(picture,),
            variants=(VariantDraft(sku="AZUL"),),
            category_id=shelf,
            collection_ids=(best,),
            publish=(PublicationDraft(channel_id=shop.channels["web"]),),
        )
        saved = await save_product(tx, owner, draft)
        (pictures,) = (await media_of_products(tx, [saved.product_id] if saved.product_id else [])).values()
        await set_variant_media(tx, owner, saved.variant_ids[0], [row.id for row in pictures])
        pos, praia = shop.channels["pos"], shop.locations["praia"]
        await registers.create(tx, owner, code="praia-2", name="Caixa", location_id=praia, channel_id=pos)
        group = await groups.create(tx, owner, code="vip", name="VIP")
        person = await customers.create(tx, owner, {"first_name": "Ana", "addresses": [ADDRESS]}, group_ids=[group])
    await put(shop, NOW, PriceChange(saved.variant_ids[0], 1000))
    await sale(shop, ("CANECA", 1))
    placed = await web_order(shop, ("CANECA", 2))
    await send(shop, placed)
    await call_off(shop, await web_order(shop, ("CANECA", 1), actor=owner))
    await web_order(shop, ("CANECA", 1))
    await buyer(shop, owner, await shipped_cart(shop, ("CANECA", 1)), customer_id=person)
    assert (await order_of(shop, placed)).fulfillment_status == "FULFILLED"


def test_every_table_is_followed_or_is_not_for_a_reason() -> None:
    assert not FOLLOWED.keys() & NOT_FOLLOWED.keys()
    assert set(metadata.tables) == FOLLOWED.keys() | NOT_FOLLOWED.keys()


async def test_a_write_of_any_followed_table_that_is_not_told_is_found(watched: Shop) -> None:
    await write_all(watched)
    found = []
    for table in FOLLOWED:
        async with watched.db.transaction() as tx:
            await tx.execute(text(f'ALTER TABLE "{table}" ADD COLUMN probe integer'))
        try:
            async with watched.db.transaction() as tx:
                assert await tx.execute(text(f'UPDATE "{table}" SET probe = 1')) > 0, f"no row of {table} was written"
        except DBAPIError as error:
            found.append((table, "not told: UPDATE" in str(error)))
    assert found == [(table, True) for table in FOLLOWED]


async def test_what_the_clock_does_is_told(watched: Shop, shop: Shop, monkeypatch: Any) -> None:
    """Each job with something to do, under the eyes of the triggers: it would raise."""
    owner = watched.actor()
    caneca = watched.variants["CANECA"]
    later = [PublicationDraft(channel_id=watched.channels["web"], starts_at=SOON)]
    key = await watched.db.value(select(product.c.id))
    await watched.db.run(lambda tx: publish_product(tx, owner, key, later))
    await put(watched, NOW, PriceChange(caneca, 900, starts_at=SOON))
    old = await new_cart(watched, guest(watched, "app"), ("CANECA", 1))
    await new_cart(watched, guest(watched, "app"), ("CANECA", 1))
    async with shop.db.transaction() as tx:
        await tx.execute(update(cart).where(cart.c.id == old).values(expires_at=SOON))
        await tx.execute(update(hold).where(hold.c.cart_id != old).values(expires_at=NOW - timedelta(days=1)))
    monkeypatch.setattr(clock, "now", lambda: SOON)
    last = await shop.db.value(select(outbox.c.id).order_by(outbox.c.id.desc()).limit(1))
    done = {name: await run(watched.db) for name, run in JOB.items()}
    telling = {"sweep holds", "tell prices", "tell publications", "close carts"}
    assert {name for name in telling if not done[name]} == set()
    told = await shop.db.rows(select(outbox.c.topic).where(outbox.c.id > last))
    assert {row.topic for row in told} == {"PRODUCT", "PRICE", "AVAILABILITY", "STOCK", "CART"}


def test_every_mutation_is_called_by_a_test_through_the_api() -> None:
    """Where all that it writes is watched."""
    files = [path for folder in ("api", "journeys", "events") for path in (TESTS / folder).glob("*.py")]
    files += (TESTS.parent / "graphql").glob("*/*.graphql")
    # That table names them all.
    words = {word for path in files if path.stem != "permission_table" for word in re.findall(r"\w+", path.read_text())}
    mutation = build_schema(schema.as_str()).mutation_type
    assert mutation is not None
    assert set(mutation.fields) - words == set()


async def test_mutations_that_no_other_story_has(database_url: str) -> None:
    names = [{"locale": "pt-BR", "text": "Outras"}]
    async with open_market(database_url) as market:
        await stock_market(market)
        keys = market.of
        await market.done("collectionUpdate", {"collectionId": keys["Collection"], "names": names})
        await market.done("collectionArchive", {"collectionId": keys["Collection"]})
        await market.done("customerGroupUpdate", {"customerGroupId": keys["CustomerGroup"], "name": "Outros"})
        await market.done("deviceUpdate", {"deviceId": keys["Device"], "name": "Outra"})
        await market.done("apiClientUpdate", {"apiClientId": keys["ApiClient"], "name": "Outro"})
        given = {"texts": [{"locale": "pt-BR", "name": "Prato"}]}
        made = await market.done("productCreate", given, answer="product { id }")
        item = {"productId": made["product"]["id"], "sku": "PRATO"}
        await market.done("variantBulkCreate", {"items": [item]})
