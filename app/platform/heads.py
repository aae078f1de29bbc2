"""The head of an HTTP request, bounded in bytes, lines and time before anything of ours sees it: uvicorn takes all that
comes, for as long as it comes.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST: Final = 65_536
"""Bytes of a request line and headers, but for what comes in one piece with their end."""
MOST_LINES: Final = 500
SECONDS: Final = 20.0
"""How long a head may take to come, on a new connection from its beginning."""
TOO_LONG: Final = "The head of the request is too long."
TOO_LATE: Final = "The head of the request took too long."


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with these bounds. What breaks them is answered 400, and cut off."""

    _in_head = False
    _head = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Nothing has come yet."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some more, of heads and bodies."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head += len(data)
        if self._head > LONGEST:
            self.send_400_response(TOO_LONG)
        elif self._late is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is there. Raises ValueError, which makes it an invalid request."""
        self._in_head = False
        self._came()
        if len(self.headers) > MOST_LINES:
            raise ValueError(TOO_LONG)
        super().on_headers_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(SECONDS, self._cut_off)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut_off(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self.send_400_response(TOO_LATE)
        else:
            # Opened ahead of a request that never came: there is nobody to answer.
            self.transport.close()
