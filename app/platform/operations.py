"""Exactly once: a write claims its operation id in its own transaction, before anything else (DESIGN, law 4)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Boolean, FromClause, Row, Select, bindparam, delete, literal_column, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app.platform.db import Tx
from app.platform.errors import OperationIdReused
from app.platform.tables import operation

KEPT_DAYS = 90

CLAIM = (
    insert(operation)
    .values(
        id=bindparam("operation_id"),
        principal=bindparam("principal"),
        mutation=bindparam("mutation"),
        fingerprint=bindparam("fingerprint"),
        result=bindparam("outcome", type_=operation.c.result.type),
    )
    .on_conflict_do_nothing(index_elements=[operation.c.id])
    .returning(operation.c.id)
)
# A statement of its own: the one that lost the claim began before the winner committed, and would see nothing.
STORED = select(
    operation.c.principal,
    operation.c.fingerprint,
    operation.c.result,
    literal_column("operation.xmin = pg_current_xact_id()::xid", Boolean).label("ours"),
).where(operation.c.id == bindparam("operation_id"))
STORE = (
    update(operation)
    .where(operation.c.id == bindparam("the_operation"))
    .values(result=bindparam("outcome", type_=operation.c.result.type))
)
FORGET = delete(operation).where(operation.c.created_at < bindparam("before"))


class Repeated(Exception):
    """The write was carried out before; `stored`: what it led to."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__("carried out before")
        self.stored = stored


def claimed(
    operation_id: UUID, *, principal: str, mutation: str, fingerprint: bytes, outcome: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A claim of an id for this write, as `claim` and `put_off` take it.

    `outcome`: what it leads to, where that is known before it is carried out; it need not be stored then.
    """
    return {
        "operation_id": operation_id,
        "principal": principal,
        "mutation": mutation,
        "fingerprint": fingerprint,
        "outcome": outcome,
    }


async def claim(tx: Tx, claimed: Mapping[str, Any]) -> None:
    """Claim the id. Waits for a concurrent write under the same id.

    Raises Repeated when this write was already carried out, OperationIdReused for another caller, mutation or input.
    """
    tx.operation_id = claimed["operation_id"]
    while await tx.value(CLAIM, claimed) is None:
        if await _is_ours(tx, claimed) is not None:
            break


async def put_off(tx: Tx, claimed: Mapping[str, Any]) -> None:
    """Claim the id with the first lock (`locked`); with whatever is asked before it, if there is anything."""
    tx.operation_id = claimed["operation_id"]

    async def claim_alone() -> None:
        await claim(tx, claimed)

    tx.opening, tx.claimed = claim_alone, claimed


def behind_claim(lock: Select[Any], of: FromClause) -> Select[Any]:
    """The statement that locks rows of a table, made to claim an id before: without the claim it finds nothing.

    The claim is joined, not asked for by a subquery: PostgreSQL looks again at what it waited for, and may not write
    then. Its rows are locked after the join, so after the claim.
    """
    return lock.join(CLAIM.cte("claimed"), true()).with_for_update(of=of)


async def locked(tx: Tx, lock: Select[Any], behind: Select[Any], parameters: Mapping[str, Any]) -> Row[Any] | None:
    """The row that a statement locks: by `behind`, what `behind_claim` made of it, where the claim was put off.

    Raises as `claim`.
    """
    if tx.opening is None:
        return await tx.row(lock, parameters)
    claimed, tx.opening = tx.claimed, None
    row = await tx.row(behind, {**claimed, **parameters})
    if row is None and not await _is_ours(tx, claimed):
        # The winner has gone without a trace.
        await claim(tx, claimed)
        return await tx.row(lock, parameters)
    return row


async def _is_ours(tx: Tx, claimed: Mapping[str, Any]) -> bool | None:
    """True where this transaction has the id, None where nobody has; raises where another had it first."""
    stored = await tx.row(STORED, {"operation_id": claimed["operation_id"]})
    if stored is None:
        return None
    if stored.ours:
        return True
    if stored.principal != claimed["principal"] or stored.fingerprint != claimed["fingerprint"]:
        raise OperationIdReused("This operation id was used for something else.", path=("operationId",))
    raise Repeated(stored.result)


async def store(tx: Tx, result: dict[str, Any]) -> None:
    """Keep what the write led to (ids, plain values) for its repeats; with what is put off, within `Tx.together`."""
    tx.outcome = result
    await tx.later(STORE, {"the_operation": tx.operation_id, "outcome": result})


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
