"""What a promise keeps: a quantity that was quoted sells at its quoted unit price, whatever happens to the price. Pure.

A line is made of parts, each so much of its quantity at a unit price; what was promised first comes first. As long as
the price stands still there is one part. A part's price was quoted for all of the line up to its end, and holds for
less only where less cost no more then: what a larger quantity earned goes with it. Amounts are minor units, quantities
thousandths.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from app.platform.money import half_up
from app.platform.quantities import MILLI


class Part(NamedTuple):
    """So much at this price."""

    unit: int
    quantity: int


Holds = Callable[[int, int], bool]
"""Whether this unit price, quoted for so much of the line, holds for the quantity that is left."""


def kept(parts: Sequence[Part], quantity: int, *, today: int, today_before: int | None, holds: Holds) -> list[Part]:
    """The parts of a line whose quantity is now this.

    `parts`: as they were quoted. `today`: the unit price now, for all of the new quantity. `today_before`: the same for
    the quantity that was quoted, None where there is none. While the price stands still, that is what the last part was
    quoted at; then the last part follows a price that depends on the quantity. Else it stays, and what came on top pays
    today's price. What goes away goes from the end; a part of which only some is left keeps its price where it `holds`.
    """
    asked = sum(part.quantity for part in parts)
    if quantity == asked:
        return list(parts)
    *earlier, last = parts
    stands = today_before == last.unit
    if quantity > asked:
        before, rest = (earlier, last.quantity) if stands else (parts, 0)
        return joined([*before, Part(today, rest + quantity - asked)])
    whole, cut = cut_off(parts, quantity)
    if cut is None:
        return whole
    left = quantity - sum(part.quantity for part in whole)
    follows = stands and len(whole) == len(earlier)
    keeps = not follows and holds(cut.unit, quantity - left + cut.quantity)
    return joined([*whole, Part(cut.unit if keeps else today, left)])


def cut_off(parts: Sequence[Part], quantity: int) -> tuple[list[Part], Part | None]:
    """The parts of which all is left when so much is, and the one of which some is; None where nothing is cut."""
    whole: list[Part] = []
    for part in parts:
        if quantity < part.quantity:
            return whole, part if quantity else None
        whole.append(part)
        quantity -= part.quantity
    return whole, None


def holds_for_less(unit: int, prices: Sequence[tuple[int | None, int | None]]) -> bool:
    """Whether a quoted unit price holds for less than it was quoted for.

    `prices`: what one unit cost of the quantity quoted and of the smaller one (None: nothing), at each moment since the
    promise began when that may have changed, today's last. It holds where the smaller one cost no more when it was
    quoted. What was cut off before was quoted for more, and so much may have cost less then: it holds where the smaller
    one cost no more than the price, either. Where no moment shows such a price (its list or its buyer is another by
    now), what today says of the quantity.
    """
    then = [less for asked, less in prices if asked == unit] or [
        less for asked, less in prices if asked is not None and asked < unit
    ]
    if then:
        return any(less is not None and less <= unit for less in then)
    asked, less = prices[-1]
    return asked is None or less is None or less <= asked


def first(parts: Iterable[Part], quantity: int) -> list[Part]:
    """So much of the parts, from the beginning."""
    found = []
    for part in parts:
        if quantity > 0:
            found.append(Part(part.unit, min(part.quantity, quantity)))
            quantity -= part.quantity
    return found


def lowered(parts: Iterable[Part], today: int) -> list[Part]:
    """The parts, none dearer than today."""
    return joined(Part(min(part.unit, today), part.quantity) for part in parts)


def joined(parts: Iterable[Part]) -> list[Part]:
    """The same, neighbours at one price made one."""
    found: list[Part] = []
    for part in parts:
        if found and found[-1].unit == part.unit:
            found[-1] = Part(part.unit, found[-1].quantity + part.quantity)
        else:
            found.append(part)
    return found


def total(parts: Iterable[Part]) -> int:
    """What they come to, rounded half up once."""
    return half_up(sum(part.unit * part.quantity for part in parts), MILLI)
