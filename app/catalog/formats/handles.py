"""Names made from other values: handles as they stand in addresses, and SKUs for variants that have none."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_HANDLE = 255
MAX_MADE_SKU = 100
DIGEST_LENGTH = 6

_NOT_IN_HANDLES = re.compile(r"[^\w]+|_{2,}")
_NOT_IN_SKUS = re.compile(r"[^A-Z0-9]+")
# Letters that have no decomposition into a base letter and a mark.
_SPELLED_OUT = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


def handle_of(text: str) -> str:
    """The handle that `text` stands for: lower case, Latin letters without accents, hyphens for all that is no letter
    or digit; "" where nothing is left. A handle stays as it is.
    """
    return _NOT_IN_HANDLES.sub("-", _unaccented(text.lower())).strip("-_")


def made_sku(product: str, option_values: tuple[str, ...], taken: set[str]) -> str:
    """`<HANDLE>-<OPTION>-…` in capital ASCII letters and digits, not in `taken` (compared without case), to which it is
    added. Where two variants look alike, or a value has no Latin letters, digits of a digest of the identity set them
    apart: not their order in the file, so that a new row in between renames none.
    """
    parts = [_sku_part(product), *(_sku_part(value) for value in option_values)]
    sku = "-".join(parts)
    if len(sku) > MAX_MADE_SKU:
        sku = _with_digest(sku, product, option_values, DIGEST_LENGTH)
    length = DIGEST_LENGTH
    while sku.casefold() in taken:
        sku = _with_digest("-".join(parts), product, option_values, length)
        length += 2
    taken.add(sku.casefold())
    return sku


def _sku_part(value: str) -> str:
    part = _NOT_IN_SKUS.sub("-", _unaccented(value.lower()).upper()).strip("-")
    return part or _digest(value)[:DIGEST_LENGTH]


def _with_digest(sku: str, product: str, option_values: tuple[str, ...], length: int) -> str:
    digest = _digest("\x1f".join((product, *option_values)))[:length]
    return f"{sku[: MAX_MADE_SKU - length - 1].rstrip('-')}-{digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest().upper()


def _unaccented(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLED_OUT))
    kept: list[str] = []
    for character in decomposed:
        # Marks are dropped from Latin letters only: elsewhere, as in Devanagari or Japanese, they make another letter.
        if unicodedata.combining(character) and kept and kept[-1].isascii():
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))
