"""Books that outlive requests, and an engine that keeps their rows."""

from asyncio import sleep
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import strawberry

from app.api.engine.batch import Batch, batched
from app.api.engine.errors import RequestError
from app.api.engine.execute import Engine
from app.api.engine.forms import Shelf
from app.api.engine.kept import Lasting
from app.api.engine.sheets import Sheets, again
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
