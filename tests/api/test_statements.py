"""How many statements each mutation of a sale sends to PostgreSQL, with what its clients' documents ask of the answer.

Transactions' begin and end are counted. One more fails, and shows them all; where one goes, the number here goes down.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from app.api.authenticate import contexts
from app.api.documents import document
from app.api.engine.execute import Engine
from app.api.schema import schema
from app.identity import devices, tokens
from app.identity.tokens import Bearer
from app.platform import ids
from tests.api.counter import Counter, request
from tests.carts.selling import ship_method
from tests.checkout.counter import ADDRESS, UNIT
from tests.shop import Shop

# Begin, all that is asked, claim with the locks of cart and levels, all that is written with the outbox, commit. Where
# there is nothing to hold, the claim is by itself. Behind the + is what the document asks of the catalog, of places and
# of registers.
TILL = {"pos/startSale": 5 + 1, "pos/addLine": 5 + 1, "pos/sell": 5 + 1}
SITE = {
    "storefront/createCart": 5,
    "storefront/addToCart": 5 + 2,
    "storefront/updateCart": 5 + 2,
    "storefront/setContact": 5 + 2,
    "storefront/setDelivery": 5 + 2,
    "storefront/completeCheckout": 5,
}
WHOLE_AT_THE_TILL = 12
"""Sale and checkout, begin and commit included."""


class Till(Counter):
    """Sends the shop's own documents, and counts."""

    sent: list[str]

    async def done(self, name: str, *, token: str | None = None, **given: Any) -> Any:
        """The payload; `sent` is then what it took, once it was known who calls: that is remembered for a second."""
        context = await contexts(self.db)(request(token))
        self.sent.clear()
        operation = self.engine.operation(document(*name.split("/")))
        answer = await self.engine.execute(operation, {"input": given}, context)
        assert not answer.errors, answer.errors
        assert answer.data is not None
        [payload] = answer.data.values()
        assert payload["userErrors"] == []
        return payload

    @contextmanager
    def counting(self) -> Iterator[None]:
        self.sent = []
        engines = (self.db.writes.sync_engine, self.db.reads.sync_engine)

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.sent.append(" ".join(statement.split())[:150])

        def note_begin(_: Any) -> None:
            self.sent.append("BEGIN")

        def note_commit(_: Any) -> None:
            self.sent.append("COMMIT")

        heard = [(engine, "before_cursor_execute", note) for engine in engines]
        heard += [(engines[0], "begin", note_begin), (engines[0], "commit", note_commit)]  # type: ignore[list-item]
        for each in heard:
            event.listen(*each)
        yield
        for each in heard:
            event.remove(*each)


@pytest.fixture
async def till(shop: Shop) -> AsyncIterator[Till]:
    await shop.variant("CAFE", price=3250, weight_grams=500, stock=dict.fromkeys(shop.locations, 900 * UNIT))
    await ship_method(shop, cost=1500)
    found = Till(shop.db, Engine(schema))

    async def pair(tx: Any) -> str:
        given: Any = {"name": "till", "register_id": shop.registers["centro-1"]}
        device = await devices.create(tx, shop.actor(), given=given)
        return (await tokens.create(tx, shop.actor(), bearer=Bearer("device", device))).secret

    found.tokens["till"] = await shop.db.run(pair)
    with found.counting():
        yield found


def coffee(shop: Shop) -> dict[str, Any]:
    return {"variant": {"id": ids.encode("Variant", shop.variants["CAFE"])}, "quantity": 1}


async def sale(till: Till, shop: Shop) -> dict[str, list[str]]:
    """What a sale at the till sends."""
    sent, token = {}, till.tokens["till"]
    cart = (await till.done("pos/startSale", token=token, lines=[coffee(shop)]))["cart"]
    sent["pos/startSale"] = [*till.sent]
    again = {**coffee(shop), "attributes": [{"key": "moagem", "value": "fina"}]}
    cart = (await till.done("pos/addLine", token=token, cartId=cart["id"], lines=[again]))["cart"]
    sent["pos/addLine"] = [*till.sent]
    cash = [{"method": "CASH", "amount": cart["totals"]["total"], "received": cart["totals"]["total"]}]
    await till.done("pos/sell", token=token, cartId=cart["id"], tenders=cash)
    sent["pos/sell"] = [*till.sent]
    return sent


async def order(till: Till, shop: Shop) -> dict[str, list[str]]:
    """What an order from the site sends."""
    sent = {}
    cart = (await till.done("storefront/createCart"))["cart"]
    sent["storefront/createCart"] = [*till.sent]
    cart = (await till.done("storefront/addToCart", cartId=cart["id"], lines=[coffee(shop)]))["cart"]
    sent["storefront/addToCart"] = [*till.sent]
    more = [{"lineId": cart["lines"][0]["id"], "quantity": 2}]
    cart = (await till.done("storefront/updateCart", cartId=cart["id"], lines=more))["cart"]
    sent["storefront/updateCart"] = [*till.sent]
    await till.done("storefront/setContact", cartId=cart["id"], email="ana@example.com")
    sent["storefront/setContact"] = [*till.sent]
    way: dict[str, Any] = {"method": "SHIP", "option": "sedex", "address": ADDRESS}
    cart = (await till.done("storefront/setDelivery", cartId=cart["id"], **way))["cart"]
    sent["storefront/setDelivery"] = [*till.sent]
    paid = [{"method": "OTHER", "amount": cart["totals"]["total"]}]
    await till.done("storefront/completeCheckout", cartId=cart["id"], tenders=paid)
    sent["storefront/completeCheckout"] = [*till.sent]
    return sent


def check(sent: dict[str, list[str]], most: dict[str, int]) -> None:
    assert sent.keys() == most.keys()
    wrong = {name: statements for name, statements in sent.items() if len(statements) != most[name]}
    assert not wrong, "\n".join(
        line
        for name, statements in wrong.items()
        for line in (f"{name}: {len(statements)}, not {most[name]}", *(f"    {each}" for each in statements))
    )


async def test_each_mutation_of_a_sale_sends_so_many_statements_and_no_more(till: Till, shop: Shop):
    await sale(till, shop)
    check(await sale(till, shop), TILL)


async def test_each_mutation_of_an_order_sends_so_many_statements_and_no_more(till: Till, shop: Shop):
    await order(till, shop)
    check(await order(till, shop), SITE)


async def test_a_sale_of_two_mutations_sends_few(till: Till, shop: Shop):
    await sale(till, shop)
    sent = await sale(till, shop)
    assert len(sent["pos/startSale"]) + len(sent["pos/sell"]) <= WHOLE_AT_THE_TILL


async def test_many_lines_are_as_many_statements_as_one(till: Till, shop: Shop):
    await sale(till, shop)
    token = till.tokens["till"]
    for count in (1, 12):
        lines = [{**coffee(shop), "attributes": [{"key": "n", "value": str(place)}]} for place in range(count)]
        cart = (await till.done("pos/startSale", token=token, lines=lines))["cart"]
        opened = len(till.sent)
        total = cart["totals"]["total"]
        cash = [{"method": "CASH", "amount": total, "received": total}]
        await till.done("pos/sell", token=token, cartId=cart["id"], tenders=cash)
        assert (opened, len(till.sent)) == (TILL["pos/startSale"], TILL["pos/sell"]), "\n".join(till.sent)
