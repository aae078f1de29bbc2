"""Law 5 in the process: what is kept of the catalog says what the tables say, whatever is written, whenever asked."""

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, select
from sqlalchemy.sql.visitors import iterate

from app.browse import documents, matching
from app.catalog import queries
from app.catalog.tables import product
from app.channels import queries as places
from app.platform import clock
from app.platform.errors import Refusal, Refusals
from app.pricing import frame
from tests.api.keeping import WRITES, Keeping, Writing, keeping, writing
from tests.events.doings import HOUR
from tests.inventory.stock import UNIT
from tests.shop import Shop
from tests.telling import FOLLOWED

HEARD = {"PRODUCT", "PRICE", "CATEGORY", "COLLECTION", "SETTINGS"}
"""The topics that `Catalog` drops things by."""
KEPT = [
    *(documents.BY_IDS, documents.BY_SLUGS, documents.BY_VARIANTS, matching.SLUGS),
    *(queries.CATEGORIES_BY_ID, queries.COLLECTIONS_BY_ID),
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
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
async def test_what_is_kept_says_what_the_tables_say(shop: Shop, seed: int) -> None:
    await begun(shop)
    async with keeping(shop) as keeps:
        assert await play(shop, keeps, seed, 40)
        kept = keeps.catalog
        assert kept.hits > kept.misses > 0
        assert kept.drops > 0
