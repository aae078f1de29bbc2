"""Rows that are kept: written down once, told with what is live, and made in the plain way where that goes wrong."""

from asyncio import gather, sleep
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import strawberry

from app.api.engine import forms as engine_forms
from app.api.engine import kept as engine_kept
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import RequestError
from app.api.engine.execute import Engine
from app.api.engine.forms import MOST_FORMS, Shelf
from app.api.engine.kept import Lasting
from app.api.engine.sheets import Parents, Sheets, again
from app.api.transport.parameters import encode_json


@dataclass
class Reader:
    """One request's context: the edition that everything lasting depends on, the day, and how many are there."""

    edition: str = "first"
    day: int = 1
    there: dict[str, int] = field(default_factory=dict)
    borrowed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    waits: float = 0
    fails: str = ""
    lost: bool = False
    counted: list[int] = field(default_factory=list)


def _until_the_fifth(_books: Sequence["Book"], _batch: Batch[Reader]) -> tuple[int, int]:
    return 1, 5


@strawberry.type
class Borrower:
    name: str

    @batched(lasting=True)
    @staticmethod
    def initial(parents: Sequence["Borrower"], batch: Batch[Reader], after: str = "") -> list[str]:
        return [after + parent.name[0] for parent in parents]

    @batched
    @staticmethod
    def lent(parents: Sequence["Borrower"], batch: Batch[Reader]) -> list[int]:
        """Live."""
        return [sum(parent.name in some for some in batch.context.borrowed.values()) for parent in parents]


BORROWERS = {name: Borrower(name=name) for name in ("Ana", "Rui")}


@strawberry.type
class Page:
    number: int

    @batched
    @staticmethod
    def lent(parents: Sequence["Page"], batch: Batch[Reader]) -> list[bool]:
        """Live."""
        return [parent.number in batch.context.there.values() for parent in parents]


@strawberry.type
class Book:
    title: str
    made: strawberry.Private[list[str]]
    kept: strawberry.Private[Shelf | None] = None

    @batched(lasting=True)
    @staticmethod
    def pages(parents: Sequence["Book"], batch: Batch[Reader], first: int = 2) -> list[list[Page]]:
        batch.context.counted.append(len(parents))
        return [[Page(number=number) for number in range(first)] for _ in parents]

    @batched(lasting=True)
    @staticmethod
    def praise(parents: Sequence["Book"], batch: Batch[Reader], by: str = "us") -> list[str]:
        return [f"{by} on {parent.title}" for parent in parents]

    @batched(lasting=_until_the_fifth)
    @staticmethod
    def price(parents: Sequence["Book"], batch: Batch[Reader]) -> list[str]:
        for parent in parents:
            parent.made.append(f"{batch.context.edition} {batch.context.day}")
        return [f"50% off {batch.context.edition}" for _ in parents]

    @batched
    @staticmethod
    async def borrowers(parents: Sequence["Book"], batch: Batch[Reader]) -> list[list[Borrower]]:
        """Live, of objects that outlive requests."""
        names = [batch.context.borrowed.get(parent.title, ()) for parent in parents]
        await sleep(batch.context.waits)
        return [[BORROWERS[name] for name in some] for some in names]

    @batched
    @staticmethod
    def shelf(parents: Sequence["Book"], batch: Batch[Reader], of: str = "us") -> list[str]:
        """Live."""
        day = batch.context.day
        return again(parents, (of, day), lambda: [f"{parent.title} {of} {day}" for parent in parents])

    @batched
    @staticmethod
    def there(parents: Sequence["Book"], batch: Batch[Reader]) -> list[int]:
        """Live, and required: a null goes up."""
        if batch.context.lost:
            raise RequestError("FORBIDDEN", "The shelves are gone.")
        refused: Any = RequestError("FORBIDDEN", "Not for you.")
        found = batch.context.there
        return [refused if each.title == batch.context.fails else found.get(each.title, 0) for each in parents]


@strawberry.type
class Shelves:
    made: strawberry.Private[list[str]]
    books: list[Book | None]


TITLES = ("a", 'b "%s"', "c é")
PRAISED = "query($by: String) { shelves { books { title praise(by: $by) } } }"
BORROWED = "{ shelves { books { title borrowers { name } there } } }"
ASKED = "query($first: Int = 2) { shelves { books { title price there pages(first: $first) { number lent } } } }"


class Library:
    """Books that outlive requests, and an engine that keeps their rows."""

    def __init__(self) -> None:
        self.size = 0
        self.made: list[str] = []
        self.books = [Book(kept=Shelf(self._grow), title=title, made=self.made) for title in TITLES]
        books, made = self.books, self.made

        @strawberry.type
        class Query:
            @strawberry.field
            def shelves(self) -> Shelves:
                return Shelves(made=made, books=list(books))

        self.sheets = Sheets(1)
        lasting = Lasting(lambda context: (context.edition, context.day), encode_json, self.sheets)
        self.engine = Engine(strawberry.Schema(Query), lasting=lasting)

    def _grow(self, size: int) -> None:
        self.size += size

    async def ask(self, reader: Reader, text: str = ASKED, **variables: Any) -> tuple[Any, list[Any]]:
        """The answer, which must be what an engine says that keeps nothing."""
        operation = self.engine.operation(text)
        result = await self.engine.execute(operation, variables, reader, to_encode=True)
        plain = await self.engine.execute(operation, variables, reader)
        assert encode_json(result.data) == encode_json(plain.data)
        assert sorted(map(repr, result.errors)) == sorted(map(repr, plain.errors))
        return msgspec.json.decode(encode_json(result.data)), result.errors

    async def made_by(self, reader: Reader, **variables: Any) -> int:
        """How many prices were asked for, beside those of the engine that keeps nothing."""
        before = len(self.made)
        await self.ask(reader, **variables)
        return len(self.made) - before - len(TITLES)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(engine_kept, "_RUNS", 0)
    return Library()


async def test_what_lasts_is_asked_once_and_what_is_live_each_time(library: Library) -> None:
    assert await library.made_by(Reader()) == 3
    assert await library.made_by(Reader()) == 0
    data, errors = await library.ask(Reader(there={"a": 1, "c é": 7}))
    assert errors == []
    assert [book["there"] for book in data["shelves"]["books"]] == [1, 0, 7]
    assert [page["lent"] for page in data["shelves"]["books"][0]["pages"]] == [False, True]
    assert data["shelves"]["books"][1]["price"] == "50% off first"


async def test_a_plan_that_ran_once_or_twice_is_not_written_down() -> None:
    library = Library()
    assert [await library.made_by(Reader()) for _ in range(4)] == [3, 3, 3, 0]


async def test_another_token_other_variables_and_another_time_are_asked_anew(library: Library) -> None:
    assert await library.made_by(Reader()) == 3
    assert await library.made_by(Reader(edition="second")) == 3
    assert await library.made_by(Reader(), first=3) == 3
    assert await library.made_by(Reader(), first=3) == 0
    assert await library.made_by(Reader(day=4)) == 0
    assert await library.made_by(Reader(day=5)) == 3
    # It lasts no longer by being asked for.
    assert await library.made_by(Reader(day=5)) == 3
    assert await library.made_by(Reader()) == 0


async def test_what_is_left_out_is_not_what_is_null(library: Library) -> None:
    for _ in range(2):
        data, errors = await library.ask(Reader(), PRAISED)
        assert (data["shelves"]["books"][0]["praise"], errors) == ("us on a", [])
        data, errors = await library.ask(Reader(), PRAISED, by=None)
        assert (data["shelves"]["books"][0], len(errors)) == (None, 3)


async def test_nothing_is_written_down_under_words_without_end(library: Library) -> None:
    await library.ask(Reader(), PRAISED, by="x" * 500)
    size = library.size
    assert size
    for _ in range(3):
        data, errors = await library.ask(Reader(), PRAISED, by="x" * 1_001)
        assert (data["shelves"]["books"][0]["praise"], errors) == ("x" * 1_001 + " on a", [])
    assert library.size == size


async def test_what_fails_is_told_as_ever_and_not_written_down(library: Library) -> None:
    data, errors = await library.ask(Reader(fails="a"))
    assert (data["shelves"]["books"][0], len(errors)) == (None, 1)
    assert library.size == 0
    await library.ask(Reader())
    size = library.size
    assert size
    data, errors = await library.ask(Reader(fails="c é"))
    assert data["shelves"]["books"][2] is None
    assert errors[0]["path"] == ["shelves", "books", 2, "there"]
    data, errors = await library.ask(Reader(lost=True))
    assert data["shelves"]["books"] == [None, None, None]
    assert [error["path"] for error in errors] == [["shelves", "books", place, "there"] for place in range(3)]
    assert library.size == size


async def test_some_of_a_page_may_be_written_down_and_some_not(library: Library) -> None:
    await library.ask(Reader())
    library.books.insert(1, Book(kept=Shelf(library._grow), title="new", made=library.made))
    library.books[3].kept = Shelf(library._grow)
    data, errors = await library.ask(Reader(there={"new": 4, "a": 2}))
    assert errors == []
    assert [book["there"] for book in data["shelves"]["books"]] == [2, 4, 0, 0]
    data, errors = await library.ask(Reader(fails="new"))
    assert data["shelves"]["books"][1] is None
    library.books[0].kept = None
    data, _ = await library.ask(Reader(there={"a": 9}))
    assert data["shelves"]["books"][0]["there"] == 9


async def test_what_is_kept_of_one_object_is_bounded(library: Library) -> None:
    for first in range(3 * MOST_FORMS):
        await library.ask(Reader(), first=first)
    most = library.size
    for first in range(3 * MOST_FORMS):
        await library.ask(Reader(), first=first)
    assert library.size == most
    assert all(len(book.kept._forms) == MOST_FORMS for book in library.books if book.kept is not None)


async def test_no_title_can_pass_for_a_hole(library: Library) -> None:
    library.books[0].title = f'{engine_forms._MARK[:8]}:0" %b %s %(a)d \\"'
    for _ in range(3):
        data, errors = await library.ask(Reader())
        assert errors == []
        assert data["shelves"]["books"][0]["title"] == library.books[0].title


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were made of forms, each time that some were."""
    seen: list[int] = []

    def told(forms: Sequence[Any], *given: Any) -> Any:
        seen.append(len(forms))
        return engine_forms.told(forms, *given)

    monkeypatch.setattr(engine_kept, "told", told)
    return seen


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
    assert 5 < len(sheets) < 100


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
