"""What hangs on a write of levels: hold, allocation and movement rows, written by the same statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Delete, Text, Update, Uuid, any_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert

from app.inventory.guard import arrays, guarded_update, unnested
from app.inventory.tables import allocation, hold, stock_movement
from app.platform.ids import new_id

MovementKind = Literal["RECEIPT", "SALE", "RETURN", "ADJUSTMENT", "COUNT", "TRANSFER_OUT", "TRANSFER_IN"]


@dataclass(frozen=True, slots=True)
class Movement:
    """A row of the ledger: thousandths, and what was on hand after it."""

    id: UUID
    variant_id: UUID
    location_id: UUID
    quantity: int
    on_hand_after: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """A hold of a cart's line or an allocation of an order's line, in thousandths."""

    line_id: UUID
    variant_id: UUID
    location_id: UUID
    quantity: int


def ordered_ids(count: int) -> list[UUID]:
    """New ids that sort in the order given: the ledger's newest first is the reverse of what was written."""
    return sorted(new_id() for _ in range(count))


# No parameter here is named as a column of a table that is updated: SQLAlchemy would set that column to it.
_held = unnested("held", id=Uuid(), line_id=Uuid(), variant_id=Uuid(), location_id=Uuid(), quantity=BigInteger())
_allocated = unnested(
    "allocated", id=Uuid(), line_id=Uuid(), variant_id=Uuid(), location_id=Uuid(), quantity=BigInteger()
)
_lowered = unnested("lowered", id=Uuid(), quantity=BigInteger())
_moved = unnested(
    "moved", id=Uuid(), variant_id=Uuid(), location_id=Uuid(), quantity=BigInteger(), on_hand_after=BigInteger()
)


_EITHER = (True, False)


def _drop_holds() -> Delete:
    return delete(hold).where(hold.c.id == any_(bindparam("dropped_holds", type_=ARRAY(Uuid))))


def _keep_holds() -> Insert:
    statement = insert(hold).from_select(
        ["id", "cart_id", "cart_line_id", "variant_id", "location_id", "quantity", "expires_at"],
        select(
            _held.c.id,
            bindparam("the_cart_id", type_=Uuid),
            _held.c.line_id,
            _held.c.variant_id,
            _held.c.location_id,
            _held.c.quantity,
            bindparam("held_until", type_=DateTime(timezone=True)),
        ),
    )
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[hold.c.cart_line_id, hold.c.location_id],
        set_={
            "cart_id": new.cart_id,
            "variant_id": new.variant_id,
            "quantity": new.quantity,
            "expires_at": new.expires_at,
        },
    )


def _add_allocations() -> Insert:
    return insert(allocation).from_select(
        ["id", "order_id", "order_line_id", "variant_id", "location_id", "quantity", "created_at"],
        select(
            _allocated.c.id,
            bindparam("the_order_id", type_=Uuid),
            _allocated.c.line_id,
            _allocated.c.variant_id,
            _allocated.c.location_id,
            _allocated.c.quantity,
            bindparam("the_moment", type_=DateTime(timezone=True)),
        ),
    )


def _drop_allocations() -> Delete:
    return delete(allocation).where(allocation.c.id == any_(bindparam("dropped_allocations", type_=ARRAY(Uuid))))


def _lower_allocations() -> Update:
    return update(allocation).where(allocation.c.id == _lowered.c.id).values(quantity=_lowered.c.quantity)


def _add_movements() -> Insert:
    return insert(stock_movement).from_select(
        [
            "id",
            "variant_id",
            "location_id",
            "kind",
            "quantity",
            "on_hand_after",
            "reason",
            "reference",
            "order_id",
            "actor",
            "occurred_at",
            "recorded_at",
        ],
        select(
            _moved.c.id,
            _moved.c.variant_id,
            _moved.c.location_id,
            bindparam("movement_kind", type_=Text),
            _moved.c.quantity,
            _moved.c.on_hand_after,
            bindparam("movement_reason", type_=Text),
            bindparam("movement_reference", type_=Text),
            bindparam("the_order_id", type_=Uuid),
            bindparam("movement_actor", type_=Text),
            bindparam("the_moment", type_=DateTime(timezone=True)),
            func.clock_timestamp(),
        ),
    )


# What hangs on a level is in a statement only where there is some of it: PostgreSQL makes ready all that stands there.
WRITE_HOLDS = {
    True: guarded_update().add_cte(_drop_holds().cte("dropped"), _keep_holds().cte("kept")),
    False: guarded_update().add_cte(_keep_holds().cte("kept")),
}
"""Levels, and a cart's holds, by whether some of these are dropped."""


def _write_order(allocated: bool, moved: bool) -> Update:
    added = [_add_allocations().cte("added")] if allocated else []
    recorded = [_add_movements().cte("recorded")] if moved else []
    return guarded_update().add_cte(_drop_holds().cte("dropped"), *added, *recorded)


WRITE_ORDER = {(allocated, moved): _write_order(allocated, moved) for allocated in _EITHER for moved in _EITHER}
"""Levels, with a cart's holds becoming an order's allocations or leaving at once: by whether there are such."""

WRITE_FULFILLMENT = guarded_update().add_cte(
    _drop_allocations().cte("dropped"), _lower_allocations().cte("kept"), _add_movements().cte("recorded")
)
"""Levels, with an order's allocations leaving."""

WRITE_FACTS = guarded_update().add_cte(_add_movements().cte("recorded"))
"""Levels, and what happened to them."""


def holds_parameters(
    cart_id: UUID, expires_at: datetime, rows: Sequence[Reserved], dropped: Sequence[UUID]
) -> dict[str, Any]:
    return {
        **_reserved_parameters("held", rows),
        "the_cart_id": cart_id,
        "held_until": expires_at,
        "dropped_holds": list(dropped),
    }


def allocations_parameters(rows: Sequence[Reserved]) -> dict[str, Any]:
    return _reserved_parameters("allocated", rows)


def fulfillment_parameters(dropped: Sequence[UUID], lowered: Sequence[tuple[UUID, int]]) -> dict[str, Any]:
    return {"dropped_allocations": list(dropped), **arrays("lowered", lowered, "id", "quantity")}


def movements_parameters(
    movements: Sequence[Movement],
    *,
    kind: MovementKind,
    actor: str,
    occurred_at: datetime,
    reason: str | None = None,
    reference: str | None = None,
    order_id: UUID | None = None,
) -> dict[str, Any]:
    rows = [(m.id, m.variant_id, m.location_id, m.quantity, m.on_hand_after) for m in movements]
    return {
        **arrays("moved", rows, "id", "variant_id", "location_id", "quantity", "on_hand_after"),
        "movement_kind": kind,
        "movement_actor": actor,
        "the_moment": occurred_at,
        "movement_reason": reason,
        "movement_reference": reference,
        "the_order_id": order_id,
    }


def _reserved_parameters(name: str, rows: Sequence[Reserved]) -> dict[str, Any]:
    values = [(new_id(), row.line_id, row.variant_id, row.location_id, row.quantity) for row in rows]
    return arrays(name, values, "id", "line_id", "variant_id", "location_id", "quantity")
