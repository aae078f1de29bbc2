"""Rows that were told before: told again while what is live of them is the same, else made anew."""

from asyncio import gather
from gc import collect
from typing import Any
from weakref import ref

import pytest

from app.api.engine import forms as engine_forms
from app.api.engine.sheets import Parents, Sheets
from tests.api.engine.books import BORROWED, TITLES, Library, Reader


async def test_rows_are_told_again_while_what_is_live_is_the_same(library: Library, filled: list[int]) -> None:
    there, borrowed = {"a": 1, "c é": 7}, {"a": ["Ana"]}
    for _ in range(4):
        data, errors = await library.ask(Reader(there=there, borrowed=borrowed), BORROWED)
        assert errors == []
        books = data["shelves"]["books"]
        assert [book["there"] for book in books] == [1, 0, 7]
        assert [book["borrowers"] for book in books] == [[{"name": "Ana"}], [], []]
    # The first wrote them down, the second filled them.
    assert filled == [3]


@pytest.mark.parametrize(
    "change",
    [
        {"there": {"a": 2}},
        {"borrowed": {"a": ["Rui"]}},
        {"borrowed": {"a": ["Ana", "Rui"]}},
        {"borrowed": {"b": ["Ana"]}},
        {"there": {"a": 100_000}},
    ],
    ids=str,
)
async def test_what_is_live_is_told_as_it_is_now(library: Library, filled: list[int], change: dict[str, Any]) -> None:
    before: dict[str, Any] = {"there": {"a": 1}, "borrowed": {"a": ["Ana"]}}
    for _ in range(3):
        await library.ask(Reader(**before), BORROWED)
    for given in (before | change, before):
        data, errors = await library.ask(Reader(**given), BORROWED)
        assert errors == []
        books = data["shelves"]["books"]
        assert [book["there"] for book in books] == [given["there"].get(title, 0) for title in TITLES]
        names = [[each["name"] for each in book["borrowers"]] for book in books]
        assert names == [list(given["borrowed"].get(title, ())) for title in TITLES]
    assert filled == [3, 3, 3]


async def test_requests_at_the_same_time_are_told_their_own(library: Library) -> None:
    for _ in range(3):
        await library.ask(Reader(borrowed={"a": ["Ana"]}), BORROWED)
    readers = [
        Reader(borrowed={"a": [name]}, there={"c é": place}, waits=waits)
        for place, (name, waits) in enumerate([("Ana", 0.02), ("Rui", 0.01), ("Ana", 0), ("Rui", 0.03), ("Ana", 0.04)])
    ]
    for reader, (data, errors) in zip(
        readers, await gather(*(library.ask(reader, BORROWED) for reader in readers)), strict=True
    ):
        assert errors == []
        books = data["shelves"]["books"]
        assert [each["name"] for each in books[0]["borrowers"]] == reader.borrowed["a"]
        assert books[2]["there"] == reader.there["c é"]


async def test_what_failed_is_not_told_again(library: Library) -> None:
    for _ in range(3):
        await library.ask(Reader(), BORROWED)
    for _ in range(2):
        data, errors = await library.ask(Reader(fails=TITLES[1]), BORROWED)
        assert data["shelves"]["books"][1] is None
        assert [error["path"] for error in errors] == [["shelves", "books", 1, "there"]]
        data, errors = await library.ask(Reader(), BORROWED)
        assert errors == []
        assert data["shelves"]["books"][1]["there"] == 0


async def test_what_asks_on_below_is_asked_each_time(library: Library, filled: list[int]) -> None:
    document = "{ shelves { books { title borrowers { name lent } } } }"
    for borrowed in ({"a": ["Ana"]}, {"a": ["Ana"]}, {"a": ["Ana"], "b": ["Ana"]}, {"a": ["Ana"]}):
        data, errors = await library.ask(Reader(borrowed=borrowed), document)
        assert errors == []
        lent = sum("Ana" in some for some in borrowed.values())
        assert data["shelves"]["books"][0]["borrowers"] == [{"name": "Ana", "lent": lent}]
    assert filled == [3, 3, 3]
    assert len(library.sheets) == 0


async def test_sheets_are_bounded() -> None:
    def form(title: str) -> engine_forms.Form:
        return engine_forms.Form([b'"' + title.encode() + b'": ', b""], [[title]], [0], (None, None))

    sheets = Sheets(0.1)
    used = [form("used")]
    parents = sheets.of(used, 1).parents[0]
    assert isinstance(parents, Parents)
    for number in range(1_000):
        sheets.of([form(f"{number}")], 1)
        assert sheets.of(used, 1).parents[0] is parents
    assert sheets.size <= 0.1 * (1 << 20)
    assert 50 < len(sheets) < 200


async def test_what_lasts_below_what_is_live_is_told_again(library: Library, filled: list[int]) -> None:
    for _ in range(3):
        await library.ask(Reader(borrowed={"a": ["Ana"]}), "{ shelves { books { borrowers { name initial } } } }")
    assert filled == [3]
    document = 'query($after: String = "") { shelves { books { borrowers { initial(after: $after) } } } }'
    for after in ("x", "y", "x"):
        data, errors = await library.ask(Reader(borrowed={"a": ["Ana"]}), document, after=after)
        assert errors == []
        assert data["shelves"]["books"][0]["borrowers"] == [{"initial": f"{after}A"}]


async def test_a_list_is_answered_again_for_what_it_was_made_of_alone(library: Library, filled: list[int]) -> None:
    document = 'query($of: String! = "us") { shelves { books { shelf(of: $of) } } }'
    for day, of in ((1, "us"), (1, "us"), (1, "us"), (2, "us"), (1, "them"), (1, "them"), (1, "us")):
        data, errors = await library.ask(Reader(day=day), document, of=of)
        assert errors == []
        assert [book["shelf"] for book in data["shelves"]["books"]] == [f"{title} {of} {day}" for title in TITLES]
    # Written down, filled, told again; and each change.
    assert filled == [3] * 4


async def test_a_sheet_ends_with_the_first_of_its_forms_and_holds_nothing(library: Library) -> None:
    for _ in range(2):
        await library.ask(Reader(), BORROWED)
    assert len(library.sheets) == 1
    gone = library.books.pop()
    assert gone.kept is not None
    gone.kept.close()
    assert (len(library.sheets), library.sheets.size) == (0, 0)
    for _ in range(3):
        await library.ask(Reader(), BORROWED)
    assert len(library.sheets) == 1
    # Who still has it writes nothing down, and what is told of it is not kept.
    library.books.append(gone)
    for _ in range(3):
        data, _ = await library.ask(Reader(there={"c é": 4}), BORROWED)
        assert data["shelves"]["books"][2]["there"] == 4
    assert gone.kept._forms == {}
    here = ref(gone)
    del library.books[2], gone
    await library.ask(Reader(), BORROWED)
    collect()
    assert here() is None


def test_a_form_notes_those_sheets_alone_that_are_there() -> None:
    form, sheets = engine_forms.Form([b"", b""], [["a"]], [0], (None, None)), Sheets(0.001)
    for _ in range(1_000):
        sheets.of([form, engine_forms.Form([b"", b""], [["b"]], [0], (None, None))], 1)
    assert len(form.sheets) <= 64
    form.end()
    assert len(sheets) == 0
    assert sheets.of([form], 1).home is None
    assert len(sheets) == 0
