"""Stock through the API: levels, movements, adjusting, policies, availability."""

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import strawberry
from sqlalchemy import update
from strawberry.schema.config import StrawberryConfig

from app.api.catalog.variants import Variant
from app.api.context import Context
from app.api.engine.execute import Engine
from app.api.errors import InvalidInput, NotFound, VersionConflict
from app.api.inventory.availability import Availability, AvailabilityStatus, availability_of
from app.api.inventory.errors import InsufficientStock, StockMoved, insufficient_stock
from app.api.inventory.promised import promised, promised_statuses
from app.api.scalars import SCALARS
from app.api.schema import Mutation, Query
from app.catalog.queries import variants_by_ids
from app.channels.queries import channels_by_ids
from app.channels.tables import channel
from app.inventory.guard import UNBOUNDED
from app.inventory.levels import MOST_CHANGES
from app.platform import ids
from tests.inventory.conftest import shop, stock_database
from tests.inventory.stock import UNIT, assert_law, expire, hold_some
from tests.shop import Shop

__all__ = ["shop", "stock_database"]

SCHEMA = strawberry.Schema(
    Query,
    Mutation,
    types=[InvalidInput, NotFound, VersionConflict, InsufficientStock, StockMoved],
    config=StrawberryConfig(scalar_map=SCALARS),
)
ENGINE = Engine(SCHEMA)
LEVEL = "id version onHand reserved available incoming safetyStock backorderAllowance shortfall location { code } "
ADJUST = (
    "mutation($input: StockAdjustInput!) { stockAdjust(input: $input) { replayed "
    "userErrors { __typename code path message ... on StockMoved { onHand level { onHand } } } "
    "levels { " + LEVEL + " variant { sku } } movements { id kind quantity onHandAfter reason actor } } }"
)
POLICY = (
    "mutation($input: StockPolicySetInput!) { stockPolicySet(input: $input) { replayed "
    "userErrors { __typename code path } levels { " + LEVEL + " } } }"
)


async def context_of(shop: Shop, role: str = "owner", *, code: str = "web", **columns: Any) -> Context:
    actor = shop.actor(role, channel=code, **columns)
    row = (await channels_by_ids(shop.db, [actor.channel_id]))[actor.channel_id]
    return Context(db=shop.watched, principal=actor.principal, channel=row, locale="pt-BR", now=actor.now)


async def answer(context: Context, document: str, variables: Mapping[str, Any] | None = None) -> Any:
    return await ENGINE.execute(ENGINE.operation(document), variables or {}, replace(context, memory={}))


async def ask(context: Context, document: str, **variables: Any) -> Any:
    result = await answer(context, document, variables)
    assert not result.errors, result.errors
    return result.data


def at(shop: Shop, sku: str, code: str = "centro", **columns: Any) -> dict[str, Any]:
    return {"variant": {"sku": sku}, "locationId": ids.encode("Location", shop.locations[code]), **columns}


async def test_stock_is_adjusted_once_and_told_as_it_is_now(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await shop.variant("QUEIJO", unit="kg", quantity_step=1, barcode="7891000100103")
    context = await context_of(shop)
    cheese = at(shop, "QUEIJO", amount={"onHand": Decimal("0.350")}) | {"variant": {"barcode": "7891000100103"}}
    given = {
        "operationId": str(uuid4()),
        "kind": "ADJUSTMENT",
        "reason": "Quebra",
        "changes": [at(shop, "CANECA", amount={"delta": -2}), cheese],
    }
    done = (await ask(context, ADJUST, input=given))["stockAdjust"]
    assert done["userErrors"] == []
    assert [(level["variant"]["sku"], level["onHand"], level["version"]) for level in done["levels"]] == [
        ("CANECA", 3, 2),
        ("QUEIJO", Decimal("0.35"), 2),
    ]
    moved = [(row["kind"], row["quantity"], row["onHandAfter"], row["reason"]) for row in done["movements"]]
    assert moved == [("ADJUSTMENT", -2, 3, "Quebra"), ("ADJUSTMENT", Decimal("0.35"), Decimal("0.35"), "Quebra")]
    await hold_some(shop, "CANECA", 1)
    again = (await ask(await self_same(context), ADJUST, input=given))["stockAdjust"]
    assert again["replayed"]
    assert (again["levels"][0]["onHand"], again["levels"][0]["reserved"], again["levels"][0]["available"]) == (3, 1, 2)
    assert again["movements"] == done["movements"]
    await assert_law(shop)


async def self_same(context: Context) -> Context:
    return replace(context, memory={})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"variant": {"sku": "NONE"}}, ("NotFound", "NOT_FOUND", ["variant"])),
        ({"variant": {"id": "nonsense"}}, ("InvalidInput", "INVALID_ID", ["variant", "id"])),
        ({"variant": {"barcode": ""}}, ("NotFound", "NOT_FOUND", ["variant"])),
        ({"locationId": "loc_x"}, ("InvalidInput", "INVALID_ID", ["locationId"])),
        ({"locationId": ids.encode("Location", uuid4())}, ("NotFound", "NOT_FOUND", ["locationId"])),
        ({"amount": {"delta": Decimal("0.5")}}, ("InvalidInput", "INVALID_QUANTITY", ["amount", "delta"])),
        ({"expectedOnHand": 4}, ("StockMoved", "STOCK_MOVED", ["expectedOnHand"])),
    ],
)
async def test_a_change_that_cannot_be_is_refused_where_it_stands(shop: Shop, change: Any, error: Any):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    good = at(shop, "CANECA", amount={"delta": 1})
    given = {"kind": "COUNT", "changes": [at(shop, "CANECA", "praia", amount={"onHand": 1}), good | change]}
    done = (await ask(await context_of(shop), ADJUST, input=given))["stockAdjust"]
    (found,) = done["userErrors"]
    assert (found["__typename"], found["code"]) == error[:2]
    assert found["path"] == ["input", "changes", "1", *error[2]]
    assert (done["levels"], done["movements"]) == ([], [])
    if error[0] == "StockMoved":
        assert (found["onHand"], found["level"]) == (5, {"onHand": 5})
    assert (await shop.level("CANECA", "centro")).on_hand == 5 * UNIT


async def test_empty_and_endless_lists_are_refused(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    one = at(shop, "CANECA", amount={"delta": 1})
    for changes, code in (([], "EMPTY"), ([one] * (MOST_CHANGES + 1), "TOO_MANY")):
        done = (await ask(await context_of(shop), ADJUST, input={"kind": "COUNT", "changes": changes}))["stockAdjust"]
        assert [(one["code"], one["path"]) for one in done["userErrors"]] == [(code, ["input", "changes"])]


async def test_a_cashier_sees_and_a_local_manager_writes_their_locations_only(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT, "praia": 4 * UNIT})
    here: Any = {"location_ids": frozenset({shop.locations["centro"]})}
    cashier = await context_of(shop, "cashier", **here)
    seen = await ask(
        cashier,
        "{ stockLevels(first: 9) { totalCount nodes { onHand location { code } variant { sku name } } }"
        "  stockMovements(first: 9) { totalCount nodes { kind onHandAfter location { code } variant { sku } } } }",
    )
    assert seen["stockLevels"]["totalCount"] == 1
    assert [(level["location"]["code"], level["onHand"]) for level in seen["stockLevels"]["nodes"]] == [("centro", 5)]
    assert [row["location"]["code"] for row in seen["stockMovements"]["nodes"]] == ["centro"]
    away = ids.encode("StockLevel", (await shop.level("CANECA", "praia")).id)
    near = ids.encode("StockLevel", (await shop.level("CANECA", "centro")).id)
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on StockLevel { onHand } } }"
    assert (await ask(cashier, nodes, ids=[away, near]))["nodes"] == [None, {"id": near, "onHand": 5}]
    assert (await ask(await context_of(shop, "anonymous"), nodes, ids=[near]))["nodes"] == [None]
    manager = await context_of(shop, "manager", **here)
    given = {"kind": "COUNT", "changes": [at(shop, "CANECA", "praia", amount={"onHand": 1})]}
    done = (await ask(manager, ADJUST, input=given))["stockAdjust"]
    assert [one["__typename"] for one in done["userErrors"]] == ["NotFound"]


async def test_lists_page_and_filter(shop: Shop):
    for sku in ("CANECA", "BULE", "COPO"):
        await shop.variant(sku, stock={"centro": UNIT, "praia": UNIT})
    context = await context_of(shop)
    document = (
        "query($after: String, $filter: StockLevelFilter) { stockLevels(first: 4, after: $after, filter: $filter) "
        "{ totalCount nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    )
    first = (await ask(context, document))["stockLevels"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (
        6,
        True,
        False,
    )
    second = (await ask(context, document, after=first["pageInfo"]["endCursor"]))["stockLevels"]
    assert len({node["id"] for node in first["nodes"] + second["nodes"]}) == 6
    assert second["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "endCursor": second["edges"][-1]["cursor"],
    }
    where = {"variant": {"sku": "BULE"}, "locationId": ids.encode("Location", shop.locations["praia"])}
    assert (await ask(context, document, filter=where))["stockLevels"]["totalCount"] == 1
    nobody = (await ask(context, document, filter={"variant": {"sku": "NONE"}}))["stockLevels"]
    assert (nobody["totalCount"], nobody["nodes"]) == (0, [])


async def test_movements_are_filtered_by_kind_and_time(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    context = await context_of(shop)
    given = {"kind": "COUNT", "changes": [at(shop, "CANECA", amount={"onHand": 4})]}
    await ask(context, ADJUST, input=given)
    document = (
        "query($filter: StockMovementFilter) { stockMovements(first: 5, filter: $filter) "
        "{ totalCount nodes { kind quantity occurredAt } } }"
    )
    everything = (await ask(context, document))["stockMovements"]
    assert [row["kind"] for row in everything["nodes"]] == ["COUNT", "RECEIPT"]
    for which, kinds in (
        ({"kinds": ["RECEIPT", "SALE"]}, ["RECEIPT"]),
        ({"occurredFrom": "2021-01-01T00:00:00Z"}, ["COUNT"]),
        ({"occurredTo": "2021-01-01T00:00:00Z"}, ["RECEIPT"]),
        ({"variant": {"sku": "CANECA"}, "kinds": []}, []),
    ):
        found = (await ask(context, document, filter=which))["stockMovements"]
        assert [row["kind"] for row in found["nodes"]] == kinds


@pytest.mark.parametrize(
    "arguments",
    [
        "first: 101",
        "first: -1",
        'first: 1, after: "nonsense"',
        'first: 1, filter: {locationId: "loc_nonsense"}',
        'first: 1, filter: {variant: {id: "prod_nonsense"}}',
    ],
)
async def test_a_query_that_cannot_be_is_a_bad_request(shop: Shop, arguments: str):
    context = await context_of(shop)
    for name in ("stockLevels", "stockMovements"):
        result = await answer(context, f"{{ {name}({arguments}) {{ nodes {{ id }} }} }}")
        assert result.data == {name: None}
        assert [error["extensions"]["code"] for error in result.errors] == ["BAD_REQUEST"]


async def test_policies_are_set(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    levels = [at(shop, "CANECA", safetyStock=2), at(shop, "CANECA", "praia", backorderAllowance=None)]
    done = (await ask(await context_of(shop), POLICY, input={"levels": levels}))["stockPolicySet"]
    shown = [
        (level["safetyStock"], level["available"], level["backorderAllowance"], level["location"]["code"])
        for level in done["levels"]
    ]
    assert shown == [(2, 3, 0, "centro"), (0, 0, None, "praia")]
    bad = {"levels": [at(shop, "CANECA", safetyStock=-1)]}
    refused = (await ask(await context_of(shop), POLICY, input=bad))["stockPolicySet"]
    assert [(one["code"], one["path"]) for one in refused["userErrors"]] == [
        ("INVALID_QUANTITY", ["input", "levels", "0", "safetyStock"])
    ]


# --- availability
def told(found: Availability) -> tuple[str, int | None]:
    return found.status.name, found.available


async def set_channel(shop: Shop, code: str, **columns: Any) -> None:
    async with shop.db.transaction() as tx:
        await tx.execute(update(channel).where(channel.c.code == code).values(**columns))


async def test_availability_is_the_sum_over_the_channels_locations(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 4 * UNIT, "cd": 3 * UNIT})
    await hold_some(shop, "CANECA", 2)
    context = await context_of(shop, "anonymous")
    (found,) = await availability_of(context, [(variant, True)], None)
    assert told(found) == ("LOW_STOCK", 5 * UNIT)
    places = [(one.location.code, one.status.name, one.available, one.offers_pickup) for one in found.by_location]
    assert places == [
        ("centro", "LOW_STOCK", 2 * UNIT, True),
        ("praia", "OUT_OF_STOCK", 0, True),
        ("cd", "LOW_STOCK", 3 * UNIT, False),
    ]
    await expire(shop)
    assert told((await availability_of(context, [(variant, True)], None))[0]) == ("IN_STOCK", 7 * UNIT)
    (one,) = await availability_of(context, [(variant, True)], shop.locations["centro"])
    assert (told(one), len(one.by_location)) == (("LOW_STOCK", 4 * UNIT), 1)
    (elsewhere,) = await availability_of(context, [(variant, True)], uuid4())
    assert (told(elsewhere), elsewhere.by_location) == (("OUT_OF_STOCK", 0), [])


async def test_a_location_below_its_safety_stock_takes_nothing_from_another(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 4 * UNIT})
    async with shop.db.transaction() as tx:
        await shop.stock(tx, variant, "praia", UNIT, safety_stock=3 * UNIT, shortfall=2 * UNIT)
    (web,) = await availability_of(await context_of(shop, "anonymous"), [(variant, True)], None)
    assert told(web) == ("LOW_STOCK", 4 * UNIT)
    await set_channel(shop, "pos", ignores_safety_stock=True)
    (pos,) = await availability_of(await context_of(shop, "device"), [(variant, True)], None)
    assert told(pos) == ("LOW_STOCK", 5 * UNIT)


async def test_what_is_untracked_or_backordered_has_no_number(shop: Shop):
    service = await shop.variant("MONTAGEM", track_stock=False)
    endless = await shop.variant("CANECA", backorder_allowance=None)
    some = await shop.variant("BULE", backorder_allowance=2 * UNIT)
    none = await shop.variant("COPO")
    asked = [(service, False), (endless, True), (some, True), (none, True), (uuid4(), True)]
    found = await availability_of(await context_of(shop, "anonymous"), asked, None)
    assert [told(one) for one in found] == [
        ("IN_STOCK", None),
        ("BACKORDER", None),
        ("BACKORDER", 0),
        ("OUT_OF_STOCK", 0),
        ("OUT_OF_STOCK", 0),
    ]


async def test_a_channel_that_hides_quantities_hides_them_from_shoppers(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 9 * UNIT})
    await set_channel(shop, "web", shows_quantities=False)
    for role, quantity in (("anonymous", None), ("client", None), ("cashier", 9 * UNIT)):
        (found,) = await availability_of(await context_of(shop, role), [(variant, True)], None)
        assert (told(found), found.by_location[0].available) == (("IN_STOCK", quantity), quantity)


async def settled(found: Any) -> Any:
    return found if isinstance(found, list) else await found


async def test_a_product_is_as_available_as_the_best_of_its_variants(shop: Shop):
    some = await shop.variant("CANECA", stock={"centro": UNIT})
    none = await shop.variant("COPO")
    always = await shop.variant("SACOLA", track_stock=False)
    rows = await variants_by_ids(shop.db, [some, none, always])
    variants = {key: Variant.of(row) for key, row in rows.items()}
    products = [[none, some], [none], [], [always]]
    wanted = [[variants[key] for key in product] for product in products]
    found = await settled(promised_statuses(await context_of(shop, "anonymous"), wanted))
    assert [one.name for one in found] == ["LOW_STOCK", "OUT_OF_STOCK", "OUT_OF_STOCK", "IN_STOCK"]


@pytest.mark.postgres15
async def test_what_is_added_up_by_the_database_is_what_the_levels_add_up_to(shop: Shop):
    """Levels or none, safety stock, shortfalls, backorders of old levels and of new ones, holds that have expired."""
    roll = random.Random(4)
    for number in range(60):
        allowance = roll.choice([0, 0, 2 * UNIT, None])
        columns: dict[str, Any] = {"track_stock": roll.random() < 0.9, "backorder_allowance": allowance}
        variant = await shop.variant(f"V{number}", **columns)
        for code in roll.sample(list(shop.locations), roll.randint(0, 3)):
            safety, owed = roll.choice([0, 0, 3 * UNIT]), roll.choice([0, 0, 2 * UNIT, UNBOUNDED])
            on_hand = roll.randint(0, 9) * UNIT
            more = {"safety_stock": safety, "backorder_allowance": owed, "shortfall": max(0, safety - on_hand)}
            async with shop.db.transaction() as tx:
                await shop.stock(tx, variant, code, on_hand, **more)
            if on_hand > safety and roll.random() < 0.5:
                await hold_some(shop, f"V{number}", 1, at=(code,), minutes=roll.choice([-5, 15]))
    await set_channel(shop, "pos", ignores_safety_stock=True)
    await set_channel(shop, "app", shows_quantities=False)
    for role, code in (("anonymous", "web"), ("anonymous", "app"), ("device", "pos")):
        context = await context_of(shop, role, code=code)
        variants = [Variant.of(row) for row in (await variants_by_ids(shop.db, shop.variants.values())).values()]
        added = await settled(promised(context, variants))
        asked = [(each.key, each.track_stock) for each in variants]
        each = await availability_of(context, asked, None)
        assert [told(one) for one in added] == [told(one) for one in each]
        best = await settled(promised_statuses(context, [variants[:7], variants[7:9], []]))
        by_worth = list(AvailabilityStatus)
        wanted = [min((one.status for one in some), key=by_worth.index) for some in (each[:7], each[7:9])]
        assert best == [*wanted, AvailabilityStatus.OUT_OF_STOCK]
    assert len({told(one) for one in added}) > 9


async def test_availability_is_read_for_all_variants_of_a_list_at_once(shop: Shop):
    for number in range(3):
        await shop.variant(f"V{number}", stock={"centro": (number + 1) * UNIT})
    document = """{ products(first: 9) { nodes { availability variants { nodes {
      sku availability { available byLocation { location { code } } } } } } } }"""
    nodes = (await ask(await context_of(shop, "anonymous"), document))["products"]["nodes"]
    assert sorted(node["variants"]["nodes"][0]["availability"]["available"] for node in nodes) == [1, 2, 3]


async def test_a_short_line_names_its_line_variant_and_location(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": UNIT})
    line = uuid4()

    @strawberry.type
    class Short:
        @strawberry.field
        def short(self) -> list[InsufficientStock]:
            common: Any = {"code": "INSUFFICIENT_STOCK", "message": "", "path": None, "variant_id": variant}
            numbers: Any = {"requested": 2 * UNIT, "available": UNIT}
            place = shop.locations["centro"]
            return [
                insufficient_stock(line_id=line, line_type="CartLine", location_id=place, **common, **numbers),
                insufficient_stock(line_id=line, line_type="OrderLine", location_id=None, **common, **numbers),
                insufficient_stock(line_id=None, line_type="CartLine", location_id=None, **common, **numbers),
            ]

    engine = Engine(strawberry.Schema(Short, config=StrawberryConfig(scalar_map=SCALARS)))
    document = "{ short { code lineId requested available variant { sku } location { code } } }"
    result = await engine.execute(engine.operation(document), {}, await context_of(shop, "anonymous"))
    assert not result.errors
    assert result.data is not None
    shown = [(one["lineId"], one["variant"], one["location"]) for one in result.data["short"]]
    assert shown == [
        (ids.encode("CartLine", line), {"sku": "CANECA"}, {"code": "centro"}),
        (ids.encode("OrderLine", line), {"sku": "CANECA"}, None),
        (None, {"sku": "CANECA"}, None),
    ]
    assert (result.data["short"][0]["requested"], result.data["short"][0]["available"]) == (2, 1)
