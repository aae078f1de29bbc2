"""Statements that go straight to the driver do what SQLAlchemy would have done with them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError

from app.platform.ahead import Question, Questions
from app.platform.db import Database, Tx
from app.platform.statements import built
from app.platform.unnest import insert_records

shelf = Table(
    "shelf",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("facts", JSONB),
    Column("tags", ARRAY(Text)),
    Column("copies", Integer, nullable=False, server_default=text("0")),
    Column("open", Boolean),
    Column("at", DateTime(timezone=True)),
)
book = Table(
    "book",
    shelf.metadata,
    Column("id", Uuid, primary_key=True),
    Column("shelf_id", Uuid, ForeignKey("shelf.id"), nullable=False),
)
INSERT = insert(shelf)
ONE = select(shelf).where(shelf.c.id == bindparam("id"))
SOME = select(shelf).where(shelf.c.name == any_(bindparam("names", type_=ARRAY(Text)))).order_by(shelf.c.name.desc())
COUNT = update(shelf).where(shelf.c.name == bindparam("of")).values(copies=shelf.c.copies + bindparam("more"))
SLEEP = select(func.pg_sleep(bindparam("seconds", type_=Integer)))
COUNTED = COUNT.returning(shelf.c.copies)
MADE = insert_records(book)
MORE = insert_records(shelf)


@pytest.fixture
async def shelves(database: Database) -> Database:
    async with database.writes.begin() as connection:
        await connection.run_sync(shelf.metadata.create_all)
    return database


def a_shelf(name: str, **more: Any) -> dict[str, Any]:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    given = {"facts": {"wood": "pinho", "n": [1, 2]}, "tags": ["a", "b"], "copies": 3, "open": True, "at": at}
    return {"id": uuid4(), "name": name, **given, **more}


async def test_rows_are_the_same_in_both_ways(shelves: Database) -> None:
    async with shelves.transaction() as tx:
        for name in ("one", "two", "three"):
            await tx.execute(INSERT, a_shelf(name, facts=None if name == "two" else {"x": name}))
        for name in ("one", "two", "three"):
            given = {"names": [name, "nobody"]}
            # The first time by SQLAlchemy, then by the driver.
            both = [await tx.rows(SOME, given) for _ in range(3)]
            assert both[0] == both[1] == both[2]
            assert [row._mapping for row in both[0]] == [row._mapping for row in both[2]]
            row = both[2][0]
            assert row.name == row._mapping[shelf.c.name] == name
            assert row._fields == both[0][0]._fields
    assert await shelves.rows(ONE, {"id": uuid4()}) == []
    assert await shelves.value(ONE, {"id": row.id}) == row.id


async def test_what_is_built_when_it_is_asked_for_is_for_the_driver_alone(shelves: Database) -> None:
    times: list[str] = []

    @built(1)
    def named(how: str) -> Select[Any]:
        times.append(how)
        names = bindparam("names", type_=ARRAY(Text))
        is_one = shelf.c.name == any_(names) if how == "any" else shelf.c.name.in_(["one", "two"])
        return select(shelf.c.id, shelf.c.name.label("called"), shelf.c.facts).where(is_one)

    row = a_shelf("one")
    await shelves.run(lambda tx: tx.execute(INSERT, row))
    for _ in range(3):
        for reader in (shelves, None):
            async with shelves.transaction() as tx:
                found = await (reader or tx).rows(named("any"), {"names": ["one"]})
            assert [(each.id, each.called, each.facts) for each in found] == [(row["id"], "one", row["facts"])]
    assert times == ["any"]
    with pytest.raises(TypeError):
        await shelves.rows(named("in"))
    assert await shelves.value(named("any"), {"names": ["one"]}) == row["id"]
    assert times == ["any", "in", "any"]


async def test_how_many_rows_were_changed_is_told(shelves: Database) -> None:
    async with shelves.transaction() as tx:
        await tx.many(INSERT, [a_shelf("one"), a_shelf("two")])
        await tx.many(INSERT, [a_shelf("three")])
        await tx.many(INSERT, [a_shelf("four"), a_shelf("five")])
        for _ in range(3):
            assert await tx.execute(COUNT, {"of": "one", "more": 2}) == 1
            assert await tx.execute(COUNT, {"of": "nobody", "more": 2}) == 0
        assert await tx.value(COUNTED, {"of": "one", "more": 1}) == 10
        assert len(await tx.rows(SOME, {"names": ["one", "two", "three", "four", "five"]})) == 5


async def test_an_error_is_the_one_that_sqlalchemy_raises(shelves: Database) -> None:
    taken = a_shelf("taken")

    async def write(tx: Tx) -> None:
        await tx.execute(INSERT, taken)

    await shelves.run(write)
    for _ in range(3):
        with pytest.raises(IntegrityError, match="shelf") as caught:
            await shelves.run(write)
        assert getattr(caught.value.orig, "sqlstate", None) == "23505"
    for _ in range(3):
        with pytest.raises((DBAPIError, InvalidRequestError)):
            await shelves.rows(ONE, {"id": "no uuid"})
        with pytest.raises((DBAPIError, InvalidRequestError)) as missing:
            await shelves.rows(ONE, {"other": 1})
        assert "id" in str(missing.value)


async def test_a_task_that_is_cancelled_leaves_no_lock_behind(shelves: Database) -> None:
    row = a_shelf("wanted")
    await shelves.run(lambda tx: tx.execute(INSERT, row))
    began = asyncio.Event()

    async def hold(tx: Tx) -> None:
        for _ in range(3):
            await tx.execute(COUNT, {"of": "wanted", "more": 1})
        began.set()
        await tx.rows(SLEEP, {"seconds": 30})

    await shelves.rows(SLEEP, {"seconds": 0})
    await shelves.rows(SLEEP, {"seconds": 0})
    for _ in range(3):
        began.clear()
        task = asyncio.create_task(shelves.run(hold))
        await began.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    for _ in range(3):
        async with asyncio.timeout(10):
            assert await shelves.run(lambda tx: tx.execute(COUNT, {"of": "wanted", "more": 1})) == 1


async def test_what_was_prepared_before_the_schema_changed_is_prepared_again(shelves: Database) -> None:
    row = a_shelf("one")
    await shelves.run(lambda tx: tx.execute(INSERT, row))

    async def read(tx: Tx) -> Any:
        return (await tx.rows(ALL_OF_IT, {"id": row["id"]}))[0].name

    for _ in range(3):
        await shelves.run(read)
        await shelves.rows(ALL_OF_IT, {"id": row["id"]})
    other = Database.open(shelves.writes.url.render_as_string(hide_password=False), reads=1, writes=1)
    await other.run(lambda tx: tx.execute(text("ALTER TABLE shelf ALTER COLUMN copies TYPE bigint")))
    await other.close()
    assert await shelves.run(read) == "one"
    assert (await shelves.rows(ALL_OF_IT, {"id": row["id"]}))[0].name == "one"


ALL_OF_IT = select(shelf).where(shelf.c.id == bindparam("id"))


async def test_what_is_put_off_is_written_by_one_statement_or_not_at_all(shelves: Database) -> None:
    one, two = a_shelf("one"), a_shelf("two")

    async def write(tx: Tx, books: int, fails: bool) -> list[Any]:
        async with tx.together():
            await tx.later(MORE, {"records": [one, two]})
            await tx.later(MADE, {"records": [{"id": uuid4(), "shelf_id": one["id"]} for _ in range(books)]})
            found = await tx.along(COUNTED, {"of": "kept", "more": 1})
        if fails:
            raise InterruptedError
        return [row.copies for row in found]

    await shelves.run(lambda tx: tx.execute(INSERT, a_shelf("kept")))
    with pytest.raises(InterruptedError):
        await shelves.run(lambda tx: write(tx, 2, True))
    assert await shelves.rows(SOME, {"names": ["one", "two"]}) == []
    assert await shelves.run(lambda tx: write(tx, 2, False)) == [4]
    assert [row.facts for row in await shelves.rows(SOME, {"names": ["one", "two"]})] == [two["facts"], one["facts"]]
    assert await shelves.value(select(func.count()).select_from(book)) == 2
    # Outside of a block it is written at once, and in one without `along` at its end.
    async with shelves.transaction() as tx:
        await tx.later(COUNT, {"of": "one", "more": 5})
        async with tx.together():
            await tx.later(COUNT, {"of": "two", "more": 6})
        assert [row.copies for row in await tx.rows(SOME, {"names": ["one", "two"]})] == [9, 8]


ASKED = Questions(
    Question(SOME, by="names", keys=select(func.unnest(bindparam("all_names", type_=ARRAY(Text)))), column="name"),
    Question(ONE),
)


async def test_what_was_read_ahead_answers_until_something_is_written(shelves: Database) -> None:
    rows = [a_shelf(name) for name in ("one", "two", "three")]
    await shelves.run(lambda tx: tx.many(INSERT, rows))
    async with shelves.transaction() as tx:
        straight = {names: await tx.rows(SOME, {"names": list(names)}) for names in (("one", "two"), ("three",))}
        await tx.read_ahead(ASKED, {"all_names": ["one", "two", "three"], "id": rows[0]["id"]})
        async with shelves.transaction() as other:
            await other.execute(text("UPDATE shelf SET copies = 99"))
        # As it was read, row by row and in its order; what was not read is asked now.
        for names, expected in straight.items():
            assert await tx.rows(SOME, {"names": list(names)}) == expected
        assert (await tx.rows(ONE, {"id": rows[0]["id"]}))[0].copies == 3
        assert (await tx.rows(ONE, {"id": rows[1]["id"]}))[0].copies == 99
        assert [row.copies for row in await tx.rows(SOME, {"names": ["one", "nobody"]})] == [99]
        await tx.execute(COUNT, {"of": "one", "more": 1})
        assert [row.copies for row in await tx.rows(SOME, {"names": ["two", "one"]})] == [99, 100]
