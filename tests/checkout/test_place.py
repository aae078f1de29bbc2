"""Placing: what a cart becomes at the till and on the site, and what is refused."""

from typing import Any

from sqlalchemy import func, select, update

from app.carts.lines import LineChange, update_lines
from app.carts.queries import carts_by_ids
from app.catalog.tables import product, variant
from app.channels.tables import channel, channel_location
from app.fulfillment.queries import fulfillments_of_orders, lines_of_fulfillments
from app.inventory.tables import hold
from app.orders.queries import deliveries_of_orders, events_of_orders, visits_of_orders
from app.orders.tables import order
from app.payments.tenders import Tender
from app.platform.ids import new_id
from tests.carts.selling import basket_of, given_price, held_at
from tests.checkout.counter import (
    ADDRESS,
    UNIT,
    allocated,
    assert_books,
    balance,
    card,
    cash,
    deliver,
    forget_holds,
    guest,
    lines_of,
    located,
    movements,
    new_cart,
    order_of,
    owed,
    payments,
    refusals,
    sale,
    sell,
    ship_method,
    shipped_cart,
    till,
    told,
    web_order,
)
from tests.shop import Shop


async def test_a_sale_at_the_till_leaves_at_once_and_is_paid(shop: Shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 5 * UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 2))
    placed = await sell(shop, till(shop), cart_id, cash(3980, 5000), receipt_number=" C1-0001 ")

    sold = await order_of(shop, placed)
    assert placed.change == 1020
    assert (sold.status, sold.payment_status, sold.fulfillment_status) == ("COMPLETED", "PAID", "FULFILLED")
    assert sold.number.startswith("P")
    assert (sold.receipt_number, sold.total, sold.tax, sold.item_count) == ("C1-0001", 3980, 607, 2)
    assert (sold.location_id, sold.register_id) == (shop.locations["centro"], shop.registers["centro-1"])
    [sold_line] = await lines_of(shop, placed)
    assert (sold_line.quantity, sold_line.fulfilled, sold_line.sku) == (2 * UNIT, 2 * UNIT, "CANECA")
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (3 * UNIT, 0)
    assert await movements(shop, "SALE") == [-2 * UNIT]
    [paid] = await payments(shop, placed)
    assert (paid.status, paid.amount, paid.received) == ("CAPTURED", 3980, 5000)
    assert await owed(shop, placed) == 0
    assert await balance(shop, f"cash:{shop.locations['centro']}") == 3980
    assert (await balance(shop, "sales"), await balance(shop, "tax")) == (-3373, -607)
    assert (await carts_by_ids(shop.db, [cart_id]))[cart_id].status == "ORDERED"
    assert await allocated(shop, placed) == {}
    [left] = (await fulfillments_of_orders(shop.db, [placed.order_id]))[placed.order_id]
    assert (left.method, left.state, left.location_id) == ("CARRY_OUT", "COMPLETED", shop.locations["centro"])
    [[part]] = (await lines_of_fulfillments(shop.db, [left.id])).values()
    assert (part.order_line_id, part.quantity) == (sold_line.id, 2 * UNIT)
    await assert_books(shop)


async def test_a_guests_order_waits_for_its_money_and_its_goods(shop: Shop):
    await shop.variant("CANECA", stock={"cd": 5 * UNIT})
    await ship_method(shop, cost=1500)
    cart_id = await shipped_cart(shop, ("CANECA", 2))
    placed = await sell(shop, guest(shop), cart_id, Tender("OTHER", 5480, label=" Vale "), email="ana@feira.example")

    sold = await order_of(shop, placed)
    assert (sold.status, sold.payment_status, sold.fulfillment_status) == ("OPEN", "PENDING", "UNFULFILLED")
    assert (sold.total, sold.delivery, sold.email, sold.location_id) == (5480, 1500, "ana@feira.example", None)
    assert sold.number.startswith("W")
    [sent] = (await deliveries_of_orders(shop.db, [placed.order_id]))[placed.order_id]
    assert (sent.method, sent.option, sent.gross, sent.address["city"]) == ("SHIP", "sedex", 1500, ADDRESS["city"])
    assert await allocated(shop, placed) == {"cd": 2 * UNIT}
    assert (await held_at(shop, cart_id), (await shop.level("CANECA", "cd")).on_hand) == ({}, 5 * UNIT)
    [promised] = await payments(shop, placed)
    assert (promised.status, promised.label) == ("PENDING", "Vale")
    assert await owed(shop, placed) == 5480
    await assert_books(shop)


async def test_what_is_told_is_told_once_and_last(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    placed = await sale(shop, ("CANECA", 1))
    assert await told(shop, "ORDER") == [1]
    assert await told(shop, "CART") == [1, 2]
    assert len(await told(shop, "STOCK")) == 2
    [event] = (await events_of_orders(shop.db, [placed.order_id]))[placed.order_id]
    assert (event.kind, event.details["number"]) == ("placed", (await order_of(shop, placed)).number)


async def test_one_line_is_carried_out_and_another_shipped(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await shop.variant("SOFA", price=99_900, stock={"cd": 2 * UNIT})
    await ship_method(shop)
    cart_id = await new_cart(shop, guest(shop, "pos"), ("CANECA", 1), ("SOFA", 1))
    basket = await basket_of(shop, cart_id)
    cashier = shop.actor("cashier", channel="pos")
    await deliver(shop, cashier, cart_id, "SHIP", option="sedex", address=ADDRESS, lines=[basket.lines[1].id])
    await deliver(shop, cashier, cart_id, "CARRY_OUT", at="centro", lines=[basket.lines[0].id])
    placed = await sell(shop, till(shop), cart_id, cash(1990), card(101_400))

    sold = await order_of(shop, placed)
    assert (sold.status, sold.payment_status, sold.fulfillment_status) == ("OPEN", "PAID", "PARTIALLY_FULFILLED")
    mug, sofa = await lines_of(shop, placed)
    assert (mug.fulfilled, sofa.fulfilled) == (UNIT, 0)
    assert await allocated(shop, placed) == {"cd": UNIT}
    assert await movements(shop, "SALE") == [-UNIT]
    assert await balance(shop, f"card_terminal:{shop.locations['centro']}") == 101_400
    await assert_books(shop)


async def test_what_is_not_tracked_needs_no_stock(shop: Shop):
    await shop.variant("FRETE", track_stock=False, requires_shipping=False)
    placed = await sale(shop, ("FRETE", 3))
    assert (await order_of(shop, placed)).status == "COMPLETED"
    assert await movements(shop, "SALE") == []
    download = await new_cart(shop, guest(shop), ("FRETE", 1))
    placed = await sell(shop, guest(shop), download)
    assert (await order_of(shop, placed)).fulfillment_status == "UNFULFILLED"
    await assert_books(shop)


async def test_weighed_goods_cost_what_they_weigh(shop: Shop):
    await shop.variant("QUEIJO", price=7990, stock={"centro": 2 * UNIT}, unit="kg", quantity_step=1)
    placed = await sale(shop, ("QUEIJO", 0.35))
    sold = await order_of(shop, placed)
    assert (sold.total, sold.item_count) == (2797, 1)
    assert (await shop.level("QUEIJO", "centro")).on_hand == 1650
    await assert_books(shop)


async def test_what_costs_nothing_needs_no_tender(shop: Shop):
    await shop.variant("AMOSTRA", price=0, stock={"centro": UNIT, "cd": UNIT})
    placed = await sell(shop, till(shop), await new_cart(shop, till(shop), ("AMOSTRA", 1)), free=True)
    assert (await order_of(shop, placed)).status == "COMPLETED"
    await ship_method(shop, cost=0)
    placed = await sell(shop, guest(shop), await shipped_cart(shop, ("AMOSTRA", 1)), free=True)
    sold = await order_of(shop, placed)
    assert (sold.status, sold.payment_status, sold.total) == ("OPEN", "PAID", 0)
    await assert_books(shop)


async def round_cash(shop: Shop, increment: int) -> None:
    async with shop.db.transaction() as tx:
        await tx.execute(update(channel).values(cash_rounding=increment))


async def test_cash_is_rounded_to_the_smallest_coin(shop: Shop):
    await round_cash(shop, 5)
    given = 0
    for price, total in ((1992, 1990), (1993, 1995), (1995, 1995), (2, 0), (3, 5)):
        await shop.variant(f"C-{price}", price=price, stock={"centro": 5 * UNIT})
        cart_id = await new_cart(shop, till(shop), (f"C-{price}", 1))
        tenders = (cash(total),) if total else ()
        placed = await sell(shop, till(shop), cart_id, *tenders, expected_total=price, free=not total)
        sold = await order_of(shop, placed)
        given += price - total
        assert (sold.total, sold.rounding) == (total, total - price)
        assert (await owed(shop, placed), await balance(shop, "rounding")) == (0, given)
    await assert_books(shop)


async def test_a_card_is_not_rounded_nor_a_split_with_one(shop: Shop):
    await shop.variant("CANECA", price=1992, stock={"centro": 5 * UNIT})
    await round_cash(shop, 5)
    await sell(shop, till(shop), await new_cart(shop, till(shop), ("CANECA", 1)), card(1992))
    placed = await sell(shop, till(shop), await new_cart(shop, till(shop), ("CANECA", 1)), cash(1000), card(992))
    assert ((await order_of(shop, placed)).total, (await order_of(shop, placed)).rounding) == (1992, 0)
    await assert_books(shop)


async def test_a_shopper_does_not_round_a_total_away(shop: Shop):
    await shop.variant("BALA", price=2, stock={"centro": UNIT})
    await round_cash(shop, 5)
    cart_id = await new_cart(shop, guest(shop), ("BALA", 1))
    await deliver(shop, guest(shop), cart_id, "PICKUP", at="centro")
    await refused(shop, guest(shop), cart_id, "TENDERS_DO_NOT_ADD_UP", free=True)


async def refused(shop: Shop, actor: Any, cart_id: Any, code: str, *tenders: Tender, **said: Any) -> Any:
    """The refusal of a checkout, which wrote nothing."""
    before = await counts(shop)
    found = await refusals(sell(shop, actor, cart_id, *tenders, **said))
    assert {each.code for each in found} == {code}
    assert await counts(shop) == before
    await assert_books(shop)
    return found


async def counts(shop: Shop) -> Any:
    orders = await shop.db.value(select(func.count()).select_from(order))
    holds = await shop.db.value(select(func.count()).select_from(hold))
    return orders, holds, await told(shop, "ORDER"), await told(shop, "CART"), await told(shop, "STOCK")


async def test_there_must_be_a_cart_and_something_in_it(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    await refused(shop, guest(shop), new_id(), "NOT_FOUND", cash(1))
    await refused(shop, guest(shop), None, "NOT_FOUND", cash(1))
    empty = await new_cart(shop, guest(shop))
    await refused(shop, guest(shop), empty, "EMPTY", free=True)


async def test_a_stale_version_sells_nothing(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    [conflict] = await refused(shop, till(shop), cart_id, "VERSION_CONFLICT", expected_version=7)
    assert (conflict.current_version, conflict.entity) == (1, ("Cart", cart_id))


async def test_a_cart_is_sold_once(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    await sell(shop, till(shop), cart_id)
    await refused(shop, till(shop), cart_id, "CART_CLOSED")


def at_first(**more: Any) -> tuple[Tender, ...]:
    return (Tender("CARD_TERMINAL", 1990, path=("tenders", "0"), **more),)


BAD_TENDERS: list[tuple[tuple[Tender, ...], str, tuple[str, ...]]] = [
    ((), "TENDERS_DO_NOT_ADD_UP", ("tenders",)),
    ((cash(1989),), "TENDERS_DO_NOT_ADD_UP", ("tenders",)),
    ((cash(1991),), "TENDERS_DO_NOT_ADD_UP", ("tenders",)),
    ((cash(1990, 1989),), "INVALID_AMOUNT", ("tenders", "0", "received")),
    ((cash(0), card(1990)), "INVALID_AMOUNT", ("tenders", "0", "amount")),
    ((cash(-10), card(2000)), "INVALID_AMOUNT", ("tenders", "0", "amount")),
    (at_first(received=2000), "INVALID_AMOUNT", ("tenders", "0", "received")),
    (at_first(installments=0), "INVALID_INSTALLMENTS", ("tenders", "0", "installments")),
    (at_first(label="x" * 201), "TOO_LONG", ("tenders", "0", "label")),
    (at_first(reference="\0"), "INVALID_TEXT", ("tenders", "0", "reference")),
    (tuple(cash(1) for _ in range(21)), "TOO_MANY", ("tenders",)),
]


async def test_tenders_that_cannot_be(shop: Shop):
    await shop.variant("CANECA", price=1990, stock={"centro": UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    for tenders, code, path in BAD_TENDERS:
        [refusal] = await refused(shop, till(shop), cart_id, code, *tenders, free=not tenders)
        assert refusal.path == path


async def test_each_line_that_is_short_is_told(shop: Shop):
    for sku in ("CANECA", "BULE", "COPO"):
        await shop.variant(sku, stock={"centro": 2 * UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 2), ("BULE", 1), ("COPO", 2))
    await forget_holds(shop)
    await sale(shop, ("CANECA", 1))
    await sale(shop, ("COPO", 2))
    short = await refused(shop, till(shop), cart_id, "INSUFFICIENT_STOCK")
    lines = (await basket_of(shop, cart_id)).lines
    assert {(each.line_id, each.requested, each.available) for each in short} == {
        (lines[0].id, 2 * UNIT, UNIT),
        (lines[2].id, 2 * UNIT, 0),
    }


async def test_a_hold_that_is_gone_is_made_again_where_there_is_stock(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    await forget_holds(shop)
    await sell(shop, till(shop), cart_id)
    assert (await shop.level("CANECA", "centro")).on_hand == 0
    await assert_books(shop)


async def test_what_was_withdrawn_is_not_sold(shop: Shop):
    key = await shop.variant("CANECA", stock={"centro": UNIT})
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    async with shop.db.transaction() as tx:
        await tx.execute(update(variant).where(variant.c.id == key).values(archived=True))
    await refused(shop, till(shop), cart_id, "WITHDRAWN")
    async with shop.db.transaction() as tx:
        await tx.execute(update(variant).values(archived=False))
        await tx.execute(update(product).values(status="DRAFT"))
    await refused(shop, till(shop), cart_id, "WITHDRAWN")


async def test_goods_need_a_way_and_a_parcel_an_option(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    await ship_method(shop)
    cart_id = await new_cart(shop, guest(shop), ("CANECA", 1))
    await refused(shop, guest(shop), cart_id, "DELIVERY_REQUIRED")
    await deliver(shop, guest(shop), cart_id, "SHIP", address=ADDRESS)
    await refused(shop, guest(shop), cart_id, "OPTION_REQUIRED")


async def test_of_two_ways_to_pick_up_one_is_chosen(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    for code, cost in (("balcao", 0), ("expresso", 500)):
        await ship_method(shop, code=code, cost=cost, method="PICKUP")
    cart_id = await new_cart(shop, guest(shop), ("CANECA", 1))
    await deliver(shop, guest(shop), cart_id, "PICKUP", at="centro")
    await refused(shop, guest(shop), cart_id, "OPTION_REQUIRED")
    await deliver(shop, guest(shop), cart_id, "PICKUP", at="centro", option="expresso")
    assert (await order_of(shop, await sell(shop, guest(shop), cart_id))).total == 2490
    await assert_books(shop)


async def test_a_place_that_was_closed_meanwhile_hands_nothing_out(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    cart_id = await new_cart(shop, guest(shop), ("CANECA", 1))
    await deliver(shop, guest(shop), cart_id, "PICKUP", at="centro")
    async with shop.db.transaction() as tx:
        await tx.execute(channel_location.delete().where(channel_location.c.location_id == shop.locations["centro"]))
    await refused(shop, guest(shop), cart_id, "LOCATION_CLOSED")


async def test_only_a_till_there_hands_goods_over(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    cart_id = await new_cart(shop, guest(shop), ("CANECA", 1))
    await deliver(shop, till(shop), cart_id, "CARRY_OUT", at="centro")
    await refused(shop, guest(shop), cart_id, "METHOD_NOT_ALLOWED")
    await refused(shop, till(shop, "praia-1"), cart_id, "METHOD_NOT_ALLOWED")
    await refused(shop, located(shop.actor("cashier"), shop, "praia"), cart_id, "METHOD_NOT_ALLOWED")
    await refused(shop, shop.actor("service"), cart_id, "METHOD_NOT_ALLOWED")
    await sell(shop, located(shop.actor("cashier"), shop, "praia", "centro"), cart_id)


async def test_a_receipt_number_is_used_once(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    await sell(shop, till(shop), await new_cart(shop, till(shop), ("CANECA", 1)), receipt_number="C1-1")
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    [taken] = await refused(shop, till(shop), cart_id, "RECEIPT_NUMBER_TAKEN", receipt_number="C1-1")
    assert taken.path == ("receiptNumber",)
    await refused(shop, till(shop), cart_id, "TOO_LONG", receipt_number="x" * 65)
    await refused(shop, till(shop), cart_id, "INVALID_EMAIL", email="nobody")


async def test_a_till_that_takes_over_a_sites_cart_has_sold_it(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    cart_id = await new_cart(shop, guest(shop), ("CANECA", 1))
    await deliver(shop, till(shop), cart_id, "CARRY_OUT", at="centro")
    placed = await sell(shop, till(shop), cart_id)
    sold = await order_of(shop, placed)
    assert (sold.location_id, sold.channel_id) == (shop.locations["centro"], shop.channels["web"])
    assert await balance(shop, f"cash:{shop.locations['centro']}") == 1990
    journey = (await visits_of_orders(shop.db, [placed.order_id]))[placed.order_id]
    assert [each.channel_id for each in journey] == [shop.channels["web"], shop.channels["pos"]]
    await assert_books(shop)


async def test_numbers_of_channels_never_meet(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 9 * UNIT, "cd": 9 * UNIT})
    await ship_method(shop)
    async with shop.db.transaction() as tx:
        await tx.execute(update(channel).where(channel.c.code == "web").values(order_prefix="P1"))
    assert (await order_of(shop, await web_order(shop, ("CANECA", 1)))).number.startswith("P1-")
    assert "-" not in (await order_of(shop, await sale(shop, ("CANECA", 1)))).number


async def test_a_price_given_by_staff_is_told_on_the_order(shop: Shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 3 * UNIT})
    cashier = shop.actor("cashier", channel="pos")
    cart_id = await new_cart(shop, till(shop), ("CANECA", 1))
    key = (await basket_of(shop, cart_id)).lines[0].id
    changes = [LineChange(line_id=key, override=given_price(1500))]
    await shop.db.run(lambda tx: update_lines(tx, cashier, cart_id=cart_id, expected_version=None, changes=changes))
    [sold] = await lines_of(shop, await sell(shop, till(shop), cart_id))
    assert (sold.override, sold.override_was, sold.override_reason) == (1500, 1990, "riscado")
    assert sold.override_staff_id == cashier.principal.staff_id
    await assert_books(shop)
