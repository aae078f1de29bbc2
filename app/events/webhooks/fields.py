"""What a webhook must look like. Each check raises InvalidInput at the field's path."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.outbox import Action, Topic
from app.events.webhooks.tables import channel_known, location_known
from app.platform.db import Reader
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.outbound.address import Allowed, Unfit, target_of
from app.platform.texts import is_blank

LONGEST_NAME: Final = 200
LONGEST_DOCUMENT: Final = 20_000
MOST_PLACES: Final = 100

Check = Callable[[str], str | None]
"""Says what is wrong with a GraphQL document that is to shape what is sent; None when nothing is."""


class Fields(TypedDict, total=False):
    """What may be written of a webhook; what is left out stays. Of the filter, None is all."""

    name: str
    url: str
    topics: Sequence[Topic] | None
    actions: Sequence[Action] | None
    channel_ids: Sequence[UUID] | None
    location_ids: Sequence[UUID] | None
    document: str | None


async def checked(db: Reader, given: Fields, *, allowed: Allowed, check: Check) -> dict[str, Any]:
    """The columns to write. Raises InvalidInput, NotFound, several at once."""
    refusals: list[Refusal] = []
    found: dict[str, Any] = {}
    checks: Mapping[str, Callable[[Any], Any]] = {
        "name": _name,
        "url": lambda url: _url(url, allowed),
        "topics": lambda some: _names(some, "topics"),
        "actions": lambda some: _names(some, "actions"),
        "channel_ids": lambda some: _places(some, ("channelIds",)),
        "location_ids": lambda some: _places(some, ("locationIds",)),
        "document": lambda document: _document(document, check),
    }
    for column, look in checks.items():
        if column in given:
            try:
                found[column] = look(given[column])  # type: ignore[literal-required]
            except Refusal as refusal:
                refusals.append(refusal)
    for column, path, table in (
        ("channel_ids", "channelIds", channel_known),
        ("location_ids", "locationIds", location_known),
    ):
        if found.get(column):
            known = select(table.c.id).where(table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
            there = {row.id for row in await db.rows(known, {"ids": found[column]})}
            refusals += [
                NotFound("There is no such place.", path=(path, str(index)))
                for index, key in enumerate(found[column])
                if key not in there
            ]
    collect(refusals)
    return found


def _name(value: str | None) -> str:
    kept = unicodedata.normalize("NFC", value or "").strip()
    if is_blank(kept):
        raise InvalidInput("This must not be empty.", path=("name",), code="REQUIRED")
    if len(kept) > LONGEST_NAME:
        raise InvalidInput(f"At most {LONGEST_NAME} characters.", path=("name",), code="TOO_LONG")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in kept):
        raise InvalidInput("Control characters are not allowed.", path=("name",), code="INVALID_TEXT")
    return kept


def _url(value: str | None, allowed: Allowed) -> str:
    try:
        target_of(value or "", allowed)
    except Unfit as error:
        raise InvalidInput(f"Nothing is sent to this address: {error}.", path=("url",), code="INVALID_URL") from error
    return value or ""


def _names(values: Sequence[Topic | Action] | None, path: str) -> list[str] | None:
    if values is None:
        return None
    if not values:
        raise InvalidInput("Name at least one, or leave it out for all.", path=(path,), code="REQUIRED")
    return sorted({each.value for each in values})


def _places(values: Sequence[UUID] | None, path: Path) -> list[UUID] | None:
    if values is None:
        return None
    if not values:
        raise InvalidInput("Name at least one, or leave it out for all.", path=path, code="REQUIRED")
    if len(values) > MOST_PLACES:
        raise InvalidInput(f"At most {MOST_PLACES}.", path=path, code="TOO_MANY")
    return list(dict.fromkeys(values))


def _document(value: str | None, check: Check) -> str | None:
    if value is None or not value.strip():
        return None
    if len(value) > LONGEST_DOCUMENT:
        raise InvalidInput(f"At most {LONGEST_DOCUMENT} characters.", path=("document",), code="TOO_LONG")
    wrong = check(value)
    if wrong is not None:
        raise InvalidInput(wrong, path=("document",), code="INVALID_DOCUMENT")
    return value
