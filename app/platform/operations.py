"""Exactly once: a write claims its operation id in its own transaction, before anything else (DESIGN, law 4)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from sqlalchemy import Boolean, FromClause, Row, Select, bindparam, delete, literal_column, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app.platform.db import Tx
from app.platform.errors import OperationIdReused
from app.platform.statements import Root
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


class Outdated(Exception):
    """What was read before the locks is not so any more: the write must be made anew, under them from its beginning."""


class Repeated(Exception):
    """The write was carried out before; `stored`: what it led to."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__("carried out before")
        self.stored = stored


def claimed(
    operation_id: UUID, *, principal: str, mutation: str, fingerprint: bytes, outcome: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A claim of an id for this write, as `claim` and `read_first` take it.

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


async def read_first(tx: Tx, claimed: Mapping[str, Any]) -> None:
    """Claim the id with the first lock, or the first write: what is only read comes before.

    It is read without a transaction, so that there is less of that, and shorter. What is decided on it must stand when
    the locks are there: `lock_later` sees to the root, and whoever locks more compares what it finds then (the versions
    of levels), or reads again. Whoever is refused before the claim has claimed nothing: `is_claimed` tells.
    """
    tx.operation_id = claimed["operation_id"]

    async def open_alone() -> None:
        if tx.root is None:
            await claim(tx, claimed)
        elif await tx.row(_behind_claim(tx.root.lock, tx.root.of), {**claimed, **tx.root.parameters}) is None:
            await _is_lost(tx, claimed)

    tx.opening, tx.claimed, tx.reads_first = open_alone, claimed, True


def lock_later(tx: Tx, root: Root) -> None:
    """Lock this row, which was read already, right after the claim; that raises Outdated if it was written since."""
    assert tx.is_early, "a lock comes before what is read under it"
    tx.root = root


def is_claimed(tx: Tx) -> bool:
    """Whether the claim was made: until then, who is refused may be one who repeats."""
    return tx.opening is None


async def locked(tx: Tx, lock: Select[Any], of: FromClause, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """The rows that a statement locks. What was put off until the first lock goes with it, before it: all is one
    statement, which claims the id, locks the root and then these rows.

    Raises Repeated, OperationIdReused, and Outdated.
    """
    if not tx.is_early:
        return await tx.rows(lock, parameters)
    tx.opening, root = None, tx.root
    if root is None:
        statement, given = _behind_root(lock, of, None, None), {**tx.claimed, **parameters}
    else:
        statement, given = _behind_root(lock, of, root.lock, root.of), {**tx.claimed, **root.parameters, **parameters}
    rows = await tx.rows(statement, given)
    if not rows:
        await _is_lost(tx, tx.claimed)
    return [row for row in rows if row[0] is not None]


@cache
def _behind_claim(lock: Select[Any], of: FromClause) -> Select[Any]:
    """The statement that locks rows of a table, made to claim an id before: without the claim it finds nothing.

    The claim is joined, not asked for by a subquery: PostgreSQL looks again at what it waited for, and may not write
    then. Its rows are locked after the join, so after the claim.
    """
    return lock.join(CLAIM.cte("claimed"), true()).with_for_update(of=of)


@cache
def _behind_root(
    lock: Select[Any], of: FromClause, root: Select[Any] | None, root_of: FromClause | None
) -> Select[Any]:
    """The same behind a root that is locked behind the claim. Where there is nothing to lock, it finds one empty row;
    none at all where the claim or the root is not there.
    """
    before = CLAIM.cte("claimed") if root is None or root_of is None else _behind_claim(root, root_of).cte("root")
    rows = lock.join(before, true()).with_for_update(of=of).cte("locked")
    return select(*rows.c).select_from(before.outerjoin(rows, true()))


async def _is_lost(tx: Tx, claimed: Mapping[str, Any]) -> NoReturn:
    """Raise what it means that neither claim nor root was there."""
    await _is_ours(tx, claimed)
    raise Outdated


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
