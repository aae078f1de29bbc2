"""The schema as a whole: described throughout, bounded, and to the conventions that clients rely on."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    validate_schema,
)

from app.api.nodes import LOADERS
from app.api.permissions import NEEDS, ROOTS
from app.api.schema import schema as strawberry_schema
from app.platform import ids
from app.platform.ids import new_id
from app.platform.migrate import ROOT
from tests.api.market import Market, open_market, stock_market
from tests.api.reaching import reachable
from tests.databases import Servers

PRINTED = strawberry_schema.as_str()
SCHEMA = build_schema(PRINTED)
QUERY, MUTATION = SCHEMA.query_type, SCHEMA.mutation_type
OURS = {
    name: type_
    for name, type_ in SCHEMA.type_map.items()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
}
OBJECTS = {name: type_ for name, type_ in OURS.items() if is_object_type(type_)}
# Lists of a root field that cannot grow beyond what one request may carry: a shop has few of these, or names them.
SHORT_LISTS = {
    "nodes": "as many as ids are given, at most 100",
    "channels": "a shop has a handful",
    "locations": "shops and warehouses",
    "categories": "one tree, read whole by every storefront",
    "devices": "a few a register",
    "registers": "a few a location",
    "apiClients": "a few a channel",
    "channelViews": "one a channel",
    "priceLists": "set by hand",
    "taxClasses": "set by hand",
    "deliveryMethods": "set by hand",
    "customerGroups": "set by hand",
}
# Pages of the feed, whose places are positions and no cursors.
LONG_PAGES = frozenset({"Query.changes", "Convergence.followers"})
IDS_BY_OTHER_NAMES = {"Subscription.cart(id)", "Query.node(id)", "Query.nodes(ids)", "ProductFilter.ids"}
NOT_IDS = {"operationId": "UUID", "taxId": "String"}


def described() -> Iterator[tuple[str, str | None]]:
    """Everything in the schema that has a description, by name."""
    for name, type_ in OURS.items():
        yield name, type_.description
        for value, definition in type_.values.items() if is_enum_type(type_) else ():
            yield f"{name}.{value}", definition.description
        for field, definition in getattr(type_, "fields", {}).items():
            yield f"{name}.{field}", definition.description
            for argument, given in getattr(definition, "args", {}).items():
                yield f"{name}.{field}({argument})", given.description


def inputs() -> Iterator[tuple[str, str, Any]]:
    """Arguments and input fields: where, what it is called, its definition."""
    for name, type_ in OURS.items():
        for field, definition in getattr(type_, "fields", {}).items():
            if is_input_object_type(type_):
                yield f"{name}.{field}", field, definition
            for argument, given in getattr(definition, "args", {}).items():
                yield f"{name}.{field}({argument})", argument, given


def test_the_stored_schema_is_what_the_code_says() -> None:
    stored = (ROOT / "graphql" / "schema.graphql").read_text(encoding="utf-8")
    assert stored.strip() == PRINTED.strip(), "run `feira schema`"


def test_the_schema_is_valid() -> None:
    assert validate_schema(SCHEMA) == []


def test_everything_has_a_description() -> None:
    assert [name for name, text in described() if not (text or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    """They begin with a capital (or a name in quotes) and do not run on in blank space."""
    for name, text in described():
        assert text is not None
        assert not text[0].islower(), f"{name}: {text}"
        assert text == text.strip(), name


def test_root_fields_are_nullable_so_that_an_error_leaves_the_others() -> None:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type):
        for name, field in (root.fields if root else {}).items():
            if name != "nodes":  # Relay wants a list there; each element is nullable.
                assert not is_non_null_type(field.type), name


def test_fields_with_a_permission_of_their_own_are_nullable() -> None:
    for name, need in NEEDS.items():
        owner, _, field = name.partition(".")
        if need is not None and owner not in ROOTS:
            assert not is_non_null_type(OBJECTS[owner].fields[field].type), name


def test_lists_at_the_root_are_bounded() -> None:
    assert QUERY is not None
    for name, field in QUERY.fields.items():
        kind = get_named_type(field.type)
        if kind.name.endswith("Connection"):
            assert isinstance(field.args["first"].type, GraphQLNonNull), f"{name}: `first` is required at the root"
            assert "after" in field.args, name
        elif is_list_type(get_nullable_type(field.type)):
            assert name in SHORT_LISTS, f"{name}: page it, or say why it stays short"


def test_connections_have_one_shape() -> None:
    for name, type_ in OBJECTS.items():
        if name.endswith("Connection"):
            node = name.removesuffix("Connection")
            shape = {field: str(type_.fields[field].type) for field in ("edges", "nodes", "pageInfo", "totalCount")}
            assert shape == {
                "edges": f"[{node}Edge!]!", "nodes": f"[{node}!]!", "pageInfo": "PageInfo!", "totalCount": "Int",
            }  # fmt: skip
            edge = OBJECTS[f"{node}Edge"]
            assert {field: str(edge.fields[field].type) for field in edge.fields} == {
                "node": f"{node}!", "cursor": "String!",
            }  # fmt: skip


def test_pages_say_how_far_they_go() -> None:
    for name, type_ in OBJECTS.items():
        for field, definition in type_.fields.items():
            if "first" in definition.args:
                most = "1,000" if f"{name}.{field}" in LONG_PAGES else "100"
                assert f"at most {most}" in (definition.args["first"].description or ""), f"{name}.{field}"


def test_names_of_ids_end_in_id() -> None:
    for where, name, definition in inputs():
        kind = get_named_type(definition.type).name
        if kind == "ID" and name != "id" and where not in IDS_BY_OTHER_NAMES:
            assert name.endswith("Ids" if is_list_type(get_nullable_type(definition.type)) else "Id"), where
        if name.endswith(("Id", "Ids")):
            assert kind == NOT_IDS.get(name, "ID"), where


def test_a_mutation_takes_one_input_and_answers_its_payload() -> None:
    assert MUTATION is not None
    for name, field in MUTATION.fields.items():
        kind = name[0].upper() + name[1:]
        assert {key: str(argument.type) for key, argument in field.args.items()} == {"input": f"{kind}Input!"}
        assert str(field.type) == f"{kind}Payload"
        taken: Any = OURS[f"{kind}Input"]
        assert str(taken.fields["operationId"].type) == "UUID", name
        assert not is_required_input_field(taken.fields["operationId"])
        if "expectedVersion" in taken.fields:
            assert str(taken.fields["expectedVersion"].type) == "Int", name
        payload = OBJECTS[f"{kind}Payload"]
        assert "Payload" in {interface.name for interface in payload.interfaces}, name
        entities = [each for each in payload.fields if each not in {"userErrors", "replayed"}]
        assert entities, f"{name} answers nothing"


def test_every_payload_and_user_error_is_one() -> None:
    for name, type_ in OBJECTS.items():
        interfaces = {interface.name for interface in type_.interfaces}
        assert name.endswith("Payload") == ("Payload" in interfaces), name
        assert ("cart" in type_.fields and name.startswith("Cart") and name.endswith("Payload")) == (
            "CartPayload" in interfaces
        ), name
    errors = {type_.name for type_ in SCHEMA.get_possible_types(OURS["UserError"])}  # type: ignore[arg-type]
    assert errors >= {"InsufficientStock", "InvalidInput", "NotFound", "PriceChanged", "VersionConflict"}


def test_every_refusal_of_the_domains_has_its_type_in_the_schema() -> None:
    """A user error that is reached through the interface alone must be put into the schema by hand."""
    from app.api.errors import _ANSWERS

    answered = {getattr(each, "__name__", str(each)) for each in _ANSWERS.values()}
    possible = {type_.name for type_ in SCHEMA.get_possible_types(OURS["UserError"])}  # type: ignore[arg-type]
    assert {name for name in answered if name[0].isupper()} <= possible


def test_exactly_one_means_one_of() -> None:
    assert {name for name, type_ in OURS.items() if getattr(type_, "is_one_of", False)} == {
        "OrderBy", "ProductBy", "StockAmount", "TokenBearerInput", "VariantBy",
    }  # fmt: skip


def test_interfaces_are_implemented() -> None:
    for name, type_ in OURS.items():
        if is_interface_type(type_):
            assert SCHEMA.get_possible_types(type_), f"{name} has no types"


def test_all_types_can_be_reached() -> None:
    """What nothing leads to is left over, or the way to it was forgotten."""
    roots = [root for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type) if root]
    reached = reachable(SCHEMA, roots, inputs=True)
    assert set(OURS) - reached == set()


def test_whatever_has_an_id_is_a_node_with_a_prefix_and_a_loader() -> None:
    nodes = set()
    for name, type_ in OBJECTS.items():
        is_node = "Node" in {interface.name for interface in type_.interfaces}
        assert ("id" in type_.fields) == is_node, name
        if is_node:
            nodes.add(name)
            assert str(type_.fields["id"].type) == "ID!"
    assert nodes == set(LOADERS)
    assert nodes <= set(ids.PREFIXES)


def test_optional_arguments_stay_optional() -> None:
    for where, _, definition in inputs():
        if definition.default_value is None and not is_non_null_type(definition.type):
            required = is_required_argument if "(" in where else is_required_input_field
            assert not required(definition), where


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            yield market


NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def test_one_of_each_is_found_by_its_id(market: Market) -> None:
    kept = {name: key for name, key in market.of.items() if " " not in name} | {
        "Delivery": market.of["Delivery of order"]
    }
    assert set(kept) == set(LOADERS), "put one of it into the market"
    found = (await market.ask(NODES, "owner", ids=list(kept.values())))["nodes"]
    assert found == [{"__typename": name, "id": key} for name, key in kept.items()]
    (cart_delivery,) = (await market.ask(NODES, "owner", ids=[market.of["Delivery"]]))["nodes"]
    assert cart_delivery["__typename"] == "Delivery"


async def test_an_id_that_nothing_has_finds_nothing(market: Market) -> None:
    unknown = [ids.encode(name, new_id()) for name in ids.PREFIXES]
    odd = ["", "x", "prod_", "prod_0", "🙂", "_", "prod_" + "z" * 26, "x" * 5_000, market.of["Product"].upper()]
    for keys in (unknown, odd):
        assert (await market.ask(NODES, "owner", ids=keys))["nodes"] == [None] * len(keys)


async def test_every_field_of_one_of_each_can_be_read(market: Market) -> None:
    """Nothing answers INTERNAL, and what must not be null is there."""
    for name in sorted(LOADERS):
        selection = " ".join(leaves(OBJECTS[name]))
        body = await market.answer(
            f"query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {selection} }} }} }}", "owner", id=market.of[name]
        )
        assert "errors" not in body, (name, body["errors"])
        assert body["data"]["node"] is not None, name


def leaves(type_: GraphQLObjectType, depth: int = 2) -> Iterator[str]:
    """Its fields that need no argument, and theirs, so far down."""
    for name, field in type_.fields.items():
        given = "(first: 2)" if "first" in field.args else ""
        below = get_named_type(field.type)
        if is_object_type(below):
            if depth:
                yield f"{name}{given} {{ {' '.join(leaves(below, depth - 1)) or '__typename'} }}"
        elif is_interface_type(below):
            yield f"{name}{given} {{ __typename }}"
        elif not any(is_required_argument(argument) for argument in field.args.values()):
            yield name


@pytest.mark.parametrize("first", [-1, 101, 2**31 - 1])
async def test_a_page_is_refused_with_its_limit(market: Market, first: int) -> None:
    assert QUERY is not None
    for name, field in QUERY.fields.items():
        if "first" in field.args and f"Query.{name}" not in LONG_PAGES:
            body = await market.answer(f"query($n: Int!) {{ {name}(first: $n) {{ totalCount }} }}", "owner", n=first)
            assert body["data"] == {name: None}, name
            (error,) = body["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
            assert "100" in error["message"]


@pytest.mark.parametrize("after", ["", "x", "🙂", "eyJ", "\u0000", "bnVsbA", "WyJvcmRlcnMiXQ", "x" * 10_000])
async def test_a_cursor_of_nowhere_is_refused(market: Market, after: str) -> None:
    assert QUERY is not None
    for name, field in QUERY.fields.items():
        if "after" in field.args and f"Query.{name}" not in LONG_PAGES:
            query = f"query($after: String) {{ {name}(first: 1, after: $after) {{ pageInfo {{ endCursor }} }} }}"
            body = await market.answer(query, "owner", after=after)
            assert [error["extensions"]["code"] for error in body.get("errors", ())] == ["BAD_REQUEST"], (name, body)
