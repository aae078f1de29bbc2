"""HTTP beside GraphQL: health, metrics, the demo shop's pictures; and the request id that every log line carries."""

import time
from pathlib import Path

import structlog
from litestar import MediaType, Response, Router, get
from litestar.enums import ScopeType
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import text

from app.api.metrics import Metrics
from app.platform.db import Database
from app.platform.ids import new_id

log = structlog.get_logger("feira.http")

ALIVE = text("SELECT 1")
LONGEST_REQUEST_ID = 128


def health_routes(database: Database, metrics: Metrics) -> Router:
    """`/health/live`, `/health/ready`, `/metrics`."""

    @get("/health/live", sync_to_thread=False)
    def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @get("/health/ready")
    async def ready() -> Response[dict[str, str]]:
        """The process answers, and so does its database."""
        try:
            await database.value(ALIVE)
        except Exception as error:
            log.warning("not ready", reason=type(error).__name__)
            return Response({"status": "unavailable"}, status_code=503)
        return Response({"status": "ready"})

    @get("/metrics", media_type=MediaType.TEXT)
    async def prometheus() -> Response[bytes]:
        """For Prometheus."""
        return Response(await metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Router("/", route_handlers=[live, ready, prometheus])


def media_routes(folder: Path) -> Router:
    """The demo shop's pictures."""
    return create_static_files_router("/media/demo", [folder], name="media", cache_control=None)


def with_request_id(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Give each request an id (the client's `X-Request-Id`, or one of ours), log it when it is over, and count it."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode("latin-1") if _is_plain(given) else new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        # A mounted application may cut the path while it serves.
        path, began, status = scope["path"], time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await app(scope, receive, tell)
        finally:
            metrics.answered(scope["method"], status)
            if not path.startswith(("/health/", "/metrics")):
                milliseconds = round((time.perf_counter() - began) * 1000, 1)
                log.info("request", method=scope["method"], path=path, status=status, ms=milliseconds)
            structlog.contextvars.unbind_contextvars("request_id")

    return serve


def _is_plain(value: bytes) -> bool:
    return 0 < len(value) <= LONGEST_REQUEST_ID and value.isascii() and value.decode("ascii").isprintable()
