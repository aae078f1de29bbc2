"""Emitting changes: every command that changes what others follow tells it here, in its own transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import insert

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


class Action(StrEnum):
    UPSERT = "UPSERT"
    DELETE = "DELETE"


PUBLIC = "public"
STAFF = "staff"


def location_scope(location_id: UUID) -> str:
    return f"location:{location_id}"


def customer_scope(customer_id: UUID) -> str:
    return f"customer:{customer_id}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one entity. `before` and `after`: the scopes that could, and now can, see it; staff always can."""

    topic: Topic
    entity_id: UUID
    version: int
    after: Sequence[str] = (STAFF,)
    before: Sequence[str] | None = None
    action: Action = Action.UPSERT


INSERT = insert(outbox)


async def emit(tx: Tx, changes: Iterable[Change]) -> None:
    """Write these changes to the outbox, in their order. Call it after the entities are locked and written."""
    rows = [
        {
            "topic": change.topic.value,
            "action": change.action.value,
            "entity_id": change.entity_id,
            "version": change.version,
            "scopes_before": list(change.after if change.before is None else change.before),
            "scopes_after": list(change.after),
        }
        for change in changes
    ]
    await tx.many(INSERT, rows)
    tx.emitted += len(rows)
