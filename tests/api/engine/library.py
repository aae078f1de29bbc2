"""A small schema that knows nothing of commerce: books, authors, shelves. Its context counts batches."""

import asyncio
import enum
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, NewType

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, ValueNode
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info as StrawberryInfo

from app.api.engine.batch import Answers, Batch, batched
from app.api.engine.errors import RequestError
from app.api.engine.execute import Event
from app.api.engine.selection import Selection, selection_of

Exact = NewType("Exact", Decimal)


@dataclass
class Reader:
    """The context of one request."""

    name: str = "anyone"
    calls: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[str, int]] = field(default_factory=list)
    selections: dict[str, Selection] = field(default_factory=dict)
    secrets_told: int = 0

    def served(self, what: str, parents: Sequence[Any], batch: "Batch[Reader]") -> None:
        self.calls[what] += 1
        self.sizes.append((what, len(parents)))
        self.selections[what] = batch.selection


Info = StrawberryInfo[Reader, None]


@strawberry.enum
class Order(enum.Enum):
    TITLE = "title"
    YEAR = "year"


@strawberry.interface(description="Has an id.")
class Node:
    id: strawberry.ID

    @batched
    @staticmethod
    async def label(parents: Sequence["Node"], batch: Batch[Reader]) -> list[str]:
        """Its id, shouted."""
        batch.context.served("Node.label", parents, batch)
        return [parent.id.upper() for parent in parents]


@strawberry.type(description="Who wrote.")
class Author(Node):
    name: str

    @batched
    @staticmethod
    async def books(
        parents: Sequence["Author"],
        batch: Batch[Reader],
        first: Annotated[int, strawberry.argument(description="At most this many.")] = 2,
        sort_by: Order = Order.TITLE,
    ) -> list[list[Annotated["Book", strawberry.lazy("tests.api.engine.library")]]]:
        """Books by this author."""
        batch.context.served("Author.books", parents, batch)
        await asyncio.sleep(0)
        assert isinstance(sort_by, Order)
        return [[make_book(int(author.id[1:]) * 10 + n) for n in range(first)] for author in parents]

    @batched
    @staticmethod
    def debut(
        parents: Sequence["Author"], batch: Batch[Reader]
    ) -> list[Annotated["Book", strawberry.lazy("tests.api.engine.library")]]:
        """The first book, known without waiting."""
        return [make_book(1) for _ in parents]


@strawberry.type(description="What is read.")
class Book(Node):
    title: str
    year: int

    @strawberry.field
    def caption(self) -> str:
        return f"{self.title} ({self.year})"

    @batched
    @staticmethod
    async def author(parents: Sequence["Book"], batch: Batch[Reader]) -> list[Author | None]:
        """Nobody knows of the odd ones."""
        batch.context.served("Book.author", parents, batch)
        await asyncio.sleep(0)
        return [make_author(book.year % 7) if book.year % 2 == 0 else None for book in parents]

    @batched(description="Fails for some.")
    @staticmethod
    async def rating(parents: Sequence["Book"], batch: Batch[Reader]) -> Answers[int]:
        batch.context.served("Book.rating", parents, batch)
        refused = RequestError("FORBIDDEN", "You may not see this rating.")
        return [refused if book.year % 3 == 0 else book.year for book in parents]

    @batched(name="tooFew")
    @staticmethod
    async def miscounted(parents: Sequence["Book"], batch: Batch[Reader]) -> list[int | None]:
        return [1]

    @batched
    @staticmethod
    def writer(parents: Sequence["Book"], batch: Batch[Reader]) -> list[Author]:
        """Somebody wrote it, known without waiting."""
        return [make_author(1) for _ in parents]

    @batched
    @staticmethod
    def quick(parents: Sequence["Book"], batch: Batch[Reader]) -> list[str]:
        """Needs no waiting."""
        batch.context.served("Book.quick", parents, batch)
        return [book.title[::-1] for book in parents]


@strawberry.type
class BookConnection:
    nodes: list[Book]
    total_count: int


@strawberry.type(description="Where books stand.")
class Shelf(Node):
    rows: int


async def _shelf_books(
    parents: Sequence[Shelf], batch: Batch[Reader], first: int = 3, after: str | None = None
) -> list[BookConnection]:
    batch.context.served("Shelf.books", parents, batch)
    return [BookConnection(nodes=[make_book(n) for n in range(first)], total_count=first) for _ in parents]


@strawberry.type(description="Several shelves.")
class Room(Node):
    shelves: list[Shelf]
    books: BookConnection = batched(_shelf_books, description="All of them.")


def make_author(number: int) -> Author:
    return Author(id=strawberry.ID(f"a{number}"), name=f"Author {number}")


def make_book(number: int) -> Book:
    return Book(id=strawberry.ID(f"b{number}"), title=f"Book {number}", year=1900 + number)


@strawberry.input
class Wanted:
    title: str
    copies: Exact = Exact(Decimal(1))


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}!"

    @strawberry.field
    async def books(self, info: Info, first: int = 5) -> list[Book]:
        info.context.selections["Query.books"] = selection_of(info)
        return [make_book(number) for number in range(first)]

    @strawberry.field
    async def rows(self) -> list[list[Book]]:
        return [[make_book(10 * row + n) for n in range(row + 1)] for row in range(3)]

    @strawberry.field
    async def nodes(self, ids: list[strawberry.ID]) -> list[Node | None]:
        return [_node(one) for one in ids]

    @strawberry.field
    async def room(self) -> Room:
        shelves = [Shelf(id=strawberry.ID(f"s{n}"), rows=n) for n in range(2)]
        return Room(id=strawberry.ID("r1"), shelves=shelves)

    @strawberry.field
    def exact(self, amount: Exact) -> str:
        return str(amount)

    @strawberry.field
    def float_plus_one(self, value: float) -> float:
        return value + 1

    @strawberry.field
    def int_plus_one(self, value: int) -> int:
        return value + 1

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def secret(self, info: Info) -> str | None:
        info.context.secrets_told += 1
        return "the cake"

    @strawberry.field
    def unwritable(self) -> JSON | None:
        return JSON(object())

    @strawberry.field
    def who(self, info: Info) -> str:
        return info.context.name

    @strawberry.field
    def bad_number(self) -> int | None:
        return "not a number"  # type: ignore[return-value]


def _node(id: str) -> Node | None:
    number = int(id[1:])
    return {"a": make_author, "b": make_book}[id[0]](number)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def order(self, input: Wanted) -> str | None:
        return f"{input.copies} x {input.title}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: Info, to: int = 3, pause: float = 0.0) -> AsyncGenerator[int, None]:
        opened.append(info.context.name)
        try:
            for number in range(to):
                await asyncio.sleep(pause)
                yield number
        finally:
            closed.append(info.context.name)

    @strawberry.subscription
    async def latest(self, to: int = 2) -> AsyncGenerator[Book, None]:
        for number in range(to):
            yield make_book(number * 2)

    @strawberry.subscription
    async def big(self, info: Info) -> AsyncGenerator[str, None]:
        try:
            while True:
                produced[info.context.name] += 1
                yield "x" * 100_000
        finally:
            closed.append(info.context.name)

    @strawberry.subscription
    async def news(self, info: Info, of: int, moments: int = 1) -> AsyncGenerator[Book, None]:
        """A book whose reading is told; many who ask for one at a moment may be given one answer."""
        reader = info.context

        async def read(context: Reader) -> Book:
            context.calls["news"] += 1
            await asyncio.sleep(0.01)
            return make_book(of)

        for moment in range(moments):
            reader.calls["asked"] += 1
            yield Event(read, moment=(of, moment))  # type: ignore[misc]

    @strawberry.subscription
    async def breaks(self, after: int = 1) -> AsyncGenerator[int, None]:
        for number in range(after):
            yield number
        raise RuntimeError("the password is hunter2")

    @strawberry.subscription
    async def refuses(self) -> AsyncGenerator[int, None]:
        raise RequestError("FORBIDDEN", "Not for you.")
        yield 1


opened: list[str] = []
produced: Counter[str] = Counter()
closed: list[str] = []


def _parse_exact(value: Any) -> Exact:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise GraphQLError("Exact must be a number.")
    return Exact(Decimal(value))


def _parse_exact_literal(node: ValueNode, _variables: Any = None) -> Exact:
    if not isinstance(node, IntValueNode | FloatValueNode):
        raise GraphQLError("Exact must be a number.")
    return Exact(Decimal(node.value))


def make_schema() -> strawberry.Schema:
    exact = strawberry.scalar(name="Exact", serialize=str, parse_value=_parse_exact, parse_literal=_parse_exact_literal)
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Author, Book, Room],
        config=StrawberryConfig(scalar_map={Exact: exact}),
    )
