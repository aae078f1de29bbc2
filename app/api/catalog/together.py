"""Reading once what several fields of one request ask for."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import TypeVar
from uuid import UUID

from app.api.context import Context

T = TypeVar("T")


async def together(
    context: Context, what: str, ids: Iterable[UUID], read: Callable[[frozenset[UUID]], Awaitable[T]]
) -> T:
    """What `read` answers for these ids; whoever asks for the same in this request, now or later, shares the answer.

    A write of the request forgets it (`perform`), so that no payload shows what stood before its mutation's commit.
    """
    wanted = frozenset(ids)
    key = ("together", what, wanted)
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = asyncio.ensure_future(read(wanted))
        reading.add_done_callback(lambda done: _drop_failed(context, key, done))
    # Whoever gives up must not take the answer from the others.
    answer: T = await asyncio.shield(reading)
    return answer


def _drop_failed(context: Context, key: Hashable, reading: asyncio.Future[T]) -> None:
    """Let the next one who asks try anew."""
    if (reading.cancelled() or reading.exception() is not None) and context.memory.get(key) is reading:
        del context.memory[key]
