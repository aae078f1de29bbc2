"""The GraphQL twins of what inventory refuses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from app.api.channels.types import Location, load_locations
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.errors import UserError, answers
from app.api.inventory.types import StockLevel, load_levels
from app.api.scalars import Quantity
from app.inventory import errors
from app.inventory.errors import LineType
from app.platform import ids

if TYPE_CHECKING:
    from app.api.catalog.variants import Variant


@strawberry.type(description="One for each line that is short.")
class InsufficientStock(UserError):
    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID | None]
    line_id: strawberry.ID | None = strawberry.field(description="The line of the cart, or of the order, if any.")
    requested: Quantity = strawberry.field(description="How many it asked for.")
    available: Quantity = strawberry.field(
        description="How many it could have: what it holds already, what is left, what may be backordered."
    )

    @batched(description="What is short; null when the caller cannot see it.")
    @staticmethod
    async def variant(
        parents: Sequence["InsufficientStock"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.variants")] | None]:
        from app.api.catalog.variants import load_variants

        keys = list({parent.variant_key for parent in parents})
        found: dict[UUID, Any] = dict(zip(keys, await load_variants(batch.context, keys), strict=True))
        return [found[parent.variant_key] for parent in parents]

    @batched(description="Where; null when several locations could have served it.")
    @staticmethod
    async def location(parents: Sequence["InsufficientStock"], batch: Batch[Context]) -> list[Location | None]:
        keys = list({parent.location_key for parent in parents if parent.location_key})
        found: dict[UUID, Any] = dict(zip(keys, await load_locations(batch.context, keys), strict=True))
        return [found[parent.location_key] if parent.location_key else None for parent in parents]


@strawberry.type(description="`expectedOnHand` is not what is there: somebody else moved it meanwhile.")
class StockMoved(UserError):
    level_key: strawberry.Private[UUID]
    on_hand: Quantity = strawberry.field(description="How many are there.")

    @batched(description="The level as it is now; null where there is none yet.")
    @staticmethod
    async def level(parents: Sequence["StockMoved"], batch: Batch[Context]) -> list[StockLevel | None]:
        return await load_levels(batch.context, [parent.level_key for parent in parents])


def insufficient_stock(
    *,
    code: str,
    message: str,
    path: list[str] | None,
    line_id: UUID | None,
    line_type: LineType,
    variant_id: UUID,
    location_id: UUID | None,
    requested: int,
    available: int,
) -> InsufficientStock:
    return InsufficientStock(
        code=code,
        message=message,
        path=path,
        line_id=strawberry.ID(ids.encode(line_type, line_id)) if line_id else None,
        variant_key=variant_id,
        location_key=location_id,
        requested=Quantity(requested),
        available=Quantity(available),
    )


def stock_moved(*, code: str, message: str, path: list[str] | None, level_id: UUID, on_hand: int) -> StockMoved:
    return StockMoved(code=code, message=message, path=path, level_key=level_id, on_hand=Quantity(on_hand))


answers(errors.InsufficientStock, insufficient_stock)
answers(errors.StockMoved, stock_moved)
