"""What an export is asked for: filters by name, as an address or a command line says them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Row

from app.browse.slugs import ids_of_slugs
from app.catalog.queries import categories_by_slugs
from app.channels.queries import channels_by_codes, locations_by_codes
from app.customers.queries import all_customer_groups
from app.identity.principal import Principal
from app.platform import ids
from app.platform.db import Reader
from app.platform.errors import InvalidInput, NotFound
from app.platform.texts import LOCALES

What = Literal["products", "stock", "orders", "customers"]
Form = Literal["csv", "jsonl"]

MOST_NAMED: Final = 100
"""Values of one filter."""
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)

FILTERS: Final[Mapping[What, tuple[str, ...]]] = {
    "products": ("status", "category", "channel", "location", "locale", "updatedFrom", "updatedTo"),
    "stock": ("location", "updatedFrom", "updatedTo"),
    "orders": (
        *("status", "channel", "location", "customerId"),
        *("placedFrom", "placedTo", "updatedFrom", "updatedTo"),
    ),
    "customers": ("group", "updatedFrom", "updatedTo"),
}
NEEDS: Final[Mapping[What, str]] = {
    "products": "catalog.read",
    "stock": "stock.read",
    "orders": "orders.read",
    "customers": "customers.read",
}
"""The permission that each export needs."""
_STATUSES: Final[Mapping[What, frozenset[str]]] = {
    "products": frozenset({"DRAFT", "ACTIVE", "ARCHIVED"}),
    "orders": frozenset({"OPEN", "COMPLETED", "CANCELLED"}),
}
# Of these only one may be named.
_SINGLE: Final = frozenset({"locale", "customerId", "placedFrom", "placedTo", "updatedFrom", "updatedTo"})
_SINGLE_OF_PRODUCTS: Final = frozenset({"location", "channel"})


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks, in which channel and when; which ones, None being any. `channel` is the request's row."""

    principal: Principal
    channel: Row[Any]
    moment: datetime
    locale: str
    base_url: str = ""
    statuses: tuple[str, ...] | None = None
    category_ids: tuple[UUID, ...] | None = None
    channel_ids: tuple[UUID, ...] | None = None
    location_ids: tuple[UUID, ...] | None = None
    group_ids: tuple[UUID, ...] | None = None
    customer_id: UUID | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None


async def asked(
    db: Reader,
    what: What,
    filters: Iterable[tuple[str, str]],
    *,
    principal: Principal,
    channel: Row[Any],
    moment: datetime,
    base_url: str = "",
) -> Asked:
    """What these filters mean. A name that comes again means any of its values.

    Raises Forbidden; InvalidInput (UNKNOWN_FILTER, UNKNOWN_VALUE, TOO_MANY) or NotFound, at the filter's name.
    """
    given = _given(what, filters)
    found: dict[str, Any] = {}
    for name, values in given.items():
        field, read = _READERS[name]
        found[field] = await read(db, what, name, values)
    locale = found.pop("locale", None) or (channel.locale if channel.locale in LOCALES else LOCALES[0])
    if what == "products" and (places := found.get("location_ids")):
        # It adds what is in stock there.
        principal.require("stock.read")
        if not principal.works_at(places[0]):
            raise NotFound("There is no such location.", path=("location",))
    return Asked(principal=principal, channel=channel, moment=moment, locale=locale, base_url=base_url, **found)


def _given(what: What, filters: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in filters:
        if name not in FILTERS[what]:
            message = f"{name[:40]!r} is no filter of {what}; there are: {', '.join(FILTERS[what])}."
            raise InvalidInput(message, path=(name[:40],), code="UNKNOWN_FILTER")
        if "\0" in value:
            raise InvalidInput(f"`{name}` holds a NUL.", path=(name,), code="UNKNOWN_VALUE")
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        single = name in _SINGLE or (what == "products" and name in _SINGLE_OF_PRODUCTS)
        if len(values) > (1 if single else MOST_NAMED):
            message = f"`{name}` is given once." if single else f"`{name}` is given at most {MOST_NAMED} times."
            raise InvalidInput(message, path=(name,), code="TOO_MANY")
    return given


async def _status(_: Reader, what: What, name: str, values: list[str]) -> tuple[str, ...]:
    words = [value.upper() for value in values]
    for word in words:
        if word not in _STATUSES[what]:
            raise _unknown(name, f"one of {', '.join(sorted(_STATUSES[what]))}")
    return tuple(words)


async def _moment(_: Reader, __: What, name: str, values: list[str]) -> datetime:
    try:
        moment = datetime.fromisoformat(values[0])
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise _unknown(name, "a time with its zone, such as 2026-05-17T09:30:00Z")
    if not EARLIEST < moment < LATEST:
        raise _unknown(name, "a time of our era")
    return moment.astimezone(UTC)


async def _locale(_: Reader, __: What, name: str, values: list[str]) -> str:
    if values[0] not in LOCALES:
        raise _unknown(name, f"one of {', '.join(LOCALES)}")
    return values[0]


async def _customer(_: Reader, __: What, name: str, values: list[str]) -> UUID:
    key = ids.decode("Customer", values[0])
    if key is None:
        raise _unknown(name, "the id of a Customer")
    return key


async def _coded(
    find: Callable[[Reader, Collection[str]], Any], kind: str, db: Reader, _: What, name: str, values: list[str]
) -> tuple[UUID, ...]:
    found = await find(db, values)
    for value in values:
        if value not in found:
            raise NotFound(f"There is no {kind} {value[:40]!r}.", path=(name,))
    return tuple(found[value].id for value in values)


async def _groups(db: Reader, _: Collection[str]) -> dict[str, Row[Any]]:
    return {row.code: row for row in await all_customer_groups(db)}


async def _categories(db: Reader, __: What, name: str, values: list[str]) -> tuple[UUID, ...]:
    known = await categories_by_slugs(db, values)
    for value in values:
        if value not in known:
            raise NotFound(f"There is no category {value[:40]!r}.", path=(name,))
    with_descendants, _ = await ids_of_slugs(db, categories=values, collections=None)
    return with_descendants or ()


def _unknown(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(f"`{name}` must be {wanted}.", path=(name,), code="UNKNOWN_VALUE")


_READERS: Final[Mapping[str, tuple[str, Callable[[Reader, What, str, list[str]], Any]]]] = {
    "status": ("statuses", _status),
    "category": ("category_ids", _categories),
    "channel": ("channel_ids", partial(_coded, channels_by_codes, "channel")),
    "location": ("location_ids", partial(_coded, locations_by_codes, "location")),
    "group": ("group_ids", partial(_coded, _groups, "customer group")),
    "customerId": ("customer_id", _customer),
    "placedFrom": ("placed_from", _moment),
    "placedTo": ("placed_to", _moment),
    "updatedFrom": ("updated_from", _moment),
    "updatedTo": ("updated_to", _moment),
    "locale": ("locale", _locale),
}
