"""How the carts of one request are read: once for all fields that show them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.api.context import Context
from app.carts.queries import CartView, view_carts


async def views_of(context: Context, rows: Sequence[Row[Any]]) -> list[CartView]:
    """These carts as they are shown, in their order."""
    key = ("cart views", tuple((row.id, row.version) for row in rows))
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = asyncio.ensure_future(view_carts(context.db, rows, context.now))
    views = await asyncio.shield(reading)
    return [views[row.id] for row in rows]
