"""Sending: everything, in each entity's order, with no repeats but those in the log; nobody holds up anybody else."""

import asyncio
import os
import random
from collections import Counter
from datetime import timedelta
from functools import partial

from app.events.webhooks import deliveries, webhooks
from app.events.webhooks.queue import pause
from app.platform import clock, ids
from app.platform.outbound.post import Bounds
from tests.events.webhooks.rig import (
    LOOPBACK,
    QUICK,
    all_done,
    attempts,
    change,
    log,
    products,
    quick,
    sending,
    state,
    subscribe,
    tell,
    until,
)
from tests.platform.outbound import receiver as acts
from tests.platform.outbound.receiver import receiving


async def test_a_change_is_sent_as_it_was_told(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url("/in?shop=1"))
        await tell(database, change(product, 7))
        await until(lambda: all_done(database, hook.id, 1))
    [got] = receiver.received
    [row] = await log(database, hook.id)
    assert got.path == "/in?shop=1"
    assert got.headers["content-type"] == "application/json"
    assert got.id == ids.encode("WebhookDelivery", row.id)
    assert got.change == {
        "position": "1", "topic": "PRODUCT", "action": "UPSERT", "entityId": ids.encode("Product", product),
        "version": 7, "occurredAt": got.change["occurredAt"],
    }  # fmt: skip
    assert got.said == {
        "type": "product.upserted", "timestamp": got.change["occurredAt"], "change": got.change, "data": got.change,
    }  # fmt: skip
    assert (row.status, row.attempts, row.due_at, row.claim) == ("DELIVERED", 1, None, None)
    [attempt] = await attempts(database, row.id)
    assert (attempt.status_code, attempt.answer, attempt.error) == (200, "ok", None)
    assert attempt.milliseconds is not None


async def test_nothing_from_before_it_was_made_is_sent(database):
    [product] = products(1)
    await tell(database, change(product, 1))
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 2))
        await until(lambda: all_done(database, hook.id, 1))
    assert [got.change["version"] for got in receiver.received] == [2]


ROUNDS = int(os.environ.get("FEIRA_WEBHOOK_ROUNDS", "10"))
BRIEF = Bounds(connect=1, read=0.3, whole=1, rest=0.1)


async def test_through_every_failure_it_gets_all_in_order_with_no_repeats_but_those_in_the_log(database):
    """Receiver and senders fail in every way they can. FEIRA_WEBHOOK_ROUNDS=2000 makes it long."""
    entities = products(6)
    draw = random.Random(11)
    ways = [
        acts.answer(500), acts.answer(404), acts.answer(429, "Retry-After: 0"), acts.close_early, acts.hang,
        acts.answer(302, "Location: /elsewhere"), acts.raw(b"not HTTP\r\n\r\n"), acts.drip_head,
    ]  # fmt: skip
    pace = quick(at_once_per_host=8, claimed_for=1.5)
    async with receiving() as receiver, sending(database, pace=pace, bounds=BRIEF):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda _: draw.choice(ways) if draw.random() < 0.4 else acts.answer(200)
        for version in range(1, ROUNDS + 1):
            # Another process, that dies in the middle of whatever it does.
            async with sending(database, pace=pace, bounds=BRIEF):
                await tell(database, *(change(entity, version) for entity in entities))
                await asyncio.sleep(draw.uniform(0.02, 0.1))
            receiver.refuse = draw.random() < 0.2
        receiver.refuse = False
        await until(lambda: all_done(database, hook.id, 6 * ROUNDS), 60 + ROUNDS)
        assert (await state(database, hook.id)).failing_since is None
    for entity in entities:
        key = ids.encode("Product", entity)
        versions = [got.change["version"] for got in receiver.received if got.change["entityId"] == key]
        assert versions == sorted(versions), "one overtook another"
        accepted = {got.change["version"] for got in receiver.accepted if got.change["entityId"] == key}
        assert accepted == {*range(1, ROUNDS + 1)}, "some were lost"
    assert {got.path for got in receiver.received} == {"/hook"}, "a redirect was followed"
    times, repeats = Counter(got.id for got in receiver.accepted), 0
    for row in await log(database, hook.id):
        made = await attempts(database, row.id)
        # Nobody knows whether it arrived: the sender died, or there was no answer in time.
        unsure = [one for one in made if one.status_code is None]
        taken = times[ids.encode("WebhookDelivery", row.id)]
        repeats += taken - 1
        assert row.status == "DELIVERED"
        assert 1 <= taken <= 1 + len(unsure), "a repeat that the log does not show"
        assert len([one for one in made if one.status_code == 200]) >= 1
    assert len(receiver.received) > 6 * ROUNDS + repeats


async def test_the_id_is_the_same_in_every_attempt_and_differs_between_deliveries(database):
    a, b = products(2)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda _: acts.answer(200 if len(receiver.received) > 3 else 503)
        await tell(database, change(a, 1), change(b, 1))
        await until(lambda: all_done(database, hook.id, 2))
    by_entity = {(got.change["entityId"], got.id) for got in receiver.received}
    assert len(by_entity) == 2
    assert len(receiver.received) > 3


async def test_a_stuck_entity_holds_up_no_other_and_none_of_its_own_overtakes(database):
    stuck, *others = products(6)
    key = ids.encode("Product", stuck)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda got: acts.answer(500 if got.change["entityId"] == key else 200)
        await tell(database, change(stuck, 1), change(stuck, 2), *(change(one, 1) for one in others))
        await until(lambda: len(receiver.accepted) == 5)
        await until(lambda: len(receiver.received) > 10)
        assert {got.change["version"] for got in receiver.received if got.change["entityId"] == key} == {1}
        failing = await state(database, hook.id)
        assert failing.failing_since is not None
        assert failing.last_error == "it answered 500"
        receiver.act = lambda _: acts.answer(200)
        await until(lambda: all_done(database, hook.id, 7))
        works = await state(database, hook.id)
    assert (works.failing_since, works.failures, works.last_error) == (None, 0, None)
    assert [got.change["version"] for got in receiver.accepted if got.change["entityId"] == key] == [1, 2]


async def test_after_three_days_it_is_given_up_and_the_next_goes_on(database):
    stuck, other = products(2)
    async with receiving() as receiver, sending(database, pace=quick(given_up_after=0.3)):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda got: acts.answer(500 if got.change["version"] == 1 else 200)
        await tell(database, change(stuck, 1), change(stuck, 2), change(other, 2))
        await until(lambda: all_done(database, hook.id, 3))
    first, second, third = await log(database, hook.id)
    assert (first.status, second.status, third.status) == ("FAILED", "DELIVERED", "DELIVERED")
    assert first.finished_at - first.first_tried_at >= timedelta(seconds=0.3)
    assert second.first_tried_at >= first.finished_at > third.finished_at
    assert len(await attempts(database, first.id)) == first.attempts > 1


async def test_a_slow_receiver_holds_up_nobody_else(database):
    entities = products(40)
    pace = quick(at_once=5, at_once_per_host=2, claimed_for=100)
    bounds = Bounds(read=30, whole=40)
    async with (
        receiving() as slow,
        receiving() as fast,
        sending(database, pace=pace, bounds=bounds, allowed=LOOPBACK),
    ):
        slow.act = lambda _: acts.hang
        # Counted by host, so that these must differ by more than their port.
        for number in range(6):
            await subscribe(database, slow.url(f"/{number}", host="localhost"), allowed=LOOPBACK)
        hook = await subscribe(database, fast.url())
        await tell(database, *(change(one, 1) for one in entities))
        await until(lambda: all_done(database, hook.id, 40), 10)
        assert len(slow.received) == 2
    assert len(fast.accepted) == 40


async def test_many_processes_share_the_work_and_send_nothing_twice(database):
    entities = products(5)
    async with receiving() as receiver, sending(database), sending(database), sending(database):
        hook = await subscribe(database, receiver.url())
        for version in range(1, 11):
            await tell(database, *(change(entity, version) for entity in entities))
        await until(lambda: all_done(database, hook.id, 50))
    assert len(receiver.received) == 50
    assert len(await log(database, hook.id)) == 50
    for entity in entities:
        key = ids.encode("Product", entity)
        assert [got.change["version"] for got in receiver.received if got.change["entityId"] == key] == [*range(1, 11)]


async def test_who_dies_between_request_and_record_repeats_it_once(database):
    [product] = products(1)
    async with receiving() as receiver:
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1), change(product, 2))
        receiver.act = lambda _: acts.hang
        async with sending(database, pace=quick(claimed_for=3)):
            await until(lambda: receiver.received)
        # It was received, and the sender is gone without a word of it in the database but that it had begun.
        [begun, blocked] = await log(database, hook.id)
        [open_attempt] = await attempts(database, begun.id)
        assert (begun.status, begun.attempts, open_attempt.milliseconds) == ("PENDING", 1, None)
        assert (blocked.status, blocked.due_at) == ("PENDING", None)
        receiver.act = lambda _: acts.answer(200)
        async with sending(database):
            await until(lambda: all_done(database, hook.id, 2))
    assert [got.change["version"] for got in receiver.received] == [1, 1, 2]
    assert receiver.received[0].id == receiver.received[1].id != receiver.received[2].id
    first, second = await attempts(database, begun.id)
    assert (first.milliseconds, second.status_code) == (None, 200)


async def test_paused_it_is_sent_nothing_and_resumed_it_goes_on_where_it_stopped(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
        await database.run(partial(webhooks.pause, webhook_id=hook.id, now=clock.now()))
        await tell(database, change(product, 2), change(product, 3))
        await asyncio.sleep(0.2)
        assert len(receiver.received) == 1
        assert (await state(database, hook.id)).planned == 1
        await database.run(partial(webhooks.resume, webhook_id=hook.id, now=clock.now()))
        await until(lambda: all_done(database, hook.id, 3))
    assert [got.change["version"] for got in receiver.received] == [1, 2, 3]


async def test_resumed_what_had_failed_has_its_three_days_anew_and_goes_at_once(database):
    [product] = products(1)
    pace = quick(first=3_600, longest=3_600)
    async with receiving() as receiver, sending(database, pace=pace):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda _: acts.answer(200 if len(receiver.received) > 1 else 500)
        await tell(database, change(product, 1))
        await until(lambda: failed_once(database, hook.id))
        await database.run(partial(webhooks.pause, webhook_id=hook.id, now=clock.now()))
        await database.run(partial(webhooks.resume, webhook_id=hook.id, now=clock.now()))
        await until(lambda: all_done(database, hook.id, 1))
    [row] = await log(database, hook.id)
    assert (row.status, row.attempts, row.failures) == ("DELIVERED", 2, 0)


async def failed_once(database, webhook_id):
    rows = await log(database, webhook_id)
    return bool(rows) and rows[0].failures == 1


async def test_redelivered_it_has_the_same_id(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database, pace=quick(given_up_after=0)):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda _: acts.answer(500)
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
        [row] = await log(database, hook.id)
        assert row.status == "FAILED"
        receiver.act = lambda _: acts.answer(204)
        for status in ("DELIVERED", "DELIVERED"):
            await database.run(partial(deliveries.redeliver, delivery_id=row.id, now=clock.now()))
            await until(lambda: all_done(database, hook.id, 1))
            assert [one.status for one in await log(database, hook.id)] == [status]
    assert len({got.id for got in receiver.received}) == 1
    assert [one.status_code for one in await attempts(database, row.id)] == [500, 204, 204]


async def test_redelivered_an_old_change_goes_before_a_newer_one_that_waits(database):
    [product] = products(1)
    async with receiving() as receiver:
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1), change(product, 2))
        receiver.act = lambda got: acts.answer(500)
        async with sending(database, pace=quick(given_up_after=0)):
            await until(lambda: all_done(database, hook.id, 2))
        first, second = await log(database, hook.id)
        for row in (second, first):
            await database.run(partial(deliveries.redeliver, delivery_id=row.id, now=clock.now()))
        assert [row.due_at is None for row in await log(database, hook.id)] == [False, True]
        receiver.act = lambda _: acts.answer(200)
        async with sending(database):
            await until(lambda: all_done(database, hook.id, 2))
    assert [got.change["version"] for got in receiver.accepted] == [1, 2]


async def test_a_replay_sends_all_again_in_order_under_new_ids(database):
    a, b = products(2)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(a, 1), change(b, 1), change(a, 2), change(b, 2))
        await until(lambda: all_done(database, hook.id, 4))
        await database.run(partial(deliveries.replay, webhook_id=hook.id, after=1, now=clock.now()))
        await until(lambda: all_done(database, hook.id, 7))
    again = receiver.received[4:]
    assert sorted(int(got.change["position"]) for got in again) == [2, 3, 4]
    assert not {got.id for got in again} & {got.id for got in receiver.received[:4]}
    key = ids.encode("Product", b)
    assert [got.change["version"] for got in again if got.change["entityId"] == key] == [1, 2]


async def test_a_replay_takes_the_place_of_what_waits(database):
    """Else an old change would be the last that the receiver hears."""
    [product] = products(1)
    async with receiving() as receiver, sending(database, pace=quick(first=3_600, longest=3_600)):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
        receiver.act = lambda _: acts.answer(500)
        await tell(database, change(product, 2), change(product, 3))
        await until(lambda: tried_twice(receiver))
        receiver.act = lambda _: acts.answer(200)
        await database.run(partial(deliveries.replay, webhook_id=hook.id, after=0, now=clock.now()))
        await until(lambda: all_done(database, hook.id, 6))
    assert [got.change["version"] for got in receiver.accepted] == [1, 1, 2, 3]
    assert [row.status for row in await log(database, hook.id)][1:3] == ["REPLACED", "REPLACED"]


def tried_twice(receiver):
    return len(receiver.received) == 2


async def test_a_trial_is_sent_once_even_when_paused_and_alarms_nobody(database):
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await database.run(partial(webhooks.pause, webhook_id=hook.id, now=clock.now()))
        receiver.act = lambda _: acts.answer(500)
        await database.run(partial(deliveries.trial, webhook_id=hook.id, now=clock.now()))
        await until(lambda: all_done(database, hook.id, 1))
    [got] = receiver.received
    assert got.said["type"] == "webhook.tested"
    assert got.said["data"] == {"webhookId": ids.encode("Webhook", hook.id), "name": "ERP"}
    assert (await state(database, hook.id)).failing_since is None
    assert [row.status for row in await log(database, hook.id)] == ["FAILED"]


async def test_planning_stops_when_enough_waits_and_goes_on_later(database):
    entities = products(30)
    async with receiving() as receiver, sending(database, most_waiting=10):
        hook = await subscribe(database, receiver.url())
        receiver.act = lambda _: acts.answer(500)
        await tell(database, *(change(one, 1) for one in entities))
        await until(lambda: len(receiver.received) > 15)
        assert len(await log(database, hook.id)) == 10
        receiver.act = lambda _: acts.answer(200)
        await until(lambda: all_done(database, hook.id, 30))
    assert [row.position for row in await log(database, hook.id)] == [*range(1, 31)]


async def test_the_document_shapes_the_data_and_its_failure_stops_nothing(database):
    [product] = products(1)

    async def fail_once(document, happened, channel_ids):
        from app.events.webhooks.message import Shaped

        return Shaped(None, f"{document} fails for {happened.topic}") if happened.version == 1 else Shaped(b'{"x":1}')

    async with receiving() as receiver, sending(database, shape=fail_once):
        hook = await subscribe(database, receiver.url(), document="{ x }")
        await tell(database, change(product, 1), change(product, 2))
        await until(lambda: all_done(database, hook.id, 2))
    assert [got.said["data"] for got in receiver.received] == [None, {"x": 1}]
    assert [got.change["version"] for got in receiver.received] == [1, 2]
    first, second = await log(database, hook.id)
    assert [one.document_error for one in await attempts(database, first.id)] == ["{ x } fails for PRODUCT"]
    assert [one.document_error for one in await attempts(database, second.id)] == [None]


async def test_data_that_is_too_large_is_left_out(database):
    [product] = products(1)

    async def large(document, happened, channel_ids):
        from app.events.webhooks.message import Shaped

        return Shaped(b'"' + b"x" * 300_000 + b'"')

    async with receiving() as receiver, sending(database, shape=large):
        hook = await subscribe(database, receiver.url(), document="{ x }")
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
    assert receiver.received[0].said["data"] is None
    [row] = await log(database, hook.id)
    assert "at most 262144" in (await attempts(database, row.id))[0].document_error


def test_pauses_grow_up_to_a_bound_with_full_jitter():
    for failures in range(200):
        bound = min(QUICK.longest, QUICK.first * 2 ** min(failures, 40))
        drawn = [pause(failures, None, QUICK) for _ in range(50)]
        assert all(0 <= one <= bound for one in drawn)
        assert max(drawn) > 2 * min(drawn)
    assert pause(0, 0.04, QUICK) >= 0.04
    assert pause(0, 10_000, QUICK) <= QUICK.longest
