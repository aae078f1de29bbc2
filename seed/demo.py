"""The demo shop in a database, loaded by running the shop's own commands.

An interrupted load is gone on with at the next; a shop that somebody filled otherwise is left alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from app.channels.queries import channels_by_codes
from app.identity.principal import Actor, system_actor
from app.platform import clock
from app.platform.config import Settings
from app.platform.db import Database, Tx
from seed import load_catalog, load_goods, load_people, load_settings, marker
from seed.content import load as read_content
from seed.shapes import Content, Product
from seed.tokens import tokens

__all__ = ["load", "tokens"]

Bar = Callable[[str, int, int], None]
Step = Callable[[Tx, Actor], Awaitable[None]]

LOADING: Final = "loading the demo shop"
PRODUCTS_A_STEP: Final = 45
NOBODY: Final = UUID(int=0)
# A number of our own for PostgreSQL's advisory locks: "seed" as bytes.
_TURN: Final = 0x73656564

TAKE_TURN: Final = select(func.pg_try_advisory_lock(_TURN))
GIVE_TURN: Final = select(func.pg_advisory_unlock(_TURN))


async def load(database: Database, _: Settings, bar: Bar) -> None:
    """Load the demo shop into an empty shop, or what an interrupted load left out; anything else stays as it is.

    `bar` is told how far it is: a text, records done, records in all. Two loads at a time: the second waits.
    """
    if not await marker.is_due(database):
        return
    content = read_content()
    async with _one_at_a_time(database):
        if not await database.run(marker.begin):
            return
        plan = list(steps(content))
        total, done = sum(size for size, _ in plan), 0
        bar(LOADING, done, total)
        for size, step in plan:
            await database.run(partial(_carry_out, content, step))
            done += size
            bar(LOADING, done, total)
        await database.run(partial(marker.finish, products=len(content.products)))


def steps(content: Content) -> Iterator[tuple[int, Step]]:
    """What is carried out, each in a transaction of its own, in the order in which one needs the other; how many
    records each is."""
    shop, catalog, people = content.shop, content.catalog, content.people
    yield (
        len(shop.locations) + len(shop.channels) + len(shop.registers),
        partial(load_settings.places, content=content),
    )
    yield len(shop.tax_classes) + len(shop.tax_rates), partial(load_settings.tax_rules, content=content)
    yield len(people.staff) + len(people.customers), partial(load_people.people, content=content)
    yield len(content.price_lists), partial(load_settings.lists, content=content)
    yield len(content.delivery_options), partial(load_settings.delivery, content=content)
    yield len(catalog.categories) + len(catalog.collections), partial(load_catalog.shelves, content=content)
    for some in _parts(content.products):
        yield len(some), partial(load_catalog.products, content=content, some=some)
    for each in content.price_lists:
        if each.kind == "base":
            size = sum(len(one.variants) for one in content.products)
            yield size, partial(load_goods.base_prices, content=content, each=each)
        else:
            yield len(each.prices), partial(load_goods.list_prices, each=each)
    for some in _parts(content.products):
        yield (
            sum(len(variant.stock) for one in some for variant in one.variants),
            partial(load_goods.stock, content=content, some=some),
        )


def _parts(products: Sequence[Product]) -> Iterator[Sequence[Product]]:
    for start in range(0, len(products), PRODUCTS_A_STEP):
        yield products[start : start + PRODUCTS_A_STEP]


async def _carry_out(content: Content, step: Step, tx: Tx) -> None:
    default = content.shop.shop.default_channel
    channel = (await channels_by_codes(tx, [default])).get(default)
    await step(tx, system_actor(NOBODY if channel is None else channel.id, clock.now(), name="demo shop"))


@asynccontextmanager
async def _one_at_a_time(database: Database) -> AsyncIterator[None]:
    # A connection of its own outside any transaction: PostgreSQL ends transactions that sit idle for a minute.
    async with database.reads.connect() as connection:
        while not (await connection.execute(TAKE_TURN)).scalar():  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(0.1)
        try:
            yield
        finally:
            await connection.execute(GIVE_TURN)
