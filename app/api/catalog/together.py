"""Reading once what several fields of one level ask for at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from uuid import UUID

from app.api.context import Context

T = TypeVar("T")


async def together(
    context: Context, what: str, ids: Iterable[UUID], read: Callable[[frozenset[UUID]], Awaitable[T]]
) -> T:
    """What `read` answers for these ids; whoever asks for the same while it is being read shares the answer.

    Nothing is kept once it is there, so that a payload never shows what stood before its mutation's commit.
    """
    wanted = frozenset(ids)
    key = ("together", what, wanted)
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = asyncio.ensure_future(read(wanted))
        reading.add_done_callback(lambda _: context.memory.pop(key, None))
    # Whoever gives up must not take the answer from the others.
    answer: T = await asyncio.shield(reading)
    return answer
