"""The arithmetic of a cart or an order: what each line, each delivery and the whole come to. Pure.

Each line is rounded once, on the side that the channel shows (with tax or without). Order-level discounts go to the
lines by largest remainder. The tax of all lines under the same rates is worked out on their sum, rounded once, and goes
back to them by largest remainder. So lines always add up to the order, and

    total = subtotal - discount + delivery + rounding (+ tax where prices are shown without it).

Amounts are minor units of one currency, quantities thousandths.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import Struct

from app.platform.money import checked_minor, half_up, largest_remainder
from app.platform.quantities import MILLI
from app.pricing.tax import Taxed, TaxKey, TaxLine, TaxRate, group_taxes, tax_key, taxed


class LineInput(Struct, frozen=True, kw_only=True):
    """A line to add up. Amounts as the channel shows prices."""

    id: UUID
    unit: int
    quantity: int
    """Below 0: goods that come back."""
    rates: tuple[TaxRate, ...]
    discount: int = 0
    """Of this line alone; never more than it comes to."""
    label_total: int | None = None
    """What a scale printed on the label: it is charged instead of unit × quantity."""
    weighed: bool = False


class DeliveryInput(Struct, frozen=True, kw_only=True):
    """A delivery to add up; its price as the channel shows prices."""

    id: UUID
    price: int
    rates: tuple[TaxRate, ...]


class LineTotals(Struct, frozen=True, kw_only=True):
    """What a line comes to. `unit` and `subtotal` are before discounts; `total` is after them, and the exact one."""

    id: UUID
    unit: Taxed
    subtotal: Taxed
    total: Taxed
    taxes: tuple[TaxLine, ...]
    own_discount: int
    """As shown: the part of its own that could be given."""
    order_discount: int
    """As shown: its share of the order's discount."""


class DeliveryTotals(Struct, frozen=True, kw_only=True):
    """What a delivery comes to."""

    id: UUID
    price: Taxed
    taxes: tuple[TaxLine, ...]


class Totals(Struct, frozen=True, kw_only=True):
    """The contract's Totals: `subtotal`, `discount`, `delivery` as the channel shows prices; `tax` of all there is."""

    subtotal: int
    discount: int
    delivery: int
    tax: int
    taxes: tuple[TaxLine, ...]
    rounding: int
    total: int
    item_count: int
    lines: tuple[LineTotals, ...]
    """In the order of the input, as are `deliveries`."""
    deliveries: tuple[DeliveryTotals, ...]


class _Line(Struct):
    """A line on its way to its totals: as shown, and the tax lines that it has been given."""

    input: LineInput
    subtotal: int
    own_discount: int
    order_discount: int
    taxes: tuple[TaxLine, ...] = ()

    @property
    def total(self) -> int:
        return self.subtotal - self.own_discount - self.order_discount


def line_subtotal(unit: int, quantity: int) -> int:
    """Unit price × quantity (thousandths), rounded half up once. Raises InvalidInput, code AMOUNT_TOO_LARGE."""
    return checked_minor(half_up(unit * quantity, MILLI))


def cash_rounding(total: int, increment: int) -> int:
    """What to add to reach the nearest multiple of the increment, a half away from zero: for 12.32 by 0.05, -0.02."""
    if increment < 1:
        raise ValueError("a cash increment is at least 1")
    return half_up(total, increment) * increment - total


def item_count(lines: Iterable[LineInput]) -> int:
    """Whole units that are bought; a weighed line counts one."""
    return sum(1 if line.weighed else line.quantity // MILLI for line in lines if line.quantity > 0)


def add_up(
    lines: Sequence[LineInput],
    *,
    shows_tax: bool,
    order_discount: int = 0,
    deliveries: Sequence[DeliveryInput] = (),
    cash_increment: int = 1,
) -> Totals:
    """What lines, deliveries and the whole come to.

    `order_discount`: as shown, over all lines; what is more than the goods come to is left out. `cash_increment`: the
    smallest coin where the total is paid in cash, else 1. Raises InvalidInput, code AMOUNT_TOO_LARGE; ValueError for a
    negative discount.
    """
    work = _discounted(lines, order_discount)
    _give_taxes(work, shows_tax)
    line_totals = tuple(_line_totals(line, shows_tax) for line in work)
    delivery_totals = tuple(_delivery_totals(each, shows_tax) for each in deliveries)

    subtotal = sum(line.subtotal for line in work)
    discount = sum(line.own_discount + line.order_discount for line in work)
    delivery = sum(each.price for each in deliveries)
    tax = sum(line.total.tax for line in line_totals) + sum(each.price.tax for each in delivery_totals)
    total = subtotal - discount + delivery + (0 if shows_tax else tax)
    rounding = cash_rounding(total, cash_increment)
    return Totals(
        subtotal=checked_minor(subtotal),
        discount=checked_minor(discount),
        delivery=checked_minor(delivery),
        tax=checked_minor(tax),
        taxes=group_taxes(_all_taxes(line_totals, delivery_totals)),
        rounding=rounding,
        total=checked_minor(total + rounding),
        item_count=item_count(lines),
        lines=line_totals,
        deliveries=delivery_totals,
    )


def _discounted(lines: Sequence[LineInput], order_discount: int) -> list[_Line]:
    if order_discount < 0:
        raise ValueError("a discount is not negative")
    work: list[_Line] = []
    for line in lines:
        if line.discount < 0:
            raise ValueError("a discount is not negative")
        subtotal = line_subtotal(line.unit, line.quantity) if line.label_total is None else line.label_total
        work.append(_Line(line, checked_minor(subtotal), min(line.discount, max(subtotal, 0)), 0))
    goods = [max(line.total, 0) for line in work]
    given = min(order_discount, sum(goods))
    if given:
        for reduced, share in zip(work, largest_remainder(given, goods), strict=True):
            reduced.order_discount = share
    return work


def _give_taxes(work: Iterable[_Line], shows_tax: bool) -> None:
    """Goods that come back are a group of their own: shares of a sum need parts of one sign."""
    groups: dict[tuple[bool, tuple[TaxKey, ...]], list[_Line]] = {}
    for line in work:
        key = (line.total < 0, tuple(tax_key(rate) for rate in line.input.rates))
        groups.setdefault(key, []).append(line)
    for members in groups.values():
        rates = members[0].input.rates
        whole, parts = taxed(sum(line.total for line in members), shows_tax, rates)
        shares = largest_remainder(whole.tax, [abs(line.total) for line in members])
        grid = _grid(shares, [part.amount for part in parts])
        for line, share, amounts in zip(members, shares, grid, strict=True):
            net = line.total - share if shows_tax else line.total
            line.taxes = tuple(
                TaxLine(rate.name, rate.rate_ppm, net, amount) for rate, amount in zip(rates, amounts, strict=True)
            )


def _grid(rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """Whole numbers near rows × columns ÷ total that add up to each row and column. All of one sign, of equal sums.

    What rounding towards zero leaves in rows and columns is filled in from one corner to the other.
    """
    total = sum(rows)
    if total < 0:
        return [[-cell for cell in row] for row in _grid([-row for row in rows], [-column for column in columns])]
    cells = [[row * column // (total or 1) for column in columns] for row in rows]
    wanted = [column - sum(row[index] for row in cells) for index, column in enumerate(columns)]
    index = 0
    for row, cell_row in zip(rows, cells, strict=True):
        left = row - sum(cell_row)
        while left:
            filled = min(left, wanted[index])
            cell_row[index] += filled
            wanted[index] -= filled
            left -= filled
            index += wanted[index] == 0
    return cells


def _line_totals(line: _Line, shows_tax: bool) -> LineTotals:
    rates = line.input.rates
    tax = sum(part.amount for part in line.taxes)
    total = Taxed(line.total - tax, line.total, tax) if shows_tax else Taxed(line.total, line.total + tax, tax)
    reduced = line.own_discount or line.order_discount
    return LineTotals(
        id=line.input.id,
        unit=taxed(line.input.unit, shows_tax, rates)[0],
        subtotal=taxed(line.subtotal, shows_tax, rates)[0] if reduced else total,
        total=total,
        taxes=line.taxes,
        own_discount=line.own_discount,
        order_discount=line.order_discount,
    )


def _all_taxes(lines: Iterable[LineTotals], deliveries: Iterable[DeliveryTotals]) -> Iterator[TaxLine]:
    for line in lines:
        yield from line.taxes
    for delivery in deliveries:
        yield from delivery.taxes


def _delivery_totals(delivery: DeliveryInput, shows_tax: bool) -> DeliveryTotals:
    price, taxes = taxed(checked_minor(delivery.price), shows_tax, delivery.rates)
    return DeliveryTotals(id=delivery.id, price=price, taxes=taxes)
