"""Closing a cart: it became an order."""

from uuid import UUID

from sqlalchemy import bindparam, update

from app.carts.basket import Basket
from app.carts.tables import cart
from app.carts.write import scopes_of, visit
from app.events.outbox import Change, Topic, emit
from app.identity.principal import Actor
from app.platform.db import Tx

CLOSE = (
    update(cart)
    .where(cart.c.id == bindparam("cart_id"))
    .values(
        status="ORDERED",
        order_id=bindparam("becomes"),
        version=cart.c.version + 1,
        updated_at=bindparam("now"),
        expires_at=None,
    )
)


async def close_as_ordered(tx: Tx, actor: Actor, basket: Basket, order_id: UUID) -> None:
    """The cart is sold: it takes no more changes, and leads to its order. Its holds are the caller's to turn over."""
    await visit(tx, actor, basket.id)
    await tx.execute(CLOSE, {"cart_id": basket.id, "becomes": order_id, "now": actor.now})
    change = Change(topic=Topic.CART, entity_id=basket.id, version=basket.row.version + 1, after=scopes_of(basket.row))
    await emit(tx, [change])
