"""Pages of the feed: what a reader is told, in whole or compacted, and when they must begin anew."""

import random
from uuid import UUID

import pytest
from sqlalchemy import text, update

from app.events import feed as module
from app.events.feed import Page, page, page_of, rows_after
from app.events.outbox import Action, Topic
from app.events.scopes import PUBLIC, STAFF
from app.events.tables import feed_head
from app.platform.db import Database
from app.platform.ids import new_id
from tests.events.telling import change, number, tell

SHOPPER = {Topic.PRICE: frozenset({PUBLIC}), Topic.PRODUCT: frozenset({PUBLIC})}
A, B, C = (UUID(int=number) for number in (1, 2, 3))


def said(found: Page) -> list[tuple[int, Action, UUID]]:
    return [(one.position, one.action, one.entity_id) for one in found.changes]


UPSERT, DELETE = Action.UPSERT, Action.DELETE


@pytest.mark.postgres15
async def test_a_reader_is_told_what_they_may_see(database: Database):
    await tell(
        database,
        change(A, 1, before=()),
        change(B, 1, after=(STAFF,), before=()),
        change(A, 2, after=(STAFF,), before=(PUBLIC,)),
        change(A, 3, after=(STAFF,)),
        change(C, 1, topic=Topic.ORDER),
        change(B, 2, before=(STAFF,)),
    )
    await number(database)
    every = await page(database, SHOPPER, after=0, first=10, compacted=False)
    assert said(every) == [(1, UPSERT, A), (3, DELETE, A), (6, UPSERT, B)]
    assert (every.end, every.head, every.has_more, every.snapshot_required) == (6, 6, False, False)
    newest = await page(database, SHOPPER, after=0, first=10)
    assert said(newest) == [(4, DELETE, A), (6, UPSERT, B)]
    assert said(await page(database, SHOPPER, after=3, first=10)) == [(6, UPSERT, B)]
    assert said(await page(database, SHOPPER, after=0, first=10, topics=[Topic.PRODUCT])) == []


async def test_a_page_ends_where_one_more_would_not_fit(database: Database):
    await tell(
        database, change(A, 1), change(A, 2), change(B, 1), change(C, topic=Topic.ORDER), change(A, 3), change(C, 1)
    )
    await number(database)
    first = await page(database, SHOPPER, after=0, first=2, compacted=False)
    assert (said(first), first.end, first.has_more) == ([(1, UPSERT, A), (2, UPSERT, A)], 2, True)
    newest = await page(database, SHOPPER, after=0, first=2)
    # What is not for the reader fits anywhere, and so does what is told already.
    assert (said(newest), newest.end) == ([(3, UPSERT, B), (5, UPSERT, A)], 5)
    nothing = await page(database, SHOPPER, after=0, first=0)
    assert (said(nothing), nothing.end, nothing.has_more) == ([], 0, True)


async def test_who_fell_out_or_is_ahead_needs_a_snapshot(database: Database):
    await tell(database, *(change() for _ in range(5)))
    await number(database)
    async with database.transaction() as tx:
        await tx.execute(update(feed_head).values(forgotten=2))
        await tx.execute(text("DELETE FROM feed WHERE position <= 2"))
    for after in (0, 1, 6, 2**63 - 1):
        found = await page(database, SHOPPER, after=after, first=10)
        assert (found.snapshot_required, found.changes, found.head) == (True, [], 5)
    assert len((await page(database, SHOPPER, after=2, first=10)).changes) == 3
    assert len((await page(database, SHOPPER, after=None, first=10)).changes) == 3
    assert (await page(database, SHOPPER, after=5, first=10)).snapshot_required is False


async def test_rows_that_go_while_they_are_read_are_not_skipped(database: Database):
    await tell(database, *(change() for _ in range(5)))
    await number(database)
    async with database.transaction() as tx:
        # As if the partition went after the head was read.
        await tx.execute(text("DELETE FROM feed WHERE position <= 2"))
    found = await page(database, SHOPPER, after=0, first=10)
    assert (found.snapshot_required, found.changes) == (True, [])


async def test_what_is_rare_is_looked_for_in_bounded_steps(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SCANNED", 10)
    monkeypatch.setattr(module, "SCANNED_AT_ONCE", 4)
    await tell(database, *(change(topic=Topic.ORDER) for _ in range(25)), change(A))
    await number(database)
    ends, found, after = [], [], 0
    while True:
        one = await page(database, SHOPPER, after=after, first=5)
        ends.append(one.end)
        found += said(one)
        after = one.end
        if not one.has_more:
            break
    assert (ends, found) == ([10, 20, 26], [(26, UPSERT, A)])


@pytest.mark.parametrize("seed", range(4))
async def test_pages_of_any_size_lead_to_the_same_state(database: Database, seed: int):
    chance = random.Random(seed)
    entities = [new_id() for _ in range(6)]
    seen_by: dict[UUID, tuple[str, ...]] = dict.fromkeys(entities, ())
    for version in range(1, 60):
        entity = chance.choice(entities)
        before, after = seen_by[entity], chance.choice([(PUBLIC, STAFF), (STAFF,), (PUBLIC,), ()])
        seen_by[entity] = after
        await tell(database, change(entity, version, before=before, after=after))
    head = await number(database)
    right = {entity for entity, scopes in seen_by.items() if PUBLIC in scopes}
    rows = await rows_after(database, 0)
    for compacted in (True, False):
        for first in (1, 2, 7, 100):
            state: dict[UUID, int] = {}
            position = 0
            while position < head:
                found = await page(database, SHOPPER, after=position, first=first, compacted=compacted)
                at_hand = page_of(rows[position:], SHOPPER, after=position, head=head, first=first, compacted=compacted)
                assert found == at_hand
                for one in found.changes:
                    if one.action == DELETE:
                        assert state.pop(one.entity_id, None) is not None or compacted
                    else:
                        state[one.entity_id] = one.version
                assert found.end > position
                position = found.end
            assert set(state) == right
