"""What the fields of price lists, taxes and delivery methods must look like. Each raises InvalidInput at its path."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.channels.queries import channels_by_ids, locations_by_ids
from app.customers.queries import customer_groups_by_ids
from app.identity import fields
from app.identity.access import reaches
from app.identity.errors import BeyondReach
from app.identity.principal import Actor
from app.platform.db import Reader
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.texts import LOCALES

MOST_NAMED: Final = 1_000
"""The most channels, locations, groups, countries or regions that one thing names."""

KNOWN: Final = {
    "channel_ids": ("channelIds", channels_by_ids, "channel"),
    "location_ids": ("locationIds", locations_by_ids, "location"),
    "customer_group_ids": ("customerGroupIds", customer_groups_by_ids, "customer group"),
}


def localized(value: object, path: Path) -> dict[str, str]:
    """Texts by language, at least one, each of 1 to 200 characters. Raises InvalidInput: REQUIRED, UNKNOWN_LOCALE, …"""
    if not isinstance(value, Mapping) or not value:
        raise InvalidInput("A text in at least one language is needed.", path=path, code="REQUIRED")
    for locale in value:
        if locale not in LOCALES:
            known = ", ".join(LOCALES)
            raise InvalidInput(f"The shop's languages are {known}.", path=path, code="UNKNOWN_LOCALE")
    return {locale: fields.text(value[locale], path) for locale in LOCALES if locale in value}


def optional_moment(value: object, path: Path) -> datetime | None:
    """A time, or None."""
    if value is None or (isinstance(value, datetime) and value.tzinfo is not None):
        return value
    raise InvalidInput("This must be a time with its zone.", path=path, code="INVALID_TIME")


def optional_ids(value: object, path: Path) -> list[UUID] | None:
    """Ids without repeats in their order, or None for any. Raises InvalidInput: TOO_MANY."""
    if value is None:
        return None
    if not isinstance(value, Sequence):
        raise InvalidInput("These must be ids.", path=path, code="INVALID_ID")
    fields.at_most(value, MOST_NAMED, path)
    return list(dict.fromkeys(value))


async def check_named(db: Reader, values: Mapping[str, Any]) -> None:
    """Raises NotFound for each channel, location and customer group among these that there is not."""
    refusals: list[Refusal] = []
    for column, (field, by_ids, what) in KNOWN.items():
        wanted = values.get(column) or ()
        known = await by_ids(db, wanted) if wanted else {}
        refusals += [
            NotFound(f"There is no such {what}.", path=(field, str(place)))
            for place, key in enumerate(wanted)
            if key not in known
        ]
    collect(refusals)


def check_reach(actor: Actor, values: Mapping[str, Any], path: Path = ()) -> None:
    """Raises BeyondReach where these channels and locations (None: all) are not all the caller's."""
    places = {"channel_ids": values.get("channel_ids"), "location_ids": values.get("location_ids")}
    if not reaches(actor.principal, **places):
        raise BeyondReach("prices", path=path)


def check_window(values: Mapping[str, Any]) -> None:
    """Raises InvalidInput where `ends_at` is not after `starts_at`."""
    starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidInput("It ends after it starts.", path=("endsAt",), code="ENDS_BEFORE_IT_STARTS")
