"""The options that a shopper is offered, and what each costs for what is sent, where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, select

from app.delivery.rates import ShipRule, ShipTier, ship_price
from app.delivery.tables import delivery_method
from app.platform.db import Reader
from app.pricing.quotes import tax_rates
from app.pricing.tax import TaxRate, convert_side, region_key

ACTIVE = (
    select(delivery_method)
    .where(delivery_method.c.active, delivery_method.c.method == bindparam("method"))
    .order_by(delivery_method.c.position, delivery_method.c.code)
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: grams, and what the goods cost the shopper in minor units, as the channel shows prices."""

    weight_grams: int
    goods_total: int


@dataclass(frozen=True, slots=True)
class Option:
    """An option with its price in minor units, as the channel shows prices."""

    code: str
    name: Mapping[str, str]
    method: str
    price: int
    rates: tuple[TaxRate, ...]
    min_days: int | None
    max_days: int | None


async def options_for(
    db: Reader, *, channel: Row[Any], method: str, parcel: Parcel, place: tuple[str, str | None], moment: datetime
) -> list[Option]:
    """The options of SHIP or PICKUP for a parcel that goes to this country and region, in the shop's order."""
    rows = [row for row in await db.rows(ACTIVE, {"method": method}) if _reaches(row, channel, place)]
    taxes = await tax_rates(db, [row.tax_class_id for row in rows], country=place[0], region=place[1], moment=moment)
    found = []
    for row in rows:
        price = ship_price(_rule(row), parcel.weight_grams, parcel.goods_total)
        if price is not None:
            rates = taxes[row.tax_class_id]
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


def _reaches(row: Row[Any], channel: Row[Any], place: tuple[str, str | None]) -> bool:
    country, region = place
    channel_ids: list[UUID] | None = row.channel_ids
    return (
        row.currency == channel.currency
        and (channel_ids is None or channel.id in channel_ids)
        and (row.countries is None or country in row.countries)
        and (row.regions is None or region_key(country, region) in {region_key(country, each) for each in row.regions})
    )


def _rule(row: Row[Any]) -> ShipRule:
    return ShipRule(
        rated_by=row.rated_by,
        tiers=tuple(msgspec.convert(row.tiers, list[ShipTier])),
        free_from=row.free_from,
        max_weight_grams=row.max_weight_grams,
    )
