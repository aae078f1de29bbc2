"""The frame of every order command: lock the order, change it, raise its version, tell of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from app.events.outbox import Change, Topic, emit
from app.events.scopes import sales_scopes
from app.identity.access import may_open_order
from app.identity.principal import Actor
from app.orders.queries import places_of_orders
from app.orders.states import fulfillment_status, payment_status, status
from app.orders.tables import order, order_event, order_line
from app.payments.tenders import payments_of
from app.platform.db import Tx
from app.platform.errors import NotFound, check_version
from app.platform.ids import new_id

LOCK = select(order).where(order.c.id == bindparam("id")).with_for_update()
LINES = select(order_line).where(order_line.c.order_id == bindparam("id")).order_by(order_line.c.position)
REFRESH = (
    update(order)
    .where(order.c.id == bindparam("order_id"))
    .values(
        status=bindparam("becomes"),
        payment_status=bindparam("paid"),
        fulfillment_status=bindparam("sent"),
        refunded=bindparam("given_back"),
        version=order.c.version + 1,
        updated_at=bindparam("now"),
    )
    .returning(order.c.version)
)
EVENT = insert(order_event)


Places = Collection[UUID]
"""Where parts of an order are picked up, and where its goods lie or have left from: who works there sees it."""


async def lock(tx: Tx, actor: Actor, order_id: UUID | None, expected_version: int | None) -> tuple[Row[Any], Places]:
    """The order's row, locked until the transaction ends, and where it is served from; `tell` asks for both.

    Raises NotFound at `orderId`, VersionConflict.
    """
    row = await tx.row(LOCK, {"id": order_id}) if order_id is not None else None
    served_from = await places_of(tx, row.id) if row is not None else ()
    if row is None or not may_open_order(
        actor.principal, location_id=row.location_id, channel_id=row.channel_id, served_from=served_from
    ):
        raise NotFound("There is no such order.", path=("orderId",))
    check_version(expected_version, row.version, "Order", row.id)
    return row, served_from


async def places_of(tx: Tx, order_id: UUID) -> Places:
    return (await places_of_orders(tx, [order_id])).get(order_id, ())


async def lines_of(tx: Tx, order_id: UUID) -> Sequence[Row[Any]]:
    """The lines as they are now; call it after the lock."""
    return await tx.rows(LINES, {"id": order_id})


async def refresh(tx: Tx, row: Row[Any], *, now: datetime, cancelled: bool = False) -> int:
    """Derive the order's states anew from payments and lines, and raise its version, which is answered.

    The caller tells of it (`tell`), once all else that it locks is written.
    """
    payments = (await payments_of(tx, [row.id])).get(row.id, [])
    paid = payment_status(row.total, payments)
    sent = fulfillment_status(await lines_of(tx, row.id))
    version: int = await tx.value(
        REFRESH,
        {
            "order_id": row.id,
            "becomes": "CANCELLED" if cancelled else status(paid, sent),
            "paid": paid,
            "sent": sent,
            "given_back": sum(each.refunded for each in payments),
            "now": now,
        },
    )
    return version


async def tell(tx: Tx, row: Row[Any], version: int, *, before: Places, moved: bool) -> None:
    """Tell of an order's new version: who serves it now, and who did `before`.

    `moved`: its stock was written meanwhile, so that it may be served from elsewhere.
    """
    after = await places_of(tx, row.id) if moved else before
    scopes = [sales_scopes(row.location_id, row.channel_id, row.customer_id, places) for places in (before, after)]
    await emit(tx, [Change(Topic.ORDER, row.id, version, before=scopes[0], after=scopes[1])])


async def note(tx: Tx, actor: Actor, order_id: UUID, kind: str, *, details: dict[str, Any] | None = None) -> None:
    """Add to what happened to the order. `kind`: placed, paid, fulfilled, cancelled."""
    await tx.later(
        EVENT,
        {
            "id": new_id(),
            "order_id": order_id,
            "kind": kind,
            "details": details or {},
            "channel_id": actor.channel_id,
            "actor": actor.key,
            "at": actor.now,
        },
    )
