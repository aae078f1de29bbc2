"""A cart with its lines and deliveries, as commands work on it: read, changed in memory, quoted, written back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from app.carts.tables import cart, cart_delivery, cart_line, cart_visit
from app.platform.db import Reader

CARRY_OUT, SHIP, PICKUP = "CARRY_OUT", "SHIP", "PICKUP"


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
    promised_unit: int | None = None
    promised_quantity: int | None = None
    override: int | None = None
    override_was: int | None = None
    override_reason: str | None = None
    override_staff_id: UUID | None = None
    # The quantity that the stored quote is for; None: not quoted yet.
    quoted: int | None = None
    # Where a refusal about this line points to in the input.
    path: tuple[str, ...] = ()


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


@dataclass(slots=True)
class Basket:
    """`row` is the cart's row as it was read; what a command changes of it goes into `changes`."""

    row: Row[Any]
    lines: list[Line]
    deliveries: list[Delivery]
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        key: UUID = self.row.id
        return key

    def now_is(self, column: str) -> Any:
        """A column's value with this command's changes."""
        return self.changes[column] if column in self.changes else getattr(self.row, column)

    def delivery_of(self, line: Line) -> Delivery | None:
        return next((each for each in self.deliveries if each.id == line.delivery_id), None)

    def lines_of(self, delivery: Delivery) -> list[Line]:
        return [line for line in self.lines if line.delivery_id == delivery.id]

    def promised(self, now: datetime) -> bool:
        """Whether the stored prices are still a promise."""
        until = self.row.prices_promised_until
        return until is not None and now < until


LINES = select(cart_line).where(cart_line.c.cart_id.in_(bindparam("ids", expanding=True))).order_by(
    cart_line.c.cart_id, cart_line.c.position
)  # fmt: skip
DELIVERIES = select(cart_delivery).where(cart_delivery.c.cart_id.in_(bindparam("ids", expanding=True))).order_by(
    cart_delivery.c.cart_id, cart_delivery.c.id
)  # fmt: skip
CARTS = select(cart).where(cart.c.id.in_(bindparam("ids", expanding=True)))
VISITS = select(cart_visit).where(cart_visit.c.cart_id.in_(bindparam("ids", expanding=True))).order_by(
    cart_visit.c.cart_id, cart_visit.c.position
)  # fmt: skip

_LINE_FIELDS = tuple(each.name for each in fields(Line) if each.name not in {"quoted", "path"})
_DELIVERY_FIELDS = tuple(each.name for each in fields(Delivery))


def line_of(row: Row[Any]) -> Line:
    """A stored line."""
    values = row._mapping
    return Line(**{name: values[name] for name in _LINE_FIELDS}, quoted=row.quantity)


def delivery_of(row: Row[Any]) -> Delivery:
    """A stored delivery."""
    values = row._mapping
    return Delivery(**{name: values[name] for name in _DELIVERY_FIELDS})


def columns_of(line: Line | Delivery) -> dict[str, Any]:
    """A line's or delivery's columns as they are written."""
    names = _LINE_FIELDS if isinstance(line, Line) else _DELIVERY_FIELDS
    return {name: getattr(line, name) for name in names}


async def rows_by_cart(db: Reader, statement: Any, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
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
    return {
        row.id: Basket(
            row=row,
            lines=[line_of(each) for each in lines.get(row.id, ())],
            deliveries=[delivery_of(each) for each in deliveries.get(row.id, ())],
        )
        for row in rows
    }
