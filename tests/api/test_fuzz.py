"""Schemathesis writes operations against the schema, and `rewriting` says them in other words: whatever an owner sends,
the server does not fail, and both executors give the same answer.

A few cases of every root field in each run; `make fuzz` runs 2,000 of them, others each time.
"""

import asyncio
import os
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import schemathesis
from graphql import (
    FloatValueNode,
    GraphQLSchema,
    IntValueNode,
    Node,
    ObjectValueNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes, scalar

from app.api.schema import schema as strawberry_schema
from app.api.transport.parameters import encode_json
from tests.agreement import agreeing
from tests.api.market import GRAPHQL, Market, open_market, stock_market
from tests.api.rewriting import rewritten

CASES = int(os.environ.get("FEIRA_FUZZ_CASES", "0"))
A_FEW = 500
KNOWN = 0.85
"""How often an id is one that is there, so that more is reached than the check of ids."""

MEANT = 0.3
"""How often a text is a word that means something somewhere."""
WORDS = [
    *("pt-BR", "en", "web", "pos", "CANECA", "caneca", "correio", "SP", "un", "kg", "guest@feira.example", "P1001"),
    *("a", "%", "_", "\\", "'", '"', "🙂", "é" * 600, "0" * 70),
]
OF = {"lineId": "CartLine", "parentId": "Category"}


def _mostly(good: st.SearchStrategy[str], odd: Sequence[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 9).flatmap(lambda number: st.sampled_from(odd) if number == 9 else good)


def _number(text: str) -> FloatValueNode:
    return FloatValueNode(value=text)


_amounts = st.sampled_from(["0", "1.00", "15.00", "19.90", "49.90", "64.90", "-1", "999999999999999.99"])
_odd_amounts = ["0.001", "1e3", "9" * 18, "9" * 39, "NaN", "-Infinity", "", "x", "1_0", "٣"]
_times = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda moment: moment.isoformat() + "Z"
)
_odd_times = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2020-01-01", ""]
_odd_quantities = ["0.0001", "1e3", "1000000000", "1000000000000", "99999999999999999999", "-0", "1e400"]
scalar("Decimal", _mostly(_amounts, _odd_amounts).map(nodes.String))
scalar("Quantity", _mostly(st.sampled_from(["0", "1", "2", "3", "0.350", "-1"]), _odd_quantities).map(_number))
scalar("DateTime", _mostly(_times, _odd_times).map(nodes.String))
scalar("UUID", _mostly(st.uuids().map(str), ["", "x"]).map(nodes.String))
scalar("CurrencyCode", _mostly(st.just("BRL"), ["USD", "JPY", "XXX", "brl", ""]).map(nodes.String))
scalar("CountryCode", _mostly(st.sampled_from(["BR", "DE", "US"]), ["XX", "br", ""]).map(nodes.String))
scalar("Position", _mostly(st.integers(0, 100).map(str), ["", "x", "-1", "9" * 19, "9" * 20]).map(nodes.String))
scalar("JSON", st.just(nodes.String("x")))


class _Known(Visitor):
    """Puts ids of things that are there, and words that mean something, in the place of most made-up ones."""

    def __init__(self, info: TypeInfo, known: Mapping[str, str], chance: random.Random) -> None:
        super().__init__()
        self.info, self.known, self.chance = info, known, chance

    def enter(self, node: Node, _key: Any, parent: Any, _path: Any, ancestors: Sequence[Any]) -> Any:
        given = self.info.get_input_type()
        wanted = get_named_type(given) if given is not None else None
        if isinstance(node, ObjectValueNode) and getattr(wanted, "is_one_of", False):
            return ObjectValueNode(fields=self._one(node))
        if wanted is None or node.kind not in {"string_value", "int_value"} or self.chance.random() > KNOWN:
            return None
        named = next((each.name.value for each in (parent, *reversed(ancestors)) if hasattr(each, "name")), "")
        if named == "first":
            return IntValueNode(value=str(self.chance.randint(0, 100)))
        if wanted.name == "ID":
            return StringValueNode(value=self.chance.choice(self._fitting(named)))
        if wanted.name == "String" and self.chance.random() < MEANT:
            return StringValueNode(value=self.chance.choice(WORDS))
        return None

    def _one(self, node: ObjectValueNode) -> tuple[Any, ...]:
        """Of the fields of a @oneOf mostly one, as it must be."""
        told = [field for field in node.fields if field.value.kind != "null_value"]
        return tuple(told[:1] if told and self.chance.random() < KNOWN else node.fields)

    def _fitting(self, named: str) -> list[str]:
        """Ids of the type that the field's name tells, mostly; else any."""
        kind = OF.get(named, named.removesuffix("s").removesuffix("Id")).lower()
        fitting = [key for label, key in self.known.items() if label.lower().split()[0].endswith(kind)]
        return fitting if fitting and self.chance.random() < KNOWN else list(self.known.values())


async def test_no_operation_makes_the_server_fail(database_url: str) -> None:
    with agreeing() as agreement:
        async with open_market(database_url) as market:
            await stock_market(market)
            await market.hire("boss", "owner")
            left_alone = {"Staff boss", "Token boss"}
            known = {name: key for name, key in market.of.items() if name not in left_alone}
            count = await asyncio.to_thread(_fuzz, market, known)
            assert count >= (CASES or A_FEW)
            assert (await market.client.get("/health/ready")).status_code == 200
        # Some are refused before they run.
        agreement.check(at_least=count // 2)


def _fuzz(market: Market, known: Mapping[str, str]) -> int:
    """Send the cases; how many they were."""
    printed = strawberry_schema.as_str()
    graph = build_schema(printed)
    operations: list[Any] = [found.ok() for found in schemathesis.graphql.from_file(printed).get_all_operations()]  # type: ignore[union-attr]
    each = -(-(CASES or A_FEW) // len(operations))
    sent = 0
    for operation in operations:
        cases = st.tuples(operation.as_strategy(), st.integers(0, 2**32))

        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=not CASES,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(cases)
        def run(drawn: tuple[Any, int]) -> None:
            nonlocal sent
            case, seed = drawn
            chance = random.Random(seed)
            text = _with_known(graph, case.body, known, chance)
            _check(market, *rewritten(graph, text, chance))
            sent += 1

        run()
    return sent


def _with_known(graph: GraphQLSchema, document: str, known: Mapping[str, str], chance: random.Random) -> str:
    info = TypeInfo(graph)
    return print_ast(visit(parse(document), TypeInfoVisitor(info, _Known(info, known, chance))))


def _check(market: Market, text: str, variables: Mapping[str, Any]) -> None:
    response = httpx.post(
        f"{market.url}/graphql",
        content=encode_json({"query": text, "variables": variables}),
        headers={
            "authorization": f"Bearer {market.tokens['boss']}",
            "accept": GRAPHQL,
            "content-type": "application/json",
        },
        timeout=60,
    )
    assert response.status_code < 500, (text, response.text)
    codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
    assert "INTERNAL" not in codes, (text, variables, response.text)
    assert "UNAUTHENTICATED" not in codes, "the caller was locked out: the rest would test nothing"
