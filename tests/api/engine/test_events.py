"""Events that many follow at a time: one answer for those of one sight, who follow the same with the same words."""

import asyncio
from typing import Any

import pytest

from app.api.engine import execute
from app.api.engine.execute import Engine
from tests.api.engine.library import Reader, make_schema

NEWS = "subscription News($of: Int!, $moments: Int) { news(of: $of, moments: $moments) { title author { name } } }"
OTHER_WORDS = "subscription News($of: Int!, $moments: Int) { news(of: $of, moments: $moments) { title } }"


def engine() -> Engine:
    return Engine(make_schema(), sight=lambda reader: reader.name if reader.name != "hidden" else None)


async def follow(one: Engine, reader: Reader, text: str = NEWS, **variables: Any) -> list[Any]:
    operation = one.operation(text)
    return [result.data async for result in one.subscribe(operation, variables, reader)]


async def test_many_of_one_sight_are_given_what_was_worked_out_once() -> None:
    one = engine()
    readers = [Reader() for _ in range(20)]
    answers = await asyncio.gather(*(follow(one, reader, of=2, moments=3) for reader in readers))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 3
    assert sum(reader.calls["news"] for reader in readers) == 3
    assert sum(reader.calls["Book.author"] for reader in readers) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"reader": "ana"}, {"reader": "bia"}),
        ({"of": 2}, {"of": 4}),
        ({"text": NEWS}, {"text": OTHER_WORDS}),
        ({"reader": "hidden"}, {"reader": "hidden"}),
    ],
    ids=["another sight", "other arguments", "other words", "of no sight"],
)
async def test_whoever_sees_or_asks_otherwise_is_answered_apart(first: dict[str, Any], second: dict[str, Any]) -> None:
    one = engine()
    readers = []
    asked = []
    for given in (first, second):
        reader = Reader(name=given.get("reader", "anyone"))
        readers.append(reader)
        asked.append(follow(one, reader, given.get("text", NEWS), of=given.get("of", 2)))
    await asyncio.gather(*asked)
    assert [reader.calls["news"] for reader in readers] == [1, 1]


async def test_who_leaves_while_it_is_worked_out_takes_nothing_from_the_others() -> None:
    one = engine()
    leaving = asyncio.create_task(follow(one, Reader(), of=2))
    staying = asyncio.create_task(follow(one, Reader(), of=2))
    await asyncio.sleep(0.002)
    leaving.cancel()
    assert len(await staying) == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_what_is_kept_of_it_is_bounded() -> None:
    one = engine()
    for of in range(300):
        await follow(one, Reader(), of=of % 2, moments=2)
    assert len(one._shared) <= 256


async def test_an_answer_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    one, readers = engine(), [Reader(), Reader(), Reader()]
    await follow(one, readers[0], of=2)
    await follow(one, readers[1], of=2)
    monkeypatch.setattr(execute, "_SHARED_SECONDS", 0.0)
    await follow(one, readers[2], of=2)
    assert [reader.calls["news"] for reader in readers] == [1, 0, 1]
