"""Cross-origin requests. Credentials are bearer tokens, never cookies, so an allowed origin gets no ambient rights."""

from collections.abc import Iterable, Mapping

Header = tuple[bytes, bytes]

_EXPOSED = b"ETag, Retry-After, Feira-Cost, Feira-Position, Feira-Epoch, X-Request-Id"
_DAY = b"86400"


class Cors:
    """Origins that browsers may call from: exact ones such as `https://shop.example`, or `*` for all."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)
        self._any = "*" in self._origins

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request may come from its origin: none given, our own host, or one of the allowed."""
        origin = headers.get("origin")
        if origin is None or self._any or origin in self._origins:
            return True
        return origin.partition("://")[2] == headers.get("host")

    def headers(self, headers: Mapping[str, str]) -> list[Header]:
        """For a response to a request with these headers."""
        origin = headers.get("origin")
        if self._any:
            # To all alike, so that a cache may hand to a page what it kept for somebody who came from none.
            allowed = [(b"access-control-allow-origin", b"*")]
        else:
            allowed = [(b"vary", b"Origin")]
            if origin in self._origins:
                allowed.append((b"access-control-allow-origin", origin.encode("latin-1")))
        if len(allowed) > (not self._any):
            allowed.append((b"access-control-expose-headers", _EXPOSED))
        return allowed

    def preflight(self, headers: Mapping[str, str]) -> list[Header]:
        """For the answer to OPTIONS: methods and headers only where the origin is allowed."""
        answer = self.headers(headers)
        if not any(name == b"access-control-allow-origin" for name, _ in answer):
            return answer
        wanted = headers.get("access-control-request-headers", "content-type, authorization")
        return [
            *answer,
            (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
            (b"access-control-allow-headers", wanted.encode("latin-1")),
            (b"access-control-max-age", _DAY),
            (b"vary", b"Access-Control-Request-Headers"),
        ]
