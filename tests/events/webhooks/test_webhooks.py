"""Making, changing and ending webhooks; what is kept of them, and for how long."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, update

from app.events.outbox import Action, Topic
from app.events.scopes import sold_scope
from app.events.tables import feed_head
from app.events.webhooks import deliveries, plan, webhooks
from app.events.webhooks.forget import DELIVERED_DAYS, GIVEN_UP_DAYS, forget
from app.events.webhooks.tables import webhook, webhook_attempt, webhook_delivery
from app.platform import clock
from app.platform.errors import InvalidInput, NotFound, Refusals, VersionConflict
from app.platform.ids import new_id
from app.platform.outbound.address import NOTHING, Allowed
from tests.events.webhooks.rig import (
    HERE,
    all_done,
    attempts,
    change,
    log,
    no_document,
    products,
    sending,
    state,
    subscribe,
    tell,
    until,
)
from tests.platform.outbound.receiver import receiving

URL = "https://erp.example/hook"


async def refused(database, **given):
    try:
        await subscribe(database, **{"url": URL} | given)
    except (InvalidInput, NotFound, Refusals) as refused:
        return {(one.path[0], one.code) for one in refused.refusals}
    return set()


async def test_it_begins_at_the_head(database):
    await tell(database, change(new_id(), 1))
    hook = await subscribe(database, URL, topics=[Topic.ORDER, Topic.CART, Topic.CART], actions=[Action.UPSERT])
    found = await state(database, hook.id)
    assert (found.planned, found.status, found.topics, found.actions) == (1, "ACTIVE", ["CART", "ORDER"], ["UPSERT"])
    assert hook.secret.startswith("whsec_")
    assert hook.secret not in repr(hook)


async def test_it_may_begin_earlier_but_not_later(database):
    for version in range(1, 4):
        await tell(database, change(new_id(), version))
    make = partial(
        webhooks.create, given={"name": "x", "url": URL}, now=clock.now(), by="test", allowed=HERE, check=no_document
    )
    made = await database.run(partial(make, after=1))
    assert (await state(database, made.id)).planned == 1
    with pytest.raises(InvalidInput) as ahead:
        await database.run(partial(make, after=4))
    assert ahead.value.code == "AHEAD"


async def test_what_makes_no_sense_is_refused_all_at_once(database, shop):
    assert await refused(database, name=" ", url="http://erp.example/", allowed=NOTHING) == {
        ("name", "REQUIRED"),
        ("url", "INVALID_URL"),
    }
    assert await refused(database, name="x" * 201) == {("name", "TOO_LONG")}
    assert await refused(database, name="a\nb") == {("name", "INVALID_TEXT")}
    assert await refused(database, topics=[]) == {("topics", "REQUIRED")}
    assert await refused(database, channel_ids=[new_id()]) == {("channelIds", "NOT_FOUND")}
    assert await refused(database, location_ids=[]) == {("locationIds", "REQUIRED")}
    assert await refused(database, location_ids=[new_id()] * 101) == {("locationIds", "TOO_MANY")}
    assert await refused(database, document="x" * 20_001) == {("document", "TOO_LONG")}
    assert await refused(database, url="https://127.0.0.1/", allowed=NOTHING) == {("url", "INVALID_URL")}
    networks = Allowed.parse("10.0.0.0/8")
    assert await refused(database, url="http://erp.example/", allowed=networks) == {("url", "INVALID_URL")}
    known = await subscribe(database, URL, channel_ids=[shop.channels["web"]], location_ids=[shop.locations["cd"]])
    assert (await state(database, known.id)).channel_ids == [shop.channels["web"]]


async def test_changes_are_versioned(database):
    hook = await subscribe(database, URL, topics=[Topic.ORDER])
    write = partial(
        webhooks.update_webhook,
        webhook_id=hook.id,
        now=clock.now(),
        allowed=HERE,
        check=no_document,
        expected_version=1,
    )
    await database.run(partial(write, given={"topics": None, "document": "{ x }"}))
    found = await state(database, hook.id)
    assert (found.version, found.topics, found.document, found.url) == (2, None, "{ x }", URL)
    with pytest.raises(VersionConflict):
        await database.run(partial(write, given={"name": "y"}))


async def test_at_most_two_secrets_are_live(database):
    hook = await subscribe(database, URL)
    first = (await state(database, hook.id)).secret
    rotate = partial(webhooks.rotate, webhook_id=hook.id, now=clock.now())
    await database.run(partial(rotate, hours=1))
    second = await state(database, hook.id)
    assert (second.previous_secret, second.secret == first) == (first, False)
    await database.run(partial(rotate, hours=1))
    third = await state(database, hook.id)
    assert third.previous_secret == second.secret
    await database.run(partial(rotate, hours=0))
    assert (await state(database, hook.id)).previous_secret is None
    with pytest.raises(InvalidInput):
        await database.run(partial(rotate, hours=1_000))


async def test_a_replaced_secret_is_forgotten_when_its_time_is_over(database):
    hook = await subscribe(database, URL)
    await database.run(partial(webhooks.rotate, webhook_id=hook.id, now=clock.now(), hours=1))
    assert await forget(database, clock.now()) == 0
    assert await forget(database, clock.now() + timedelta(hours=2)) == 1
    assert (await state(database, hook.id)).previous_secret is None


async def test_the_filter_decides_what_is_planned(database, shop):
    a, b = products(2)
    hook = await subscribe(database, URL, channel_ids=[shop.channels["web"]])
    web, pos = sold_scope(shop.channels["web"]), sold_scope(shop.channels["pos"])
    await tell(database, change(a, 1, Topic.PRODUCT, web), change(b, 1, Topic.PRODUCT, pos))
    await tell(database, change(a, 2, Topic.PRODUCT, pos, before=("staff", web)))
    await plan.plan(database, clock.now())
    assert [(row.entity_id, row.action) for row in await log(database, hook.id)] == [(a, "UPSERT"), (a, "DELETE")]
    assert (await state(database, hook.id)).planned == 3


async def test_what_was_forgotten_before_it_was_planned_is_told(database):
    hook = await subscribe(database, URL)
    for version in range(1, 6):
        await tell(database, change(new_id(), version))
    async with database.transaction() as tx:
        await tx.execute(update(feed_head).values(forgotten=3))
    assert await plan.least_planned(database) == 0
    await plan.plan(database, clock.now())
    found = await state(database, hook.id)
    assert (found.planned, found.missed_after, found.missed_up_to) == (5, 0, 3)
    assert [row.position for row in await log(database, hook.id)] == [4, 5]
    with pytest.raises(InvalidInput) as caught:
        await database.run(partial(deliveries.replay, webhook_id=hook.id, after=2, now=clock.now()))
    assert caught.value.code == "FORGOTTEN"


async def test_who_is_not_there(database):
    now = clock.now()
    for command in (
        partial(webhooks.pause, webhook_id=new_id(), now=now),
        partial(webhooks.resume, webhook_id=new_id(), now=now),
        partial(webhooks.rotate, webhook_id=new_id(), now=now, hours=1),
        partial(webhooks.delete, webhook_id=new_id(), now=now),
        partial(deliveries.replay, webhook_id=new_id(), now=now, after=0),
        partial(deliveries.trial, webhook_id=new_id(), now=now),
        partial(deliveries.redeliver, delivery_id=new_id(), now=now),
    ):
        with pytest.raises(NotFound):
            await database.run(command)


async def test_the_log_is_kept_for_a_while(database):
    a, b = products(2)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(a, 1), change(b, 1))
        await until(lambda: all_done(database, hook.id, 2))
    failed, delivered = await log(database, hook.id)
    async with database.transaction() as tx:
        await tx.execute(update(webhook_delivery).where(webhook_delivery.c.id == failed.id).values(status="FAILED"))
    now = clock.now()
    assert await forget(database, now + timedelta(days=DELIVERED_DAYS - 1)) == 0
    assert await forget(database, now + timedelta(days=DELIVERED_DAYS + 1)) == 1
    assert [row.id for row in await log(database, hook.id)] == [failed.id]
    assert await attempts(database, delivered.id) == []
    assert await forget(database, now + timedelta(days=GIVEN_UP_DAYS + 1)) == 1


async def test_deleted_it_is_sent_nothing_more_and_leaves_nothing(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
        await database.run(partial(webhooks.delete, webhook_id=hook.id, now=clock.now()))
        assert (await state(database, hook.id)).secret == b""
        other = await subscribe(database, receiver.url("/other"))
        await tell(database, change(product, 2))
        await until(lambda: all_done(database, other.id, 1))
    assert [got.path for got in receiver.received] == ["/hook", "/other"]
    assert await forget(database, clock.now()) == 2
    for table, left in ((webhook, 1), (webhook_delivery, 1), (webhook_attempt, 1)):
        assert await database.value(select(func.count()).select_from(table)) == left


async def test_a_redelivery_of_what_waits_only_hurries(database):
    [product] = products(1)
    hook = await subscribe(database, URL)
    await tell(database, change(product, 1), change(product, 2))
    await plan.plan(database, clock.now())
    first, second = await log(database, hook.id)
    later = clock.now() + timedelta(hours=1)
    async with database.transaction() as tx:
        await tx.execute(update(webhook_delivery).where(webhook_delivery.c.id == first.id).values(due_at=later))
    for row in (first, second):
        await database.run(partial(deliveries.redeliver, delivery_id=row.id, now=clock.now()))
    hurried, blocked = await log(database, hook.id)
    assert hurried.due_at < later
    assert blocked.due_at is None


async def test_a_change_waits_once(database):
    [product] = products(1)
    hook = await subscribe(database, URL)
    await tell(database, change(product, 1))
    await plan.plan(database, clock.now())
    [row] = await log(database, hook.id)
    async with database.transaction() as tx:
        done = update(webhook_delivery).values(status="DELIVERED", finished_at=clock.now(), due_at=None)
        await tx.execute(done)
    await database.run(partial(deliveries.replay, webhook_id=hook.id, after=0, now=clock.now()))
    await plan.plan(database, clock.now())
    with pytest.raises(InvalidInput) as caught:
        await database.run(partial(deliveries.redeliver, delivery_id=row.id, now=clock.now()))
    assert caught.value.code == "ALREADY_WAITING"
    again = (await log(database, hook.id))[1]
    await database.run(partial(deliveries.replay, webhook_id=hook.id, after=0, now=clock.now()))
    with pytest.raises(InvalidInput) as caught:
        await database.run(partial(deliveries.redeliver, delivery_id=again.id, now=clock.now()))
    assert caught.value.code == "REPLACED"
