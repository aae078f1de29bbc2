"""Facts about stock: adjusting, counting, receiving, and what may be sold."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.inventory.errors import InsufficientStock, StockMoved
from app.inventory.guard import UNBOUNDED
from app.inventory.levels import MOST_CHANGES, Adjusted, StockChange, StockPolicy, adjust, set_policy
from app.inventory.tables import stock_level, stock_movement
from app.platform.errors import InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from app.platform.quantities import MAX_MILLI
from tests.inventory.stock import UNIT, assert_law, hold_some, told
from tests.shop import Shop


def change(shop: Shop, sku: str, code: str = "centro", **columns: Any) -> StockChange:
    columns.setdefault("path", ("changes", "0"))
    return StockChange(shop.variants[sku], shop.locations[code], **columns)


async def adjust_some(shop: Shop, *changes: StockChange, kind: Any = "ADJUSTMENT", **options: Any) -> Adjusted:
    actor = options.pop("actor", None) or shop.actor()
    return await shop.db.run(lambda tx: adjust(tx, actor, changes=changes, kind=kind, **options))


async def movements(shop: Shop, ids: list[UUID]) -> list[tuple[str, int, int]]:
    rows = {row.id: row for row in await shop.db.rows(select(stock_movement))}
    return [(rows[key].kind, rows[key].quantity, rows[key].on_hand_after) for key in ids]


async def test_a_change_moves_the_level_and_leaves_a_movement(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    changes = [change(shop, "CANECA", delta=-2 * UNIT), change(shop, "CANECA", "praia", on_hand=7 * UNIT)]
    done = await adjust_some(shop, *changes, reason="Quebra")
    centro, praia = await shop.level("CANECA", "centro"), await shop.level("CANECA", "praia")
    assert (centro.on_hand, praia.on_hand) == (3 * UNIT, 7 * UNIT)
    assert done.level_ids == [centro.id, praia.id]
    assert await movements(shop, done.movement_ids) == [
        ("ADJUSTMENT", -2 * UNIT, 3 * UNIT),
        ("ADJUSTMENT", 7 * UNIT, 7 * UNIT),
    ]
    assert sorted(await told(shop, "STOCK")) == sorted([(centro.id, 2), (praia.id, 2)])
    assert await told(shop, "AVAILABILITY") == [(variant, 4)]
    await assert_law(shop)


async def test_deltas_of_one_level_follow_one_another(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    done = await adjust_some(shop, *[change(shop, "CANECA", delta=n * UNIT) for n in (2, 3)], kind="RECEIPT")
    assert len(done.level_ids) == 1
    assert await movements(shop, done.movement_ids) == [
        ("RECEIPT", 2 * UNIT, 3 * UNIT),
        ("RECEIPT", 3 * UNIT, 6 * UNIT),
    ]
    with pytest.raises(InvalidInput) as refused:
        await adjust_some(shop, change(shop, "CANECA", delta=UNIT), change(shop, "CANECA", on_hand=UNIT))
    assert refused.value.code == "DUPLICATE_LEVEL"
    await assert_law(shop)


async def test_a_count_that_finds_what_was_known_is_recorded_and_an_empty_adjustment_is_not(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    counted = await adjust_some(shop, change(shop, "CANECA", on_hand=5 * UNIT), kind="COUNT")
    assert await movements(shop, counted.movement_ids) == [("COUNT", 0, 5 * UNIT)]
    level = await shop.level("CANECA", "centro")
    assert level.version == 2
    nothing = await adjust_some(shop, change(shop, "CANECA", delta=0))
    assert (nothing.movement_ids, nothing.level_ids) == ([], [level.id])
    assert (await shop.level("CANECA", "centro")).version == 2


async def test_compare_and_set_refuses_what_has_moved_and_says_what_is_there(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await shop.variant("BULE", stock={"centro": 5 * UNIT})
    changes = [
        change(shop, "BULE", delta=UNIT),
        change(shop, "CANECA", on_hand=9 * UNIT, expected_on_hand=4 * UNIT, path=("changes", "1")),
    ]
    with pytest.raises(StockMoved) as refused:
        await adjust_some(shop, *changes)
    assert (refused.value.on_hand, refused.value.code) == (5 * UNIT, "STOCK_MOVED")
    assert refused.value.path == ("changes", "1", "expectedOnHand")
    assert (await shop.level("BULE", "centro")).on_hand == 5 * UNIT
    await adjust_some(shop, change(shop, "CANECA", on_hand=9 * UNIT, expected_on_hand=5 * UNIT))
    # Where there is no level there is nothing on hand.
    await adjust_some(shop, change(shop, "CANECA", "praia", delta=UNIT, expected_on_hand=0))
    await assert_law(shop)


async def test_a_fact_below_what_is_reserved_is_a_shortfall_that_receipts_make_good_first(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await hold_some(shop, "CANECA", 4)
    await adjust_some(shop, change(shop, "CANECA", on_hand=UNIT), kind="COUNT")
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, level.shortfall) == (UNIT, 4 * UNIT, 3 * UNIT)
    with pytest.raises(InsufficientStock):
        await hold_some(shop, "CANECA", 1)
    await adjust_some(shop, change(shop, "CANECA", delta=2 * UNIT), kind="RECEIPT")
    assert (await shop.level("CANECA", "centro")).shortfall == UNIT
    with pytest.raises(InsufficientStock):
        await hold_some(shop, "CANECA", 1)
    await adjust_some(shop, change(shop, "CANECA", delta=2 * UNIT), kind="RECEIPT")
    assert (await shop.level("CANECA", "centro")).shortfall == 0
    await hold_some(shop, "CANECA", 1)
    await assert_law(shop)


async def test_stock_may_be_counted_below_nothing(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    await adjust_some(shop, change(shop, "CANECA", delta=-3 * UNIT))
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.shortfall) == (-2 * UNIT, 2 * UNIT)
    await assert_law(shop)


async def test_a_new_level_takes_its_variants_backorder_allowance(shop: Shop):
    await shop.variant("CANECA", backorder_allowance=3 * UNIT)
    await shop.variant("BULE", backorder_allowance=None)
    await adjust_some(shop, change(shop, "CANECA", on_hand=0), change(shop, "BULE", on_hand=0))
    assert (await shop.level("CANECA", "centro")).backorder_allowance == 3 * UNIT
    assert (await shop.level("BULE", "centro")).backorder_allowance == UNBOUNDED
    assert len(await told(shop, "STOCK")) == 2


@pytest.mark.parametrize(
    ("columns", "code", "where"),
    [
        ({"delta": 500}, "INVALID_QUANTITY", ("changes", "0", "amount", "delta")),
        ({"on_hand": 500}, "INVALID_QUANTITY", ("changes", "0", "amount", "onHand")),
        ({"delta": MAX_MILLI + UNIT}, "QUANTITY_TOO_LARGE", ("changes", "0", "amount", "delta")),
        ({}, "INVALID_QUANTITY", ("changes", "0", "amount")),
        ({"delta": UNIT, "on_hand": UNIT}, "INVALID_QUANTITY", ("changes", "0", "amount")),
    ],
)
async def test_impossible_amounts_are_refused_by_their_path(
    shop: Shop, columns: dict[str, Any], code: str, where: tuple[str, ...]
):
    await shop.variant("CANECA", stock={"centro": UNIT})
    with pytest.raises(InvalidInput) as refused:
        await adjust_some(shop, change(shop, "CANECA", **columns))
    assert (refused.value.code, refused.value.path) == (code, where)


async def test_impossible_lists_are_refused(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    one = change(shop, "CANECA", delta=UNIT)
    for changes, code in (([], "EMPTY"), ([one] * (MOST_CHANGES + 1), "TOO_MANY")):
        with pytest.raises(InvalidInput) as refused:
            await adjust_some(shop, *changes)
        assert (refused.value.code, refused.value.path) == (code, ("changes",))
    with pytest.raises(InvalidInput) as refused:
        await adjust_some(shop, one, reason="x" * 501)
    assert refused.value.code == "TOO_LONG"


async def test_what_is_not_there_is_not_found(shop: Shop):
    await shop.variant("CANECA")
    changes = [
        StockChange(new_id(), shop.locations["centro"], delta=UNIT, path=("changes", "0")),
        StockChange(shop.variants["CANECA"], new_id(), delta=UNIT, path=("changes", "1")),
    ]
    with pytest.raises(Refusals) as refused:
        await adjust_some(shop, *changes)
    assert [(one.code, one.path) for one in refused.value.refusals] == [
        ("NOT_FOUND", ("changes", "0", "variant")),
        ("NOT_FOUND", ("changes", "1", "locationId")),
    ]
    await shop.variant("SERVICO", track_stock=False)
    with pytest.raises(InvalidInput) as untracked:
        await adjust_some(shop, change(shop, "SERVICO", delta=UNIT))
    assert untracked.value.code == "NOT_TRACKED"
    assert await shop.db.rows(select(stock_level)) == []


async def test_a_caller_adjusts_only_where_they_work(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT, "praia": UNIT})
    manager = shop.actor("manager", location_ids=frozenset({shop.locations["centro"]}))
    await adjust_some(shop, change(shop, "CANECA", delta=UNIT), actor=manager)
    with pytest.raises(NotFound):
        await adjust_some(shop, change(shop, "CANECA", "praia", delta=UNIT), actor=manager)
    policy = StockPolicy(shop.variants["CANECA"], shop.locations["praia"], safety_stock=UNIT)
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: set_policy(tx, manager, policies=[policy]))


async def test_a_policy_sets_what_may_be_sold_and_keeps_promises(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    centro, praia = shop.locations["centro"], shop.locations["praia"]
    await hold_some(shop, "CANECA", 2)
    policies = [
        StockPolicy(variant, praia, backorder_allowance=UNBOUNDED),
        StockPolicy(variant, centro, safety_stock=2 * UNIT),
    ]
    ids = await shop.db.run(lambda tx: set_policy(tx, shop.actor(), policies=policies))
    level, other = await shop.level("CANECA", "centro"), await shop.level("CANECA", "praia")
    assert ids == [other.id, level.id]
    assert (level.safety_stock, level.backorder_allowance, level.shortfall) == (2 * UNIT, 0, UNIT)
    assert (other.safety_stock, other.backorder_allowance) == (0, UNBOUNDED)
    assert (level.id, level.version) in await told(shop, "STOCK")
    await assert_law(shop)
    for bad, code in (
        ([StockPolicy(variant, centro, safety_stock=-1)], "INVALID_QUANTITY"),
        ([StockPolicy(variant, centro, backorder_allowance=UNBOUNDED + 1)], "INVALID_QUANTITY"),
    ):
        with pytest.raises(InvalidInput) as refused:
            async with shop.db.transaction() as tx:
                await set_policy(tx, shop.actor(), policies=bad)
        assert refused.value.code == code


async def test_a_thousand_levels_are_made_in_one_call(shop: Shop):
    await shop.variant("CANECA")
    variants = [await shop.variant(f"V{n}", price=None) for n in range(20)]
    places = list(shop.locations.values())
    changes = [StockChange(variant, place, on_hand=UNIT) for variant in variants for place in places]
    done = await adjust_some(shop, *changes, kind="RECEIPT")
    assert len(done.level_ids) == len(done.movement_ids) == 60
    await assert_law(shop)
