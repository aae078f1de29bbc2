"""Emitting changes: every command that changes what others follow tells it here, in its own transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSON, insert

from app.events.scopes import STAFF
from app.events.tables import outbox
from app.platform.db import Tx


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
    # Price lists, taxes, locations: for the shop's own processes, which keep what hangs on them. No scope opens it, and
    # the API does not name it.
    SETTINGS = "SETTINGS"


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


_given = (
    func.json_to_recordset(bindparam("told", type_=JSON))
    .table_valued(
        column("topic", Text),
        column("action", Text),
        column("entity_id", Uuid),
        column("version", BigInteger),
        column("scopes_before", ARRAY(Text)),
        column("scopes_after", ARRAY(Text)),
        column("place", BigInteger),
        name="given",
    )
    .render_derived(with_types=True)
)
_NAMES: Final = ("topic", "action", "entity_id", "version", "scopes_before", "scopes_after")
EMIT: Final = (
    insert(outbox)
    .from_select(_NAMES, select(*(_given.c[name] for name in _NAMES)).order_by(_given.c.place), include_defaults=False)
    .returning(outbox.c.id)
)
"""One parameter, whatever there is to tell: an array for each column costs several times as much to send."""


async def emit(tx: Tx, changes: Iterable[Change]) -> None:
    """Write these changes to the outbox, in their order. Call it after the entities are locked and written."""
    rows = [
        {
            "topic": change.topic.value,
            "action": change.action.value,
            "entity_id": change.entity_id,
            "version": change.version,
            "scopes_before": change.after if change.before is None else change.before,
            "scopes_after": change.after,
            "place": place,
        }
        for place, change in enumerate(changes)
    ]
    if rows:
        tx.told = (await tx.rows(EMIT, {"told": rows}))[-1].id
        tx.emitted += len(rows)


async def emit_settings(tx: Tx, written: Iterable[tuple[UUID, int]]) -> None:
    """Tell the shop's own processes that these settings were written, each by its id and version."""
    await emit(tx, [Change(Topic.SETTINGS, key, version, after=()) for key, version in written])
