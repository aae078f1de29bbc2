"""Exactly once: a write claims its operation id in its own transaction, before anything else (DESIGN, law 4)."""

import hashlib
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.platform.db import Tx
from app.platform.errors import OperationIdReused
from app.platform.tables import operation

KEPT_DAYS = 90

CLAIM = (
    insert(operation)
    .values(
        id=bindparam("id"),
        principal=bindparam("principal"),
        mutation=bindparam("mutation"),
        fingerprint=bindparam("fingerprint"),
        result=bindparam("outcome", type_=operation.c.result.type),
    )
    .on_conflict_do_nothing(index_elements=[operation.c.id])
    .returning(operation.c.id)
)
# A statement of its own: the one that lost the claim began before the winner committed, and would see nothing.
STORED = select(operation.c.principal, operation.c.fingerprint, operation.c.result).where(
    operation.c.id == bindparam("id")
)
STORE = update(operation).where(operation.c.id == bindparam("operation_id")).values(result=bindparam("outcome"))
FORGET = delete(operation).where(operation.c.created_at < bindparam("before"))


async def claim(
    tx: Tx,
    operation_id: UUID,
    *,
    principal: str,
    mutation: str,
    fingerprint: bytes,
    outcome: dict[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Claim the id for this write. The stored result when it was already carried out, else None: go on.

    `outcome`: what it leads to, where that is known before it is carried out; it need not be stored then.
    Waits for a concurrent write under the same id. Raises OperationIdReused for another caller, mutation or input.
    """
    claimed = {"id": operation_id, "principal": principal, "mutation": mutation, "fingerprint": fingerprint}
    parameters = claimed | {"outcome": outcome}
    if await tx.value(CLAIM, parameters) is not None:
        return None
    stored = await tx.row(STORED, {"id": operation_id})
    if stored is None:
        return await claim(
            tx, operation_id, principal=principal, mutation=mutation, fingerprint=fingerprint, outcome=outcome
        )
    if stored.principal != principal or stored.fingerprint != fingerprint:
        raise OperationIdReused("This operation id was used for something else.", path=("operationId",))
    result: dict[str, Any] = stored.result
    return result


async def store(tx: Tx, operation_id: UUID, result: dict[str, Any]) -> None:
    """Keep what the write led to (ids, plain values) for its repeats."""
    await tx.execute(STORE, {"operation_id": operation_id, "outcome": result})


async def forget(tx: Tx, before: datetime) -> int:
    """Drop operations that were carried out before this moment; how many."""
    return await tx.execute(FORGET, {"before": before})


def fingerprint(mutation: str, value: Any) -> bytes:
    """A hash of the mutation's name and its coerced input, by value: 1 = 1.0, key order does not count."""
    body = msgspec.json.encode(_plain(value), order="deterministic")
    return hashlib.sha256(mutation.encode() + b"\0" + body).digest()


def _plain(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int() | float() | Decimal():
            number = Decimal(str(value)).normalize()
            return f"{number:f}"
        case Enum():
            return value.name
        case datetime():
            return value.timestamp()
        case UUID():
            return str(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    raise TypeError(f"an input holds a {type(value).__name__}")
