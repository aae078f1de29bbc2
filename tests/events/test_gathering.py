"""Gathering: what one mutation tells is written in one statement, in its order, and never without what it tells of."""

from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.event import listens_for

from app.events import outbox as module
from app.events.outbox import FEW, emit, gathering, savepoint, write_gathered
from app.events.tables import outbox
from app.platform.db import Database, Tx
from app.platform.ids import new_id
from tests.events.telling import change, number, told_in_order

pytestmark = pytest.mark.postgres15

APP = Path(module.__file__).parents[1]


async def written(tx: Tx) -> int:
    return int(await tx.value(select(func.count()).select_from(outbox)))


async def test_what_is_told_is_written_at_the_end_in_its_order(database: Database):
    one, other = new_id(), new_id()
    async with database.transaction() as tx:
        async with gathering(tx):
            await emit(tx, [change(one, 1), change(other, 1)])
            await emit(tx, [change(one, 2)])
            assert await written(tx) == 0
            assert tx.told is None
        assert await written(tx) == 3
        assert tx.told == await tx.value(select(func.max(outbox.c.id)))
        await emit(tx, [change(other, 2)])
        assert await written(tx) == 4
    await number(database)
    told = [(entity, version) for _, entity, version in await told_in_order(database)]
    assert told == [(one, 1), (other, 1), (one, 2), (other, 2)]


async def test_it_is_one_statement(database: Database):
    inserts: list[str] = []

    @listens_for(database.writes.sync_engine, "before_cursor_execute")
    def hear(_connection, _cursor, statement: str, *_) -> None:
        if statement.startswith("INSERT INTO outbox"):
            inserts.append(statement)

    async with database.transaction() as tx, gathering(tx):
        for _ in range(5):
            await emit(tx, [change()])
    assert len(inserts) == 1


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1, 300])
async def test_however_many_are_told_each_is_told_as_it_was_given(database: Database, count: int):
    told = [
        change(version=place, after=[f"{place}:{scope}" for scope in range(place % 4)], before=("staff",) * (place % 2))
        for place in range(count)
    ]
    async with database.transaction() as tx:
        await emit(tx, told)
        assert tx.told == await tx.value(select(func.max(outbox.c.id)))
    rows = await database.rows(select(outbox).order_by(outbox.c.id))
    assert [(row.entity_id, row.version, row.scopes_before, row.scopes_after) for row in rows] == [
        (each.entity_id, each.version, list(each.before or ()), list(each.after)) for each in told
    ]


async def test_what_failed_tells_nothing(database: Database):
    async def fail(tx: Tx) -> None:
        async with gathering(tx):
            await emit(tx, [change()])
            raise ZeroDivisionError

    async with database.transaction() as tx:
        with pytest.raises(ZeroDivisionError):
            await fail(tx)
        assert tx.gathered is None
    assert await number(database) == 0


async def test_a_savepoint_takes_back_what_was_told_in_it_and_no_more(database: Database):
    one = new_id()

    async def fail(tx: Tx) -> None:
        async with savepoint(tx):
            await emit(tx, [change(one, 2)])
            raise ZeroDivisionError

    async with database.transaction() as tx, gathering(tx):
        await emit(tx, [change(one, 1)])
        with pytest.raises(ZeroDivisionError):
            await fail(tx)
        async with savepoint(tx):
            await emit(tx, [change(one, 3)])
        await emit(tx, [change(one, 4)])
    assert tx.emitted == 3
    assert tx.told == await database.value(select(func.max(outbox.c.id)))
    await number(database)
    assert [version for *_, version in await told_in_order(database)] == [1, 3, 4]


async def test_a_savepoint_that_writes_what_is_told_first_keeps_its_order(database: Database):
    one = new_id()
    async with database.transaction() as tx, gathering(tx):
        await emit(tx, [change(one, 1)])
        await write_gathered(tx)
        async with tx.connection.begin_nested():
            await emit(tx, [change(one, 2)])
        await emit(tx, [change(one, 3)])
    await number(database)
    assert [version for *_, version in await told_in_order(database)] == [1, 2, 3]


async def test_nothing_is_told_into_a_savepoint_that_knows_nothing_of_it(database: Database):
    """Rolled back it would take along what was told before it."""
    async with database.transaction() as tx, gathering(tx):
        await emit(tx, [change()])
        async with tx.connection.begin_nested():
            with pytest.raises(AssertionError):
                await emit(tx, [change()])
    assert await number(database) == 1


async def test_so_many_are_not_kept_in_memory(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_GATHERED", 10)
    one = new_id()
    async with database.transaction() as tx, gathering(tx):
        for version in range(1, 36):
            await emit(tx, [change(one, version)])
            assert tx.gathered is not None
            assert len(tx.gathered) <= 10
        assert await written(tx) == 33
    await number(database)
    assert [version for *_, version in await told_in_order(database)] == list(range(1, 36))


async def test_a_change_in_no_scope_and_one_in_many(database: Database):
    async with database.transaction() as tx:
        await emit(tx, [change(after=("staff", "place:1"), before=()), change(after=(), before=("public",))])
    rows = await database.rows(select(outbox.c.scopes_before, outbox.c.scopes_after).order_by(outbox.c.id))
    assert [tuple(row) for row in rows] == [([], ["staff", "place:1"]), (["public"], [])]


def test_savepoints_know_of_what_is_told():
    """Each begins in `savepoint`, or writes before it what was told."""
    found = {
        str(path.relative_to(APP)): text
        for path in APP.rglob("*.py")
        if "begin_nested" in (text := path.read_text(encoding="utf-8"))
    }
    assert set(found) == {"events/outbox.py", "browse/imports.py"}
    assert "await write_gathered(tx)" in found["browse/imports.py"]
