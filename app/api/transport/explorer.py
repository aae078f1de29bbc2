"""GraphiQL for a browser that opens `/graphql` in development: our page, vendored files, no other host."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from litestar.types import HTTPScope, Send

from .cors import Header
from .http import respond
from .negotiation import HTML, Accepted
from .parameters import encode_json

_FOLDER = Path(__file__).parents[1] / "graphiql"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_LONG = (b"cache-control", b"public, max-age=31536000, immutable")
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS: list[Header] = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept"),
]


@dataclass(frozen=True, slots=True)
class Example:
    """One tab of GraphiQL. `variables` and `headers` become the JSON texts beside the query."""

    name: str
    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class _File(NamedTuple):
    body: bytes
    media_type: str


@cache
def _files() -> dict[str, _File]:
    return {
        path.name: _File(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted((_FOLDER / "static").iterdir())
        if path.suffix in _TYPES
    }


class Explorer:
    """The page with its examples, and the files that it loads."""

    def __init__(self, examples: Sequence[Example], path: str) -> None:
        self._page = _page(examples, path)

    async def answers(self, scope: HTTPScope, send: Send, accepted: Accepted) -> bool:
        """Answers a GET for the page or for one of its files; False when it is for neither."""
        _, separator, name = scope["path"].rstrip("/").rpartition("/static/")
        if separator:
            file = _files().get(name)
            if file is None:
                await respond(send, 404, b"No such file.", "text/plain")
            else:
                await respond(send, 200, file.body, file.media_type, [_LONG])
            return True
        if accepted.prefers_html:
            await respond(send, 200, self._page, HTML, _PAGE_HEADERS)
            return True
        return False


def _page(examples: Sequence[Example], path: str) -> bytes:
    """The page. Its files carry a version in their address, so that they may be kept for ever."""
    page = (_FOLDER / "index.html").read_text(encoding="utf-8")
    version = blake2b(b"".join(file.body for file in _files().values()), digest_size=6).hexdigest()
    shown = encode_json([asdict(example) for example in examples]).decode()
    page = page.replace("{base}", path.rstrip("/")).replace("{version}", version)
    return page.replace("{examples}", shown.replace("<", "\\u003c")).encode()
