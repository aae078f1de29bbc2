"""Emitting changes: every command that changes what others follow tells it here, in its own transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert

from app.events.scopes import STAFF
from app.events.tables import outbox
from app.platform.db import Tx
from app.platform.unnest import arrays, unnested


class Topic(StrEnum):
    """What kind of entity changed. The names are the API's."""

    PRODUCT = "PRODUCT"
    CATEGORY = "CATEGORY"
    COLLECTION = "COLLECTION"
    PRICE = "PRICE"
    PROMOTION = "PROMOTION"
    AVAILABILITY = "AVAILABILITY"
    STOCK = "STOCK"
    CART = "CART"
    ORDER = "ORDER"
    REGISTER = "REGISTER"
    CUSTOMER = "CUSTOMER"
    CONFLICT = "CONFLICT"


ENTITIES: Final = {
    Topic.PRODUCT: "Product",
    Topic.CATEGORY: "Category",
    Topic.COLLECTION: "Collection",
    Topic.PRICE: "Variant",
    Topic.PROMOTION: "Promotion",
    Topic.AVAILABILITY: "Variant",
    Topic.STOCK: "StockLevel",
    Topic.CART: "Cart",
    Topic.ORDER: "Order",
    Topic.REGISTER: "Register",
    Topic.CUSTOMER: "Customer",
    Topic.CONFLICT: "Conflict",
}
"""What each topic's entities are, as their public ids say (`platform.ids`)."""


class Action(StrEnum):
    UPSERT = "UPSERT"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one entity. `before` and `after`: the scopes that could, and now can, see it.

    `before` None: those of `after`. An entity that is new was seen by nobody: `()`.
    """

    topic: Topic
    entity_id: UUID
    version: int
    after: Sequence[str] = (STAFF,)
    before: Sequence[str] | None = None
    action: Action = Action.UPSERT


_BETWEEN: Final = " "
_GIVEN: Final[Sequence[Column[object]]] = (
    Column("topic", Text),
    Column("action", Text),
    Column("entity_id", Uuid),
    Column("version", BigInteger),
    # Arrays of arrays must all be of one length: these are joined, and taken apart again.
    Column("scopes_before", Text),
    Column("scopes_after", Text),
    Column("place", BigInteger),
)
_given = unnested("given", _GIVEN)
_written = (
    insert(outbox)
    .from_select(
        ["topic", "action", "entity_id", "version", "scopes_before", "scopes_after"],
        select(
            _given.c.topic,
            _given.c.action,
            _given.c.entity_id,
            _given.c.version,
            func.string_to_array(_given.c.scopes_before, _BETWEEN),
            func.string_to_array(_given.c.scopes_after, _BETWEEN),
        ).order_by(_given.c.place),
        include_defaults=False,
    )
    .returning(outbox.c.id)
    .cte("written")
)
EMIT: Final = select(func.max(_written.c.id))


async def emit(tx: Tx, changes: Iterable[Change]) -> None:
    """Write these changes to the outbox, in their order. Call it after the entities are locked and written."""
    rows = [
        {
            "topic": change.topic.value,
            "action": change.action.value,
            "entity_id": change.entity_id,
            "version": change.version,
            "scopes_before": _BETWEEN.join(change.after if change.before is None else change.before),
            "scopes_after": _BETWEEN.join(change.after),
            "place": place,
        }
        for place, change in enumerate(changes)
    ]
    if rows:
        tx.told = await tx.value(EMIT, arrays(_GIVEN, rows))
        tx.emitted += len(rows)
