"""One process of the feed's proof: it writes, or it numbers, until it is told to stop or killed.

python -m tests.laws.feed_worker writer URL SEED SECONDS
python -m tests.laws.feed_worker sequencer URL
"""

import asyncio
import random
import sys
from time import monotonic
from typing import Any

from sqlalchemy import select

from app.catalog.tables import variant
from app.channels.tables import channel, location
from app.events.sequencer import sequence
from app.identity.principal import Actor, system_actor
from app.inventory.levels import StockChange, adjust
from app.platform import clock
from app.platform.db import Database, Tx
from app.platform.lease import LOST
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import price_list


async def write(url: str, seed: int, seconds: float) -> int:
    """Receive stock and change prices at random, some of it rolled back; how often it committed, as far as it heard."""
    database = Database.open(url, reads=2, writes=4)
    chance = random.Random(seed)
    variants = [row.id for row in await database.rows(select(variant.c.id).order_by(variant.c.id))]
    places = [row.id for row in await database.rows(select(location.c.id))]
    channel_id = await database.value(select(channel.c.id).where(channel.c.is_default))
    list_id = await database.value(select(price_list.c.id))
    print("ready", flush=True)
    until, done = monotonic() + seconds, 0

    async def once() -> None:
        nonlocal done
        actor = system_actor(channel_id, clock.now())

        async def command(tx: Tx) -> None:
            some = sorted(chance.sample(variants, chance.randint(1, 3)))
            if chance.random() < 0.3:
                changes = [PriceChange(each, chance.randint(100, 10_000)) for each in some]
                await set_prices(tx, actor, price_list_id=list_id, changes=changes)
            else:
                await _receive(tx, actor, some, chance.choice(places))
            if chance.random() < 0.05:
                raise ZeroDivisionError

        try:
            await database.run(command)
            done += 1
        except ZeroDivisionError:
            pass
        except LOST:
            await asyncio.sleep(0.2)

    async def loop() -> None:
        while monotonic() < until:
            await once()

    await asyncio.gather(*(loop() for _ in range(3)))
    await database.close()
    return done


async def _receive(tx: Tx, actor: Actor, variants: list[Any], place: Any) -> None:
    changes = [
        StockChange(variant_id=each, location_id=place, delta=1000, path=("changes", str(number)))
        for number, each in enumerate(variants)
    ]
    await adjust(tx, actor, changes=changes, kind="RECEIPT")


async def number(url: str) -> None:
    """Stand for election, and number."""
    await sequence(Database.open(url, reads=1, writes=1), asyncio.Event())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["writer", url, seed, seconds]:
            print(asyncio.run(write(url, int(seed), float(seconds))))
        case ["sequencer", url]:
            asyncio.run(number(url))
