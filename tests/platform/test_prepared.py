"""What is prepared on a connection is bounded, by what it takes of PostgreSQL's memory."""

from typing import Any

from sqlalchemy import Select, Text, literal_column, select, text

from app.platform.db import Database
from app.platform.prepared import Prepared
from app.platform.statements import built

COUNTED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT ''shape%'")


def test_what_was_used_last_is_kept() -> None:
    prepared = Prepared(longest=10)
    for sql in ("aaaa", "bbbb"):
        prepared.keep(sql, sql.upper())
    assert prepared.get("aaaa") == "AAAA"
    prepared.keep("cccc", "CCCC")
    assert prepared.get("bbbb") is None
    assert (prepared.get("aaaa"), prepared.get("cccc")) == ("AAAA", "CCCC")
    # One is kept, however long it is.
    prepared.keep("d" * 20, "D")
    assert len(prepared) == 1
    assert prepared.get("d" * 20) == "D"
    prepared.clear()
    prepared.keep("eeee", "EEEE")
    prepared.keep("ffff", "FFFF")
    assert len(prepared) == 2


async def test_what_makes_room_is_closed_by_postgres(database: Database) -> None:
    @built(500)
    def shape(number: int) -> Select[Any]:
        return select(literal_column(f"'shape {number}{'.' * 30_000}'", Text).label("told"))

    url = database.writes.url.render_as_string(hide_password=False)
    one = Database.open(url, reads=1, writes=1)
    try:
        for number in range(60):
            assert (await one.rows(shape(number)))[0].told.startswith(f"shape {number}.")
        assert 10 < await one.value(COUNTED) <= 21
        # And those that were closed are prepared again.
        assert (await one.rows(shape(0)))[0].told.startswith("shape 0.")
    finally:
        await one.close()
