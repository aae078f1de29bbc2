"""Named followers: how far each is, in the history that it follows, and that they stay few."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from app.events.followers import (
    BEHIND_AFTER,
    KEPT,
    MOST,
    QUIET,
    State,
    acknowledge,
    all_followers,
    digests_of,
    followers_by_ids,
    forget_silent,
    lag_seconds,
    note_digests,
    state_of,
)
from app.events.tables import feed_head, follower, outbox
from app.events.unnumbered import unnumbered
from app.events.webhooks import plan
from app.events.webhooks.tables import webhook, webhook_delivery
from app.platform import clock
from app.platform.db import Database
from app.platform.errors import InvalidInput
from app.platform.ids import new_id
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


async def state(database, key, *, later: timedelta = timedelta(0)) -> State:
    row = (await followers_by_ids(database, [key]))[key]
    return state_of(row, clock.now() + later)


async def test_who_lacks_an_old_change_is_behind_and_who_lacks_what_is_gone_needs_a_snapshot(database):
    await tell(database, *(change() for _ in range(3)))
    await number(database)
    all_of_it, some = await told(database, 3), await told(database, 1, name="some")
    assert await state(database, some) == State.FOLLOWING, "it may take a moment"
    assert await state(database, some, later=BEHIND_AFTER) == State.BEHIND
    assert await state(database, all_of_it, later=BEHIND_AFTER) == State.FOLLOWING
    await database.run(lambda tx: tx.execute(update(feed_head).values(forgotten=1)))
    assert await state(database, some, later=BEHIND_AFTER) == State.BEHIND, "what comes next is kept"
    await database.run(lambda tx: tx.execute(update(feed_head).values(forgotten=2)))
    assert await state(database, some) == State.NEEDS_SNAPSHOT
    await database.run(lambda tx: tx.execute(update(feed_head).values(epoch="another")))
    assert await state(database, all_of_it) == State.NEEDS_SNAPSHOT


async def hook(database) -> UUID:
    row = {"id": new_id(), "name": "ERP", "url": "https://erp.example", "secret": b"x" * 24, "planned": 0}
    row |= {"created_by": "test", "created_at": clock.now(), "updated_at": clock.now()}
    await database.run(lambda tx: tx.execute(insert(webhook), row))
    return row["id"]  # type: ignore[return-value]


async def test_a_webhook_has_what_has_arrived_not_what_is_planned(database):
    key = await hook(database)
    await tell(database, *(change(after=("staff",)) for _ in range(3)))
    await number(database)
    await plan.plan(database, clock.now())
    row = (await followers_by_ids(database, [key]))[key]
    assert (row.kind, row.position, row.lag, row.needs_after) == ("webhook", 0, 3, 3)
    delivered = {"status": "DELIVERED", "finished_at": clock.now(), "due_at": None}
    first = update(webhook_delivery).where(webhook_delivery.c.position == 1).values(**delivered)
    await database.run(lambda tx: tx.execute(first))
    row = (await followers_by_ids(database, [key]))[key]
    second = select(webhook_delivery.c.occurred_at).where(webhook_delivery.c.position == 2)
    assert (row.position, row.lag, row.waits_since) == (1, 2, await database.value(second))
    # Its deliveries are stored: that the feed forgets them is nothing to it.
    await database.run(lambda tx: tx.execute(update(feed_head).values(forgotten=3)))
    assert await state(database, key) == State.FOLLOWING
    assert await state(database, key, later=BEHIND_AFTER) == State.BEHIND
    await database.run(lambda tx: tx.execute(update(webhook).values(failing_since=clock.now())))
    assert await state(database, key) == State.FAILING
    await database.run(lambda tx: tx.execute(update(webhook).values(status="PAUSED")))
    assert await state(database, key) == State.PAUSED
    await database.run(lambda tx: tx.execute(update(webhook_delivery).values(**delivered)))
    row = (await followers_by_ids(database, [key]))[key]
    assert (row.position, row.lag, lag_seconds(row, clock.now())) == (3, 0, 0.0)


async def test_of_each_topic_the_last_comparison_is_kept(database):
    await tell(database)
    await number(database)
    key, other = await told(database, 1), await told(database, 1, name="other")

    async def note(position: int, **compared: bool) -> None:
        await database.run(lambda tx: note_digests(tx, key, compared, position=position, now=clock.now()))

    await note(0, PRICE=True, STOCK=False)
    await note(1, STOCK=True)
    found = await digests_of(database, [key, other])
    assert [(row.topic, row.matches, row.position) for row in found[key]] == [("PRICE", True, 0), ("STOCK", True, 1)]
    assert found[other] == []
    await database.run(lambda tx: forget_silent(tx, clock.now() + KEPT + timedelta(hours=1)))
    assert (await digests_of(database, [key]))[key] == []


async def test_what_waits_for_its_position_tells_how_late_the_sequencer_is(database):
    assert (await unnumbered(database)).changes == 0
    await tell(database, change(), change())
    found = await unnumbered(database)
    first = await database.value(select(outbox.c.occurred_at).order_by(outbox.c.id))
    assert (found.changes, found.oldest_at, found.seconds(first + timedelta(seconds=3))) == (2, first, 3.0)
    await number(database)
    found = await unnumbered(database)
    assert (found.changes, found.seconds(clock.now())) == (0, 0.0)
