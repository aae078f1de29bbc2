"""Who asks, and by which transport: what `context_for` gets to see."""

from collections.abc import Mapping
from typing import Any

from litestar.types import Scope


class Request:
    """One operation's way in. `params` is the payload of `connection_init` on a WebSocket, else empty.

    `headers` are by lower-case name. `transport` is "http", "sse", "multipart" or "websocket".
    """

    __slots__ = ("headers", "params", "scope", "transport")

    def __init__(self, scope: Scope, headers: Mapping[str, str], transport: str = "http") -> None:
        self.scope = scope
        self.headers = headers
        self.transport = transport
        self.params: Mapping[str, Any] = {}

    @property
    def authorization(self) -> str | None:
        """The `Authorization` header; on a WebSocket also `Authorization` or `authorization` of `connection_init`."""
        for name in ("Authorization", "authorization"):
            given = self.params.get(name)
            if isinstance(given, str):
                return given
        return self.headers.get("authorization")

    @property
    def address(self) -> str:
        """The client's address as the server sees it, or empty."""
        client = self.scope.get("client")
        return client[0] if client else ""


def read_headers(scope: Scope) -> dict[str, str]:
    """Header values by lower-case name; of one given twice the last, but lists are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
