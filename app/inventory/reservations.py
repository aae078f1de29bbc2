"""What carts hold: hold, extend, release. Given out here too: allocations for orders, and what is read of holds.

The caller has locked the cart (or order). Every command locks the levels that it touches in one statement, in
(variant, location) order, and the hold rows lie under their level's lock.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.outbox import Change, emit_along
from app.inventory.allocations import Item, Take, Taken, allocate, cancel_order, fulfill, return_stock
from app.inventory.claims import Claim, grant
from app.inventory.guard import ASKED, Levels, lock, lock_held, locking, write
from app.inventory.ledger import WRITE_HOLDS, Reserved, holds_parameters
from app.inventory.queries import held_by, holds_of_carts
from app.inventory.releases import released_by, releasing
from app.inventory.tables import hold as held
from app.platform.db import Tx
from app.platform.errors import Path

__all__ = [
    "Demand",
    "Item",
    "Take",
    "Taken",
    "allocate",
    "cancel_order",
    "extend",
    "fulfill",
    "held_by",
    "hold",
    "holds_of_carts",
    "release_carts",
    "release_lines",
    "return_stock",
]


@dataclass(frozen=True, slots=True)
class Demand:
    """A cart's line that wants `quantity` thousandths held; 0: nothing.

    `location_ids`: who may serve it, the preferred first. `backorder_allowance`: the variant's, for locations that have
    no level yet; None: without bound. `or_less`: hold what there is where that is less, refuse nothing.
    """

    line_id: UUID
    variant_id: UUID
    quantity: int
    location_ids: tuple[UUID, ...]
    path: Path = ()
    backorder_allowance: int | None = 0
    or_less: bool = False


_lines = bindparam("line_ids", type_=ARRAY(Uuid))
_of_lines = held.c.cart_line_id == any_(_lines)
_of_cart = held.c.cart_id == bindparam("the_cart_id", type_=Uuid)
_of_carts = held.c.cart_id == any_(bindparam("cart_ids", type_=ARRAY(Uuid)))
_levels = (held.c.variant_id, held.c.location_id)

LOCK_LINES = locking(ASKED, select(*_levels).where(_of_lines))
HOLDS_OF_LINES = select(held.c.id, held.c.cart_line_id, *_levels, held.c.quantity).where(_of_lines)

LOCK_CART = locking(select(*_levels).where(_of_cart))
EXTEND = update(held).where(_of_cart).values(expires_at=bindparam("until"))

LOCK_CARTS = locking(select(*_levels).where(_of_carts))
RELEASE_CARTS = releasing(held, _of_carts)

LOCK_CART_LINES = locking(select(*_levels).where(_of_cart, _of_lines))
RELEASE_LINES = releasing(held, _of_cart, _of_lines)


async def hold(
    tx: Tx,
    *,
    cart_id: UUID,
    demands: Sequence[Demand],
    expires_at: datetime,
    ignores_safety_stock: bool = False,
    also: Sequence[Change] = (),
    holds: Sequence[Row[Any]] | None = None,
) -> list[Reserved]:
    """Make what these lines of the cart hold exactly this, until `expires_at`. One demand for each line.

    A line keeps in place what it holds already, were it expired, as far as its locations still allow; only the
    difference passes the guard, spread over the locations in order. Raises InsufficientStock, one for each short line;
    rolled back, every line holds what it held before. `also`: what is told
    together with the levels. `holds`: what the cart holds, as `holds_of_carts` found it under the cart's lock; it is
    read only where that may be otherwise by now. Answers what these lines hold then.
    """
    if not demands:
        await emit_along(tx, also)
        return []
    line_ids = [demand.line_id for demand in demands]
    keys = {(demand.variant_id, place) for demand in demands for place in demand.location_ids if demand.quantity > 0}
    levels, holds = await lock_held(
        tx, keys, holds, locked_by=LOCK_LINES, found_by=HOLDS_OF_LINES, named={"line_ids": line_ids}
    )
    kept = _keep(levels, demands, holds)
    claims = [
        Claim(
            line_id=demand.line_id,
            variant_id=demand.variant_id,
            quantity=demand.quantity,
            location_ids=demand.location_ids,
            kept=sum(kept[demand.line_id].values()),
            path=demand.path,
            backorder_allowance=demand.backorder_allowance,
            or_less=demand.or_less,
        )
        for demand in demands
    ]
    await grant(tx, levels, claims, ignores_safety_stock=ignores_safety_stock, spared=line_ids)
    rows = _rows(claims, kept)
    in_place = {(row.line_id, row.location_id) for row in rows}
    dropped = [row.id for row in holds if (row.cart_line_id, row.location_id) not in in_place]
    parameters = holds_parameters(cart_id, expires_at, rows, dropped)
    await write(
        tx, WRITE_HOLDS[bool(dropped)], levels, parameters, ignores_safety_stock=ignores_safety_stock, also=also
    )
    return rows


def _keep(levels: Levels, demands: Sequence[Demand], holds: Sequence[Row[Any]]) -> defaultdict[UUID, dict[UUID, int]]:
    """What each line keeps at which location; what it does not keep is given back to its level."""
    standing: dict[tuple[UUID, UUID, UUID], int] = {
        (row.cart_line_id, row.variant_id, row.location_id): row.quantity for row in holds
    }
    kept: defaultdict[UUID, dict[UUID, int]] = defaultdict(dict)
    for demand in demands:
        wanted = demand.quantity
        for location_id in dict.fromkeys(demand.location_ids):
            key = (demand.line_id, demand.variant_id, location_id)
            quantity = min(wanted, standing.get(key, 0))
            if quantity > 0:
                kept[demand.line_id][location_id] = quantity
                standing[key] -= quantity
                wanted -= quantity
    for (_, variant_id, location_id), quantity in standing.items():
        levels[variant_id, location_id].reserved_change -= quantity
    return kept


def _rows(claims: Sequence[Claim], kept: dict[UUID, dict[UUID, int]]) -> list[Reserved]:
    """The holds as they shall stand: one for each line and location."""
    rows = []
    for claim in claims:
        places = dict(kept.get(claim.line_id, {}))
        for level, quantity in claim.granted:
            places[level.location_id] = places.get(level.location_id, 0) + quantity
        rows += [Reserved(claim.line_id, claim.variant_id, place, quantity) for place, quantity in places.items()]
    return rows


async def extend(tx: Tx, *, cart_id: UUID, expires_at: datetime) -> None:
    """Let what the cart still holds, were it expired, stand until `expires_at`."""
    if await lock(tx, LOCK_CART, {"the_cart_id": cart_id}):
        await tx.execute(EXTEND, {"the_cart_id": cart_id, "until": expires_at})


async def release_carts(tx: Tx, cart_ids: Sequence[UUID]) -> None:
    """End all holds of these carts."""
    if cart_ids and await lock(tx, LOCK_CARTS, {"cart_ids": list(cart_ids)}):
        await released_by(tx, RELEASE_CARTS, {"cart_ids": list(cart_ids)})


async def release_lines(tx: Tx, *, cart_id: UUID, line_ids: Sequence[UUID]) -> None:
    """End what these lines of the cart hold."""
    parameters = {"the_cart_id": cart_id, "line_ids": list(line_ids)}
    if line_ids and await lock(tx, LOCK_CART_LINES, parameters):
        await released_by(tx, RELEASE_LINES, parameters)
