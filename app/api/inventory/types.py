"""Levels and movements, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.channels.types import Location
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.api.scalars import Quantity
from app.channels.queries import locations_by_ids
from app.inventory import queries
from app.inventory.availability import Stock, available, is_unbounded
from app.platform import ids

if TYPE_CHECKING:
    from app.api.catalog.variants import Variant

value = strawberry.enum_value


@strawberry.enum(description="What moved stock.")
class StockMovementKind(Enum):
    RECEIPT = value("RECEIPT", description="Goods came in.")
    SALE = value("SALE", description="Goods were handed over or sent.")
    RETURN = value("RETURN", description="Goods came back.")
    ADJUSTMENT = value("ADJUSTMENT", description="Put right by hand: breakage, loss, a find.")
    COUNT = value("COUNT", description="What a count found.")
    TRANSFER_OUT = value("TRANSFER_OUT", description="Sent to another location.")
    TRANSFER_IN = value("TRANSFER_IN", description="Came from another location.")


class AtPlace:
    """What a level and a movement have in common: a variant at a location."""

    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID]


async def variants_at(
    parents: Sequence[AtPlace], batch: Batch[Context]
) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.variants")]]:
    """The variant. Who may see stock may see what of, published or not."""
    from app.api.catalog.variants import any_variants

    keys = list({parent.variant_key for parent in parents})
    found: dict[UUID, Any] = dict(zip(keys, await any_variants(batch.context, keys), strict=True))
    return [found[parent.variant_key] for parent in parents]


async def locations_at(parents: Sequence[AtPlace], batch: Batch[Context]) -> list[Location]:
    """Where."""
    rows = await locations_by_ids(batch.context.db, {parent.location_key for parent in parents})
    return [Location.of(rows[parent.location_key], batch.context) for parent in parents]


@strawberry.type(description="The stock of a variant at a location.")
class StockLevel(Node):
    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID]
    on_hand: Quantity = strawberry.field(description="How many are there; negative after a count below nothing.")
    reserved: Quantity = strawberry.field(description="How many of them carts hold and orders have allocated.")
    available: Quantity = strawberry.field(description="How many are there to promise, without backorders.")
    incoming: Quantity = strawberry.field(description="How many are on their way here.")
    safety_stock: Quantity = strawberry.field(description="How many are kept back from sale.")
    backorder_allowance: Quantity | None = strawberry.field(
        description="How many may be sold beyond what is there; null: any number."
    )
    shortfall: Quantity = strawberry.field(description="How many were promised beyond that and are missing.")
    version: int = strawberry.field(description="Counts its writes.")
    updated_at: datetime = strawberry.field(description="When it was last written.")
    variant = batched(description="Of what.")(variants_at)
    location = batched(description="Where.")(locations_at)

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "StockLevel":
        stock = Stock(row.on_hand, row.reserved, row.safety_stock, row.backorder_allowance, row.shortfall)
        return cls(
            id=strawberry.ID(ids.encode("StockLevel", row.id)),
            variant_key=row.variant_id,
            location_key=row.location_id,
            on_hand=Quantity(row.on_hand),
            reserved=Quantity(row.reserved),
            available=Quantity(available(stock)),
            incoming=Quantity(row.incoming),
            safety_stock=Quantity(row.safety_stock),
            backorder_allowance=None if is_unbounded(stock) else Quantity(row.backorder_allowance),
            shortfall=Quantity(row.shortfall),
            version=row.version,
            updated_at=row.updated_at,
        )


@strawberry.type(description="A line of the ledger under a level: what moved, and what was there after it.")
class StockMovement(Node):
    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID]
    kind: StockMovementKind = strawberry.field(description="What moved it.")
    quantity: Quantity = strawberry.field(description="How many came, or left when negative.")
    on_hand_after: Quantity = strawberry.field(description="How many were there after it.")
    reason: str | None = strawberry.field(description="Why, in the words of who wrote it.")
    reference: str | None = strawberry.field(description="What led to it: an order's number.")
    actor: str | None = strawberry.field(description="Who did it: staff:ID, device:ID, client:ID, anonymous.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    recorded_at: datetime = strawberry.field(description="When the shop learned of it.")
    variant = batched(description="Of what.")(variants_at)
    location = batched(description="Where.")(locations_at)

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "StockMovement":
        return cls(
            id=strawberry.ID(ids.encode("StockMovement", row.id)),
            variant_key=row.variant_id,
            location_key=row.location_id,
            kind=StockMovementKind[row.kind],
            quantity=Quantity(row.quantity),
            on_hand_after=Quantity(row.on_hand_after),
            reason=row.reason,
            reference=row.reference,
            actor=row.actor,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
        )


def may_see(context: Context, row: Row[Any]) -> bool:
    """Whether the caller may see stock at this row's location."""
    return context.may("stock.read") and context.principal.works_at(row.location_id)


async def load_levels(context: Context, keys: Sequence[UUID]) -> list[StockLevel | None]:
    rows = await queries.levels_by_ids(context.db, keys)
    return [
        StockLevel.of(row, context) if (row := rows.get(key)) is not None and may_see(context, row) else None
        for key in keys
    ]


async def load_movements(context: Context, keys: Sequence[UUID]) -> list[StockMovement | None]:
    rows = await queries.movements_by_ids(context.db, keys)
    return [
        StockMovement.of(row, context) if (row := rows.get(key)) is not None and may_see(context, row) else None
        for key in keys
    ]


loads("StockLevel")(load_levels)
loads("StockMovement")(load_movements)
