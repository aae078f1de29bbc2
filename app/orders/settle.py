"""Settling: a payment that was promised (on delivery, on pickup) was received."""

from uuid import UUID

from app.identity.fields import optional_text
from app.identity.principal import Actor
from app.orders.write import lock, note, refresh, tell
from app.payments.ledger import drawer_of
from app.payments.refunds import lock_payments
from app.payments.refunds import settle as receive
from app.payments.tenders import LONGEST_TEXT
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound


async def settle(
    tx: Tx,
    actor: Actor,
    *,
    order_id: UUID | None,
    payment_id: UUID,
    expected_version: int | None,
    reference: str | None,
) -> UUID:
    """Say that a PENDING payment was received.

    Raises NotFound (`orderId`, `paymentId`), VersionConflict, InvalidInput (PAYMENT_NOT_PENDING, TOO_LONG).
    """
    reference = optional_text(reference, ("reference",), most=LONGEST_TEXT)
    row, places = await lock(tx, actor, order_id, expected_version)
    payment = next((each for each in await lock_payments(tx, row.id) if each.id == payment_id), None)
    if payment is None:
        raise NotFound("The order has no such payment.", path=("paymentId",))
    if payment.status != "PENDING":
        raise InvalidInput(
            f"This payment is {payment.status.lower()}.", path=("paymentId",), code="PAYMENT_NOT_PENDING"
        )
    place = drawer_of(actor.principal, row.location_id, row.channel_id)
    await receive(tx, payment, reference=reference, place=place, now=actor.now)
    await note(tx, actor, row.id, "paid", details={"amount": payment.amount, "method": payment.method})
    await tell(tx, row, await refresh(tx, row, now=actor.now), before=places, moved=False)
    key: UUID = row.id
    return key
