"""Emitting changes: every command that changes what others follow tells it here, in its own transaction."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, Column, Row, Select, Text, bindparam, column, func, insert, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningInsert

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


_NAMES: Final = ("topic", "action", "entity_id", "version", "scopes_before", "scopes_after")


def _given(count: int) -> list[Select[Any]]:
    """So many rows. Each value is a parameter: taking arrays apart costs more, for so few."""
    return [
        select(*(bindparam(f"told_{name}_{place}", type_=outbox.c[name].type).label(name) for name in _NAMES))
        for place in range(count)
    ]


def _emit(*rows: Select[Any]) -> ReturningInsert[tuple[int]]:
    # Not as VALUES, which SQLAlchemy compiles anew each time. One after another, as an Append does it.
    given = union_all(*rows) if len(rows) > 1 else rows[0]
    return insert(outbox).from_select(_NAMES, given, include_defaults=False).returning(outbox.c.id)


FEW: Final = 8
EMIT_FEW: Final = {count: _emit(*_given(count)) for count in range(1, FEW + 1)}

# Scopes travel as one text each: they have no spaces.
_BETWEEN: Final = " "
_COLUMNS: Final = tuple(Column(name, Text if name.startswith("scopes") else outbox.c[name].type) for name in _NAMES)
_unnested = (
    func.unnest(*(bindparam(each.name, type_=ARRAY(each.type)) for each in _COLUMNS))
    .table_valued(*(column(each.name, each.type) for each in _COLUMNS), with_ordinality="place", name="given")
    .render_derived()
)
EMIT_MANY: Final = (
    insert(outbox)
    .from_select(
        _NAMES,
        select(
            _unnested.c.topic,
            _unnested.c.action,
            _unnested.c.entity_id,
            _unnested.c.version,
            func.string_to_array(_unnested.c.scopes_before, _BETWEEN),
            func.string_to_array(_unnested.c.scopes_after, _BETWEEN),
        ).order_by(_unnested.c.place),
        include_defaults=False,
    )
    .returning(outbox.c.id)
)
MOST_GATHERED: Final = 1_000
"""So many changes wait for their transaction's end; with more, they are written at once."""


def told_of(*written: Select[Any], beside: int) -> CTE:
    """For a statement that writes: it tells what these selects find of it (columns as the outbox names them), then so
    many changes `beside` it, which `parameters_of` gives. Its rows have the outbox's `id`.

    For entities that an earlier statement has locked, as always.
    """
    return _emit(*written, *_given(beside)).cte("told")


def tells_at_once(tx: Tx) -> bool:
    """Whether a statement may tell what it writes by itself: not before what was gathered earlier."""
    return not tx.gathered


def have_told(tx: Tx, count: int, last: int) -> None:
    """A statement with `told_of` has told so many changes; `last`: the greatest id of them."""
    tx.told = last
    tx.emitted += count


async def emit(tx: Tx, changes: Iterable[Change]) -> None:
    """Tell these changes, in their order. Call it after their entities are locked and written.

    They are written to the outbox at once; within `gathering`, at its end, with all that is told there.
    """
    if tx.gathered is None:
        await _write(tx, list(changes))
    elif tx.connection.in_nested_transaction():
        assert not tx.gathered, "a savepoint that is rolled back takes along what was told before it: use `savepoint`"
        await _write(tx, list(changes))
    else:
        tx.gathered += changes
        if len(tx.gathered) > MOST_GATHERED:
            await write_gathered(tx)


async def emit_along(tx: Tx, changes: Sequence[Change]) -> None:
    """`emit`, with what was put off (`Tx.later`) in one statement where that can be."""
    if tells_at_once(tx) and 0 < len(changes) <= FEW:
        rows = await tx.along(EMIT_FEW[len(changes)], parameters_of(changes))
        have_told(tx, len(changes), rows[-1].id)
    else:
        # What is told comes last.
        await tx.settle()
        await emit(tx, changes)


async def emit_settings(tx: Tx, written: Iterable[tuple[UUID, int]]) -> None:
    """Tell the shop's own processes that these settings were written, each by its id and version."""
    await emit(tx, [Change(Topic.SETTINGS, key, version, after=()) for key, version in written])


@asynccontextmanager
async def gathering(tx: Tx) -> AsyncIterator[None]:
    """Write what is told within the block in one statement, at its end; nothing when it raises."""
    tx.gathered = []
    try:
        yield
        await write_gathered(tx)
    finally:
        tx.gathered = None


async def write_gathered(tx: Tx) -> None:
    """Write what was told so far. To be called before a savepoint, which may take back what is told after it."""
    if tx.gathered:
        gathered, tx.gathered = tx.gathered, []
        await _write(tx, gathered)


@asynccontextmanager
async def savepoint(tx: Tx) -> AsyncIterator[None]:
    """What the block writes and tells stays, or nothing of it does when it raises."""
    await write_gathered(tx)
    emitted, told = tx.emitted, tx.told
    try:
        async with tx.connection.begin_nested():
            yield
    except BaseException:
        tx.emitted, tx.told = emitted, told
        raise


async def _write(tx: Tx, changes: Sequence[Change]) -> None:
    """In their order: each draws its id after the one before."""
    if not changes:
        return
    rows = await (_write_few if len(changes) <= FEW else _write_many)(tx, changes)
    tx.told = rows[-1].id
    tx.emitted += len(changes)


async def _write_few(tx: Tx, changes: Sequence[Change]) -> Sequence[Row[Any]]:
    return await tx.rows(EMIT_FEW[len(changes)], parameters_of(changes))


def parameters_of(changes: Sequence[Change]) -> dict[str, Any]:
    """These changes as a statement takes them that names each value."""
    given: dict[str, Any] = {}
    for place, change in enumerate(changes):
        given[f"told_topic_{place}"] = change.topic.value
        given[f"told_action_{place}"] = change.action.value
        given[f"told_entity_id_{place}"] = change.entity_id
        given[f"told_version_{place}"] = change.version
        given[f"told_scopes_before_{place}"] = list(_before(change))
        given[f"told_scopes_after_{place}"] = list(change.after)
    return given


async def _write_many(tx: Tx, changes: Sequence[Change]) -> Sequence[Row[Any]]:
    given = {
        "topic": [change.topic.value for change in changes],
        "action": [change.action.value for change in changes],
        "entity_id": [change.entity_id for change in changes],
        "version": [change.version for change in changes],
        "scopes_before": [_BETWEEN.join(_before(change)) for change in changes],
        "scopes_after": [_BETWEEN.join(change.after) for change in changes],
    }
    return await tx.rows(EMIT_MANY, given)


def _before(change: Change) -> Sequence[str]:
    return change.after if change.before is None else change.before
