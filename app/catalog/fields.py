"""What the catalog's fields may hold: limits, and checks that add what is wrong to a list of refusals."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from app.catalog.barcodes import CODE_DIGITS, has_right_check_digit, is_gtin
from app.platform.errors import InvalidInput, Path, Refusal
from app.platform.quantities import MAX_MILLI
from app.platform.texts import LOCALES

MAX_NAME: Final = 500
MAX_SLUG: Final = 255
MAX_DESCRIPTION: Final = 65_536
MAX_SEO: Final = 1_000
MAX_SKU: Final = 255
MAX_BARCODE: Final = 64
MAX_UNIT: Final = 16
MAX_TAG: Final = 255
MAX_URL: Final = 2_048
MAX_TAGS: Final = 250
MAX_OPTIONS: Final = 5
MAX_OPTION_VALUES: Final = 2_048
MAX_VARIANTS: Final = 2_048
"""Of one product, those not archived. What Shopify allows, so that its files come in whole."""
MAX_MEDIA: Final = 250
"""Of one product."""
MAX_COLLECTIONS: Final = 250
"""That one product is in."""
MAX_WEIGHT_GRAMS: Final = 10**9
MAX_POSITION: Final = 10**6
MAX_PIXELS: Final = 100_000

_SLUG: Final = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
_SCALE_CODE: Final = re.compile(rf"[0-9]{{{CODE_DIGITS}}}", re.ASCII)

Problems = list[Refusal]


def storable(value: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def check_text(problems: Problems, value: str, path: Path, *, most: int, least: int = 0) -> None:
    """`least` 1: not empty, not blank. What PostgreSQL cannot hold (NUL, half a surrogate pair) is refused."""
    if len(value) > most:
        problems.append(InvalidInput(f"This is too long: at most {most} characters.", path=path, code="TOO_LONG"))
    elif least and not value.strip():
        problems.append(InvalidInput("This must not be empty.", path=path, code="REQUIRED"))
    elif not storable(value):
        problems.append(InvalidInput("This holds a character that cannot be kept.", path=path))


def check_count(problems: Problems, values: Sequence[object], path: Path, *, most: int) -> bool:
    """Whether there are few enough."""
    if len(values) > most:
        problems.append(InvalidInput(f"These are too many: at most {most}.", path=path, code="TOO_MANY"))
        return False
    return True


def check_number(problems: Problems, value: int | None, path: Path, *, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        problems.append(InvalidInput(f"This must be from {least} to {most}.", path=path, code="OUT_OF_RANGE"))


def check_locale(problems: Problems, locale: str, path: Path) -> None:
    if locale not in LOCALES:
        problems.append(
            InvalidInput(
                f"The shop has no such language; it has {', '.join(LOCALES)}.", path=path, code="UNKNOWN_LOCALE"
            )
        )


def check_texts(problems: Problems, texts: Mapping[str, str], path: Path, *, most: int, least: int = 1) -> None:
    """Texts by language: at least one, unless `least` is 0."""
    if least and not texts:
        problems.append(InvalidInput("A text in at least one language is needed.", path=path, code="REQUIRED"))
    for locale, value in texts.items():
        check_locale(problems, locale, path)
        check_text(problems, value, path, most=most, least=least)


def check_slug(problems: Problems, slug: str, path: Path = ("slug",)) -> None:
    if len(slug) > MAX_SLUG:
        problems.append(InvalidInput(f"A slug has at most {MAX_SLUG} characters.", path=path, code="TOO_LONG"))
    elif not _SLUG.fullmatch(slug):
        problems.append(InvalidInput("A slug is letters, digits, hyphens, dots and underscores.", path=path))


def check_sku(problems: Problems, sku: str, path: Path) -> None:
    check_text(problems, sku, path, most=MAX_SKU, least=1)
    if sku.strip() and sku != sku.strip():
        problems.append(InvalidInput("A SKU neither begins nor ends with a blank.", path=path))


def check_barcode(problems: Problems, barcode: str | None, path: Path) -> None:
    """Any text, but what has the length of a GTIN must have its check digit."""
    if barcode is None:
        return
    check_text(problems, barcode, path, most=MAX_BARCODE, least=1)
    if barcode.strip() and barcode != barcode.strip():
        problems.append(InvalidInput("A barcode neither begins nor ends with a blank.", path=path))
    elif is_gtin(barcode) and not has_right_check_digit(barcode):
        problems.append(
            InvalidInput("The check digit is wrong: the code was mistyped.", path=path, code="INVALID_CHECK_DIGIT")
        )


def check_scale_code(problems: Problems, code: str | None, path: Path) -> None:
    if code is not None and not _SCALE_CODE.fullmatch(code):
        problems.append(InvalidInput(f"A scale's item number has {CODE_DIGITS} digits.", path=path))


def check_quantity(problems: Problems, milli: int | None, path: Path, *, least: int) -> None:
    if milli is not None and not least <= milli <= MAX_MILLI:
        message = "A quantity is positive" if least else "A quantity is not negative"
        problems.append(InvalidInput(f"{message} and at most {MAX_MILLI // 1000}.", path=path, code="OUT_OF_RANGE"))


def check_url(problems: Problems, url: str, path: Path) -> None:
    """An http(s) address, or one of the shop's own that begins with a single slash."""
    check_text(problems, url, path, most=MAX_URL, least=1)
    try:
        parts = urlsplit(url)
        ours = not parts.scheme and not parts.netloc and url.startswith("/")
        good = ours or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in url):
        problems.append(InvalidInput("This is not the address of a file: https://….", path=path, code="INVALID_URL"))


def check_window(problems: Problems, starts_at: datetime | None, ends_at: datetime | None, path: Path) -> None:
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        problems.append(InvalidInput("It must end after it starts.", path=path))
