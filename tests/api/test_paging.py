"""Cursors: what a list gave out leads on, all else is a bad request before it can reach the database."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from graphql import build_schema

from app.api.engine.errors import RequestError
from app.api.paging import decode_cursor, encode_cursor
from app.api.schema import schema
from app.platform.ids import new_id
from tests.api.market import Market, open_market, stock_market
from tests.databases import Servers

MOMENT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
KEY = new_id()
VALUES: list[Any] = [
    None, True, 0, -1, 2**31, 2**62, 2**63, 1.5, 1e308, "", "x", "a\0b", "2026-05-17", "2026-05-17T09:30:00",
    "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "NaN", [], [[]], {},
]  # fmt: skip


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def test_a_cursor_gives_back_what_it_was_made_of() -> None:
    given = encode_cursor("list", 7, "ação", MOMENT, KEY, None)
    assert decode_cursor("list", given, int, str, datetime, UUID, int | None) == (7, "ação", MOMENT, KEY, None)
    assert decode_cursor("list", None, int) is None


@pytest.mark.parametrize("wanted", [int, str, datetime, UUID])
def test_a_value_of_another_kind_is_refused(wanted: Any) -> None:
    fits = {
        int: (0, -1, 2**31, 2**62),
        str: [value for value in VALUES if isinstance(value, str) and "\0" not in value],
    }
    for value in VALUES:
        if value is True or value not in fits.get(wanted, ()):
            with pytest.raises(RequestError):
                decode_cursor("list", cursor("list", value), wanted)


def test_a_cursor_nested_without_end_is_refused() -> None:
    with pytest.raises(RequestError):
        decode_cursor("list", base64.b64encode(b"[" * 100_000).decode(), int)


def test_a_cursor_blown_up_with_blanks_is_refused() -> None:
    padded = base64.b64encode(b'["list",' + b" " * 90_000 + b"7]").decode()
    assert decode_cursor("list", cursor("list", 7), int) == (7,)
    with pytest.raises(RequestError):
        decode_cursor("list", padded, int)


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            yield market


def lists() -> Iterator[str]:
    query = build_schema(schema.as_str()).query_type
    assert query is not None
    # The feed's places are positions, which are no secret.
    cursors = (name for name, field in query.fields.items() if "after" in field.args)
    yield from (name for name in cursors if name != "changes")


async def test_no_list_trips_over_a_cursor_that_was_tampered_with(market: Market) -> None:
    for name in lists():
        query = f"query($after: String) {{ {name}(first: 1, after: $after) {{ edges {{ cursor }} }} }}"
        found = (await market.answer(query, "owner", after=None))["data"][name]["edges"]
        if not found:
            continue
        kind, *keys = json.loads(base64.urlsafe_b64decode(found[0]["cursor"] + "=="))
        for place in range(len(keys)):
            for value in VALUES:
                tampered = cursor(kind, *keys[:place], value, *keys[place + 1 :])
                body = await market.answer(query, "owner", after=tampered)
                codes = [error["extensions"]["code"] for error in body.get("errors", ())]
                assert codes in ([], ["BAD_REQUEST"]), (name, value, body)
