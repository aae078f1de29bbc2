"""What every price stands in, whichever variant it is of: the price lists, the tax classes and their rates."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Boolean, Row, Text, and_, any_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.ahead import made_of
from app.platform.db import Reader
from app.pricing.price import PriceListRule, PriceRow
from app.pricing.tables import price, price_list, tax_class, tax_rate
from app.pricing.tax import TaxRate, TaxRateRow, rates_valid_until, resolve_rates

_CURRENCIES = bindparam("currencies", type_=ARRAY(Text))
_COUNTRIES = bindparam("countries", type_=ARRAY(Text))
CURRENCIES = or_(_CURRENCIES.is_(None), price_list.c.currency == any_(_CURRENCIES))
LISTS = (
    select(price_list)
    .where(
        CURRENCIES,
        or_(price_list.c.active, bindparam("inactive", type_=Boolean)),
    )
    .order_by(price_list.c.code)
)
# The classes come along: one of them is the default.
RATES = select(tax_class.c.id.label("class_id"), tax_class.c.is_default, tax_rate).select_from(
    tax_class.outerjoin(
        tax_rate,
        and_(
            tax_rate.c.tax_class_id == tax_class.c.id,
            or_(_COUNTRIES.is_(None), tax_rate.c.country == any_(_COUNTRIES)),
        ),
    )
)
# Only what is in force at `since` or still to come.
PRICES = (
    select(
        price.c.id,
        price.c.price_list_id,
        price.c.variant_id,
        price.c.amount,
        price.c.compare_at,
        price.c.min_quantity,
        price.c.starts_at,
        price.c.ends_at,
    )
    .join(price_list, price_list.c.id == price.c.price_list_id)
    .where(
        price.c.variant_id == any_(bindparam("variant_ids", type_=ARRAY(price.c.variant_id.type))),
        CURRENCIES,
        or_(price.c.ends_at.is_(None), price.c.ends_at > bindparam("since")),
    )
)

Place = tuple[str, str | None]
"""Country and region."""
Taxation = tuple[tuple[TaxRate, ...], datetime | None]
"""Rates, and until when they stay these."""


class Frame(Struct, frozen=True, kw_only=True):
    """The lists by id, the rates of all classes, and the class of what has none of its own."""

    lists: Mapping[UUID, PriceListRule]
    rates: Sequence[TaxRateRow]
    default_class_id: UUID | None

    known: dict[tuple[UUID | None, Place, datetime], Taxation] = msgspec.field(default_factory=dict)
    """What `taxation` has answered."""

    def taxation(self, tax_class_id: UUID | None, place: Place, moment: datetime) -> Taxation:
        """The rates of a class, None being the default class, and when one of them next begins or ends there."""
        key = (tax_class_id, place, moment)
        found = self.known.get(key)
        if found is None:
            class_id = tax_class_id or self.default_class_id
            found = (), None
            if class_id is not None:
                rates = resolve_rates(class_id, *place, moment, self.rates)
                found = rates, rates_valid_until(class_id, *place, moment, self.rates)
            self.known[key] = found
        return found


async def frame_of(
    db: Reader,
    *,
    currencies: Sequence[str] | None = None,
    countries: Sequence[str] | None = None,
    inactive: bool = False,
) -> Frame:
    """The frame of prices in these currencies and countries (None: all); two statements. `inactive`: such lists too."""
    lists = await db.rows(LISTS, {"currencies": currencies, "inactive": inactive})
    return frame_from(lists, await db.rows(RATES, {"countries": countries}))


async def tax_frame(db: Reader, countries: Sequence[str]) -> Frame:
    """A frame without price lists: for what is taxed and has its price from elsewhere."""
    return frame_from((), await db.rows(RATES, {"countries": countries}))


def frame_from(lists: Iterable[Row[Any]], classes: Iterable[Row[Any]]) -> Frame:
    """A frame of rows of `LISTS` and `RATES`."""
    rates, default_class_id = made_of(classes, _rates)
    return Frame(lists=made_of(lists, _rules), rates=rates, default_class_id=default_class_id)


def _rules(lists: Iterable[Row[Any]]) -> dict[UUID, PriceListRule]:
    return {row.id: list_rule(row) for row in lists}


def _rates(classes: Iterable[Row[Any]]) -> tuple[list[TaxRateRow], UUID | None]:
    """The rates, and the default class."""
    classes = list(classes)
    rates = [_rate(row) for row in classes if row.id is not None]
    return rates, next((row.class_id for row in classes if row.is_default), None)


async def prices_of_variants(
    db: Reader, variant_ids: Iterable[UUID], *, since: datetime, currencies: Sequence[str] | None = None
) -> dict[UUID, list[PriceRow]]:
    """Each variant's prices in these currencies (None: all), but those that were over by `since`; one statement."""
    found: dict[UUID, list[PriceRow]] = {variant_id: [] for variant_id in variant_ids}
    if found:
        parameters = {"variant_ids": list(found), "currencies": currencies, "since": since}
        for row in await db.rows(PRICES, parameters):
            found[row.variant_id].append(price_row(row))
    return found


def price_row(row: Row[Any]) -> PriceRow:
    """A row of `price` as the pure function takes it."""
    return PriceRow(
        id=row.id,
        price_list_id=row.price_list_id,
        variant_id=row.variant_id,
        amount=row.amount,
        compare_at=row.compare_at,
        min_quantity=row.min_quantity,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )


def list_rule(row: Row[Any]) -> PriceListRule:
    """A row of `price_list` as the pure function takes it."""
    return PriceListRule(
        id=row.id,
        code=row.code,
        currency=row.currency,
        includes_tax=row.includes_tax,
        is_base=row.is_base,
        priority=row.priority,
        channel_ids=_any_of(row.channel_ids),
        location_ids=_any_of(row.location_ids),
        customer_group_ids=_any_of(row.customer_group_ids),
        min_quantity=row.min_quantity,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        active=row.active,
    )


def _any_of(ids: Sequence[UUID] | None) -> frozenset[UUID] | None:
    return None if ids is None else frozenset(ids)


def _rate(row: Row[Any]) -> TaxRateRow:
    return TaxRateRow(
        id=row.id,
        tax_class_id=row.tax_class_id,
        country=row.country,
        region=row.region,
        replaces_country=row.replaces_country,
        name=row.name,
        rate_ppm=row.rate_ppm,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
