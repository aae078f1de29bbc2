"""What clients give to read and write stock."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.catalog.by import VariantBy
from app.api.inventory.types import StockMovementKind
from app.api.scalars import Quantity
from app.catalog.lookup import VariantRef, resolve_variants
from app.platform import ids
from app.platform.db import Reader
from app.platform.errors import NotFound, Path, Refusal, collect

value = strawberry.enum_value


@strawberry.input(description="Which levels to list; between fields all.")
class StockLevelFilter:
    variant: VariantBy | None = strawberry.field(default=None, description="Of this variant.")
    location_id: strawberry.ID | None = strawberry.field(default=None, description="At this location.")


@strawberry.input(description="Which movements to list. Within a field any, between fields all.")
class StockMovementFilter:
    variant: VariantBy | None = strawberry.field(default=None, description="Of this variant.")
    location_id: strawberry.ID | None = strawberry.field(default=None, description="At this location.")
    kinds: list[StockMovementKind] | None = strawberry.field(default=None, description="Of these kinds.")
    occurred_from: datetime | None = strawberry.field(default=None, description="Then or later.")
    occurred_to: datetime | None = strawberry.field(default=None, description="Before.")


@strawberry.input(description="Exactly one field: add this much (may be negative), or set to this much.", one_of=True)
class StockAmount:
    delta: Quantity | None = strawberry.field(default=UNSET, description="Add this much.")
    on_hand: Quantity | None = strawberry.field(default=UNSET, description="Set to this much.")


@strawberry.input(description="A change of one level.")
class StockChangeInput:
    variant: VariantBy = strawberry.field(description="Of what.")
    location_id: strawberry.ID = strawberry.field(description="Where.")
    amount: StockAmount = strawberry.field(description="How much.")
    expected_on_hand: Quantity | None = strawberry.field(
        default=None, description="Compare and set: refuse unless the level stands at this."
    )


@strawberry.enum(description="The kinds that a caller may write; sales, returns and transfers write theirs.")
class StockAdjustKind(Enum):
    RECEIPT = value("RECEIPT", description="Goods came in.")
    ADJUSTMENT = value("ADJUSTMENT", description="Put right by hand: breakage, loss, a find.")
    COUNT = value("COUNT", description="What a count found.")


@strawberry.input(description="All changes or none; at most 1,000. A level may be named again by deltas alone.")
class StockAdjustInput:
    operation_id: UUID | None = strawberry.field(default=None, description="Made by the client, to carry it out once.")
    changes: list[StockChangeInput] = strawberry.field(description="What changes.")
    kind: StockAdjustKind = strawberry.field(description="What happened.")
    reason: str | None = strawberry.field(default=None, description="Why, at most 500 characters.")


@strawberry.input(description="How much of one level may be sold. What is left out stays.")
class StockPolicyInput:
    variant: VariantBy = strawberry.field(description="Of what.")
    location_id: strawberry.ID = strawberry.field(description="Where.")
    safety_stock: Quantity | None = strawberry.field(default=UNSET, description="Keep this many back from sale.")
    backorder_allowance: Quantity | None = strawberry.field(
        default=UNSET, description="Sell this many beyond what is there; null: any number."
    )


@strawberry.input(description="All levels or none; at most 1,000, each named once.")
class StockPolicySetInput:
    operation_id: UUID | None = strawberry.field(default=None, description="Made by the client, to carry it out once.")
    levels: list[StockPolicyInput] = strawberry.field(description="The levels; those that are missing are made.")


def ref_of(by: VariantBy, path: Path) -> VariantRef:
    """What a VariantBy means. Raises InvalidInput (INVALID_ID) at `path`."""
    if by.id:
        return VariantRef("id", ids.require("Variant", by.id, (*path, "id")))
    return VariantRef("sku", by.sku) if by.sku else VariantRef("barcode", by.barcode or "")


async def variants_meant(db: Reader, named: Sequence[tuple[VariantBy, Path]]) -> list[UUID]:
    """The variants that these (VariantBy, path) name, in their order. Raises NotFound for each that is not there."""
    found = await resolve_variants(db, [ref_of(by, path) for by, path in named])
    missing: list[Refusal] = [
        NotFound("There is no such variant.", path=path)
        for variant_id, (_, path) in zip(found, named, strict=True)
        if variant_id is None
    ]
    collect(missing)
    return [variant_id for variant_id in found if variant_id is not None]
