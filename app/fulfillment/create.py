"""Fulfilling: goods of an order leave a location, and its stock with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select

from app.catalog.queries import variants_by_ids
from app.channels.queries import locations_by_ids
from app.fulfillment.tables import fulfillment, fulfillment_line
from app.identity.fields import optional_text
from app.identity.principal import Actor
from app.inventory.allocations import Item
from app.inventory.allocations import fulfill as ship_stock
from app.inventory.tables import allocation
from app.orders.progress import count_fulfilled
from app.orders.queries import deliveries_of_orders
from app.orders.write import lines_of, lock, note, refresh, tell
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.ids import new_id
from app.platform.quantities import format_quantity
from app.platform.unnest import insert_records

LONGEST_TEXT = 200
MOST_PARTS = 500
# Where a fulfillment stands once the goods have left: handed over, or on their way.
LEFT = {"CARRY_OUT": "COMPLETED", "PICKUP": "COMPLETED", "SHIP": "IN_TRANSIT"}

INSERT = insert(fulfillment)
INSERT_LINES = insert_records(fulfillment_line)
ALLOCATED = select(allocation.c.order_line_id).where(allocation.c.order_id == bindparam("order_id"))


@dataclass(frozen=True, slots=True)
class Part:
    """So much (thousandths) of an order's line."""

    line_id: UUID
    quantity: int
    path: Path = ()


async def create(
    tx: Tx,
    actor: Actor,
    *,
    order_id: UUID | None,
    expected_version: int | None,
    location_id: UUID | None,
    parts: Sequence[Part] | None,
    carrier: str | None = None,
    tracking_number: str | None = None,
) -> UUID:
    """Say that goods left this location: shipped, or handed over where they are picked up. The fulfillment's id.

    `parts` None: everything not yet fulfilled. Raises NotFound (`orderId`, `locationId`, a part), VersionConflict,
    InvalidInput (ORDER_CANCELLED, NOTHING_LEFT, EMPTY, TOO_MANY, INVALID_QUANTITY, NAMED_TWICE, MIXED_METHODS,
    WRONG_LOCATION, TOO_LONG), InsufficientStock where the location does not have it.
    """
    carrier = optional_text(carrier, ("carrier",), most=LONGEST_TEXT)
    tracking_number = optional_text(tracking_number, ("trackingNumber",), most=LONGEST_TEXT)
    row, places = await lock(tx, actor, order_id, expected_version)
    if row.status == "CANCELLED":
        raise InvalidInput("The order is cancelled.", path=("orderId",), code="ORDER_CANCELLED")
    if (
        location_id is None
        or not actor.principal.works_at(location_id)
        or not await locations_by_ids(tx, [location_id])
    ):
        raise NotFound("There is no such location.", path=("locationId",))
    lines = {line.id: line for line in await lines_of(tx, row.id)}
    wanted = _wanted(lines, parts)
    method = await _method(tx, row.id, {lines[part.line_id].delivery_id for part in wanted}, location_id)
    quantities = {part.line_id: part.quantity for part in wanted}
    await count_fulfilled(tx, quantities)
    fulfillment_id = await record(
        tx,
        order_id=row.id,
        method=method,
        location_id=location_id,
        quantities=quantities,
        actor=actor,
        carrier=carrier,
        tracking_number=tracking_number,
    )
    await note(tx, actor, row.id, "fulfilled", details={"fulfillment": str(fulfillment_id), "method": method})
    version = await refresh(tx, row, now=actor.now)
    await _take_stock(tx, actor, row, lines, wanted, location_id)
    await tell(tx, row, version, before=places, moved=True)
    return fulfillment_id


async def _method(tx: Tx, order_id: UUID, delivery_ids: Collection[UUID | None], location_id: UUID) -> str:
    """How these lines leave: in one way. What is picked up leaves where the shopper was told to come."""
    ways = [each for each in (await deliveries_of_orders(tx, [order_id])).get(order_id, ()) if each.id in delivery_ids]
    if len(ways) > 1:
        raise InvalidInput(
            "These lines are delivered in different ways: name those of one.", path=("lines",), code="MIXED_METHODS"
        )
    if not ways:
        return "SHIP"
    if ways[0].method != "SHIP" and ways[0].location_id != location_id:
        raise InvalidInput("These are picked up elsewhere.", path=("locationId",), code="WRONG_LOCATION")
    method: str = ways[0].method
    return method


def _wanted(lines: Mapping[UUID, Row[Any]], parts: Sequence[Part] | None) -> list[Part]:
    """What leaves. Raises NotFound and InvalidInput at the parts."""
    if parts is None:
        rest = [Part(line.id, left(line)) for line in lines.values() if left(line)]
        if not rest:
            raise InvalidInput("Nothing is left to fulfill.", path=("orderId",), code="NOTHING_LEFT")
        return rest
    if not parts:
        raise InvalidInput("Name at least one line.", path=("lines",), code="EMPTY")
    if len(parts) > MOST_PARTS:
        raise InvalidInput(f"At most {MOST_PARTS} lines a call.", path=("lines",), code="TOO_MANY")
    refusals: list[Refusal] = []
    seen: set[UUID] = set()
    for part in parts:
        line = lines.get(part.line_id)
        if line is None:
            refusals.append(NotFound("The order has no such line.", path=(*part.path, "lineId")))
        elif part.line_id in seen:
            refusals.append(InvalidInput("Name a line only once.", path=(*part.path, "lineId"), code="NAMED_TWICE"))
        elif not 0 < part.quantity <= left(line):
            rest_of_it = format_quantity(left(line))
            refusals.append(
                InvalidInput(
                    f"From 0 to {rest_of_it} of this line can be fulfilled.",
                    path=(*part.path, "quantity"),
                    code="INVALID_QUANTITY",
                )
            )
        seen.add(part.line_id)
    collect(refusals)
    return list(parts)


def left(line: Row[Any]) -> int:
    """How much of a line (thousandths) has neither left nor been cancelled."""
    rest: int = line.quantity - line.cancelled - line.fulfilled
    return rest


async def _take_stock(
    tx: Tx,
    actor: Actor,
    row: Row[Any],
    lines: Mapping[UUID, Row[Any]],
    wanted: Sequence[Part],
    location_id: UUID,
) -> None:
    variants = await variants_by_ids(tx, {lines[part.line_id].variant_id for part in wanted})
    # What was allocated leaves the stock, though its variant is not tracked any more.
    allocated = {each.order_line_id for each in await tx.rows(ALLOCATED, {"order_id": row.id})}
    items = [
        Item(
            order_line_id=part.line_id,
            variant_id=lines[part.line_id].variant_id,
            location_id=location_id,
            quantity=part.quantity,
            path=part.path,
        )
        for part in wanted
        if part.line_id in allocated
        or ((variant := variants.get(lines[part.line_id].variant_id)) is not None and variant.track_stock)
    ]
    if items:
        await ship_stock(tx, order_id=row.id, order_number=row.number, items=items, actor=actor, now=actor.now)


async def record(
    tx: Tx,
    *,
    order_id: UUID,
    method: str,
    location_id: UUID,
    quantities: Mapping[UUID, int],
    actor: Actor,
    carrier: str | None = None,
    tracking_number: str | None = None,
) -> UUID:
    """Write a fulfillment of goods that have left; its id. Counting it at the order's lines is the caller's."""
    fulfillment_id = new_id()
    await tx.later(
        INSERT,
        {
            "id": fulfillment_id,
            "order_id": order_id,
            "method": method,
            "location_id": location_id,
            "state": LEFT[method],
            "carrier": carrier,
            "tracking_number": tracking_number,
            "created_at": actor.now,
            "updated_at": actor.now,
        },
    )
    lines = [
        {"fulfillment_id": fulfillment_id, "order_line_id": line_id, "quantity": quantity}
        for line_id, quantity in quantities.items()
    ]
    await tx.later(INSERT_LINES, {"records": lines})
    return fulfillment_id
