"""What a person may do about deliveries: send one again, send all again from a position on, try a webhook."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Row, Uuid, bindparam, insert, select, update

from app.events.feed import head_of
from app.events.webhooks.plan import put_in_order
from app.events.webhooks.tables import webhook, webhook_delivery
from app.events.webhooks.webhooks import check_position, lock
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_id

_now = bindparam("now", type_=DateTime(timezone=True))
_webhook = webhook_delivery.c.webhook_id == bindparam("hook", type_=Uuid)
_this = webhook_delivery.c.id == bindparam("one", type_=Uuid)
_pending = webhook_delivery.c.status == "PENDING"

FIND: Final = select(webhook_delivery.c.webhook_id).where(_this)
LOCK: Final = select(webhook_delivery).where(_this).with_for_update()
WAITS: Final = select(webhook_delivery.c.id).where(
    _webhook, _pending, webhook_delivery.c.position == bindparam("at", type_=BigInteger)
)
REOPEN: Final = (
    update(webhook_delivery)
    .where(_this)
    .values(status="PENDING", finished_at=None, due_at=_now, failures=0, first_tried_at=None)
)
HURRY: Final = (
    update(webhook_delivery)
    .where(_this, webhook_delivery.c.claim.is_(None), webhook_delivery.c.due_at.is_not(None))
    .values(due_at=_now)
)
REPLACE: Final = (
    update(webhook_delivery)
    .where(_webhook, _pending, webhook_delivery.c.position > bindparam("after", type_=BigInteger))
    .values(status="REPLACED", finished_at=_now, due_at=None, claim=None)
)
REWIND: Final = (
    update(webhook)
    .where(webhook.c.id == bindparam("hook", type_=Uuid), webhook.c.planned > bindparam("after"))
    .values(planned=bindparam("after", type_=BigInteger))
)
INSERT: Final = insert(webhook_delivery)


async def redeliver(tx: Tx, *, delivery_id: UUID, now: datetime) -> UUID:
    """Send a delivery again under its id, or now instead of later; its three days begin anew.

    Raises NotFound, InvalidInput (REPLACED: a replay sends it, ALREADY_WAITING: so does another delivery).
    """
    found = await _locked(tx, delivery_id)
    if found.status == "PENDING":
        await tx.execute(HURRY, {"one": delivery_id, "now": now})
        return delivery_id
    if found.status == "REPLACED":
        raise InvalidInput("A replay took its place.", path=("webhookDeliveryId",), code="REPLACED")
    if found.position is not None and await tx.row(WAITS, {"hook": found.webhook_id, "at": found.position}):
        raise InvalidInput("The same change waits to be sent.", path=("webhookDeliveryId",), code="ALREADY_WAITING")
    await tx.execute(REOPEN, {"one": delivery_id, "now": now})
    if found.entity_id is not None:
        await put_in_order(tx, found.webhook_id, [(found.topic, found.entity_id)], now)
    return delivery_id


async def replay(tx: Tx, *, webhook_id: UUID, after: int, now: datetime) -> UUID:
    """Send every change after this position again, as new deliveries; what waits from there on is one of them.

    Raises NotFound, InvalidInput (FORGOTTEN, AHEAD).
    """
    await lock(tx, webhook_id)
    head = await head_of(tx)
    check_position(after, forgotten=head.forgotten, head=head.position)
    await tx.execute(REPLACE, {"hook": webhook_id, "after": after, "now": now})
    await tx.execute(REWIND, {"hook": webhook_id, "after": after})
    return webhook_id


async def trial(tx: Tx, *, webhook_id: UUID, now: datetime) -> UUID:
    """Send `webhook.tested`, once, to a paused webhook too; the delivery's id. Raises NotFound."""
    await lock(tx, webhook_id)
    delivery_id = new_id()
    row = {"id": delivery_id, "webhook_id": webhook_id, "kind": "TEST", "due_at": now, "occurred_at": now}
    await tx.execute(INSERT, {**row, "created_at": now})
    return delivery_id


async def _locked(tx: Tx, delivery_id: UUID) -> Row[Any]:
    """The delivery, and before it its webhook. Raises NotFound."""
    owner = await tx.value(FIND, {"one": delivery_id})
    if owner is not None:
        await lock(tx, owner)
        found = await tx.row(LOCK, {"one": delivery_id})
        if found is not None:
            return found
    raise NotFound("There is no such delivery.", path=("webhookDeliveryId",))
