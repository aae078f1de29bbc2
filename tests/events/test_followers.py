"""Named followers: how far each is, in the history that it follows, and that they stay few."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.events.followers import (
    KEPT,
    MOST,
    QUIET,
    acknowledge,
    all_followers,
    followers_by_ids,
    forget_silent,
    lag_seconds,
)
from app.events.tables import feed_head, follower, outbox
from app.platform import clock
from app.platform.db import Database
from app.platform.errors import InvalidInput
from tests.events.telling import change, number, tell

TILL = "device:1"


async def told(database: Database, position: int, *, of: str = TILL, name: str = "till", ago: timedelta | None = None):
    now = clock.now() - (ago or timedelta(0))
    return await database.run(
        lambda tx: acknowledge(tx, principal=of, kind="device", name=name, position=position, now=now)
    )


async def test_a_follower_moves_and_shows_its_lag(database):
    await tell(database, *(change() for _ in range(3)))
    await number(database)
    key = await told(database, 1)
    assert await told(database, 2) == key
    row = (await followers_by_ids(database, [key]))[key]
    assert (row.position, row.lag, row.kind, row.name) == (2, 1, "device", "till")
    last = await database.value(select(outbox.c.occurred_at).order_by(outbox.c.id.desc()))
    assert lag_seconds(row, last + timedelta(seconds=7)) == 7.0
    await told(database, 3)
    row = (await followers_by_ids(database, [key]))[key]
    assert (row.lag, lag_seconds(row, last + timedelta(seconds=7))) == (0, 0.0)


async def test_a_device_that_was_restored_goes_back(database):
    await tell(database, *(change() for _ in range(3)))
    await number(database)
    key = await told(database, 3)
    assert await told(database, 1) == key
    assert (await followers_by_ids(database, [key]))[key].lag == 2


async def test_nobody_is_ahead_of_the_feed(database):
    with pytest.raises(InvalidInput) as refused:
        await told(database, 1)
    assert (refused.value.code, refused.value.path) == ("AHEAD_OF_FEED", ("position",))
    assert await all_followers(database) == []


async def test_what_an_earlier_epoch_knew_is_nothing_in_this_one(database):
    await tell(database, change(), change())
    await number(database)
    key = await told(database, 2)
    await database.run(lambda tx: tx.execute(update(feed_head).values(epoch="another")))
    row = (await followers_by_ids(database, [key]))[key]
    assert (row.position, row.lag) == (2, 2)
    assert row.waits_since is not None
    await told(database, 2)
    assert (await followers_by_ids(database, [key]))[key].lag == 0


async def test_names_are_each_principals_own(database):
    mine, theirs = await told(database, 0), await told(database, 0, of="device:2")
    assert mine != theirs
    assert len(await all_followers(database)) == 2


async def test_they_stay_few_and_who_is_silent_gives_its_place(database):
    silent = await told(database, 0, name="silent", ago=QUIET + timedelta(hours=1))
    more = [told(database, 0, name=f"till {each}") for each in range(MOST + 3)]
    made = await asyncio.gather(*more, return_exceptions=True)
    refused = [each for each in made if isinstance(each, Exception)]
    assert [(each.code, each.path) for each in refused] == [("TOO_MANY", ("name",))] * 3  # type: ignore[attr-defined]
    assert len(await all_followers(database)) == MOST
    assert await followers_by_ids(database, [silent]) == {}
    await told(database, 0, of="device:2")


async def test_one_name_told_twice_at_once_is_one_follower(database):
    keys = await asyncio.gather(*(told(database, 0) for _ in range(8)))
    assert len(set(keys)) == 1


async def test_who_is_silent_for_very_long_is_forgotten(database):
    await told(database, 0, ago=KEPT + timedelta(hours=1))
    kept = await told(database, 0, name="other", ago=KEPT - timedelta(hours=1))
    assert await database.run(lambda tx: forget_silent(tx, clock.now())) == 1
    assert [row.id for row in await database.rows(select(follower))] == [kept]
