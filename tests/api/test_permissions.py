"""Who may: every field and mutation of the schema, called by each kind of caller, against a table of what each may."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, OperationType, build_schema, get_named_type, is_interface_type, is_object_type
from sqlalchemy import text

from app.api.permissions import NEEDS, ROOTS
from app.api.schema import schema as strawberry_schema
from tests.api.market import CALLERS, Market, open_cart, open_market, stock_market
from tests.api.permission_table import MAY, SHOWN_TO_SHOPPERS
from tests.api.smallest import document
from tests.databases import Servers

SCHEMA = build_schema(strawberry_schema.as_str())
AT_ONCE = 10

# How to come upon the fields that have a permission of their own, as far as one may.
PATHS = {
    "Customer": "node(id: $Customer) { ... on Customer { %s } }",
    "Staff": "node(id: $Staff) { ... on Staff { %s } }",
    "Channel": "channel { %s }",
    "Order": "order(by: {cartId: $Cart_ordered}) { %s }",
    "Product": "product(by: {id: $Product}) { %s }",
    "Variant": "variant(by: {id: $Variant}) { %s }",
    "VariantPrice": "variant(by: {id: $Variant}) { price { %s } }",
}
WITH_ARGUMENTS = {
    "Query.products(filter.status)": "{ products(first: 1, filter: {status: [DRAFT]}) { nodes { id } } }",
    "Query.products(filter.published)": "{ products(first: 1, filter: {published: false}) { nodes { id } } }",
    "Query.categories(archived)": "{ categories(archived: true) { id } }",
    "Query.collections(archived)": "{ collections(first: 1, archived: true) { nodes { id } } }",
    "Product.variants(archived)": '{ product(by: {slug: "caneca"}) { variants(archived: true) { nodes { id } } } }',
}
OVERRIDE = {"unitPrice": {"amount": "1.00", "currency": "BRL"}, "reason": "mancha"}


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            yield market


def fields_of(kind: str) -> list[str]:
    root = SCHEMA.get_root_type(OperationType[kind.upper()])
    return list(root.fields) if root is not None else []


def forbidden(body: Mapping[str, Any]) -> set[str]:
    """The root fields that were FORBIDDEN. Every other error must be the caller's own fault."""
    errors = body.get("errors", [])
    assert "data" in body, errors
    for error in errors:
        assert error["extensions"]["code"] in {"FORBIDDEN", "BAD_REQUEST"}, error
    return {error["path"][0] for error in errors if error["extensions"]["code"] == "FORBIDDEN"}


def some(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), AT_ONCE):
        yield list(names[start : start + AT_ONCE])


async def written(market: Market) -> Any:
    """How many operations there were, and how often anything asked to tell of a change, rolled back or not."""
    operations = await market.shop.db.value(text("SELECT count(*) FROM operation"))
    return operations, await market.shop.db.value(text("SELECT pg_sequence_last_value('outbox_id_seq')"))


def test_the_table_knows_every_root_field_and_no_other() -> None:
    there = {f"{kind}.{name}" for kind in ROOTS for name in fields_of(kind)}
    assert {name for name in MAY if name.split(".")[0] in ROOTS and "(" not in name} == there


def test_the_table_knows_every_guarded_field_and_no_other() -> None:
    guarded = {name for name, need in NEEDS.items() if need is not None and name.split(".")[0] not in ROOTS}
    assert {name for name in MAY if name.split(".")[0] not in ROOTS and "(" not in name} == guarded


@pytest.mark.parametrize("who", CALLERS)
async def test_every_query_is_forbidden_to_whom_the_table_says(market: Market, who: str) -> None:
    for names in some(fields_of("Query")):
        query, variables = document(SCHEMA, "query", names)
        body = await market.answer(query, who, **variables)
        assert forbidden(body) == {name for name in names if MAY[f"Query.{name}"][who] == "."}
        assert all(body["data"][name] is None for name in forbidden(body))


@pytest.mark.parametrize("who", CALLERS)
async def test_every_mutation_is_forbidden_to_whom_the_table_says(market: Market, who: str) -> None:
    closed = [name for name in fields_of("Mutation") if MAY[f"Mutation.{name}"][who] == "."]
    before = await written(market)
    for names in some(closed):
        mutation, variables = document(SCHEMA, "mutation", names)
        body = await market.answer(mutation, who, **variables)
        assert forbidden(body) == set(names)
        assert body["data"] == dict.fromkeys(names)
    assert await written(market) == before, "something ran that was forbidden"
    for names in some([name for name in fields_of("Mutation") if name not in closed]):
        mutation, variables = document(SCHEMA, "mutation", names)
        body = await market.answer(mutation, who, **variables)
        assert "errors" not in body, body
        assert all(body["data"][name] is not None for name in names)


@pytest.mark.parametrize("who", CALLERS)
async def test_fields_with_a_permission_of_their_own_are_null_and_forbidden(market: Market, who: str) -> None:
    found = {}
    for name in (name for name in MAY if name.split(".")[0] in PATHS and "(" not in name):
        owner, _, field = name.partition(".")
        definition = SCHEMA.type_map[owner].fields[field]  # type: ignore[attr-defined]
        arguments = "(first: 1)" if "first" in definition.args else ""
        below = " { __typename }" if is_object_type(get_named_type(definition.type)) else ""
        path = PATHS[owner] % f"value: {field}{arguments}{below}"
        variable = path.partition("$")[2].partition(")")[0].rstrip("}")
        head = f"(${variable}: ID!)" if variable else ""
        variables = {variable: market.of[variable.replace("_", " ")]} if variable else {}
        body = await market.answer(f"query{head} {{ {path} }}", who, **variables)
        found[name] = seen(body)
    assert found == {name: MAY[name][who] for name in found}
    assert {name for name in MAY if "(" not in name and name.split(".")[0] not in ROOTS} == set(found)


def seen(body: Mapping[str, Any]) -> str:
    """`x` shown, `.` null and FORBIDDEN, `-` no parent to show it on."""
    if forbidden(body):
        return "."
    parent: Any = body["data"]
    while parent is not None and "value" not in parent:
        parent = next(iter(parent.values()))
    return "-" if parent is None else "x"


@pytest.mark.parametrize("who", CALLERS)
async def test_arguments_that_show_more_need_more(market: Market, who: str) -> None:
    for name, query in WITH_ARGUMENTS.items():
        body = await market.answer(query, who)
        assert (("." if forbidden(body) else "x"), name) == (MAY[name][who], name)


@pytest.mark.parametrize("who", CALLERS)
async def test_inputs_that_do_more_need_more(market: Market, who: str) -> None:
    """Where the mutation itself is forbidden, so is all of it."""
    seller = who if MAY["Mutation.cartCreate"][who] == "x" else "anonymous"
    cart = await open_cart(market, seller)
    line = {"variant": {"sku": "CANECA"}, "priceOverride": OVERRIDE}
    change = {"lineId": cart["lines"][0]["id"], "priceOverride": OVERRIDE}
    acts: dict[str, tuple[str, dict[str, Any]]] = {
        "Mutation.cartCreate(lines.priceOverride)": ("cartCreate", {"lines": [line]}),
        "Mutation.cartLinesAdd(lines.priceOverride)": ("cartLinesAdd", {"cartId": cart["id"], "lines": [line]}),
        "Mutation.cartLinesUpdate(lines.priceOverride)": (
            "cartLinesUpdate",
            {"cartId": cart["id"], "lines": [change]},
        ),
        "Mutation.cartCustomerSet(customerId)": (
            "cartCustomerSet",
            {"cartId": cart["id"], "customerId": market.of["Customer"]},
        ),
    }
    for name, (mutation, given) in acts.items():
        kind = mutation[0].upper() + mutation[1:]
        query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"
        body = await market.answer(query, who, input=given)
        assert (("." if forbidden(body) else "x"), name) == (MAY[name][who], name)
        assert forbidden(body) or body["data"][mutation]["userErrors"] == []
    assert set(MAY) >= {*acts, *WITH_ARGUMENTS}
    assert {name for name in MAY if "(" in name} == {*acts, *WITH_ARGUMENTS}


# Types that an anonymous shopper's fields name, and that their loaders give to nobody without the right.
KEPT_FROM_SHOPPERS = frozenset({"Customer", "Device", "Register", "Staff"})
# Refusals of mutations that shoppers may not call.
NOT_TOLD_TO_SHOPPERS = frozenset({"StockMoved"})


def test_the_types_shown_without_credentials_are_those_we_know() -> None:
    """A type that becomes visible to everybody must be put into the table by hand."""
    assert types_shown() == SHOWN_TO_SHOPPERS


def types_shown() -> set[str]:
    """Object types on all paths from the roots over what anonymous callers may; `node` is tested with real ids."""
    waiting = [type_ for type_ in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type) if type_]
    shown: set[str] = set()
    while waiting:
        parent = waiting.pop()
        for name, field in parent.fields.items():
            if MAY.get(f"{parent.name}.{name}", {"anonymous": "x"})["anonymous"] != "x":
                continue
            for found in possible(get_named_type(field.type)):
                if found.name not in shown | KEPT_FROM_SHOPPERS | NOT_TOLD_TO_SHOPPERS:
                    shown.add(found.name)
                    waiting.append(found)
    return shown


def possible(type_: Any) -> list[GraphQLObjectType]:
    if is_object_type(type_):
        return [type_]
    if is_interface_type(type_) and type_.name != "Node":
        return list(SCHEMA.get_possible_types(type_))
    return []


async def test_node_gives_shoppers_only_what_is_on_show(market: Market) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
    one_of_each = {name: key for name, key in market.of.items() if " " not in name}
    found = await market.ask(query, ids=list(one_of_each.values()))
    kinds = {one["__typename"] for one in found["nodes"] if one is not None}
    assert kinds == {"Cart", "Category", "Channel", "Collection", "Location", "Media", "Product", "Variant"}
    drafts = await market.ask(query, ids=[market.of["Product draft"], market.of["Variant draft"]])
    assert drafts["nodes"] == [None, None]


async def test_who_sold_and_who_bought_is_kept_from_shoppers(market: Market) -> None:
    """Over every field of a shopper's own cart and order that leads to people or tills."""
    at = {"locationId": market.location("centro")}
    priced = {"variant": {"sku": "CANECA"}, "priceOverride": OVERRIDE}
    # A guest's, that the cashier goes on with: whoever holds its id may look at it.
    cart = (await market.done("cartCreate", {}, "anonymous", "cart { id }"))["cart"]
    await market.done("cartLinesAdd", {"cartId": cart["id"], "lines": [priced]}, "cashier")
    given = {"cartId": cart["id"], "method": "CARRY_OUT", **at}
    await market.done("cartDeliverySet", given, "cashier")
    tenders = [{"method": "CASH", "amount": OVERRIDE["unitPrice"]}]
    await market.done("checkoutComplete", {"cartId": cart["id"], "tenders": tenders}, "cashier")
    query = """query($id: ID!) { cart(id: $id) { customer { id } lines { priceOverride { reason staff { id } } }
      order { customer { id } register { id } soldBy { id } lines { priceOverride { staff { id } } } } } }"""
    mine = (await market.ask(query, "cashier", id=cart["id"]))["cart"]
    assert mine["order"]["soldBy"] is not None
    assert mine["lines"][0]["priceOverride"]["staff"] is not None
    for who in ("anonymous", "client"):
        theirs = (await market.ask(query, who, id=cart["id"]))["cart"]
        assert theirs["order"] == {
            "customer": None, "register": None, "soldBy": None, "lines": [{"priceOverride": {"staff": None}}],
        }  # fmt: skip
        assert theirs["lines"][0]["priceOverride"]["staff"] is None
    paths = {
        f"{type_.name}.{name}"
        for type_ in SCHEMA.type_map.values()
        if is_object_type(type_) and (type_.name in SHOWN_TO_SHOPPERS or type_.name in ROOTS)
        for name, field in type_.fields.items()
        if get_named_type(field.type).name in KEPT_FROM_SHOPPERS
        and MAY.get(f"{type_.name}.{name}", {"anonymous": "x"})["anonymous"] == "x"
    }
    assert paths == {
        "Cart.customer", "Order.customer", "Order.register", "Order.soldBy", "PriceOverride.staff",
        "Viewer.customer", "Viewer.device", "Viewer.register", "Viewer.staff",
    }, "a new way to people or tills: show here that it is closed to shoppers"  # fmt: skip
    viewer = (await market.ask("{ viewer { customer { id } device { id } register { id } staff { id } } }"))["viewer"]
    assert set(viewer.values()) == {None}
