"""Through which channel and with which reach a caller looks at records: those of one view get the same files."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Row, Text, Uuid, and_, any_, bindparam, or_
from sqlalchemy.dialects.postgresql import ARRAY

from app.channels.queries import locations_by_ids, locations_of_channel
from app.identity.principal import Principal
from app.platform import money
from app.platform.db import Reader
from app.pricing.frame import tax_frame

EVERYTHING: Final = bindparam("everything", type_=Boolean)
_reach_locations: Final = bindparam("reach_locations", type_=ARRAY(Uuid))
_reach_channels: Final = bindparam("reach_channels", type_=ARRAY(Uuid))


@dataclass(frozen=True, slots=True)
class View:
    """`channel`: its row. `places`: rows of the locations that it sells from. `till`: of the one that a till stands at.

    `everything`: drafts, archived and unpublished things too. `tells_quantities`: of what is available, also where the
    channel tells shoppers a status only. `location_ids`, `channel_ids`: whose stock, registers, carts and orders; None:
    all. `till_taxes_differ`: from what is due where the channel is.
    """

    channel: Row[Any]
    moment: datetime
    places: tuple[Row[Any], ...]
    till: Row[Any] | None = None
    everything: bool = False
    tells_quantities: bool = True
    location_ids: frozenset[UUID] | None = frozenset()
    channel_ids: frozenset[UUID] | None = frozenset()
    till_taxes_differ: bool = False

    @property
    def tax_place(self) -> tuple[str, str | None]:
        """Where tax is due: at the till, else where the channel is."""
        of = self.till or self.channel
        return of.country, of.region

    @property
    def unit(self) -> Decimal:
        """One minor unit of the channel's currency."""
        return money.unit(self.channel.currency)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements of sources take."""
        return {
            "channel_id": self.channel.id,
            "moment": self.moment,
            "everything": self.everything,
            "currency": self.channel.currency,
            "unit": self.unit,
            "shows_tax": self.channel.prices_include_tax,
            "tells_quantities": self.tells_quantities,
            "ignores_safety_stock": self.channel.ignores_safety_stock,
            "low_stock": self.channel.low_stock,
            "place_ids": [place.id for place in self.places],
            "place_pickups": [place.offers_pickup for place in self.places],
            "till_id": self.till.id if self.till is not None else None,
            "till_taxes_differ": self.till_taxes_differ,
            "reach_locations": _listed(self.location_ids),
            "reach_channels": _listed(self.channel_ids),
        }


async def view_of(db: Reader, principal: Principal, channel: Row[Any], moment: datetime) -> View:
    """What this caller sees through this channel. `moment` is taken after what is looked for was told of.

    At most three statements.
    """
    till = None
    if principal.register_id is not None and principal.location_ids:
        (location_id,) = principal.location_ids
        till = (await locations_by_ids(db, [location_id]))[location_id]
    return View(
        channel=channel,
        moment=moment,
        places=tuple(await locations_of_channel(db, channel.id)),
        till=till,
        everything=principal.may("catalog.read"),
        tells_quantities=channel.shows_quantities or principal.kind in ("staff", "device"),
        location_ids=principal.location_ids,
        channel_ids=principal.channel_ids,
        till_taxes_differ=till is not None and await _taxes_differ(db, till, channel, moment),
    )


async def _taxes_differ(db: Reader, till: Row[Any], channel: Row[Any], moment: datetime) -> bool:
    """Whether any class has other rates at the till than the channel has, now or from another moment on."""
    here, there = (till.country, till.region), (channel.country, channel.region)
    if here == there:
        return False
    frame = await tax_frame(db, [here[0], there[0]])
    classes = {rate.tax_class_id for rate in frame.rates}
    return any(frame.taxation(each, here, moment) != frame.taxation(each, there, moment) for each in classes)


def at_reach(location: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column's location is the caller's; none is where the caller works everywhere."""
    return or_(_reach_locations.is_(None), location == any_(_reach_locations))


def in_reach(channel: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column's channel is the caller's."""
    return or_(_reach_channels.is_(None), channel == any_(_reach_channels))


def bound_to(location: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the caller is bound to locations, and this is one of them."""
    return and_(_reach_locations.is_not(None), location == any_(_reach_locations))


def text_parameter(name: str) -> ColumnElement[str]:
    """A view's parameter of type text."""
    return bindparam(name, type_=Text)


def _listed(ids: frozenset[UUID] | None) -> list[UUID] | None:
    return None if ids is None else sorted(ids)
