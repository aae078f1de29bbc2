"""What is kept of tables that seldom change: used while they stand as they did, whoever wrote them and however."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, Table, Text, any_, bindparam, event, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.ahead import Question, Questions, made_of
from app.platform.db import Database, metadata
from app.platform.standing import Standing, Whole

lamp = Table(
    "lamp",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("room", Text, nullable=False),
    Column("lit", Boolean, nullable=False),
)
bulb = Table("bulb", metadata, Column("id", Integer, primary_key=True))
metadata.remove(lamp)
metadata.remove(bulb)

IN_ROOMS = select(lamp).where(lamp.c.room == any_(bindparam("rooms", type_=ARRAY(Text)))).order_by(lamp.c.id)
LIT = select(lamp.c.id).where(lamp.c.lit == bindparam("lit", type_=Boolean)).order_by(lamp.c.id)
BULBS = select(bulb)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url)
    async with database.writes.begin() as connection:
        await connection.execute(text("CREATE TABLE lamp (id int PRIMARY KEY, room text NOT NULL, lit bool NOT NULL)"))
        await connection.execute(text("CREATE TABLE bulb (id int PRIMARY KEY)"))
        rows = [{"id": 1, "room": "hall", "lit": True}, {"id": 2, "room": "hall", "lit": False}]
        await connection.execute(insert(lamp), [*rows, {"id": 3, "room": "attic", "lit": True}])
    yield database
    await database.close()


def kept() -> Questions:
    """Asked of the house, by a process that has asked nothing yet."""
    standing = Standing(
        (lamp, bulb),
        Whole(IN_ROOMS, select(lamp).order_by(lamp.c.id), by="rooms", column="room"),
        Whole(LIT, given={"lit": True}, same=("lit",)),
        Whole(BULBS),
    )
    return Questions(Question(select(bulb.c.id)), standing=standing)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.writes.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.writes.sync_engine, "before_cursor_execute", note)


async def lamps(database: Database, questions: Questions, *rooms: str) -> list[int]:
    async with database.transaction() as tx:
        await tx.read_ahead(questions, {})
        return [row.id for row in await tx.rows(IN_ROOMS, {"rooms": list(rooms)})]


async def test_it_is_read_once_and_answers_for_any_keys(house: Database) -> None:
    questions = kept()
    assert await lamps(house, questions, "hall") == [1, 2]
    with statements(house) as sent:
        assert await lamps(house, questions, "hall") == [1, 2]
        assert await lamps(house, questions, "attic", "hall") == [1, 2, 3]
        assert await lamps(house, questions, "cellar") == []
    assert len(sent) == 3, "the state each time, and no more"


async def test_what_is_asked_otherwise_than_it_was_read_is_read(house: Database) -> None:
    questions = kept()
    async with house.transaction() as tx:
        await tx.read_ahead(questions, {})
        assert [row.id for row in await tx.rows(LIT, {"lit": True})] == [1, 3]
        assert [row.id for row in await tx.rows(LIT, {"lit": False})] == [2]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("UPDATE lamp SET room = 'attic' WHERE id = 2", [1]),
        ("INSERT INTO lamp VALUES (4, 'hall', false)", [1, 2, 4]),
        ("DELETE FROM lamp WHERE id = 1", [2]),
        # As many rows as before, written by one transaction each time.
        ("UPDATE lamp SET room = CASE id WHEN 3 THEN 'hall' ELSE 'attic' END", [3]),
        ("DELETE FROM lamp; INSERT INTO lamp SELECT n, 'hall', true FROM generate_series(7, 9) n", [7, 8, 9]),
        ("TRUNCATE lamp", []),
    ],
)
async def test_whatever_is_written_by_whomever_is_seen_by_the_next_who_asks(
    house: Database, database_url: str, written: str, found: list[int]
) -> None:
    questions = kept()
    assert await lamps(house, questions, "hall") == [1, 2]
    another = Database.open(database_url)
    try:
        async with another.writes.begin() as connection:
            for statement in written.split("; "):
                await connection.execute(text(statement))
        assert await lamps(house, questions, "hall") == found
    finally:
        await another.close()


async def test_a_row_that_moves_to_another_table_changes_the_state(house: Database) -> None:
    questions = kept()
    async with house.writes.begin() as connection:
        await connection.execute(text("INSERT INTO bulb VALUES (1)"))
    assert await lamps(house, questions, "hall") == [1, 2]
    async with house.writes.begin() as connection:
        await connection.execute(text("DELETE FROM bulb"))
    async with house.transaction() as tx:
        await tx.read_ahead(questions, {})
        assert await tx.rows(BULBS) == []


async def test_what_is_not_committed_is_not_kept(house: Database) -> None:
    questions = kept()
    async with house.writes.connect() as connection:
        transaction = await connection.begin()
        await connection.execute(text("DELETE FROM lamp"))
        assert await lamps(house, questions, "hall") == [1, 2]
        await transaction.commit()
    assert await lamps(house, questions, "hall") == []


async def test_each_database_has_its_own(house: Database, database_url: str) -> None:
    questions = kept()
    await lamps(house, questions, "hall")
    other = Database.open(database_url)
    try:
        with statements(other) as sent:
            assert await lamps(other, questions, "hall") == [1, 2]
        assert len(sent) == 2
    finally:
        await other.close()


async def test_what_is_made_of_kept_rows_is_made_once(house: Database) -> None:
    questions, made = kept(), []

    def count(rows: Any) -> int:
        made.append(1)
        return len(list(rows))

    for _ in range(2):
        async with house.transaction() as tx:
            await tx.read_ahead(questions, {})
            assert made_of(await tx.rows(LIT, {"lit": True}), count) == 2
    assert len(made) == 1
    assert made_of([], count) == 0
