"""What products cost in a channel, as filters by price ask: of which products a variant has an amount within bounds.

What was read stands in the order of the amounts: the product of each variant that has a price. Products of which
something is written afterwards are left out of it, and stand by themselves until all is read anew. What the clock
changes is written into `channel_price`, and told, like what anybody changes.
"""

import sys
from array import array
from asyncio import sleep
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from pyroaring import BitMap
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.browse.atoms import AMONG, Atom, Key, bytes_of, packed, unpacked
from app.catalog.tables import product, variant
from app.platform.db import Reader
from app.pricing.tables import channel_price

BLOCK: Final = 32_768
"""So many places in the order of amounts have a set made of them beforehand."""
REMEMBERED: Final = 4
"""Bounds of which it is remembered what is within them."""
MOST_REWRITTEN: Final = 5_000
"""Where more products were written since, all is read anew."""


class Priced(Atom):
    """The products that have a price in a channel, and all their amounts. `price_mark`: the place in what the feed
    tells of prices that it is as new as. `lacking`: products that have a variant without a price there.
    """

    __slots__ = (
        "_amounts",
        "_blocks",
        "_fresh",
        "_numbers",
        "_rewritten",
        "_starts",
        "_within",
        "lacking",
        "price_mark",
    )

    def __init__(self, key: Key, mark: int, price_mark: int) -> None:
        super().__init__(key, BitMap(), mark)
        self.price_mark = price_mark
        self.lacking = BitMap()
        # Each amount once, where its products begin among the numbers, and where the last one's end.
        self._amounts, self._starts, self._numbers = array("q"), array("I", [0]), array("I")
        self._blocks: list[BitMap] = []
        self._rewritten: dict[int, tuple[int, ...]] = {}
        self._fresh: list[tuple[int, int]] = []
        self._within: dict[tuple[int | None, int | None], tuple[BitMap, BitMap]] = {}

    @property
    def is_worn(self) -> bool:
        """Whether so much was written since that it is better read anew."""
        return len(self._rewritten) > MOST_REWRITTEN

    def measure(self) -> int:
        """Bytes that it takes, about, from now on."""
        held = (1 + 2 * REMEMBERED) * bytes_of(self.numbers) + bytes_of(self.lacking)
        held += sum(map(bytes_of, self._blocks)) + 8 * len(self._amounts) + 4 * (len(self._starts) + len(self._numbers))
        self.size = 1_000 + held + 200 * len(self._rewritten) + 150 * len(self._fresh)
        return self.size

    async def fill(self, row: Any) -> None:
        """Take in what `PRICES` tells. Others in the process have their turn in between."""
        self._amounts, self._numbers = _array("q", row.amounts), _array("I", row.numbers)
        self._starts = array("I", accumulate(_array("I", row.counts), initial=0))
        for start in range(0, len(self._numbers) - BLOCK + 1, BLOCK):
            self._blocks.append(BitMap(self._numbers[start : start + BLOCK]))
            await sleep(0)
        self.numbers, self.lacking = self._at(0, len(self._numbers)), unpacked(row.lacking)

    def write(self, rows: Iterable[Any]) -> None:
        """What `PRICES_AMONG` tells of some products, from now on."""
        for row in rows:
            number, amounts = row.number, tuple(row.amounts or ())
            for amount in self._rewritten.get(number, ()):
                del self._fresh[bisect_left(self._fresh, (amount, number))]
            self._rewritten[number] = amounts
            for amount in amounts:
                insort(self._fresh, (amount, number))
            _set(self.numbers, number, bool(amounts))
            _set(self.lacking, number, row.lacks)
        self._within.clear()

    def within(self, low: int | None, high: int | None) -> tuple[BitMap, BitMap]:
        """The products of which a variant has an amount within these bounds, and those of them that have another which
        has not: its amount is outside, or it has none. Neither is to be changed.
        """
        found = self._within.get((low, high))
        if found is None:
            others = self.lacking.copy()
            if low is not None:
                others |= self._between(None, low - 1)
            if high is not None:
                others |= self._between(high + 1, None)
            some = self._between(low, high)
            found = some, some & others
            if len(self._within) >= REMEMBERED:
                self._within.clear()
            self._within[low, high] = found
        return found

    def _between(self, low: int | None, high: int | None) -> BitMap:
        first = 0 if low is None else bisect_left(self._amounts, low)
        end = len(self._amounts) if high is None else bisect_right(self._amounts, high)
        found = self._at(self._starts[first], self._starts[max(first, end)])
        if self._rewritten:
            begin = 0 if low is None else bisect_left(self._fresh, (low, -1))
            behind = len(self._fresh) if high is None else bisect_left(self._fresh, (high + 1, -1))
            found -= BitMap(self._rewritten)
            found |= BitMap([number for _, number in self._fresh[begin:behind]])
        return found

    def _at(self, start: int, end: int) -> BitMap:
        """The products at these places in the order of amounts."""
        first, last = -(-start // BLOCK), end // BLOCK
        if first >= last:
            return BitMap(self._numbers[start:end])
        edges = self._numbers[start : first * BLOCK] + self._numbers[last * BLOCK : end]
        return BitMap.union(BitMap(edges), *self._blocks[first:last])


def prices_key(channel_id: UUID) -> Key:
    """What has a price in this channel, and which."""
    return "prices", channel_id


async def read_prices(db: Reader, key: Key, mark: int, price_mark: int) -> Priced:
    """All prices of a channel."""
    atom = Priced(key, mark, price_mark)
    await atom.fill(await db.row(PRICES, {"channel_id": key[1]}))
    return atom


def _array(typecode: str, each: bytes | None) -> "array[int]":
    found = array(typecode, each or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _set(numbers: BitMap, number: int, there: bool) -> None:
    if there:
        numbers.add(number)
    else:
        numbers.discard(number)


_its_price = and_(
    channel_price.c.variant_id == variant.c.id, channel_price.c.channel_id == bindparam("channel_id", type_=Uuid)
)
_own: Final = and_(variant.c.product_id == product.c.id, ~variant.c.archived)


def _prices() -> Select[Any]:
    variants = product.join(variant, _own).outerjoin(channel_price, _its_price)
    each = select(product.c.number, channel_price.c.amount).select_from(variants).subquery("each_price")
    of_amount = (
        select(each.c.amount, func.count().label("count"), packed(each.c.number).label("numbers"))
        .group_by(each.c.amount)
        .subquery("of_amount")
    )
    amount = of_amount.c.amount
    nothing: ColumnElement[bytes] = literal_column("''::bytea")

    def joined(column: Any) -> Any:
        together = func.string_agg(column, aggregate_order_by(nothing, amount), type_=LargeBinary)
        return together.filter(amount.is_not(None))

    return select(
        joined(func.int8send(amount, type_=LargeBinary)).label("amounts"),
        joined(func.int4send(cast(of_amount.c.count, Integer), type_=LargeBinary)).label("counts"),
        joined(of_amount.c.numbers).label("numbers"),
        func.string_agg(of_amount.c.numbers, nothing, type_=LargeBinary).filter(amount.is_(None)).label("lacking"),
    )


PRICES: Final = _prices()
"""As bytes, in one row: each amount in a channel, how many variants have it, their products; and who lacks a price."""
PRICES_AMONG: Final = (
    select(
        product.c.number,
        func.array_agg(channel_price.c.amount.distinct(), type_=ARRAY(BigInteger))
        .filter(channel_price.c.amount.is_not(None))
        .label("amounts"),
        func.bool_or(and_(variant.c.id.is_not(None), channel_price.c.amount.is_(None))).label("lacks"),
    )
    .select_from(product.outerjoin(variant, _own).outerjoin(channel_price, _its_price))
    .where(AMONG)
    .group_by(product.c.number)
)
"""The same of some products, a row each."""
NUMBERS_OF: Final = (
    select(product.c.number)
    .distinct()
    .join(variant, variant.c.product_id == product.c.id)
    .where(variant.c.id == any_(bindparam("variant_ids", type_=ARRAY(Uuid))))
)
"""The products of these variants."""
