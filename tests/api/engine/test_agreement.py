"""Both executors answer alike; and where the plan is broken on purpose, the comparison says so."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.api.engine.collect import Collector
from app.api.engine.columns import Column, LeafColumn
from app.api.engine.documents import Operation
from app.api.engine.execute import Engine
from app.api.engine.levels import Faults, Level
from app.api.engine.objects import ObjectColumn
from tests.agreement import Agreement, agreeing
from tests.api.engine.library import Reader, make_schema

DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("{ hello a: hello(name: \"Ana\") __typename }", {}),
    ("query($n: String = \"you\") { hello(name: $n) }", {}),
    ("query($n: String!) { hello(name: $n) }", {"n": "them"}),
    ("{ books(first: 4) { id title caption year author { name books(first: 2, sortBy: YEAR) { title } } } }", {}),
    ("{ books(first: 0) { id author { id } } }", {}),
    ("{ rows { id year } }", {}),
    ("{ rows { label author { label } } }", {}),
    ("{ nodes(ids: [\"a1\", \"b2\", \"a3\"]) { __typename id ... on Book { title } ... on Author { name } } }", {}),
    ("{ nodes(ids: []) { id } }", {}),
    ("{ books(first: 4) { title rating } }", {}),
    ("{ books(first: 7) { author { debut { rating } } } }", {}),
    ("{ room { id shelves { id rows } books(first: 2) { totalCount nodes { title rating } } } }", {}),
    ("{ broken hello badNumber }", {}),
    ("{ books { tooFew title } }", {}),
    ("query($no: Boolean!) { hello @skip(if: $no) books(first: 1) @include(if: $no) { id title @skip(if: true) } }",
     {"no": True}),
    ("query($no: Boolean!) { hello @skip(if: $no) books(first: 1) @include(if: $no) { id } }", {"no": False}),
    (("query($no: Boolean = true) { ...f @skip(if: $no) ... @include(if: false) { who } __typename }"
     " fragment f on Query { hello }"), {}),
    (("{ books(first: 2) { ...a ...b id } } fragment a on Book { id author { name } }"
     " fragment b on Node { id label ...a }"), {}),
    ("{ exact(amount: 1.10) intPlusOne(value: 2147483647) floatPlusOne(value: 1) }", {}),
    ("mutation { a: order(input: {title: \"A\"}) b: order(input: {title: \"B\", copies: 2.5}) }", {}),
]  # fmt: skip


async def _compared() -> Agreement:
    # What fails on purpose is not to be told at length.
    with capture_logs(), agreeing() as agreement:
        engine = Engine(make_schema())
        for text, variables in DOCUMENTS:
            await engine.execute(engine.operation(text), variables, Reader())
    return agreement


async def test_a_plan_and_graphql_core_answer_alike() -> None:
    agreement = await _compared()
    agreement.check(at_least=len(DOCUMENTS))
    assert agreement.unplanned == 0


def _shows_all(_collector: Collector, _node: Any) -> bool:
    return True


def _no_indices(_level: Level, _place: int) -> list[str | int]:
    return []


def _keeps_null(_faults: Faults) -> None:
    return None


def _leaves_as_they_are(_column: LeafColumn, _run: Any, _level: Level, values: list[Any]) -> list[Any]:
    return values


def _backwards(fill: Callable[..., Any]) -> Callable[..., Any]:
    def filled(column: Column, run: Any, level: Level, parents: list[Any]) -> Any:
        return fill(column, run, level, parents[::-1] if column.name == "author" else parents)

    return filled


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (Collector, "_included", _shows_all),
        (Level, "path", _no_indices),
        (Faults, "bubble", _keeps_null),
        (LeafColumn, "complete", _leaves_as_they_are),
        (ObjectColumn, "fill", _backwards(ObjectColumn.fill)),
    ],
    ids=["directives", "paths", "nulls", "leaves", "order"],
)
async def test_an_engine_that_is_broken_is_found_out(
    owner: type, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError, match="planned"):
        (await _compared()).check()


async def test_what_is_not_planned_is_left_to_graphql_core() -> None:
    engine = Engine(make_schema())

    async def planned(text: str) -> bool:
        result = await engine.execute(engine.operation(text), {}, Reader())
        assert result.errors == []
        return result.planned

    assert await planned("{ hello }")
    assert not await planned("{ hello __schema { queryType { name } } }")
    assert not await planned('{ __type(name: "Book") { name } hello }')


async def test_plans_of_one_operation_are_bounded() -> None:
    engine = Engine(make_schema())
    names = [f"v{number}" for number in range(6)]
    defined = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: hello @include(if: ${name})" for name in names)
    operation: Operation = engine.operation(f"query({defined}) {{ who {fields} }}")
    by_plan = 0
    for number in range(64):
        said = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        result = await engine.execute(operation, said, Reader())
        assert result.data == {"who": "anyone"} | {name: "Hello, world!" for name in names if said[name]}
        by_plan += result.planned
    assert by_plan == len(operation.plans) == 16
