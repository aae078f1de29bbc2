"""Batch functions get all parents of a level at once, and answer each of them."""

import asyncio
from collections.abc import Sequence

import pytest
import strawberry

from app.api.engine.batch import Batch, BatchResolver, batched
from app.api.engine.execute import Engine
from tests.api.engine.asking import PLAIN, ask, data
from tests.api.engine.library import Book, Reader, make_schema


async def test_all_parents_of_a_level_come_in_one_call() -> None:
    _, reader = await ask("{ books(first: 20) { author { name books(first: 3) { title author { name } } } } }")
    # The same function at two levels, by two nodes of the document: one call each.
    assert reader.sizes == [("Book.author", 20), ("Author.books", 10), ("Book.author", 30)]


async def test_parents_in_lists_of_lists_come_in_one_call() -> None:
    result, reader = await ask("{ rows { title author { name } } }")
    assert reader.sizes == [("Book.author", 6)]
    assert result.data is not None
    assert [[book["author"] is not None for book in row] for row in result.data["rows"]] == [
        [True],
        [True, False],
        [True, False, True],
    ]


async def test_siblings_that_lie_tasks_apart_still_leave_together() -> None:
    """An author waits for one field and a book for two, so their labels come by in different turns of the loop."""
    text = """
      { nodes(ids: ["a1", "b2", "a3", "b4"]) {
          ... on Author { debut { ...deep } }
          ... on Book { quick writer { ...deep } } } }
      fragment deep on Node { label }
    """
    _, reader = await ask(text)
    assert reader.sizes == [("Book.quick", 2), ("Node.label", 4)]


async def test_aliases_with_other_arguments_are_other_calls() -> None:
    result, reader = await ask(
        '{ nodes(ids: ["a1", "a2"]) { ... on Author { one: books(first: 1) { id } two: books { id } } } }'
    )
    assert reader.sizes == [("Author.books", 2), ("Author.books", 2)]
    assert result.data is not None
    assert [len(result.data["nodes"][0][key]) for key in ("one", "two")] == [1, 2]


async def test_arguments_arrive_converted_with_defaults_and_variables() -> None:
    text = 'query ($n: Int!) { nodes(ids: ["a1"]) { ... on Author { books(first: $n, sortBy: YEAR) { id } } } }'
    assert len((await data(text, {"n": 4}))["nodes"][0]["books"]) == 4


async def test_an_interface_s_field_serves_its_types_in_one_call() -> None:
    result, reader = await ask('{ nodes(ids: ["a1", "b2", "a3"]) { label } }')
    assert result.data == {"nodes": [{"label": "A1"}, {"label": "B2"}, {"label": "A3"}]}
    assert reader.sizes == [("Node.label", 3)]


async def test_a_function_from_elsewhere_and_one_that_needs_no_waiting() -> None:
    found = await data("{ room { books(first: 2) { nodes { quick } totalCount } } }")
    assert found == {"room": {"books": {"nodes": [{"quick": "0 kooB"}, {"quick": "1 kooB"}], "totalCount": 2}}}


async def test_an_exception_in_the_list_is_that_parent_s_error() -> None:
    result, _ = await ask('{ nodes(ids: ["b1", "b2", "b3"]) { ... on Book { id rating } } }')
    assert result.data is not None
    assert [node and node["id"] for node in result.data["nodes"]] == ["b1", None, "b3"]
    assert [(e["path"], e["extensions"]["code"], e["message"]) for e in result.errors] == [
        (["nodes", 1, "rating"], "FORBIDDEN", "You may not see this rating.")
    ]


async def test_a_list_of_the_wrong_length_is_an_error_of_every_parent() -> None:
    result, _ = await ask("{ books(first: 2) { tooFew } }")
    assert result.data == {"books": [{"tooFew": None}, {"tooFew": None}]}
    assert [error["extensions"]["code"] for error in result.errors] == ["INTERNAL", "INTERNAL"]
    # One failure, logged once: both quote the same request.
    assert len({error["extensions"]["requestId"] for error in result.errors}) == 1


async def test_concurrent_operations_do_not_share_batches() -> None:
    answers = await asyncio.gather(*(ask("{ books(first: 3) { author { name } } }") for _ in range(5)))
    assert [reader.sizes for _, reader in answers] == [[("Book.author", 3)]] * 5


async def test_each_event_of_a_subscription_batches_anew() -> None:
    reader = Reader()
    operation = PLAIN.operation("subscription { latest(to: 3) { author { name } } }")
    results = [result.data async for result in PLAIN.subscribe(operation, {}, reader)]
    assert len(results) == 3
    assert reader.sizes == [("Book.author", 1)] * 3


async def test_a_caller_that_leaves_stops_its_batches() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def slow(parents: Sequence[Book], batch: Batch[Reader]) -> list[str]:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return ["" for _ in parents]

    @strawberry.type
    class Slow:
        id: int
        name: str = batched(slow)

    @strawberry.type
    class Query:
        @strawberry.field
        def slow(self) -> Slow:
            return Slow(id=1)

    engine = Engine(strawberry.Schema(Query))
    task = asyncio.ensure_future(engine.execute(engine.operation("{ slow { name } }"), {}, None))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(stopped.wait(), 5)


def test_the_schema_has_the_element_s_type_and_the_docstring() -> None:
    sdl = make_schema().as_str()
    assert '"""Nobody knows of the odd ones."""\n  author: Author\n' in sdl
    assert "sortBy: Order! = TITLE\n  ): [Book!]!" in sdl
    assert "rating: Int!" in sdl
    assert '"""At most this many."""\n    first: Int! = 2' in sdl


def test_an_engine_finds_function_and_arguments_on_the_field() -> None:
    field = make_schema().get_field_for_type("books", "Author")
    assert field is not None
    resolver = field.base_resolver
    assert isinstance(resolver, BatchResolver)
    assert resolver.wrapped_func.__name__ == "books"
    assert [argument.python_name for argument in resolver.arguments] == ["first", "sort_by"]


def test_a_batch_function_must_say_what_list_it_returns() -> None:
    async def unlisted(parents: Sequence[Book], batch: Batch[Reader]) -> str:
        return ""

    def declare() -> None:
        @strawberry.type
        class Shelf:
            bad = batched(unlisted)

        strawberry.Schema(Shelf)

    with pytest.raises(TypeError, match="must return a list"):
        declare()
