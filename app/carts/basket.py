"""A cart with its lines and deliveries, as commands work on it: read, changed in memory, quoted, written back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.carts.tables import cart, cart_delivery, cart_line, cart_visit
from app.platform.db import Reader
from app.platform.errors import Path

CARRY_OUT, SHIP, PICKUP = "CARRY_OUT", "SHIP", "PICKUP"
OPEN = frozenset({"ACTIVE", "PARKED"})

Contents = frozenset[tuple[UUID, int, int]]
"""Lines with their quantities and totals."""


@dataclass(slots=True)
class Line:
    """One line. Its amounts are the stored quote, in minor units; quantities are thousandths."""

    id: UUID
    variant_id: UUID
    position: int
    name: Mapping[str, str]
    sku: str | None
    quantity: int
    attributes: list[dict[str, str]]
    delivery_id: UUID | None = None
    unit_net: int = 0
    unit_gross: int = 0
    subtotal_net: int = 0
    subtotal_gross: int = 0
    total_net: int = 0
    total_gross: int = 0
    taxes: list[dict[str, Any]] = field(default_factory=list)
    price_list_id: UUID | None = None
    label_total: int | None = None
    # So much of it sells at earlier prices: [{"unit": …, "quantity": …}].
    promised: list[dict[str, int]] = field(default_factory=list)
    override: int | None = None
    override_was: int | None = None
    override_reason: str | None = None
    override_staff_id: UUID | None = None
    # The quantity that the stored quote is for; None: it is to be quoted as a new line.
    quoted: int | None = None
    # Whether this command asks for something else of the line: only then may a lack of stock refuse the command.
    touched: bool = False
    # Where a refusal about this line points to in the input.
    path: Path = ()

    def total(self, shows_tax: bool) -> int:
        """On the side that the cart shows."""
        return self.total_gross if shows_tax else self.total_net


@dataclass(slots=True)
class Delivery:
    """How some lines reach the shopper. `net` and `gross` are null until an option with a price is chosen."""

    id: UUID
    method: str
    option: str | None = None
    location_id: UUID | None = None
    address: dict[str, Any] | None = None
    net: int | None = None
    gross: int | None = None
    taxes: list[dict[str, Any]] = field(default_factory=list)
    # What the stored price is for; None: none yet.
    priced_for: Contents | None = None


_LINE_FIELDS = tuple(each.name for each in fields(Line) if each.name not in {"quoted", "touched", "path"})
_DELIVERY_FIELDS = tuple(each.name for each in fields(Delivery) if each.name != "priced_for")


@dataclass(slots=True)
class Basket:
    """`row` is the cart's row as it was read (or, of a new cart, as it begins); what a command changes of it goes into
    `changes`. `stored`: lines and deliveries as they were read, by id.
    """

    row: Any
    lines: list[Line]
    deliveries: list[Delivery]
    changes: dict[str, Any] = field(default_factory=dict)
    stored: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    new: bool = False

    @property
    def id(self) -> UUID:
        key: UUID = self.row.id
        return key

    def now_is(self, column: str) -> Any:
        """A column's value with this command's changes."""
        return self.changes[column] if column in self.changes else getattr(self.row, column)

    def delivery_of(self, line: Line) -> Delivery | None:
        """How this line reaches the shopper; None: not said yet."""
        return next((each for each in self.deliveries if each.id == line.delivery_id), None)

    def lines_of(self, delivery: Delivery) -> list[Line]:
        """What goes this way."""
        return [line for line in self.lines if line.delivery_id == delivery.id]

    def promised(self, now: datetime) -> bool:
        """Whether the stored prices are still a promise."""
        until = self.row.prices_promised_until
        return until is not None and now < until

    def written(self, entries: Sequence[Line] | Sequence[Delivery]) -> list[dict[str, Any]]:
        """The columns of those lines or deliveries that are new or other than they were read."""
        columns = ((entry.id, columns_of(entry)) for entry in entries)
        return [values | {"cart_id": self.id} for key, values in columns if self.stored.get(key) != values]

    def dropped(self) -> list[UUID]:
        """Lines and deliveries that were read and are no more."""
        return [*self.stored.keys() - {each.id for each in self.lines} - {each.id for each in self.deliveries}]


def is_open(row: Any) -> bool:
    """Whether it may still become an order."""
    return row.status in OPEN


_ids: Any = any_(bindparam("ids", type_=ARRAY(Uuid)))
LINES = select(cart_line).where(cart_line.c.cart_id == _ids).order_by(cart_line.c.cart_id, cart_line.c.position)
DELIVERIES = (
    select(cart_delivery).where(cart_delivery.c.cart_id == _ids).order_by(cart_delivery.c.cart_id, cart_delivery.c.id)
)
CART = select(cart).where(cart.c.id == bindparam("the_cart", type_=Uuid))
CARTS = select(cart).where(cart.c.id == _ids)
VISITS = select(cart_visit).where(cart_visit.c.cart_id == _ids).order_by(cart_visit.c.cart_id, cart_visit.c.position)


def line_of(row: Row[Any]) -> Line:
    """A stored line."""
    values = row._mapping
    return Line(**{name: values[name] for name in _LINE_FIELDS}, quoted=row.quantity)


def delivery_of(row: Row[Any]) -> Delivery:
    """A stored delivery."""
    values = row._mapping
    return Delivery(**{name: values[name] for name in _DELIVERY_FIELDS})


def columns_of(entry: Line | Delivery) -> dict[str, Any]:
    """A line's or delivery's columns as they are written."""
    names = _LINE_FIELDS if isinstance(entry, Line) else _DELIVERY_FIELDS
    return {name: getattr(entry, name) for name in names}


async def rows_by_cart(db: Reader, statement: Select[Any], ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Rows of these carts, by cart, in the statement's order."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(statement, {"ids": list(ids)}):
        found.setdefault(row.cart_id, []).append(row)
    return found


async def baskets(db: Reader, rows: Sequence[Row[Any]]) -> dict[UUID, Basket]:
    """The lines and deliveries of these carts, whose rows were read (in a write: locked) before."""
    if not rows:
        return {}
    ids = [row.id for row in rows]
    lines = await rows_by_cart(db, LINES, ids)
    deliveries = await rows_by_cart(db, DELIVERIES, ids)
    return {row.id: _basket(row, lines.get(row.id, ()), deliveries.get(row.id, ())) for row in rows}


def _basket(row: Row[Any], line_rows: Sequence[Row[Any]], delivery_rows: Sequence[Row[Any]]) -> Basket:
    lines = [line_of(each) for each in line_rows]
    deliveries = [delivery_of(each) for each in delivery_rows]
    basket = Basket(row=row, lines=lines, deliveries=deliveries)
    for delivery in deliveries:
        if delivery.net is not None:
            delivery.priced_for = contents(basket, delivery)
    entries: list[Line | Delivery] = [*lines, *deliveries]
    basket.stored = {entry.id: columns_of(entry) for entry in entries}
    return basket


def contents(basket: Basket, delivery: Delivery) -> Contents:
    """What goes this way, for telling whether its price is still for that."""
    return frozenset((line.id, line.quantity, line.total_gross) for line in basket.lines_of(delivery))
