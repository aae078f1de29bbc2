"""`GET /convergence`: who follows the feed and how far they are, and where channels are at odds.

The page holds no data: it asks `/graphql` with the token that is pasted into it, so that everybody may be given it, in
production too.
"""

from functools import cache
from pathlib import Path
from typing import Final

from litestar import Response, Router, get
from litestar.params import FromPath

from app.api.documents import document
from app.api.transport.static import KEPT_FOR_EVER, Files

FOLDER: Final = Path(__file__).parent
FILES: Final = Files(FOLDER / "static")
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
def page() -> bytes:
    """The page, with the document that it sends."""
    text = (FOLDER / "convergence.html").read_text(encoding="utf-8")
    query = document("backoffice", "convergence").replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("{version}", FILES.version).replace("{query}", query).encode()


def page_routes() -> Router:
    """`/convergence`, and what it loads."""

    @get("/", sync_to_thread=False)
    def show() -> Response[bytes]:
        headers = {**GUARDED, "Cache-Control": "no-cache"}
        return Response(page(), media_type="text/html", headers=headers)

    @get("/{of:str}/{name:str}", sync_to_thread=False)
    def file(of: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        if name not in FILES.by_name:
            return Response(b"No such file.", status_code=404, media_type="text/plain", headers=GUARDED)
        body, media_type = FILES.by_name[name]
        kept = KEPT_FOR_EVER if of == FILES.version else "no-cache"
        return Response(body, media_type=media_type, headers={**GUARDED, "Cache-Control": kept})

    return Router("/convergence", route_handlers=[show, file])
