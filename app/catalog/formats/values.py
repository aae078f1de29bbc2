"""What one cell may say: each function reads a cell that is not blank, or raises BadValue with the reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

MAX_AMOUNT = Decimal("1000000000000")
MAX_QUANTITY = 1_000_000_000
MAX_TEXT = 255
MAX_ALT = 512
MAX_SEO = 5_000
MAX_URL = 2_048
MAX_TAGS = 250
MAX_SHOWN = 60

GRAMS = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "oz": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
}
UNIT_NAMES = {
    "grams": "g", "gram": "g", "kilograms": "kg", "kilogram": "kg", "ounces": "oz", "ounce": "oz",
    "pounds": "lb", "pound": "lb", "lbs": "lb",
}  # fmt: skip
# Spreadsheets write booleans in the language of their user.
TRUE = frozenset({"true", "yes", "1", "verdadeiro", "sim"})
FALSE = frozenset({"false", "no", "0", "falso", "não", "nao"})

_AMOUNT = re.compile(r"[0-9]*(?:\.[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", re.ASCII | re.IGNORECASE)
_FORMULA_TEXT = re.compile(r'="([^"]*)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNSAFE_TO_SHOW = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_GRAM = Decimal("0.001")


class BadValue(ValueError):
    """A cell that says what it may not; the message is the reason, for the person who made the file."""


def shown(value: str) -> str:
    """`value` in at most 60 characters and without characters that could steer a terminal."""
    short = value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"
    return _UNSAFE_TO_SHOW.sub(lambda found: found.group().encode("unicode_escape").decode(), short)


def line_of_text(limit: int = MAX_TEXT) -> Callable[[str], str]:
    """A reader of text on one line, at most `limit` characters; line breaks and tabs become single spaces."""

    def read(value: str) -> str:
        text = " ".join((value if value.isascii() else unicodedata.normalize("NFC", value)).split())
        if len(text) > limit:
            raise BadValue(f"has {len(text)} characters; at most {limit} are allowed")
        if _CONTROL.search(text):
            raise BadValue("holds a control character")
        return text

    return read


def amount(value: str) -> Decimal:
    """An amount of money as Shopify writes it: digits, and a point before the decimals."""
    if "," in value:
        raise BadValue("write amounts with a decimal point and without thousands separators, such as 1234.56")
    if value.startswith("-"):
        raise BadValue("must not be negative")
    if not _AMOUNT.fullmatch(value):
        raise BadValue("is not an amount: only digits and a decimal point are allowed, such as 1234.56")
    # Measured on the text, before a number of a million digits is made.
    whole, _, decimals = value.partition(".")
    if len(whole.lstrip("0")) > 12:
        raise BadValue(f"is too large: amounts stay below {MAX_AMOUNT}")
    if len(decimals.rstrip("0")) > 6:
        raise BadValue("has more than six decimals")
    return Decimal(f"{whole or '0'}.{decimals[:6]}" if decimals else whole)


def compare_at(value: str) -> Decimal | None:
    """As `amount`; zero is how exports write that there is none."""
    return amount(value) or None


def quantity(value: str) -> int:
    """A whole number of units, perhaps negative."""
    found = _WHOLE.fullmatch(value)
    if not found:
        raise BadValue("is not a whole number")
    if len(found.group(1)) > 12 or abs(int(found.group(1))) > MAX_QUANTITY:
        raise BadValue(f"is too large: at most {MAX_QUANTITY}")
    return int(found.group(1))


def position(value: str) -> int:
    """A place in a sequence that counts from 1."""
    place = quantity(value)
    if place < 1:
        raise BadValue("must be 1 or more")
    return place


def flag(value: str) -> bool:
    """True or false; also as spreadsheets in Portuguese write it."""
    word = value.casefold()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise BadValue("must be TRUE or FALSE")


def backorder(value: str) -> bool:
    """Whether it sells on when out of stock: `continue` or `deny`, or true or false."""
    word = value.casefold()
    if word in ("deny", "continue"):
        return word == "continue"
    try:
        return flag(value)
    except BadValue:
        raise BadValue("must be deny or continue") from None


def weight_unit(value: str) -> str:
    """`g`, `kg`, `oz` or `lb`."""
    unit = UNIT_NAMES.get(value.casefold(), value.casefold())
    if unit not in GRAMS:
        raise BadValue("must be g, kg, oz or lb")
    return unit


def weight(unit: str) -> Callable[[str], Decimal]:
    """A reader of weights in `unit` (blank: grams) that answers grams, rounded half up to three decimals."""
    factor = GRAMS[unit or "g"]

    def read(value: str) -> Decimal:
        return (amount(value) * factor).quantize(_GRAM, ROUND_HALF_UP)

    return read


def address(value: str) -> str:
    """An http or https address of a picture, or one of the shop's own, as its exports have it (/media/…).

    One without a scheme (//cdn…) becomes https.
    """
    url = "https:" + value if value.startswith("//") else value
    if len(url) > MAX_URL:
        raise BadValue(f"has {len(url)} characters; at most {MAX_URL} are allowed")
    if _CONTROL.search(url) or " " in url:
        raise BadValue("holds a space or control character; write spaces as %20")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise BadValue("is not a web address") from None
    ours = url.startswith("/media/")
    if not ours and (parts.scheme not in ("http", "https") or not host):
        raise BadValue("must be a web address that starts with https:// or http://")
    return url


def mended_code(value: str) -> tuple[str, str]:
    """A SKU or barcode without what spreadsheets wrap around it to keep its zeros, and a notice of that ("": none).

    Raises where the spreadsheet has already destroyed the number or the cell is a formula.
    """
    code, mended = value, ""
    if wrapped := _FORMULA_TEXT.fullmatch(code):
        code, mended = wrapped.group(1).strip(), 'was written as the formula ="…"; read without it'
    elif code.startswith("'"):
        code, mended = code[1:].strip(), "began with an apostrophe; read without it"
    if _SCIENTIFIC.fullmatch(code):
        raise BadValue("a spreadsheet has shortened this number and lost digits; format the column as text")
    if code.startswith("="):
        raise BadValue("is a formula")
    if not code:
        raise BadValue("is empty but for marks of a spreadsheet")
    return line_of_text()(code), mended


def tags(value: str) -> tuple[str, ...]:
    """Tags between commas, each once in its first spelling."""
    read = line_of_text()
    found: dict[str, str] = {}
    for part in value.split(","):
        if tag := part.strip():
            tag = read(tag)
            found.setdefault(tag.casefold(), tag)
    if len(found) > MAX_TAGS:
        raise BadValue(f"holds {len(found)} tags; at most {MAX_TAGS} are allowed")
    return tuple(found.values())


def path(value: str) -> tuple[str, ...]:
    """Names between «>», from the root down."""
    read = line_of_text()
    return tuple(read(part.strip()) for part in value.split(">") if part.strip())
