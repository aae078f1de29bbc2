"""`GET /convergence`: who follows the feed and how far they are, and where channels are at odds.

The page holds no data: it asks `/graphql` with the token that is pasted into it, so that everybody may be given it, in
production too.
"""

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from litestar import Response, Router, get
from litestar.params import FromPath

from app.api.documents import document

FOLDER: Final = Path(__file__).parent
TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
GUARDED: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """What the page loads, by name, with its media type."""
    return {
        path.name: (path.read_bytes(), TYPES[path.suffix])
        for path in sorted((FOLDER / "static").iterdir())
        if path.suffix in TYPES
    }


@cache
def version() -> str:
    """Stands in the files' address, so that they may be kept for ever."""
    return blake2b(b"".join(body for body, _ in files().values()), digest_size=6).hexdigest()


@cache
def page() -> bytes:
    """The page, with the document that it sends."""
    text = (FOLDER / "convergence.html").read_text(encoding="utf-8")
    query = document("backoffice", "convergence").replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("{version}", version()).replace("{query}", query).encode()


def page_routes() -> Router:
    """`/convergence`, and what it loads."""

    @get("/", sync_to_thread=False)
    def show() -> Response[bytes]:
        headers = {**GUARDED, "Cache-Control": "no-cache"}
        return Response(page(), media_type="text/html", headers=headers)

    @get("/{of:str}/{name:str}", sync_to_thread=False)
    def file(of: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        if name not in files():
            return Response(b"No such file.", status_code=404, media_type="text/plain", headers=GUARDED)
        body, media_type = files()[name]
        kept = "public, max-age=31536000, immutable" if of == version() else "no-cache"
        return Response(body, media_type=media_type, headers={**GUARDED, "Cache-Control": kept})

    return Router("/convergence", route_handlers=[show, file])
