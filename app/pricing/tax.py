"""Tax: which rates apply at a place and a moment, and the split of an amount. Always net + tax = gross.

Rates are millionths (`rate_ppm`: 18 % is 180000) of the net amount. Several rates on one amount all stand on that same
net; none is taxed by another. Amounts are minor units of one currency.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import Struct

from app.platform.errors import InvalidInput
from app.platform.money import half_up, largest_remainder, scaled

PPM: Final = 1_000_000
MAX_RATE_PPM: Final = 10 * PPM
"""The highest rate: 1000 %."""


class TaxRateRow(Struct, frozen=True, kw_only=True):
    """A rate of a tax class in a country or a region of it, from `starts_at` to just before `ends_at` (None: open)."""

    id: UUID
    tax_class_id: UUID
    country: str
    region: str | None = None
    replaces_country: bool = False
    """Of a region's rate: the country's rates do not apply there. Else it stands beside them."""
    name: Mapping[str, str]
    """By language tag. Rates of one place that share a name in a language are one tax: that which began last counts."""
    rate_ppm: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class TaxRate(Struct, frozen=True):
    """A rate that applies. `name` by language tag."""

    name: Mapping[str, str]
    rate_ppm: int


class Taxed(Struct, frozen=True):
    """The contract's TaxedMoney, in minor units: net + tax = gross."""

    net: int
    gross: int
    tax: int

    def __add__(self, other: "Taxed") -> "Taxed":
        return Taxed(self.net + other.net, self.gross + other.gross, self.tax + other.tax)


class TaxLine(Struct, frozen=True):
    """What one rate takes of a net amount, `base`, in minor units. `name` by language tag."""

    name: Mapping[str, str]
    rate_ppm: int
    base: int
    amount: int


TaxKey = tuple[tuple[tuple[str, str], ...], int]
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
UNTAXED: Final = Taxed(0, 0, 0)


def rate_to_ppm(rate: Decimal) -> int:
    """Millionths of a rate given as a fraction: 0.18 (18 %) is 180000.

    Raises InvalidInput, code INVALID_RATE: negative, above 10 (1000 %), or with more than six decimals.
    """
    ppm = scaled(rate, 6) if rate.is_finite() and 0 <= rate <= 10 else None
    if ppm is None:
        raise InvalidInput("A tax rate is a fraction from 0 to 10 with at most six decimals.", code="INVALID_RATE")
    return ppm


def rate_from_ppm(rate_ppm: int) -> Decimal:
    """The rate as a fraction, without trailing zeros: 180000 is Decimal("0.18")."""
    decimals = 6
    while decimals and rate_ppm % 10 == 0:
        rate_ppm //= 10
        decimals -= 1
    return Decimal(rate_ppm).scaleb(-decimals)


def region_key(country: str, region: str | None) -> str | None:
    """One spelling of a region: "sp", "SP " and "BR-SP" are one; None for none."""
    key = (region or "").strip().upper().removeprefix(f"{country}-")
    return key or None


def resolve_rates(
    tax_class_id: UUID, country: str, region: str | None, moment: datetime, rows: Iterable[TaxRateRow]
) -> tuple[TaxRate, ...]:
    """The rates of a tax class at a place and a moment, the country's first, then by name; empty where none is known.

    A region's rates stand beside the country's, unless one of them replaces those. `rows`: in any order, also of other
    classes and places.
    """
    current = [
        row
        for row in _of_place(tax_class_id, country, region, rows)
        if (row.starts_at is None or row.starts_at <= moment) and (row.ends_at is None or moment < row.ends_at)
    ]
    kept: list[TaxRateRow] = []
    for row in sorted(current, key=_age, reverse=True):
        if not any(_same_tax(row, younger) for younger in kept):
            kept.append(row)
    regional = {row.id for row in kept if region_key(country, row.region) is not None}
    if any(row.replaces_country for row in kept if row.id in regional):
        kept = [row for row in kept if row.id in regional]
    kept.sort(key=lambda row: (row.id in regional, sorted(row.name.items()), row.id))
    return tuple(TaxRate(row.name, row.rate_ppm) for row in kept)


def rates_valid_until(
    tax_class_id: UUID, country: str, region: str | None, moment: datetime, rows: Iterable[TaxRateRow]
) -> datetime | None:
    """The earliest instant after `moment` when a rate of this class and place begins or ends; None when none does."""
    return min(
        (
            instant
            for row in _of_place(tax_class_id, country, region, rows)
            for instant in (row.starts_at, row.ends_at)
            if instant is not None and instant > moment
        ),
        default=None,
    )


def split_gross(gross: int, rates: Sequence[TaxRate]) -> tuple[Taxed, tuple[TaxLine, ...]]:
    """Net and tax of an amount that holds its tax; the tax is rounded half up once, then shared out to the rates."""
    return taxed(gross, True, rates)


def add_to_net(net: int, rates: Sequence[TaxRate]) -> tuple[Taxed, tuple[TaxLine, ...]]:
    """Tax and gross of an amount without its tax; the tax is rounded half up once, then shared out to the rates."""
    return taxed(net, False, rates)


def taxed(amount: int, includes_tax: bool, rates: Sequence[TaxRate]) -> tuple[Taxed, tuple[TaxLine, ...]]:
    """`split_gross` where the amount includes tax, else `add_to_net`."""
    result = _taxed(amount, includes_tax, rates)
    return result, spread_tax(result.net, result.tax, rates)


def spread_tax(net: int, tax: int, rates: Sequence[TaxRate]) -> tuple[TaxLine, ...]:
    """The tax on `net`, shared out to its rates by largest remainder: one line each, adding up to `tax`."""
    if len(rates) == 1:
        return (TaxLine(rates[0].name, rates[0].rate_ppm, net, tax),)
    shares = largest_remainder(tax, [rate.rate_ppm for rate in rates])
    return tuple(TaxLine(rate.name, rate.rate_ppm, net, share) for rate, share in zip(rates, shares, strict=True))


def convert_side(amount: int, includes_tax: bool, shows_tax: bool, rates: Sequence[TaxRate]) -> tuple[int, Taxed]:
    """An amount as a channel shows it (`shows_tax`: with tax), and its net, gross and tax.

    What is shown counts: net, gross and tax are made from the shown amount, as a line of one unit makes them, so that
    the price page and the cart never differ.
    """
    if includes_tax == shows_tax:
        return amount, _taxed(amount, shows_tax, rates)
    stated = _taxed(amount, includes_tax, rates)
    amount = stated.gross if shows_tax else stated.net
    return amount, _taxed(amount, shows_tax, rates)


def tax_key(tax: TaxRate | TaxLine) -> TaxKey:
    """What makes two taxes one to the shopper: the same names, and the same rate."""
    return tuple(sorted(tax.name.items())), tax.rate_ppm


def group_taxes(lines: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
    """One line a rate: those of the same name and rate added up; by name, then rate, whatever order they came in."""
    groups: dict[TaxKey, TaxLine] = {}
    for line in lines:
        key = tax_key(line)
        other = groups.get(key)
        if other is not None:
            line = TaxLine(line.name, line.rate_ppm, line.base + other.base, line.amount + other.amount)
        groups[key] = line
    return tuple(groups[key] for key in sorted(groups))


def _taxed(amount: int, includes_tax: bool, rates: Sequence[TaxRate]) -> Taxed:
    total_ppm = 0
    for rate in rates:
        total_ppm += rate.rate_ppm
    if includes_tax:
        tax = half_up(amount * total_ppm, PPM + total_ppm)
        return Taxed(amount - tax, amount, tax)
    tax = half_up(amount * total_ppm, PPM)
    return Taxed(amount, amount + tax, tax)


def _of_place(tax_class_id: UUID, country: str, region: str | None, rows: Iterable[TaxRateRow]) -> Iterator[TaxRateRow]:
    area = region_key(country, region)
    for row in rows:
        if row.tax_class_id == tax_class_id and row.country == country:
            row_area = region_key(country, row.region)
            if row_area is None or row_area == area:
                yield row


def _same_tax(row: TaxRateRow, other: TaxRateRow) -> bool:
    same_place = region_key(row.country, row.region) == region_key(other.country, other.region)
    return same_place and not row.name.items().isdisjoint(other.name.items())


def _age(row: TaxRateRow) -> tuple[datetime, UUID]:
    return (row.starts_at or _BEGINNING, row.id)
