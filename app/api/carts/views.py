"""How the carts of one request are read: once for all fields that show them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.api.context import Context
from app.carts.queries import CartView, carts_by_ids, view_carts
from app.carts.write import WRITTEN
from app.inventory.queries import holds_of_carts


async def views_of(context: Context, rows: Sequence[Row[Any]]) -> list[CartView]:
    """These carts as they are shown, in their order."""
    known: list[Any] = [context.memory.get((WRITTEN, row.id)) for row in rows]
    if all(view is not None and view.basket.row is row for view, row in zip(known, rows, strict=True)):
        return known
    key = ("cart views", tuple((row.id, row.version) for row in rows))
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = asyncio.ensure_future(view_carts(context.db, rows, context.now))
    views = await asyncio.shield(reading)
    return [views[row.id] for row in rows]


async def rows_of(context: Context, keys: Sequence[UUID]) -> dict[UUID, Any]:
    """The rows of carts by id: as this request's mutation has just written them, else as they are."""
    views = ((key, context.memory.get((WRITTEN, key))) for key in keys)
    known = {key: view.basket.row for key, view in views if view is not None}
    return known | await carts_by_ids(context.db, [key for key in keys if key not in known])


async def holds_of(context: Context, keys: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """What these carts hold, read once for all fields that show it."""
    wanted = frozenset(keys)
    views = {key: context.memory.get((WRITTEN, key)) for key in wanted}
    if all(view is not None for view in views.values()):
        return {key: view.holds for key, view in views.items() if view is not None}
    # A mutation that follows in the same request changes it.
    key = ("holds", wanted, context.wrote)
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = asyncio.ensure_future(holds_of_carts(context.db, wanted))
    found: dict[UUID, list[Row[Any]]] = await asyncio.shield(reading)
    return found
