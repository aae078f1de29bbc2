"""The options that a shopper is offered, and what each costs for what is sent, where it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from app.delivery.rates import rule_of, ship_price
from app.delivery.tables import delivery_method
from app.platform.db import Reader
from app.pricing.frame import Frame, Place
from app.pricing.tax import TaxRate, convert_side, region_key

ACTIVE = (
    select(delivery_method).where(delivery_method.c.active).order_by(delivery_method.c.position, delivery_method.c.code)
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: grams, and what the goods cost the shopper in minor units, as the channel shows prices."""

    weight_grams: int
    goods_total: int


@dataclass(frozen=True, slots=True)
class Option:
    """An option with its price in minor units, as the channel shows prices. Days count from the order on."""

    code: str
    name: Mapping[str, str]
    method: str
    price: int
    rates: tuple[TaxRate, ...]
    min_days: int | None
    max_days: int | None


async def delivery_methods(db: Reader) -> Sequence[Row[Any]]:
    """The shop's active delivery methods, in its order."""
    return await db.rows(ACTIVE)


def options_for(
    methods: Sequence[Row[Any]],
    *,
    frame: Frame,
    channel: Row[Any],
    method: str,
    parcel: Parcel,
    place: Place,
    moment: datetime,
) -> list[Option]:
    """The options of SHIP or PICKUP for a parcel, in the shop's order.

    `methods`: as `delivery_methods` reads them. `place`: the country and region where the goods are handed over;
    `frame` must know its taxes.
    """
    found = []
    for row in methods:
        if row.method != method or not _reaches(row, channel, place):
            continue
        price = ship_price(rule_of(row._asdict()), parcel.weight_grams, parcel.goods_total)
        if price is None:
            continue
        rates, _ = frame.taxation(row.tax_class_id, place, moment)
        shown, _ = convert_side(price, row.includes_tax, channel.prices_include_tax, rates)
        found.append(
            Option(
                code=row.code,
                name=row.name,
                method=row.method,
                price=shown,
                rates=rates,
                min_days=row.min_days,
                max_days=row.max_days,
            )
        )
    return found


def _reaches(row: Row[Any], channel: Row[Any], place: Place) -> bool:
    country, region = place
    channel_ids: list[UUID] | None = row.channel_ids
    return (
        row.currency == channel.currency
        and (channel_ids is None or channel.id in channel_ids)
        and (row.countries is None or country in row.countries)
        and (row.regions is None or region_key(country, region) in {region_key(country, each) for each in row.regions})
    )
