"""Asking for prices: what variants cost in a channel at a moment, read from the database and worked out by `price`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from app.platform.db import Reader
from app.pricing.frame import Frame, Place, frame_of, prices_of_variants, tax_frame
from app.pricing.price import PriceRequest, PriceRow, price, shown
from app.pricing.reasons import PriceStep
from app.pricing.tax import TaxRate

# An explanation also tells of prices that ended so recently.
_REMEMBERED: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ask:
    """A variant, how many thousandths of its unit, and its tax class; None: the shop's default class."""

    variant_id: UUID
    quantity_milli: int
    tax_class_id: UUID | None


@dataclass(frozen=True, slots=True)
class VariantQuote:
    """What one unit costs, in minor units of the channel's currency.

    `unit` and `compare_at` (the price before reductions, if there are any) are as the channel shows prices, with tax or
    without. Until just before `valid_until` nothing in it but `explanation` changes; None: as far as is known.
    """

    unit: int
    unit_net: int
    unit_gross: int
    compare_at: int | None
    price_list_id: UUID
    rates: tuple[TaxRate, ...]
    valid_until: datetime | None
    explanation: tuple[PriceStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Buyer:
    """Where prices are asked for, and by whom: all that a price depends on but the variant and its quantity."""

    channel_id: UUID
    currency: str
    shows_tax: bool
    place: Place
    moment: datetime
    location_id: UUID | None = None
    customer_group_ids: frozenset[UUID] = frozenset()


async def quote_variants(
    db: Reader,
    asks: Sequence[Ask],
    *,
    channel: Row[Any],
    moment: datetime,
    location_id: UUID | None = None,
    customer_group_ids: frozenset[UUID] = frozenset(),
    country: str | None = None,
    region: str | None = None,
    explain: bool = False,
) -> list[VariantQuote | None]:
    """The quote of each ask, in their order; None where there is no price. Three statements for any number of asks.

    `channel`: its row. `country` and `region`: where tax is due, the channel's own where no country is named.
    """
    if not asks:
        return []
    place: Place = (channel.country, channel.region) if country is None else (country, region)
    buyer = Buyer(
        channel_id=channel.id,
        currency=channel.currency,
        shows_tax=channel.prices_include_tax,
        place=place,
        moment=moment,
        location_id=location_id,
        customer_group_ids=customer_group_ids,
    )
    frame = await frame_of(db, currencies=[channel.currency], countries=[place[0]], inactive=explain)
    since = moment - _REMEMBERED if explain else moment
    rows = await prices_of_variants(db, {ask.variant_id for ask in asks}, currencies=[channel.currency], since=since)
    return [quote_one(frame, rows[ask.variant_id], ask, buyer, explain=explain) for ask in asks]


def quote_one(
    frame: Frame, rows: Sequence[PriceRow], ask: Ask, buyer: Buyer, *, explain: bool = False
) -> VariantQuote | None:
    """The quote of one ask from what was read: `rows` are the variant's prices."""
    rates, rates_until = frame.taxation(ask.tax_class_id, buyer.place, buyer.moment)
    request = PriceRequest(
        variant_id=ask.variant_id,
        currency=buyer.currency,
        moment=buyer.moment,
        channel_id=buyer.channel_id,
        quantity_milli=ask.quantity_milli,
        customer_group_ids=buyer.customer_group_ids,
        location_id=buyer.location_id,
    )
    found = price(request, rows, frame.lists, rates=rates, explain=explain)
    as_shown = shown(found, shows_tax=buyer.shows_tax, rates=rates)
    if as_shown is None or found.price_list_id is None:
        return None
    return VariantQuote(
        unit=as_shown.unit_minor,
        unit_net=as_shown.taxed.net,
        unit_gross=as_shown.taxed.gross,
        compare_at=as_shown.compare_at_minor,
        price_list_id=found.price_list_id,
        rates=rates,
        valid_until=earliest(found.valid_until, rates_until),
        explanation=as_shown.explanation,
    )


async def tax_rates(
    db: Reader, tax_class_ids: Sequence[UUID | None], *, country: str, region: str | None, moment: datetime
) -> dict[UUID | None, tuple[TaxRate, ...]]:
    """The rates of each class asked for at a place and a moment; None is the default class. One statement."""
    wanted = set(tax_class_ids)
    if not wanted:
        return {}
    frame = await tax_frame(db, [country])
    return {class_id: frame.taxation(class_id, (country, region), moment)[0] for class_id in wanted}


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of these, None standing for never."""
    return min((moment for moment in moments if moment is not None), default=None)
