"""What a field that somebody writes must look like. Each raises InvalidInput at the field's path."""

import re
import unicodedata
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from babel import Locale
from sqlalchemy.exc import DBAPIError

from app.platform.db import sqlstate
from app.platform.errors import InvalidInput, Path, Refusal, collect
from app.platform.texts import is_blank

_CODE: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s@,;:<>()\[\]\\\"]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{2,63}")
# What Babel lists beside countries: groups of them, pseudo-locales and «unknown».
_NO_COUNTRIES: Final = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
_COUNTRIES: Final = frozenset(
    str(code) for code in Locale("en").territories if re.fullmatch("[A-Z]{2}", str(code)) and code not in _NO_COUNTRIES
)

Check = Callable[[object, Path], Any]


def checked(
    given: Mapping[str, Any],
    checks: Mapping[str, tuple[str, Check]],
    *,
    required: Collection[str] = (),
    path: Path = (),
) -> dict[str, Any]:
    """Those of these fields that are given, each as its check answers it; a required one left out is checked as None.

    `checks`: by the column's name, the input field's name and the check. Raises all that is wrong at once.
    """
    refusals: list[Refusal] = []
    found: dict[str, Any] = {}
    for column, (field, check) in checks.items():
        if column in given or column in required:
            try:
                found[column] = check(given.get(column), (*path, field))
            except Refusal as refusal:
                refusals.append(refusal)
    collect(refusals)
    return found


def text(value: object, path: Path, *, most: int = 200) -> str:
    """Text of 1 to `most` characters, without space around it. Raises InvalidInput: TOO_LONG, INVALID_TEXT, and
    REQUIRED where there is nothing to be seen of it.
    """
    found = optional_text(value, path, most=most)
    if found is None or is_blank(found):
        raise InvalidInput("This must not be empty.", path=path, code="REQUIRED")
    return found


def optional_text(value: object, path: Path, *, most: int = 200, lines: bool = False) -> str | None:
    """The same, or None for nothing. `lines`: whether it may have several.

    Raises InvalidInput: TOO_LONG, INVALID_TEXT (control characters, which no database or receipt takes).
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput("This must be text.", path=path, code="INVALID_TEXT")
    if len(value) > most:
        raise InvalidInput(f"At most {most} characters.", path=path, code="TOO_LONG")
    kept = unicodedata.normalize("NFC", value.replace("\r\n", "\n") if lines else value).strip()
    if any(
        unicodedata.category(character) in ("Cc", "Cs") and not (lines and character in "\n\t") for character in kept
    ):
        raise InvalidInput("Control characters are not allowed.", path=path, code="INVALID_TEXT")
    return kept or None


def code(value: object, path: Path) -> str:
    """A name for programs: 1 to 40 of a-z, 0-9 and "-". Raises InvalidInput: INVALID_CODE."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    raise InvalidInput("A code is 1 to 40 characters of a-z, 0-9 and -.", path=path, code="INVALID_CODE")


def required_email(value: object, path: Path) -> str:
    """An e-mail address. Raises InvalidInput: REQUIRED, TOO_LONG, INVALID_EMAIL."""
    return email(text(value, path, most=254), path) or ""


def email(value: object, path: Path) -> str | None:
    """An e-mail address, or None for nothing. Raises InvalidInput: TOO_LONG, INVALID_EMAIL."""
    found = optional_text(value, path, most=254)
    if found is not None and not _EMAIL.fullmatch(found):
        raise InvalidInput("This is not an e-mail address.", path=path, code="INVALID_EMAIL")
    return found


def country(value: object, path: Path) -> str:
    """An ISO 3166-1 alpha-2 code. Raises InvalidInput: UNKNOWN_COUNTRY."""
    if isinstance(value, str) and value in _COUNTRIES:
        return value
    raise InvalidInput("This is not an ISO 3166-1 country code.", path=path, code="UNKNOWN_COUNTRY")


def region(value: object, path: Path) -> str | None:
    """A part of a country as ISO 3166-2 writes it after the hyphen ("SP"), or None. Raises InvalidInput."""
    found = optional_text(value, path, most=50)
    return found.upper() if found is not None and len(found) <= 3 else found


def one_of(value: object, path: Path, *, choices: Collection[str]) -> str:
    """One of these. Raises InvalidInput: UNKNOWN_VALUE."""
    if isinstance(value, str) and value in choices:
        return value
    raise InvalidInput(f"One of {', '.join(sorted(choices))}.", path=path, code="UNKNOWN_VALUE")


def given(value: object, path: Path) -> Any:
    """Anything but nothing. Raises InvalidInput: REQUIRED."""
    if value is None:
        raise InvalidInput("This must not be empty.", path=path, code="REQUIRED")
    return value


def flag(value: object, path: Path) -> bool:
    """Yes or no. Raises InvalidInput: REQUIRED."""
    if isinstance(value, bool):
        return value
    raise InvalidInput("This must be true or false.", path=path, code="REQUIRED")


def whole(value: object, path: Path, *, least: int, most: int) -> int:
    """A whole number between the two. Raises InvalidInput: OUT_OF_RANGE."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise InvalidInput(f"A whole number from {least} to {most}.", path=path, code="OUT_OF_RANGE")


def at_most(values: Collection[object], most: int, path: Path) -> None:
    """Raises InvalidInput: TOO_MANY."""
    if len(values) > most:
        raise InvalidInput(f"At most {most}.", path=path, code="TOO_MANY")


@contextmanager
def unique(fields: Mapping[str, str]) -> Generator[None]:
    """Turns the violation of a unique index, by its name, into InvalidInput (ALREADY_TAKEN) at that field.

    Only the index settles a race for a name, so nothing is looked up first.
    """
    try:
        yield
    except DBAPIError as error:
        field = fields.get(_constraint(error)) if sqlstate(error) == "23505" else None
        if field is None:
            raise
        raise InvalidInput("Another has this already.", path=(field,), code="ALREADY_TAKEN") from error


def _constraint(error: DBAPIError) -> str:
    cause: Any = error.orig
    while cause is not None and not getattr(cause, "constraint_name", None):
        cause = cause.__cause__
    return str(cause.constraint_name) if cause is not None else ""
