"""Lists of levels and movements, of the caller's locations."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.ids_given import key_given
from app.api.inventory.inputs import StockLevelFilter, StockMovementFilter, ref_of
from app.api.inventory.types import StockLevel, StockMovement
from app.api.paging import (
    COUNTED_UP_TO,
    Connection,
    Page,
    check_first,
    decode_cursor,
    encode_cursor,
    slice_page,
)
from app.catalog.lookup import resolve_variants
from app.inventory import queries
from app.inventory.queries import LevelFilter, MovementFilter
from app.platform.errors import InvalidInput

LEVELS = "stockLevels"
MOVEMENTS = "stockMovements"
F = TypeVar("F", bound=LevelFilter)

First = Annotated[int, strawberry.argument(description="How many, at most 100.")]
After = Annotated[str | None, strawberry.argument(description="Go on behind this cursor.")]


@strawberry.type
class InventoryQueries:
    @strawberry.field(description="Stock levels of the caller's locations.")
    async def stock_levels(
        self,
        info: Info,
        first: First,
        after: After = None,
        filter: Annotated[
            StockLevelFilter | None, strawberry.argument(description="Which ones; all when left out.")
        ] = None,
    ) -> Connection[StockLevel] | None:
        context = info.context
        check_first(first)
        place: Any = decode_cursor(LEVELS, after, UUID, UUID)
        which = await _wanted(context, filter, LevelFilter())
        rows = await queries.levels_page(context.db, which, after=place, limit=first + 1) if which else ()
        shown, more = slice_page(rows, first)
        return Connection(
            page=Page(
                nodes=[StockLevel.of(row, context) for row in shown],
                cursors=[encode_cursor(LEVELS, row.variant_id, row.location_id) for row in shown],
                more=more,
                before=after is not None,
                count=_counting(context, which, queries.count_levels),
            )
        )

    @strawberry.field(description="The ledger of the caller's locations, newest first.")
    async def stock_movements(
        self,
        info: Info,
        first: First,
        after: After = None,
        filter: Annotated[
            StockMovementFilter | None, strawberry.argument(description="Which ones; all when left out.")
        ] = None,
    ) -> Connection[StockMovement] | None:
        context = info.context
        check_first(first)
        place: Any = decode_cursor(MOVEMENTS, after, datetime, UUID)
        given = MovementFilter()
        if filter is not None:
            given = MovementFilter(
                kinds=None if filter.kinds is None else {kind.name for kind in filter.kinds},
                occurred_from=filter.occurred_from,
                occurred_to=filter.occurred_to,
            )
        which = await _wanted(context, filter, given)
        rows = await queries.movements_page(context.db, which, after=place, limit=first + 1) if which else ()
        shown, more = slice_page(rows, first)
        return Connection(
            page=Page(
                nodes=[StockMovement.of(row, context) for row in shown],
                cursors=[encode_cursor(MOVEMENTS, row.occurred_at, row.id) for row in shown],
                more=more,
                before=after is not None,
                count=_counting(context, which, queries.count_movements),
            )
        )


async def _wanted(context: Context, given: StockLevelFilter | StockMovementFilter | None, which: F) -> F | None:
    """The filter by keys, within the caller's reach; None where nothing can match. Raises BAD_REQUEST for a bad id."""
    which = replace(which, location_ids=context.principal.location_ids)
    if given is None:
        return which
    if given.location_id is not None:
        which = replace(which, location_id=key_given("Location", given.location_id, "filter.locationId"))
    if given.variant is not None:
        try:
            ref = ref_of(given.variant, ())
        except InvalidInput as error:
            raise RequestError(Code.BAD_REQUEST, "`filter.variant.id` is not the id of a Variant.") from error
        variant_id = (await resolve_variants(context.db, [ref]))[0]
        if variant_id is None:
            return None
        which = replace(which, variant_id=variant_id)
    return which


def _counting(
    context: Context, which: F | None, count: Callable[..., Awaitable[int]]
) -> Callable[[], Awaitable[int | None]]:
    """How many there are in all, counted only when asked; None beyond the limit."""

    async def counted() -> int | None:
        if which is None:
            return 0
        found = await count(context.db, which, up_to=COUNTED_UP_TO + 1)
        return found if found <= COUNTED_UP_TO else None

    return counted
