"""An operation that asks for too much is refused before it runs, with the value and the limit."""

from contextlib import suppress
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from graphql import GraphQLSyntaxError, get_introspection_query, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from app.api.engine import documents
from app.api.engine.cost import cost_of
from app.api.engine.errors import Refused, RequestError
from app.api.engine.limits import Limits
from app.api.engine.shape import check_shape, check_text
from tests.api.engine.asking import PLAIN, data, engine
from tests.api.engine.library import make_schema

SCHEMA = make_schema()._schema
NESTED = "{ books { author { books { author { books { id } } } } } }"


def refused_by(text: str, variables: dict[str, Any] | None = None, **limits: Any) -> dict[str, Any]:
    asked = engine(**limits)
    with pytest.raises(Refused) as refused:
        asked.cost(asked.operation(text), variables or {})
    (error,) = refused.value.errors
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    return error


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("{ hello }" + " " * 100, {"document_characters": 50}, "Characters in the document: 109, the limit is 50."),
        ("{ hello who }", {"tokens": 3}, "Tokens in the document: 4, the limit is 3."),
        (NESTED, {"depth": 5}, "Depth of the operation: 6, the limit is 5."),
        ("{ a: hello b: hello who }", {"aliases": 1}, "Aliases in the operation: 2, the limit is 1."),
        (
            "{ hello @skip(if: false) who @skip(if: false) }",
            {"directives": 1},
            "Directives in the operation: 2, the limit is 1.",
        ),
        (
            "{ hello @skip(if: false) @include(if: true) }",
            {"directives_per_node": 1},
            "Directives in one place: 2, the limit is 1.",
        ),
        ("{ hello who secret }", {"root_fields": 2}, "Root fields of the operation: 3, the limit is 2."),
        (
            "{ ...a } fragment a on Query { ...b } fragment b on Query { who }",
            {"fragments": 1},
            "Fragments in the document: 2, the limit is 1.",
        ),
        (
            "{ who who who who }",
            {"overlaps": 5},
            "Fields of one name at one depth, in pairs: 6, the limit is 5.",
        ),
        ("{ books(first: 30) { id } }", {"cost": 29}, "Cost of the operation: 30, the limit is 29."),
    ],
)
def test_a_limit_is_told_with_the_value(text: str, limits: dict[str, Any], message: str) -> None:
    assert refused_by(text, **limits)["message"] == message


def test_fragments_count_wherever_they_are_spread() -> None:
    text = """
      { a: books { ...f } books { author { ...g } } }
      fragment f on Book { x: id author { ...g } } fragment g on Author { y: id }
    """
    assert "Aliases in the operation: 4" in refused_by(text, aliases=3)["message"]
    assert "Depth of the operation: 3" in refused_by(text, depth=2)["message"]
    assert (
        "Root fields of the operation: 2"
        in refused_by("{ ...r } fragment r on Query { hello who }", root_fields=1)["message"]
    )


def test_fragments_that_explode_are_refused_without_unfolding_them() -> None:
    levels = 40
    parts = [
        f"fragment f{n} on Author {{ books {{ author {{ ...f{n + 1} }} x{n}: author {{ ...f{n + 1} }} }} }}"
        for n in range(levels)
    ]
    text = "{ books { author { ...f0 } } } " + " ".join(parts) + f" fragment f{levels} on Author {{ id }}"
    assert "Depth of the operation" in refused_by(text)["message"]
    wide = " ".join(
        f"fragment f{n} on Author {{ books {{ author {{ ...f{n + 1} }} author {{ ...f{n + 1} }} }} }}" for n in range(6)
    )
    assert refused_by("{ books { author { ...f0 } } } " + wide + " fragment f6 on Author { id }")


def test_fragments_that_spread_themselves_are_refused() -> None:
    text = "{ books { ...a } } fragment a on Book { author { ...b } } fragment b on Author { books { ...a } }"
    with pytest.raises(Refused, match="cycle"):
        PLAIN.operation(text)
    with pytest.raises(RequestError, match="cycle"):
        check_shape(parse("fragment a on Book { ...a }"), Limits())


@pytest.mark.parametrize(
    "text",
    [
        "{" + " ".join(f"a{n}: hello" for n in range(10_000)) + "}",
        "{" + "who " * 3_000 + "}",
        "{" + "books { " * 200 + "id" + " }" * 200 + "}",
        "{" + "... { " * 190 + "who" + " }" * 190 + "}",
        "{" + "books(first: 1000) { author { " * 5 + "id" + " } }" * 5 + "}",
        "{ who " + "@skip(if: false) " * 900 + "}",
    ],
)
def test_a_document_that_is_too_large_is_never_validated(text: str) -> None:
    with patch.object(documents, "validate", wraps=validate) as validated, pytest.raises(Refused) as refused:
        engine().operation(text)
    assert refused.value.errors[0]["extensions"]["code"] in ("LIMIT_EXCEEDED", "BAD_REQUEST")
    assert not validated.called


def test_ten_thousand_aliases_are_not_even_parsed() -> None:
    text = "{" + " ".join(f"a{n}: who" for n in range(10_000)) + "}"
    with patch.object(documents, "parse", wraps=parse) as parsed, pytest.raises(Refused, match="Tokens"):
        engine(document_characters=10**6).operation(text)
    assert not parsed.called


async def test_introspection_is_within_the_limits() -> None:
    found = await data(get_introspection_query(input_value_deprecation=True, specified_by_url=True))
    assert found["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ who }", {}, 1),
        ("{ books { id } }", {}, 5),
        ("{ books(first: 7) { id author { name } } }", {}, 14),
        ("{ books(first: 2) { author { books { id } } } }", {}, 2 * (1 + 1 + 2)),
        ("query ($n: Int!) { books(first: $n) { id } }", {"n": 12}, 12),
        ("query ($n: Int = 9) { books(first: $n) { id } }", {}, 9),
        ("query ($n: Int) { books(first: $n) { id } }", {}, 5),
        ("{ rows { id } }", {}, 10),
        ('{ nodes(ids: ["b1", "b2"]) { id } }', {}, 2),
        ("query ($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["b1", "b2", "b3"]}, 3),
        # A connection's page is as long as its `first` says.
        ("{ room { books(first: 4) { nodes { id } totalCount } } }", {}, 1 + 1 + 4),
        ("{ room { books { nodes { id } } } }", {}, 1 + 1 + 3),
        # A value is of one type: the dearest counts.
        (
            '{ nodes(ids: ["b1"]) { ... on Book { author { id } } ... on Author { books(first: 3) { id } } } }',
            {},
            1 + 3,
        ),
        ("query ($y: Boolean!) { books @include(if: $y) { id } who }", {"y": False}, 1),
        ("query ($y: Boolean!) { books @skip(if: $y) { id } who }", {"y": False}, 5),
        ('mutation { order(input: { title: "x" }) }', {}, 10),
        ("{ ...f } fragment f on Query { books(first: 3) { ...g } } fragment g on Book { author { id } }", {}, 6),
    ],
)
def test_what_an_operation_costs(text: str, variables: dict[str, Any], cost: int) -> None:
    assert PLAIN.cost(PLAIN.operation(text), variables) == cost


def test_an_exact_number_buys_no_discount() -> None:
    error = refused_by("query ($n: Int!) { books(first: $n) { id } }", {"n": Decimal("1E+9")})
    assert error["extensions"]["cost"] == {"requested": 10**9, "limit": Limits().cost}


@st.composite
def book_selections(draw: st.DrawFn, depth: int = 0) -> tuple[str, int]:
    """A selection on Book as text, with its cost as counted by hand."""
    parts, cost = ["id"], 0
    if depth < 4 and draw(st.booleans()):
        size = draw(st.integers(0, 50))
        below, each = draw(book_selections(depth=depth + 1))
        parts.append(f"author {{ name books(first: {size}) {{ {below} }} }}")
        cost += 1 + size * (1 + each)
    return " ".join(parts), cost


@given(book_selections(), st.integers(0, 100))
def test_cost_is_what_counting_by_hand_gives(selection: tuple[str, int], first: int) -> None:
    text, each = selection
    by_literal = parse(f"{{ books(first: {first}) {{ {text} }} }}").definitions[0]
    by_variable = parse(f"query ($n: Int!) {{ books(first: $n) {{ {text} }} }}").definitions[0]
    assert cost_of(SCHEMA, {}, by_literal, Limits()) == first * (1 + each)  # type: ignore[arg-type]
    counted = cost_of(SCHEMA, {}, by_variable, Limits())  # type: ignore[arg-type]
    assert (counted if isinstance(counted, int) else counted({"n": first})) == first * (1 + each)


@given(
    st.lists(st.sampled_from(['"""a"""', '"b"', "#c\n", "...", "on", "{", "}", "$x", "1.5e3", "-1", '"""', '"', "\\"]))
)
def test_counting_tokens_needs_no_parser_and_never_counts_fewer(pieces: list[str]) -> None:
    text = " ".join(pieces)
    counted = check_text(text, Limits())
    message = ""
    try:
        parse(f"{{ a }} {text}", max_lexical_tokens=counted + 3)
    except GraphQLSyntaxError as error:
        message = error.message
    assert "tokens" not in message


@given(st.text(alphabet='{}()[]:$@!."#abc1 \n', max_size=200))
def test_no_text_breaks_the_engine(text: str) -> None:
    with suppress(Refused):
        PLAIN.operation(text)
