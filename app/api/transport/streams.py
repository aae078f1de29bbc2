"""Answers that follow one another in one HTTP response: one is asked for when the last has gone out."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import Any

from litestar.types import Receive, Send

from app.api.engine.errors import Refused, internal_error
from app.api.engine.limits import Limits

from .cors import Header
from .desk import Answer


class Framing:
    """How a protocol writes a stream: its opening, answers, an end by errors, signs of life, its closing."""

    media_type: str
    opening = b""
    keep_alive: bytes
    closing: bytes

    def answer(self, answer: Answer) -> bytes:
        raise NotImplementedError

    def refused(self, errors: list[dict[str, Any]]) -> bytes:
        raise NotImplementedError


async def send_stream(
    answers: AsyncGenerator[Answer, None],
    framing: Framing,
    receive: Receive,
    send: Send,
    limits: Limits,
    headers: Iterable[Header],
) -> None:
    """Sends answers until they end, the client leaves or stops reading for `send_seconds`; then closes their source."""
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await _send_start(send, framing, headers)
        async with aclosing(_parts(answers, framing, gone, limits.keep_alive_seconds)) as parts:
            async for part in parts:
                async with asyncio.timeout(limits.send_seconds):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": framing.closing, "more_body": False})
    except TimeoutError:
        # The client no longer reads: the server drops a response that was left open.
        return
    finally:
        gone.cancel()
        await answers.aclose()


async def _parts(
    answers: AsyncGenerator[Answer, None], framing: Framing, gone: "asyncio.Future[None]", seconds: float
) -> AsyncGenerator[bytes, None]:
    yield framing.opening + framing.keep_alive
    while True:
        step = asyncio.ensure_future(next_or_none(answers))
        try:
            while not step.done():
                await asyncio.wait((step, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                if not step.done():
                    yield framing.keep_alive
            answer = step.result()
            part = framing.answer(answer) if answer is not None else None
        except Refused as refused:
            yield framing.refused(refused.errors)
            return
        except Exception as error:
            yield framing.refused([internal_error(error, where="stream")])
            return
        finally:
            await stop(step)
        if part is None:
            return
        yield part


async def next_or_none(answers: AsyncGenerator[Answer, None]) -> Answer | None:
    """The next answer, or None at the end."""
    return await anext(answers, None)


async def stop(task: "asyncio.Future[Any]") -> None:
    """Cancels a task and waits until it has cleaned up."""
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def _disconnected(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_start(send: Send, framing: Framing, headers: Iterable[Header]) -> None:
    start: Any = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", framing.media_type.encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *headers,
        ],
    }
    await send(start)
