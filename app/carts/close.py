"""Closing a cart: it became an order."""

from uuid import UUID

from app.carts.basket import Basket
from app.carts.write import WRITTEN, cart_change, save, visit
from app.events.outbox import Change
from app.identity.principal import Actor
from app.platform.db import Tx


async def close_as_ordered(tx: Tx, actor: Actor, basket: Basket, order_id: UUID) -> Change:
    """The cart is sold, at the amounts that stand in it: it takes no more changes, and leads to its order.

    Its holds are the caller's to turn over, and the change is theirs to emit, once the stock is written.
    """
    basket.changes |= {"status": "ORDERED", "order_id": order_id, "expires_at": None}
    await save(tx, actor, basket)
    await visit(tx, actor, basket)
    tx.remembered[WRITTEN, basket.id] = None
    return cart_change(basket)
