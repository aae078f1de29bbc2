"""What orders have a claim to: allocate, fulfill, cancel, return. The caller has locked the order, and its cart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.outbox import Change
from app.identity.principal import Actor
from app.inventory.claims import Claim, grant
from app.inventory.guard import (
    ASKED,
    LOCK,
    Level,
    Levels,
    create,
    keys_of,
    lock,
    lock_held,
    locking,
    write,
)
from app.inventory.ledger import (
    WRITE_FACTS,
    WRITE_FULFILLMENT,
    WRITE_ORDER,
    Movement,
    Reserved,
    allocations_parameters,
    fulfillment_parameters,
    movements_parameters,
    ordered_ids,
)
from app.inventory.releases import released_by, releasing
from app.inventory.tables import allocation, hold
from app.platform.db import Tx
from app.platform.errors import Path


@dataclass(frozen=True, slots=True)
class Take:
    """A cart's line that becomes an order's line: `quantity` thousandths from these locations, the preferred first.

    `leaves_now`: it is carried out, and leaves on-hand at once. `backorder_allowance` as in `Demand`.
    """

    cart_line_id: UUID
    order_line_id: UUID
    variant_id: UUID
    quantity: int
    location_ids: tuple[UUID, ...]
    leaves_now: bool = False
    path: Path = ()
    backorder_allowance: int | None = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """From where an order's line is served, in thousandths."""

    order_line_id: UUID
    variant_id: UUID
    location_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Item:
    """Thousandths of an order's line that leave from a location."""

    order_line_id: UUID
    variant_id: UUID
    location_id: UUID
    quantity: int
    path: Path = ()


_of_cart = hold.c.cart_id == bindparam("the_cart_id", type_=Uuid)
_of_order = allocation.c.order_id == bindparam("the_order_id", type_=Uuid)
_of_lines = allocation.c.order_line_id == any_(bindparam("line_ids", type_=ARRAY(Uuid)))

LOCK_CART = locking(ASKED, select(hold.c.variant_id, hold.c.location_id).where(_of_cart))
HOLDS_OF_CART = select(hold.c.id, hold.c.cart_line_id, hold.c.variant_id, hold.c.location_id, hold.c.quantity).where(
    _of_cart
)

_levels = (allocation.c.variant_id, allocation.c.location_id)
ALLOCATIONS_OF_LINES = select(allocation.c.id, allocation.c.order_line_id, *_levels, allocation.c.quantity).where(
    _of_order, _of_lines
)
LOCK_LINES = locking(ASKED, select(*_levels).where(_of_order, _of_lines))

LOCK_ORDER = locking(select(*_levels).where(_of_order))
RELEASE_ORDER = releasing(allocation, _of_order)
LOCK_ORDER_LINES = locking(select(*_levels).where(_of_order, _of_lines))
RELEASE_ORDER_LINES = releasing(allocation, _of_order, _of_lines)


async def allocate(
    tx: Tx,
    *,
    cart_id: UUID,
    order_id: UUID,
    order_number: str,
    takes: Sequence[Take],
    actor: Actor,
    now: datetime,
    ignores_safety_stock: bool = False,
    also: Callable[[Sequence[Taken]], Sequence[Change]] = lambda _: (),
    holds: Sequence[Row[Any]] | None = None,
) -> list[Taken]:
    """Turn what the cart holds into what the order has allocated, or into sales where it leaves now.

    A line's own hold, were it expired, is taken as it is; what is held elsewhere, or no longer, passes the guard anew.
    All the cart's holds are gone afterwards. `also`: what is told together with the levels. `holds`: as in `hold`.
    Raises InsufficientStock, one for each short line.
    """
    keys = {(take.variant_id, place) for take in takes for place in take.location_ids}
    levels, holds = await lock_held(
        tx, keys, holds, locked_by=LOCK_CART, found_by=HOLDS_OF_CART, named={"the_cart_id": cart_id}
    )
    kept = _convert(levels, takes, holds)
    claims = [
        Claim(
            line_id=take.cart_line_id,
            variant_id=take.variant_id,
            quantity=take.quantity,
            location_ids=take.location_ids,
            kept=sum(own.values()),
            path=take.path,
            backorder_allowance=take.backorder_allowance,
        )
        for take, own in zip(takes, kept, strict=True)
    ]
    spared = [row.cart_line_id for row in holds]
    await grant(tx, levels, claims, ignores_safety_stock=ignores_safety_stock, spared=spared)

    taken, allocated, left = _split(levels, takes, claims, kept)
    for level, quantity in left:
        level.reserved_change -= quantity
    movements = _leave(left)
    parameters = {
        **allocations_parameters(allocated),
        **movements_parameters(
            movements, kind="SALE", actor=actor.key, occurred_at=now, reference=order_number, order_id=order_id
        ),
        "dropped_holds": [row.id for row in holds],
    }
    statement = WRITE_ORDER[bool(allocated), bool(movements)]
    await write(tx, statement, levels, parameters, ignores_safety_stock=ignores_safety_stock, also=also(taken))
    return taken


def _split(
    levels: Levels, takes: Sequence[Take], claims: Sequence[Claim], kept: Sequence[Mapping[UUID, int]]
) -> tuple[list[Taken], list[Reserved], list[tuple[Level, int]]]:
    """From where each line is served; of that, what is allocated, and what leaves now."""
    taken: list[Taken] = []
    allocated: list[Reserved] = []
    left: list[tuple[Level, int]] = []
    for take, claim, own in zip(takes, claims, kept, strict=True):
        places = dict(own)
        for level, quantity in claim.granted:
            places[level.location_id] = places.get(level.location_id, 0) + quantity
        for place, quantity in places.items():
            taken.append(Taken(take.order_line_id, take.variant_id, place, quantity))
            if take.leaves_now:
                left.append((levels[take.variant_id, place], quantity))
            else:
                allocated.append(Reserved(take.order_line_id, take.variant_id, place, quantity))
    return taken, allocated, left


def _convert(levels: Levels, takes: Sequence[Take], holds: Sequence[Row[Any]]) -> list[dict[UUID, int]]:
    """What each take has from its line's own holds, by location; all else that the cart held is given back."""
    standing = {(row.cart_line_id, row.variant_id, row.location_id): row.quantity for row in holds}
    kept: list[dict[UUID, int]] = []
    for take in takes:
        own: dict[UUID, int] = {}
        wanted = take.quantity
        for place in dict.fromkeys(take.location_ids):
            key = (take.cart_line_id, take.variant_id, place)
            quantity = min(wanted, standing.get(key, 0))
            if quantity > 0:
                own[place] = quantity
                standing[key] -= quantity
                wanted -= quantity
        kept.append(own)
    for (_, variant_id, location_id), quantity in standing.items():
        levels[variant_id, location_id].reserved_change -= quantity
    return kept


def _leave(left: Sequence[tuple[Level, int]]) -> list[Movement]:
    """Take these quantities from what is on hand; the movements that say so."""
    movements = []
    for movement_id, (level, quantity) in zip(ordered_ids(len(left)), left, strict=True):
        level.on_hand_change -= quantity
        on_hand = level.on_hand + level.on_hand_change
        movements.append(Movement(movement_id, level.variant_id, level.location_id, -quantity, on_hand))
    return movements


async def fulfill(
    tx: Tx,
    *,
    order_id: UUID,
    order_number: str,
    items: Sequence[Item],
    actor: Actor,
    now: datetime,
) -> None:
    """Let these quantities leave: allocations become sales.

    What is allocated at another location than the one that it leaves from, or was never allocated (its stock was not
    tracked then), is taken there under the guard. Raises InsufficientStock, one for each line that is short there.
    """
    if not items:
        return
    of_lines = {"the_order_id": order_id, "line_ids": list(dict.fromkeys(item.order_line_id for item in items))}
    keys = {(item.variant_id, item.location_id) for item in items}
    levels = await lock(tx, LOCK_LINES, {**of_lines, **keys_of(sorted(keys))})
    rows = await tx.rows(ALLOCATIONS_OF_LINES, of_lines)
    standing = {row.id: row.quantity for row in rows}

    # First what every item finds where it leaves from, so that none takes what another has there.
    found = [_use(rows, standing, item.order_line_id, item.quantity, item.location_id) for item in items]
    claims = []
    for item, there in zip(items, found, strict=True):
        if there < item.quantity:
            _use(rows, standing, item.order_line_id, item.quantity - there, None, levels)
            claims.append(
                Claim(
                    line_id=item.order_line_id,
                    variant_id=item.variant_id,
                    quantity=item.quantity,
                    location_ids=(item.location_id,),
                    kept=there,
                    path=item.path,
                    line_type="OrderLine",
                )
            )
    await grant(tx, levels, claims, ignores_safety_stock=False)

    left = [(levels[item.variant_id, item.location_id], item.quantity) for item in items]
    for level, quantity in left:
        level.reserved_change -= quantity
    movements = _leave(left)
    parameters = {
        **fulfillment_parameters(
            [row.id for row in rows if standing[row.id] == 0],
            [(row.id, standing[row.id]) for row in rows if 0 < standing[row.id] < row.quantity],
        ),
        **movements_parameters(
            movements, kind="SALE", actor=actor.key, occurred_at=now, reference=order_number, order_id=order_id
        ),
    }
    await write(tx, WRITE_FULFILLMENT, levels, parameters)


def _use(
    rows: Sequence[Row[Any]],
    standing: dict[UUID, int],
    line_id: UUID,
    quantity: int,
    place: UUID | None,
    levels: Levels | None = None,
) -> int:
    """Use up to this much of a line's allocations, at this place or anywhere; how much there was.

    With `levels`, it is given back to its level there, to be taken anew where it leaves from.
    """
    used = 0
    for row in rows:
        if row.order_line_id != line_id or place not in (None, row.location_id):
            continue
        part = min(quantity - used, standing[row.id])
        standing[row.id] -= part
        used += part
        if levels is not None:
            levels[row.variant_id, row.location_id].reserved_change -= part
    return used


async def cancel_order(tx: Tx, *, order_id: UUID, order_line_ids: Sequence[UUID] | None = None) -> None:
    """Give back what the order, or these lines of it, still have allocated."""
    parameters: dict[str, Any] = {"the_order_id": order_id}
    locked, released = LOCK_ORDER, RELEASE_ORDER
    if order_line_ids is not None:
        parameters["line_ids"] = list(order_line_ids)
        locked, released = LOCK_ORDER_LINES, RELEASE_ORDER_LINES
    if await lock(tx, locked, parameters):
        await released_by(tx, released, parameters)


async def return_stock(
    tx: Tx,
    *,
    order_id: UUID,
    order_number: str,
    items: Sequence[tuple[UUID, UUID, int]],
    actor: Actor,
    now: datetime,
) -> None:
    """Put (variant, location, thousandths) back on hand: what was carried out and is cancelled, or comes back."""
    if not items:
        return
    keys = {(variant_id, location_id) for variant_id, location_id, _ in items}
    levels = await lock(tx, LOCK, keys_of(sorted(keys)))
    if missing := keys - levels.keys():
        levels.update(await create(tx, missing))
    movements = _leave([(levels[variant_id, location_id], -quantity) for variant_id, location_id, quantity in items])
    parameters = movements_parameters(
        movements, kind="RETURN", actor=actor.key, occurred_at=now, reference=order_number, order_id=order_id
    )
    await write(tx, WRITE_FACTS, levels, parameters)
