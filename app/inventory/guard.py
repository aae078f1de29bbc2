"""The guard of law 1: levels locked in order, what a command is about to do to them, and the one UPDATE that does it.

A command locks every level that it may touch in one statement, by (variant, location); reads what stands on them in a
later one; decides; and writes each level once, whatever number of lines share it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    TableValuedAlias,
    Update,
    Uuid,
    any_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import TypeEngine

from app.catalog.tables import product, variant
from app.events.outbox import Change, have_told, parameters_of, tells_at_once
from app.inventory.errors import InsufficientStock
from app.inventory.events import TOLD, tell, telling
from app.inventory.tables import stock_level
from app.platform.db import Tx
from app.platform.errors import Refusal, collect
from app.platform.ids import new_id
from app.platform.operations import locked
from app.platform.statements import Parameters

Key = tuple[UUID, UUID]
"""Variant, location."""

MOST_BESIDE = 3
"""Changes that are told in the statement that writes the levels: one is built for each number of them."""

UNBOUNDED = 10**15
"""The backorder allowance, in thousandths, that stands for «without bound»: more than anybody can ask for."""

MOMENT = select(func.clock_timestamp()).scalar_subquery()
"""This very moment, not the transaction's; in a subquery of its own so that an index can be used for it."""


@dataclass(slots=True)
class Level:
    """A locked level and what the command is about to change. Quantities in thousandths."""

    id: UUID
    variant_id: UUID
    location_id: UUID
    on_hand: int
    reserved: int
    safety_stock: int
    backorder_allowance: int
    version: int
    on_hand_change: int = 0
    reserved_change: int = 0
    # Whether something is taken that was not reserved before: then, and only then, the guard decides.
    guarded: bool = False
    # Told even when no quantity changes: it was made by this command, or counted.
    touched: bool = False

    @property
    def key(self) -> Key:
        return self.variant_id, self.location_id

    @property
    def changed(self) -> bool:
        return self.touched or self.guarded or self.on_hand_change != 0 or self.reserved_change != 0

    def free(self, *, ignores_safety_stock: bool) -> int:
        """What is there and not spoken for, after the changes so far; negative below safety stock or on backorder."""
        kept_back = 0 if ignores_safety_stock else self.safety_stock
        return self.on_hand + self.on_hand_change - self.reserved - self.reserved_change - kept_back

    def room(self, *, ignores_safety_stock: bool) -> int:
        """What may still be taken: what is free, and the backorder allowance."""
        return self.free(ignores_safety_stock=ignores_safety_stock) + self.backorder_allowance

    def take(self, quantity: int) -> None:
        """Reserve what was free."""
        self.reserved_change += quantity
        self.guarded = True


Levels = dict[Key, Level]


def unnested(name: str, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """Rows from arrays, one array parameter for each column: `{name}_{column}`."""
    arrays = [bindparam(f"{name}_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*(column(key, kind) for key, kind in columns.items())).render_derived(name)


def arrays(name: str, rows: Iterable[tuple[Any, ...]], *columns: str) -> dict[str, list[Any]]:
    """The parameters of `unnested`."""
    values: list[list[Any]] = [[] for _ in columns]
    for row in rows:
        for place, value in zip(values, row, strict=True):
            place.append(value)
    return {f"{name}_{key}": place for key, place in zip(columns, values, strict=True)}


asked = unnested("asked", variant_id=Uuid(), location_id=Uuid())
ASKED: Select[Any] = select(asked.c.variant_id, asked.c.location_id)
"""The levels that the parameters of `keys_of` name."""


def keys_of(keys: Iterable[Key]) -> dict[str, Any]:
    return arrays("asked", keys, "variant_id", "location_id")


def locking(*sources: Select[Any], skip_locked: bool = False) -> Select[Any]:
    """Lock the levels that any of these selects names, one after the other in (variant, location) order."""
    named = union(*sources) if len(sources) > 1 else sources[0]
    return (
        select(
            stock_level.c.id,
            stock_level.c.variant_id,
            stock_level.c.location_id,
            stock_level.c.on_hand,
            stock_level.c.reserved,
            stock_level.c.safety_stock,
            stock_level.c.backorder_allowance,
            stock_level.c.version,
        )
        .where(tuple_(stock_level.c.variant_id, stock_level.c.location_id).in_(named))
        .order_by(stock_level.c.variant_id, stock_level.c.location_id)
        .with_for_update(of=stock_level, skip_locked=skip_locked)
    )


LOCK = locking(ASKED)

made = unnested("made", id=Uuid(), variant_id=Uuid(), location_id=Uuid())
# What has no level yet cannot be locked by who changes who sees it (`sight.tell_stock`): its product is.
HOLD_PRODUCTS = (
    select(product.c.id)
    .where(
        product.c.id.in_(
            select(variant.c.product_id).where(variant.c.id == any_(bindparam("variant_ids", type_=ARRAY(Uuid))))
        )
    )
    .order_by(product.c.id)
    .with_for_update(read=True)
)
CREATE = (
    insert(stock_level)
    .from_select(
        ["id", "variant_id", "location_id", "backorder_allowance", "updated_at"],
        select(
            made.c.id,
            made.c.variant_id,
            made.c.location_id,
            func.coalesce(variant.c.backorder_allowance, UNBOUNDED),
            func.clock_timestamp(),
        )
        .join(variant, variant.c.id == made.c.variant_id)
        .order_by(made.c.variant_id, made.c.location_id),
    )
    .on_conflict_do_nothing()
    .returning(stock_level.c.id)
)


async def lock(tx: Tx, statement: Select[Any], parameters: Parameters) -> Levels:
    """The levels that a statement of `locking` names, locked."""
    rows: Iterable[Any] = await locked(tx, statement, stock_level, parameters)
    return {(row.variant_id, row.location_id): Level(*row) for row in rows}


def keys_held(holds: Iterable[Any]) -> set[Key]:
    """The levels of these holds."""
    return {(row.variant_id, row.location_id) for row in holds}


def untouched(levels: Levels, holds: Iterable[Any]) -> bool:
    """Whether holds of a cart that is locked, rows of `HOLDS_OF_CARTS`, are as they were read before their levels were.

    Who gives back another cart's hold writes its level, and raises that level's version.
    """
    return all(
        (level := levels.get((row.variant_id, row.location_id))) is not None and level.version == row.level_version
        for row in holds
    )


async def lock_held(
    tx: Tx,
    keys: Collection[Key],
    holds: Sequence[Any] | None,
    *,
    locked_by: Select[Any],
    found_by: Select[Any],
    named: Parameters,
) -> tuple[Levels, Sequence[Any]]:
    """The levels of these keys and of a cart's holds, locked, and the holds as they are then.

    `holds`: rows of `HOLDS_OF_CARTS`, as they were read under the cart's lock; None where they were not: `locked_by`
    locks their levels too, of what is `named`, and `found_by` finds them.
    """
    if holds is None:
        levels = await lock(tx, locked_by, {**keys_of(sorted(keys)), **named})
    else:
        levels = await lock(tx, LOCK, keys_of(sorted({*keys, *keys_held(holds)})))
    if holds is None or not untouched(levels, holds):
        holds = await tx.rows(found_by, named)
    return levels, holds


async def create(tx: Tx, keys: Iterable[Key]) -> Levels:
    """Make and lock levels that are missing, with their variants' backorder allowance, nothing on hand.

    Somebody else may have made one meanwhile; then it is theirs, locked as it is. None for a variant that is not there.
    """
    wanted = sorted(set(keys))
    rows = [(new_id(), *key) for key in wanted]
    await tx.rows(HOLD_PRODUCTS, {"variant_ids": list({variant_id for variant_id, _ in wanted})})
    ours = {row.id for row in await tx.rows(CREATE, arrays("made", rows, "id", "variant_id", "location_id"))}
    levels = await lock(tx, LOCK, keys_of(wanted))
    for level in levels.values():
        level.touched = level.id in ours
    return levels


def shortfall_after(on_hand: ColumnElement[int], reserved: ColumnElement[int]) -> ColumnElement[int]:
    """How far below its backorder allowance a level stands: what receipts and releases make good first."""
    level = stock_level.c
    return func.greatest(0, reserved + level.safety_stock - on_hand - level.backorder_allowance)


changes = unnested(
    "changes",
    variant_id=Uuid(),
    location_id=Uuid(),
    on_hand=BigInteger(),
    reserved=BigInteger(),
    guarded=Boolean(),
)


def guarded_update() -> Update:
    """The guard: an UPDATE of locked levels that reads columns of the level's own row and its parameters, no more."""
    level = stock_level.c
    on_hand, reserved = level.on_hand + changes.c.on_hand, level.reserved + changes.c.reserved
    safety_counts = bindparam("safety_counts", type_=BigInteger)
    kept_back = level.safety_stock * safety_counts
    missing = shortfall_after(on_hand, reserved)
    # A sale never adds to what is missing, but for a till that may sell what safety stock keeps back: so that the
    # table's CHECK stands behind this guard.
    allowed = func.greatest(level.shortfall, level.safety_stock * (1 - safety_counts))
    return (
        update(stock_level)
        .where(
            level.variant_id == changes.c.variant_id,
            level.location_id == changes.c.location_id,
            or_(~changes.c.guarded, on_hand - reserved - kept_back + level.backorder_allowance >= 0),
        )
        .values(
            on_hand=on_hand,
            reserved=reserved,
            shortfall=case((changes.c.guarded, func.least(missing, allowed)), else_=missing),
            version=level.version + 1,
            updated_at=func.clock_timestamp(),
        )
        .returning(*TOLD)
    )


async def write(
    tx: Tx,
    statement: Update,
    levels: Levels,
    parameters: Mapping[str, Any],
    *,
    ignores_safety_stock: bool = False,
    also: Sequence[Change] = (),
) -> None:
    """Change the levels by a `guarded_update`, with what hangs on it and what was put off; tell of them, and of `also`.

    Raises InsufficientStock when the guard lets through fewer levels than were asked for; the caller's transaction must
    be rolled back then.
    """
    written = sorted((level for level in levels.values() if level.changed), key=lambda level: level.key)
    values = [
        (level.variant_id, level.location_id, level.on_hand_change, level.reserved_change, level.guarded)
        for level in written
    ]
    given = {
        **arrays("changes", values, "variant_id", "location_id", "on_hand", "reserved", "guarded"),
        "safety_counts": 0 if ignores_safety_stock else 1,
        **parameters,
    }
    if len(also) > MOST_BESIDE or not tells_at_once(tx):
        rows = await tx.along(statement, given)
        if len(rows) != len(written):
            _refuse(written, {row.id for row in rows})
        await tell(tx, rows, also=also)
        return
    await _write_and_tell(tx, statement, given, written, also)


async def _write_and_tell(
    tx: Tx, statement: Update, given: Mapping[str, Any], written: list[Level], also: Sequence[Change]
) -> None:
    """The same in one statement: what it tells is what it has just read and written."""
    [row] = await tx.along(telling(statement, len(also)), {**given, **parameters_of(also)})
    if len(row.levels) != len(written):
        _refuse(written, row.levels)
    if row.changes:
        have_told(tx, row.changes, row.last)


def _refuse(asked_for: list[Level], done: Collection[UUID]) -> None:
    refused: list[Refusal] = [
        InsufficientStock(
            line_id=None,
            variant_id=level.variant_id,
            location_id=level.location_id,
            requested=max(0, level.reserved_change - level.on_hand_change),
            available=max(0, level.on_hand - level.reserved - level.safety_stock + level.backorder_allowance),
        )
        for level in asked_for
        if level.id not in done
    ]
    collect(refused)
