"""Media types: what a client can read, what it sent, and which of our answers fits."""

from functools import lru_cache
from typing import NamedTuple

from .parameters import Malformed

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
HTML = "text/html"

_ANSWERABLE = f"{GRAPHQL_JSON}, {JSON}, {EVENT_STREAM}, {MULTIPART}"


class Accepted(NamedTuple):
    """What a client accepts: one JSON media type, one streaming one, and whether it says so by name."""

    json: str | None
    stream: str | None
    prefers_html: bool
    by_name: bool

    @property
    def media_type(self) -> str:
        """Of an error: JSON even where the client did not ask for it, since nothing else can tell it."""
        return self.json or JSON

    @property
    def is_strict(self) -> bool:
        """Whether HTTP status codes tell of GraphQL errors, as `application/graphql-response+json` has it."""
        return self.json != JSON

    @property
    def is_acceptable(self) -> bool:
        return self.json is not None or self.stream is not None


_LONGEST = 2_000


def negotiate(accept: str | None) -> Accepted:
    """Reads an Accept header, its first 2,000 characters. Without one, and for wildcards, the answer is
    `application/json`.
    """
    return _negotiated(accept if accept is None else accept[:_LONGEST])


@lru_cache(maxsize=512)
def _negotiated(accept: str | None) -> Accepted:
    if accept is None or not accept.strip():
        return Accepted(JSON, None, False, False)
    json = stream = best = None
    by_name = False
    for _, media_type in sorted(_ranges(accept), key=lambda entry: -entry[0]):
        best = best or media_type
        if json is None and media_type in (GRAPHQL_JSON, JSON):
            json, by_name = media_type, True
        elif json is None and media_type in ("*/*", "application/*"):
            json = JSON
        elif stream is None and media_type in (EVENT_STREAM, MULTIPART):
            stream, by_name = media_type, True
    return Accepted(json, stream, best == HTML, by_name)


def _ranges(accept: str) -> list[tuple[float, str]]:
    ranges = []
    for part in accept.split(",")[:50]:
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if _charset(parameters) not in ("", "utf-8", "utf8", "*"):
            continue
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            weight = 0.0
        if 0 < weight <= 1:
            ranges.append((weight, media_type))
    return ranges


def check_content_type(content_type: str | None, content_encoding: str | None) -> None:
    """Malformed 415 for a body that is not JSON in UTF-8. Forms are refused so: any page can send those."""
    media_type, *parameters = (piece.strip().lower() for piece in (content_type or "").split(";"))
    if media_type not in (JSON, GRAPHQL_JSON):
        raise Malformed(f"Send the request as {JSON}, not as {media_type[:60] or 'a body without a type'}.", 415)
    if _charset(parameters) not in ("", "utf-8", "utf8"):
        raise Malformed("The body must be in UTF-8.", 415)
    if content_encoding not in (None, "", "identity"):
        raise Malformed("The body must not be compressed.", 415)


def _charset(parameters: list[str]) -> str:
    return next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "")


def not_acceptable() -> Malformed:
    """406 with what there is."""
    return Malformed(f"None of the accepted media types can be answered; there are {_ANSWERABLE}.", 406)
