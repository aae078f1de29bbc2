"""What an import is told besides its file: where stock goes, which list has its prices, which channels sell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row

from app.channels.queries import (
    NoChannel,
    all_channels,
    channels_by_codes,
    default_channel,
    locations_by_codes,
    locations_by_ids,
    locations_of_channel,
)
from app.identity.fields import at_most
from app.identity.principal import Actor
from app.platform.db import Reader
from app.platform.errors import InvalidInput, NotFound, Refusal, collect
from app.platform.texts import DEFAULT_LOCALE, LOCALES
from app.pricing.checks import check_reach
from app.pricing.queries import base_price_list, price_lists_by_codes, price_lists_by_ids

MOST_CHANNELS = 100
NEEDED = ("catalog.write", "prices.write", "stock.write")
"""What the caller of an import must be allowed."""

Inventory = Literal["once", "set"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """`inventory` once: only a variant whose stock nobody has told yet gets the file's; set: every variant does.

    `source` is what stock movements refer to, such as the file's name. `dry_run`: tell everything, write nothing.
    """

    location_id: UUID
    price_list_id: UUID
    currency: str
    channel_ids: tuple[UUID, ...]
    locale: str
    inventory: Inventory = "once"
    dry_run: bool = False
    source: str = "import"


async def plan_import(
    db: Reader,
    actor: Actor,
    *,
    location: UUID | str | None = None,
    price_list: UUID | str | None = None,
    channels: Sequence[str] | None = None,
    locale: str | None = None,
    inventory: Inventory = "once",
    dry_run: bool = False,
    source: str = "import",
) -> ImportPlan:
    """Look up what is named, locations and lists by id or code, channels by code; left out, it is the shop's own.

    That is: the location that ships first for the default channel, the base list of that channel's currency, all active
    channels, that channel's language. Raises NotFound; BeyondReach for a list, NotFound for a location that is not the
    caller's; InvalidInput: NO_CHANNEL, NO_LOCATION, NO_PRICE_LIST, UNKNOWN_LOCALE, TOO_MANY.
    """
    try:
        own = await default_channel(db)
    except NoChannel:
        raise InvalidInput("The shop has no channel yet: make one first.", code="NO_CHANNEL") from None
    place = await _location(db, own.id, location)
    if place is None or not actor.principal.works_at(place.id):
        if location is None and place is None:
            raise InvalidInput("The shop has no location for stock: name one.", path=("location",), code="NO_LOCATION")
        raise NotFound(f"There is no such location{_named(location)}.", path=("location",))
    prices = await _price_list(db, own.currency, price_list)
    check_reach(actor, dict(prices._mapping), ("priceList",))
    if locale is not None and locale not in LOCALES:
        message = f"The shop has no such language; it has {', '.join(LOCALES)}."
        raise InvalidInput(message, path=("locale",), code="UNKNOWN_LOCALE")
    return ImportPlan(
        location_id=place.id,
        price_list_id=prices.id,
        currency=prices.currency,
        channel_ids=await _channels(db, channels),
        locale=locale or (own.locale if own.locale in LOCALES else DEFAULT_LOCALE),
        inventory=inventory,
        dry_run=dry_run,
        source=source,
    )


async def _location(db: Reader, channel_id: UUID, named: UUID | str | None) -> Row[Any] | None:
    if named is None:
        return next(iter(await locations_of_channel(db, channel_id)), None)
    if isinstance(named, UUID):
        return (await locations_by_ids(db, [named])).get(named)
    return (await locations_by_codes(db, [named])).get(named) if "\0" not in named else None


async def _price_list(db: Reader, currency: str, named: UUID | str | None) -> Row[Any]:
    if named is None:
        found = await base_price_list(db, currency)
        if found is None:
            message = f"There is no base price list for {currency}: make one, or name another list."
            raise InvalidInput(message, path=("priceList",), code="NO_PRICE_LIST")
        return found
    if isinstance(named, UUID):
        found = (await price_lists_by_ids(db, [named])).get(named)
    else:
        found = (await price_lists_by_codes(db, [named])).get(named) if "\0" not in named else None
    if found is None:
        raise NotFound(f"There is no such price list{_named(named)}.", path=("priceList",))
    return found


def _named(code: object) -> str:
    return f": “{code}”" if isinstance(code, str) else ""


async def _channels(db: Reader, codes: Sequence[str] | None) -> tuple[UUID, ...]:
    if codes is None:
        return tuple(row.id for row in await all_channels(db) if row.active)
    at_most(codes, MOST_CHANNELS, ("channels",))
    found = await channels_by_codes(db, [code for code in codes if "\0" not in code])
    unknown: list[Refusal] = [
        NotFound(f"There is no channel “{code}”.", path=("channels", str(place)))
        for place, code in enumerate(codes)
        if code not in found
    ]
    collect(unknown)
    return tuple(dict.fromkeys(found[code].id for code in codes))
