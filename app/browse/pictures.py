"""Addresses of media: absolute, and at most as wide as asked for where whoever serves them can make them smaller."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

SHRINKING: Final[Mapping[str, str]] = {"cdn.shopify.com": "width"}
"""Hosts that serve a smaller picture, and the parameter of the address that says how wide."""


def address(
    url: str, *, base_url: str, kind: str = "IMAGE", width: int | None = None, max_width: int | None = None
) -> str:
    """Where a client gets a media. A relative address is the shop's own, at `base_url`.

    A picture wider than `max_width` pixels, or of unknown width, is asked for at that width where its host can; all
    other media are given out as they are, the shop's own among them.
    """
    absolute = urljoin(base_url.rstrip("/") + "/", url) if base_url else url
    if max_width is None or kind != "IMAGE" or (width is not None and width <= max_width):
        return absolute
    parts = urlsplit(absolute)
    parameter = SHRINKING.get(parts.hostname or "")
    if parameter is None:
        return absolute
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != parameter]
    return parts._replace(query=urlencode([*query, (parameter, str(max_width))])).geturl()
