"""What a promise keeps: a quantity that was quoted sells at its quoted unit price, whatever happens to the price. Pure.

A line is made of parts, each so much of its quantity at a unit price; what was promised first comes first. As long as
the price stands still there is one part. Amounts are minor units, quantities thousandths.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.platform.money import half_up
from app.platform.quantities import MILLI


class Part(NamedTuple):
    """So much at this price."""

    unit: int
    quantity: int


def kept(parts: Sequence[Part], quantity: int, *, today: int, today_before: int | None) -> list[Part]:
    """The parts of a line whose quantity is now this.

    `parts`: as they were quoted. `today`: the unit price now, for all of the new quantity. `today_before`: the same for
    the quantity that was quoted, None where there is none. While the price stands still, that is what the last part was
    quoted at; then the last part follows a price that depends on the quantity. Else it stays, and what came on top pays
    today's price. What goes away goes from the end.
    """
    asked = sum(part.quantity for part in parts)
    if quantity == asked:
        return list(parts)
    *earlier, last = parts
    if today_before == last.unit:
        rest = quantity - sum(part.quantity for part in earlier)
        if rest > 0:
            return joined([*earlier, Part(today, rest)])
        return first(earlier, quantity)
    if quantity < asked:
        return first(parts, quantity)
    return joined([*parts, Part(today, quantity - asked)])


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
