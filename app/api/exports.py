"""`GET /export/products.csv` and the like: whole lists as files, for who may read them.

Who calls, and in which channel, is decided as for `/graphql`. What is wrong is told as there too: `errors`, each with
`extensions.code`, under the status that fits.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, BinaryIO, Final, cast
from urllib.parse import parse_qsl

import structlog
from litestar import HttpMethod, Response, Router, route
from litestar import Request as LitestarRequest
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from app.api.context import Context
from app.api.engine.errors import Code, RequestError, translated
from app.api.transport.request import Request, read_headers
from app.browse.exports.asking import NEEDS, Asked, Form, What, asked
from app.browse.exports.spool import Spooled, spool
from app.platform.errors import Refusal

log = structlog.get_logger("feira.exports")

AT_ONCE: Final = 2
"""Exports that one process writes at a time; who comes then is told to come again."""
CHUNK: Final = 65_536
IN_MEMORY: Final = 1_048_576
"""Bytes that are kept in memory before a file is made on disk."""
LONGEST_QUERY: Final = 8_192
MOST_FILTERS: Final = 500
TYPES: Final = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl; charset=utf-8"}
STATUS: Final = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.BAD_REQUEST: 400,
    Code.LIMIT_EXCEEDED: 429,
    Code.INTERNAL: 500,
}

Answer = Stream | Response[Any]


def export_routes(context_for: Callable[[Request], Awaitable[Context]]) -> Router:
    """`/export/{products|stock|orders|customers}.{csv|jsonl}?filter=value…`."""
    turns = asyncio.Semaphore(AT_ONCE)

    @route("/export/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def export(request: LitestarRequest[Any, Any, State], name: FromPath[str]) -> Answer:
        try:
            what, form = _named(name)
            context = await context_for(Request(request.scope, read_headers(request.scope)))
            if not context.may(NEEDS[what]):
                raise RequestError(Code.FORBIDDEN, f"This needs the permission {NEEDS[what]!r}.")
            filters = _filters(request.scope["query_string"])
            wanted = await _wanted(context, what, filters)
            if request.method == HttpMethod.HEAD:
                # What the file itself would tell is not made for it.
                return Stream(_nothing(), headers=_what_it_is(what, form), media_type=TYPES[form])
            return await _answer(context, what, form, wanted, turns)
        except _Unknown:
            return Response({"errors": [{"message": "There is no such export."}]}, status_code=404)
        except Refusal as refusal:
            return _refused(RequestError(Code.BAD_REQUEST, refusal.message, extensions={"path": list(refusal.path)}))
        except Exception as error:
            told = translated(error)
            if not isinstance(told, RequestError):
                raise
            return _refused(told)

    return Router("/", route_handlers=[export])


class _Unknown(Exception):
    """An address that is none of ours."""


def _named(name: str) -> tuple[What, Form]:
    what, _, form = name.rpartition(".")
    if what not in NEEDS or form not in TYPES:
        raise _Unknown
    return cast(What, what), cast(Form, form)


def _filters(query: bytes) -> list[tuple[str, str]]:
    if len(query) > LONGEST_QUERY:
        raise RequestError(Code.BAD_REQUEST, f"The filters may be {LONGEST_QUERY} characters long.")
    if query.count(b"&") >= MOST_FILTERS:
        raise RequestError(Code.BAD_REQUEST, f"There may be {MOST_FILTERS} filters in all.")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise RequestError(Code.BAD_REQUEST, "The filters are not name=value, joined by &, in UTF-8.") from None


async def _wanted(context: Context, what: What, filters: list[tuple[str, str]]) -> Asked:
    return await asked(
        context.db,
        what,
        filters,
        principal=context.principal,
        channel=context.channel,
        moment=context.now,
        base_url=context.base_url,
    )


async def _answer(context: Context, what: What, form: Form, wanted: Asked, turns: asyncio.Semaphore) -> Answer:
    if turns.locked():
        message = f"{AT_ONCE} exports are being written; try again."
        raise RequestError(Code.LIMIT_EXCEEDED, message, retry_after=5.0)
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115
    try:
        async with turns:
            done = await spool(context.db, what, form, wanted, file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    log.info("export", what=what, form=form, records=done.records, bytes=size, position=done.position)
    return Stream(_chunks(file), headers=_headers(what, form, done, size), media_type=TYPES[form])


def _headers(what: What, form: Form, done: Spooled, size: int) -> dict[str, str]:
    left_out = {"Feira-Left-Out": str(done.left_out)} if done.left_out else {}
    return {
        "Feira-Position": str(done.position),
        "Feira-Epoch": done.epoch,
        "Feira-Records": str(done.records),
        "Content-Length": str(size),
        **_what_it_is(what, form),
        **left_out,
    }


def _what_it_is(what: What, form: Form) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{what}.{form}"',
        "Cache-Control": "no-store",
        "Vary": "Authorization, Feira-Channel",
        "X-Content-Type-Options": "nosniff",
    }


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    """As fast as the client reads, and no faster."""
    try:
        while chunk := file.read(CHUNK):
            yield chunk
    finally:
        file.close()


def _refused(error: RequestError) -> Response[Any]:
    headers = {"WWW-Authenticate": "Bearer"} if error.code == Code.UNAUTHENTICATED else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(round(error.retry_after))
    return Response({"errors": [error.formatted()]}, status_code=STATUS[error.code], headers=headers)
