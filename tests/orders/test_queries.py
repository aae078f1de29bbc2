"""Whose orders are listed: those of one's places, and those that are served from there."""

import pytest

from app.fulfillment.create import create
from app.identity.principal import Actor
from app.orders.queries import OrdersWanted, list_orders, places_of_orders
from tests.checkout.counter import (
    UNIT,
    allocated,
    located,
    pickup_order,
    sale,
    ship_method,
    till,
    web_order,
)
from tests.shop import Shop


@pytest.fixture
async def mugs(shop: Shop) -> Shop:
    """One in centro, five in cd; and a way to send them."""
    await shop.variant("CANECA", price=1990, stock={"centro": 2 * UNIT, "cd": 5 * UNIT})
    await ship_method(shop, cost=1500)
    return shop


async def numbers(shop: Shop, actor: Actor) -> set[str]:
    rows = await list_orders(shop.db, actor.principal, OrdersWanted(), first=10, after=None)
    return {row.number for row in rows}


async def test_who_sends_an_order_sees_it_before_and_after(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 4))
    assert await allocated(mugs, placed) == {"cd": 4 * UNIT}
    warehouse, counter = located(mugs.actor("manager"), mugs, "cd"), till(mugs)
    assert (await numbers(mugs, warehouse), await numbers(mugs, counter)) == ({"W1001"}, set())
    await mugs.db.run(
        lambda tx: create(
            tx,
            warehouse,
            order_id=placed.order_id,
            expected_version=None,
            location_id=mugs.locations["cd"],
            parts=None,
        )
    )
    assert await allocated(mugs, placed) == {}
    assert await numbers(mugs, warehouse) == {"W1001"}
    assert await places_of_orders(mugs.db, [placed.order_id]) == {placed.order_id: {mugs.locations["cd"]}}


async def test_a_till_lists_its_sales_and_what_is_picked_up_there(mugs: Shop):
    await sale(mugs, ("CANECA", 1))
    await pickup_order(mugs, ("CANECA", 1))
    assert await numbers(mugs, till(mugs)) == {"P1001", "W1002"}
    assert await numbers(mugs, till(mugs, "praia-1")) == set()
    assert await numbers(mugs, mugs.actor("owner")) == {"P1001", "W1002"}
