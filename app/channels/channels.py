"""Channels: creating and changing where shoppers meet the shop."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update

from app.channels.queries import locations_by_ids
from app.channels.tables import channel, channel_location
from app.events.outbox import emit_settings
from app.identity import fields
from app.identity.access import reaches
from app.identity.errors import BeyondReach
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, check_version
from app.platform.ids import new_id
from app.platform.money import is_currency
from app.platform.texts import LOCALES

KINDS: Final = frozenset({"POS", "WEB", "APP", "SOCIAL", "CHAT", "PHONE", "MARKETPLACE", "KIOSK", "OTHER"})
UNIQUE: Final = {
    "uq_channel_code": "code",
    "uq_channel_order_prefix": "orderPrefix",
    "uq_channel_is_default": "isDefault",
}
REQUIRED: Final = frozenset({"name", "kind", "country", "prices_include_tax", "order_prefix"})
MOST_LOCATIONS: Final = 1_000
WEEK_MINUTES: Final = 7 * 24 * 60
_PREFIX: Final = re.compile(r"[A-Z][A-Z0-9]{0,7}", re.ASCII)

INSERT: Final = insert(channel)
# With the default channel, which one of them may replace.
LOCK: Final = (
    select(channel)
    .where(or_(channel.c.id == bindparam("channel_id"), channel.c.is_default))
    .order_by(channel.c.id)
    .with_for_update()
)
# Held before the rows: who waits for the default's row would not see which one became it meanwhile.
CHANGE_DEFAULT: Final = select(func.pg_advisory_xact_lock(7_346_001))
UPDATE: Final = update(channel).where(channel.c.id == bindparam("channel_id"))
UNSET_DEFAULT: Final = (
    update(channel)
    .where(channel.c.is_default, channel.c.id != bindparam("channel_id"))
    .values(is_default=False, version=channel.c.version + 1, updated_at=bindparam("now"))
)
UNLINK: Final = delete(channel_location).where(channel_location.c.channel_id == bindparam("channel_id"))
LINKED: Final = select(channel_location.c.location_id).where(channel_location.c.channel_id == bindparam("channel_id"))
LINK: Final = insert(channel_location)


class ChannelFields(TypedDict, total=False):
    """What may be written of a channel; what is left out stays, or gets the table's default.

    `low_stock` in thousandths, `cash_rounding` in minor units of the currency.
    """

    name: str
    kind: str
    country: str
    region: str | None
    locale: str
    prices_include_tax: bool
    order_prefix: str
    hold_minutes: int
    price_promise_minutes: int
    cart_days: int
    ignores_safety_stock: bool
    shows_quantities: bool
    low_stock: int
    cash_rounding: int
    is_default: bool
    active: bool


async def create(tx: Tx, actor: Actor, *, code: str, currency: str, given: ChannelFields) -> UUID:
    """Open a channel; the shop's first is its default. Code and currency are for ever.

    Raises InvalidInput, BeyondReach for a caller who does not work everywhere.
    """
    if not reaches(actor.principal, location_ids=actor.principal.location_ids, channel_ids=None):
        raise BeyondReach("channels")
    channel_id = new_id()
    row: dict[str, Any] = {"id": channel_id, "code": fields.code(code, ("code",))}
    row |= fields.checked(given, CHECKS, required=REQUIRED)
    if not is_currency(currency):
        raise InvalidInput("This is not an ISO 4217 code.", path=("currency",), code="UNKNOWN_CURRENCY")
    row["currency"] = currency
    await tx.execute(CHANGE_DEFAULT)
    others = await tx.rows(LOCK, {"channel_id": channel_id})
    if not others:
        row["is_default"] = True
    _check_default(row.get("is_default", False), row.get("active", True))
    with fields.unique(UNIQUE):
        if row.get("is_default"):
            await tx.execute(UNSET_DEFAULT, {"channel_id": channel_id, "now": actor.now})
        await tx.execute(INSERT, row | {"created_at": actor.now, "updated_at": actor.now})
    return channel_id


async def update_channel(
    tx: Tx, actor: Actor, *, channel_id: UUID, given: ChannelFields, expected_version: int | None = None
) -> UUID:
    """Change, close or reopen a channel, or make it the default.

    Raises NotFound, VersionConflict, InvalidInput (ALREADY_TAKEN, DEFAULT_CHANNEL, …).
    """
    written = fields.checked(given, CHECKS)
    if written.get("is_default"):
        await tx.execute(CHANGE_DEFAULT)
    found = await _lock(tx, actor, channel_id, expected_version)
    if found.is_default and not written.get("is_default", True):
        raise InvalidInput("Make another channel the default instead.", path=("isDefault",), code="DEFAULT_CHANNEL")
    _check_default(written.get("is_default", found.is_default), written.get("active", found.active))
    if written.get("is_default") and not found.is_default:
        if not reaches(actor.principal, location_ids=actor.principal.location_ids, channel_ids=None):
            raise BeyondReach("channels", path=("isDefault",))
        await tx.execute(UNSET_DEFAULT, {"channel_id": channel_id, "now": actor.now})
    with fields.unique(UNIQUE):
        await tx.execute(
            UPDATE.values(**written, version=channel.c.version + 1, updated_at=actor.now), {"channel_id": channel_id}
        )
    return channel_id


async def set_locations(
    tx: Tx, actor: Actor, *, channel_id: UUID, location_ids: Sequence[UUID], expected_version: int | None = None
) -> UUID:
    """Sell from these locations and no others, the first preferred.

    Raises NotFound (for a location that is added or taken away and not the caller's, too), VersionConflict,
    InvalidInput (TOO_MANY, REPEATED).
    """
    fields.at_most(location_ids, MOST_LOCATIONS, ("locationIds",))
    if len(set(location_ids)) < len(location_ids):
        raise InvalidInput("A location is named twice.", path=("locationIds",), code="REPEATED")
    found = await _lock(tx, actor, channel_id, expected_version)
    before = {row.location_id for row in await tx.rows(LINKED, {"channel_id": channel_id})}
    known = await locations_by_ids(tx, location_ids)
    for index, location_id in enumerate(location_ids):
        if location_id not in known or not (location_id in before or actor.principal.works_at(location_id)):
            raise NotFound("There is no such location.", path=("locationIds", str(index)))
    if not all(actor.principal.works_at(location_id) for location_id in before - set(location_ids)):
        raise BeyondReach("locations", path=("locationIds",))
    await tx.execute(UNLINK, {"channel_id": channel_id})
    await tx.many(
        LINK,
        [
            {"channel_id": channel_id, "location_id": location_id, "priority": priority}
            for priority, location_id in enumerate(location_ids)
        ],
    )
    await tx.execute(UPDATE.values(version=channel.c.version + 1, updated_at=actor.now), {"channel_id": channel_id})
    await emit_settings(tx, [(channel_id, found.version + 1)])
    return channel_id


async def _lock(tx: Tx, actor: Actor, channel_id: UUID, expected_version: int | None) -> Row[Any]:
    found = {row.id: row for row in await tx.rows(LOCK, {"channel_id": channel_id})}.get(channel_id)
    if found is None or not actor.principal.works_in(channel_id):
        raise NotFound("There is no such channel.", path=("channelId",))
    check_version(expected_version, found.version, "Channel", channel_id)
    return found


def _check_default(is_default: bool, active: bool) -> None:
    if is_default and not active:
        raise InvalidInput("The default channel must be active.", path=("active",), code="DEFAULT_CHANNEL")


def _order_prefix(value: object, path: Path) -> str:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        return value
    raise InvalidInput("1 to 8 of A-Z and 0-9, a letter first.", path=path, code="INVALID_CODE")


CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "kind": ("kind", partial(fields.one_of, choices=KINDS)),
    "country": ("country", fields.country),
    "region": ("region", fields.region),
    "locale": ("locale", partial(fields.one_of, choices=LOCALES)),
    "prices_include_tax": ("pricesIncludeTax", fields.flag),
    "order_prefix": ("orderPrefix", _order_prefix),
    "hold_minutes": ("holdMinutes", partial(fields.whole, least=1, most=WEEK_MINUTES)),
    "price_promise_minutes": ("pricePromiseMinutes", partial(fields.whole, least=0, most=WEEK_MINUTES)),
    "cart_days": ("cartDays", partial(fields.whole, least=1, most=365)),
    "ignores_safety_stock": ("ignoresSafetyStock", fields.flag),
    "shows_quantities": ("showsQuantities", fields.flag),
    "low_stock": ("lowStock", partial(fields.whole, least=0, most=10**12)),
    "cash_rounding": ("cashRounding", partial(fields.whole, least=1, most=10**6)),
    "is_default": ("isDefault", fields.flag),
    "active": ("active", fields.flag),
}
