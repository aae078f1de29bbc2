"""The ledger moves amounts from account to account, and a reversal leaves nothing behind."""

from uuid import UUID

from sqlalchemy import select

from app.identity.principal import ANONYMOUS
from app.payments.ledger import Posting, drawer_of, post, reverse_sale, sale_postings, till_account
from app.payments.tables import posting
from app.platform import clock
from app.platform.db import Database
from app.platform.ids import new_id
from tests.checkout.counter import located, till
from tests.shop import Shop


async def balances(db: Database) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in await db.rows(select(posting)):
        assert row.amount > 0
        found[row.debit] = found.get(row.debit, 0) + row.amount
        found[row.credit] = found.get(row.credit, 0) - row.amount
    return {account: amount for account, amount in found.items() if amount}


async def test_a_sale_and_its_reversal(database: Database):
    order_id, now = new_id(), clock.now()
    parts = {"goods": 3373, "delivery": 1271, "tax": 836, "rounding": -3}

    async with database.transaction() as tx:
        await post(tx, order_id=order_id, currency="BRL", now=now, postings=sale_postings(order_id, **parts))
    owed = f"receivable:{order_id}"
    assert await balances(database) == {owed: 5477, "sales": -3373, "delivery": -1271, "tax": -836, "rounding": 3}
    async with database.transaction() as tx:
        await reverse_sale(tx, order_id=order_id, currency="BRL", now=now)
    assert await balances(database) == {}


async def test_nothing_is_not_posted_and_less_than_nothing_the_other_way(database: Database):
    moves = [Posting("a", "b", 0, "payment"), Posting("a", "b", -5, "payment"), Posting("c", "b", 2, "payment")]
    async with database.transaction() as tx:
        await post(tx, order_id=new_id(), currency="BRL", now=clock.now(), postings=moves)
    assert await balances(database) == {"a": -5, "b": 3, "c": 2}


def test_money_lies_where_the_till_is():
    here, there, channel = new_id(), new_id(), new_id()
    shop = Shop(db=None, locations={"centro": here, "praia": there}, channels={"web": channel, "pos": channel})  # type: ignore[arg-type]
    shop.registers = {"centro-1": new_id()}

    def drawer(location_id: UUID | None) -> str:
        return drawer_of(till(shop).principal, location_id, channel)

    assert drawer(None) == drawer(there) == str(here)
    two = located(shop.actor("cashier"), shop, "centro", "praia").principal
    assert drawer_of(two, there, channel) == str(there)
    assert drawer_of(ANONYMOUS, None, channel) == str(channel)
    assert till_account("CARD_TERMINAL", "x") == "card_terminal:x"
