"""The audit finds what was changed and not told, or told in another order."""

import pytest
from sqlalchemy import delete, insert, select, update

from app.customers import customers
from app.customers.tables import customer
from app.events.audit import violations
from app.events.outbox import Topic
from app.events.tables import feed_head, outbox

FOLLOWED = {Topic.CUSTOMER: select(customer.c.id, customer.c.version)}
AGAIN = insert(outbox).from_select(
    ["topic", "action", "entity_id", "version", "scopes_before", "scopes_after"],
    select(
        outbox.c.topic,
        outbox.c.action,
        outbox.c.entity_id,
        outbox.c.version - 1,
        outbox.c.scopes_before,
        outbox.c.scopes_after,
    ).where(outbox.c.version == 2),
)


@pytest.fixture
async def ana(shop):
    """A customer of version 2, told twice."""

    async def write(tx):
        actor = shop.actor()
        customer_id = await customers.create(tx, actor, {"first_name": "Ana"})
        return await customers.update_customer(tx, actor, customer_id=customer_id, given={"last_name": "Prado"})

    customer_id = await shop.db.run(write)
    assert await violations(shop.db, FOLLOWED) == []
    return customer_id


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (update(customer).values(version=3), "has version 3: version 2 was told last"),
        (update(customer).values(version=1), "has version 1: version 2 was told last"),
        (delete(outbox), "has version 2: nothing was told of it"),
        (AGAIN, "version 1 was told after 2"),
    ],
)
async def test_what_was_not_told_as_it_is_is_found(shop, ana, harm, told):
    await shop.db.run(lambda tx: tx.execute(harm))
    assert await violations(shop.db, FOLLOWED) == [
        f"customer {ana} {told}" if told.startswith("has") else f"customer {ana}: {told}"
    ]


async def test_what_was_told_long_ago_may_be_forgotten(shop, ana):
    await shop.db.run(lambda tx: tx.execute(update(feed_head).values(forgotten=2)))
    await shop.db.run(lambda tx: tx.execute(delete(outbox).where(outbox.c.version == 1)))
    assert await violations(shop.db, FOLLOWED) == []
    await shop.db.run(lambda tx: tx.execute(update(customer).values(version=3)))
    assert await violations(shop.db, FOLLOWED) == [f"customer {ana} has version 3: version 2 was told last"]
    await shop.db.run(lambda tx: tx.execute(delete(outbox)))
    assert await violations(shop.db, FOLLOWED) == []


async def test_a_carts_id_is_not_told_whole(shop, ana):
    assert await violations(shop.db, {Topic.CART: FOLLOWED[Topic.CUSTOMER]}) == [
        f"cart …{str(ana)[-12:]} has version 2: nothing was told of it"
    ]
