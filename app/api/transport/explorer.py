"""GraphiQL for a browser that opens `/graphql` in development: our page, vendored files, no other host."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from litestar.types import HTTPScope, Send

from .cors import Header
from .http import respond
from .negotiation import HTML, Accepted
from .parameters import encode_json
from .static import KEPT_FOR_EVER, Files

_FOLDER = Path(__file__).parents[1] / "graphiql"
_FILES = Files(_FOLDER / "static")
_LONG = (b"cache-control", KEPT_FOR_EVER.encode())
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


class Explorer:
    """The page with its examples, and the files that it loads."""

    def __init__(self, examples: Sequence[Example], path: str) -> None:
        self._page = _page(examples, path)

    async def answers(self, scope: HTTPScope, send: Send, accepted: Accepted) -> bool:
        """Answers a GET for the page or for one of its files; False when it is for neither."""
        _, separator, name = scope["path"].rstrip("/").rpartition("/static/")
        if separator:
            file = _FILES.by_name.get(name)
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
    shown = encode_json([asdict(example) for example in examples]).decode()
    page = page.replace("{base}", path.rstrip("/")).replace("{version}", _FILES.version)
    return page.replace("{examples}", shown.replace("<", "\\u003c")).encode()
