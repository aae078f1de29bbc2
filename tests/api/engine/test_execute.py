"""What goes wrong is told by one of five codes, and never more than the caller may know."""

import gc
import weakref
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from strawberry.types.field import StrawberryField
from structlog.testing import capture_logs

from app.api.engine.errors import Refused, RequestError
from app.api.engine.execute import Check, Engine
from tests.api.engine.asking import PLAIN, ask, data, engine
from tests.api.engine.library import Reader, make_schema


def codes(errors: list[dict[str, Any]]) -> list[str]:
    return [error["extensions"]["code"] for error in errors]


async def test_an_unexpected_exception_is_masked() -> None:
    result, _ = await ask("{ broken secret }")
    assert result.data == {"broken": None, "secret": "the cake"}
    (error,) = result.errors
    assert error["message"] == "Something went wrong on our side."
    assert error["path"] == ["broken"]
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert set(error["extensions"]) == {"code", "requestId"}
    assert "hunter2" not in str(result.errors)


async def test_a_value_that_does_not_fit_its_type_is_our_fault() -> None:
    result, _ = await ask("{ badNumber }")
    assert codes(result.errors) == ["INTERNAL"]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("query ($n: Int!) { intPlusOne(value: $n) }", {"n": "one"}),
        ("query ($n: Int!) { intPlusOne(value: $n) }", {"n": Decimal("1.5")}),
        ("query ($n: Int!) { intPlusOne(value: $n) }", {"n": Decimal("1e300")}),
        ("query ($n: Int!) { intPlusOne(value: $n) }", {}),
        ("query ($n: Exact!) { exact(amount: $n) }", {"n": "1.5"}),
        ("mutation ($i: Wanted!) { order(input: $i) }", {"i": {"title": "x", "colour": "red"}}),
        ("mutation ($i: Wanted!) { order(input: $i) }", {"i": [[]]}),
    ],
)
async def test_variables_that_do_not_fit_are_a_bad_request(text: str, variables: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        await ask(text, variables)
    assert codes(refused.value.errors) == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "text", ["{", "{ helo }", "{ hello(nme: 1) }", "query A { hello } query B { hello }", "# no", ""]
)
def test_a_document_that_is_not_valid_is_a_bad_request(text: str) -> None:
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            PLAIN.operation(text)
        assert codes(refused.value.errors) == ["BAD_REQUEST"]


def test_a_message_does_not_quote_a_document_whole() -> None:
    with pytest.raises(Refused) as refused:
        PLAIN.operation("{ intPlusOne(value: [" + "12345, " * 900 + "]) }")
    assert len(refused.value.errors[0]["message"]) < 600


def test_an_unknown_operation_name_is_a_bad_request() -> None:
    assert PLAIN.operation("query A { hello } query B { who }", "B").name == "B"
    with pytest.raises(Refused, match='Unknown operation named "C"'):
        PLAIN.operation("query A { hello } query B { who }", "C")


async def test_numbers_keep_the_digits_of_the_text() -> None:
    text = "query ($n: Exact!) { exact(amount: $n) }"
    assert await data(text, {"n": Decimal("1.500")}) == {"exact": "1.500"}
    assert await data("{ exact(amount: 0.1000) }") == {"exact": "0.1000"}
    assert await data("query ($n: Float!) { floatPlusOne(value: $n) }", {"n": Decimal("1.5")}) == {"floatPlusOne": 2.5}
    assert await data("query ($n: Int!) { intPlusOne(value: $n) }", {"n": Decimal("2.0")}) == {"intPlusOne": 3}


async def test_production_hides_suggestions_and_introspection() -> None:
    hidden = engine(production=True)
    with pytest.raises(Refused) as refused:
        hidden.operation("{ helo }")
    assert refused.value.errors[0]["message"] == "Cannot query field 'helo' on type 'Query'."
    with pytest.raises(Refused, match="introspection"):
        hidden.operation("{ __schema { queryType { name } } }")
    assert await data("{ __typename }", engine=hidden) == {"__typename": "Query"}
    with pytest.raises(Refused, match="Did you mean 'hello'"):
        PLAIN.operation("{ helo }")


async def test_a_guard_refuses_a_field_before_it_runs() -> None:
    asked: list[tuple[str, str]] = []

    def only_ana(context: Reader) -> None:
        if context.name != "ana":
            raise RequestError("FORBIDDEN", "Only for Ana.")

    def guard(type_name: str, field: StrawberryField) -> Check | None:
        asked.append((type_name, field.python_name))
        return only_ana if (type_name, field.python_name) in {("Query", "secret"), ("Book", "author")} else None

    guarded = Engine(make_schema(), guard=guard)
    result, reader = await ask("{ secret who books(first: 1) { author { name } } }", engine=guarded)
    assert result.data == {"secret": None, "who": "anyone", "books": [{"author": None}]}
    assert [(e["path"], e["extensions"]["code"]) for e in result.errors] == [
        (["secret"], "FORBIDDEN"),
        (["books", 0, "author"], "FORBIDDEN"),
    ]
    assert reader.secrets_told == 0
    assert reader.calls["Book.author"] == 0
    allowed, reader = await ask("{ secret }", engine=guarded, reader=Reader(name="ana"))
    assert allowed.errors == []
    assert {("Mutation", "order"), ("Subscription", "count"), ("BookConnection", "nodes")} <= set(asked)


async def test_a_subscription_that_breaks_is_refused_with_a_mask() -> None:
    events = PLAIN.subscribe(PLAIN.operation("subscription { breaks(after: 2) }"), {}, Reader())
    assert [(await anext(events)).data for _ in range(2)] == [{"breaks": 0}, {"breaks": 1}]
    with pytest.raises(Refused) as refused:
        await anext(events)
    assert codes(refused.value.errors) == ["INTERNAL"]
    assert "hunter2" not in str(refused.value.errors)


async def test_a_subscription_that_may_not_be_is_refused() -> None:
    with pytest.raises(Refused, match="Not for you"):
        await anext(PLAIN.subscribe(PLAIN.operation("subscription { refuses }"), {}, Reader()))


async def test_a_subscription_sees_each_event_in_a_fresh_context_and_ends_with_its_permission() -> None:
    made: list[Reader] = []

    async def renew() -> Reader:
        if len(made) == 2:
            raise RequestError("UNAUTHENTICATED", "The token was revoked.")
        made.append(Reader(name=f"r{len(made)}"))
        return made[-1]

    events = PLAIN.subscribe(PLAIN.operation("subscription { latest(to: 5) { author { name } } }"), {}, Reader(), renew)
    assert [(await anext(events)).errors for _ in range(2)] == [[], []]
    with pytest.raises(Refused, match="revoked"):
        await anext(events)
    assert [reader.calls["Book.author"] for reader in made] == [1, 1]


async def test_variables_nested_a_thousand_deep_are_refused() -> None:
    deep: Any = "x"
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(Refused):
        await ask("query ($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": deep})


@pytest.mark.parametrize(
    ("query", "variables"),
    [("{ broken hello }", {}), ("{ badNumber }", {}), ("query($n: String!) { hello(name: $n) }", {"n": {}})],
)
async def test_what_a_run_that_failed_held_goes_with_it(query: str, variables: dict[str, Any]) -> None:
    """Without the collector of cycles: a traceback's frames hold the request, and the error that holds it."""
    engine, reader = Engine(make_schema()), Reader()
    gone = weakref.ref(reader)
    gc.collect()
    gc.disable()
    try:
        with capture_logs(), suppress(Refused):
            await engine.execute(engine.operation(query), variables, reader)
        del reader
        assert gone() is None
    finally:
        gc.enable()
