"""Cancelling: an order of which nothing has left yet gives its stock and its money back."""

from uuid import UUID

from sqlalchemy import bindparam, update

from app.identity.fields import optional_text
from app.identity.principal import Actor
from app.inventory.allocations import cancel_order as release_stock
from app.orders.tables import order_line
from app.orders.write import lines_of, lock, note, refresh, tell
from app.payments.ledger import drawer_of, reverse_sale
from app.payments.refunds import give_back_all
from app.platform.db import Tx
from app.platform.errors import InvalidInput

LONGEST_REASON = 500

CANCEL_LINES = (
    update(order_line).where(order_line.c.order_id == bindparam("of_order")).values(cancelled=order_line.c.quantity)
)


async def cancel(
    tx: Tx, actor: Actor, *, order_id: UUID | None, expected_version: int | None, reason: str | None
) -> UUID:
    """Cancel an order before anything of it was fulfilled: allocations are released, payments voided or refunded.

    Raises NotFound, VersionConflict, InvalidInput (ORDER_CANCELLED, ALREADY_FULFILLED, TOO_LONG).
    """
    reason = optional_text(reason, ("reason",), most=LONGEST_REASON, lines=True)
    row, places = await lock(tx, actor, order_id, expected_version)
    if row.status == "CANCELLED":
        raise InvalidInput("The order is cancelled already.", path=("orderId",), code="ORDER_CANCELLED")
    if any(line.fulfilled for line in await lines_of(tx, row.id)):
        raise InvalidInput(
            "Part of the order has left: it can be returned, not cancelled.",
            path=("orderId",),
            code="ALREADY_FULFILLED",
        )
    await tx.execute(CANCEL_LINES, {"of_order": row.id})
    place = drawer_of(actor.principal, row.location_id, row.channel_id)
    given = await give_back_all(tx, row.id, reason=reason, place=place, now=actor.now)
    await reverse_sale(tx, order_id=row.id, currency=row.currency, now=actor.now)
    await note(tx, actor, row.id, "cancelled", details={"reason": reason, "refunded": given})
    version = await refresh(tx, row, now=actor.now, cancelled=True)
    await release_stock(tx, order_id=row.id)
    await tell(tx, row, version, before=places, moved=True)
    key: UUID = row.id
    return key
