"""Facts about stock: what was received, counted, found or lost, and how much of it may be sold.

Facts are never refused for what they do to promises: a level that falls below what is reserved gets a shortfall, which
receipts and releases make good first. (The conflict inbox, where people see it, comes with the tills' own issue.)
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, Row, Uuid, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import variant
from app.channels.tables import location
from app.identity.principal import Actor
from app.inventory.errors import StockMoved
from app.inventory.events import TOLD, tell
from app.inventory.guard import LOCK, UNBOUNDED, Levels, arrays, create, keys_of, lock, unnested, write
from app.inventory.ledger import WRITE_FACTS, Movement, movements_parameters, ordered_ids
from app.inventory.tables import stock_level
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.quantities import MAX_MILLI, fits_step, format_quantity

MOST_CHANGES = 1_000
LONGEST_REASON = 500
MOST_ON_HAND = 10**15
"""The most, either way, that a level may have on hand, in thousandths."""

AdjustKind = Literal["RECEIPT", "ADJUSTMENT", "COUNT"]


@dataclass(frozen=True, slots=True)
class StockChange:
    """A change of one level, in thousandths: either `delta`, or `on_hand`, what there is now.

    `expected_on_hand`: refuse unless that much is on hand before. A level that is not there has nothing on hand.
    """

    variant_id: UUID
    location_id: UUID
    delta: int | None = None
    on_hand: int | None = None
    expected_on_hand: int | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True)
class StockPolicy:
    """How much of a level may be sold, in thousandths; None: as it is. `backorder_allowance` may be `UNBOUNDED`."""

    variant_id: UUID
    location_id: UUID
    safety_stock: int | None = None
    backorder_allowance: int | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The levels in the order in which they were first named, and the movements in the order of the changes."""

    level_ids: list[UUID]
    movement_ids: list[UUID]


VARIANTS = select(variant.c.id, variant.c.track_stock, variant.c.quantity_step).where(
    variant.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)
LOCATIONS = select(location.c.id).where(location.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))

_policy = unnested(
    "policy", variant_id=Uuid(), location_id=Uuid(), safety_stock=BigInteger(), backorder_allowance=BigInteger()
)
_level = stock_level.c
SET_POLICY = (
    update(stock_level)
    .where(_level.variant_id == _policy.c.variant_id, _level.location_id == _policy.c.location_id)
    .values(
        safety_stock=func.coalesce(_policy.c.safety_stock, _level.safety_stock),
        backorder_allowance=func.coalesce(_policy.c.backorder_allowance, _level.backorder_allowance),
        shortfall=func.greatest(
            0,
            _level.reserved
            + func.coalesce(_policy.c.safety_stock, _level.safety_stock)
            - _level.on_hand
            - func.coalesce(_policy.c.backorder_allowance, _level.backorder_allowance),
        ),
        version=_level.version + 1,
        updated_at=func.clock_timestamp(),
    )
    .returning(*TOLD)
)


async def adjust(
    tx: Tx,
    actor: Actor,
    *,
    changes: Sequence[StockChange],
    kind: AdjustKind,
    reason: str | None = None,
    reference: str | None = None,
) -> Adjusted:
    """Record what happened to these levels, all of it or nothing; levels that are missing are made.

    A count writes its movement even when it found what was known; other changes of nothing write none. A level may be
    named more than once by deltas alone.

    Raises NotFound for a variant that is not there and for a location that is not there or not the caller's; StockMoved
    when `expected_on_hand` is not what is on hand; InvalidInput: EMPTY, TOO_MANY, TOO_LONG, NOT_TRACKED,
    INVALID_QUANTITY, QUANTITY_TOO_LARGE, DUPLICATE_LEVEL.
    """
    check_size(changes, "changes")
    if reason is not None and len(reason) > LONGEST_REASON:
        raise InvalidInput(f"At most {LONGEST_REASON} characters.", path=("reason",), code="TOO_LONG")
    steps = await _check_places(tx, actor, changes)
    _check_changes(changes, steps)
    levels = await _locked(tx, changes)
    collect(_moved(changes, levels))

    movements: list[Movement] = []
    for movement_id, change in zip(ordered_ids(len(changes)), changes, strict=True):
        level = levels[change.variant_id, change.location_id]
        before = level.on_hand + level.on_hand_change
        quantity = change.delta if change.on_hand is None else change.on_hand - before
        assert quantity is not None
        level.on_hand_change += quantity
        if abs(before + quantity) > MOST_ON_HAND:
            raise InvalidInput("That is more than a level can have.", path=change.path, code="QUANTITY_TOO_LARGE")
        if quantity or kind == "COUNT":
            row = Movement(movement_id, level.variant_id, level.location_id, quantity, before + quantity)
            movements.append(row)
            level.touched = True
    parameters = movements_parameters(
        movements, kind=kind, actor=actor.key, occurred_at=actor.now, reason=reason, reference=reference
    )
    await write(tx, WRITE_FACTS, levels, parameters)
    named = dict.fromkeys((change.variant_id, change.location_id) for change in changes)
    return Adjusted([levels[key].id for key in named], [movement.id for movement in movements])


async def set_policy(tx: Tx, actor: Actor, *, policies: Sequence[StockPolicy]) -> list[UUID]:
    """Set what may be sold of these levels, all of them or none; the ids of the levels, which are made where missing.

    What was promised before stays promised: a level that now stands lower than its policy allows has a shortfall.
    Raises as `adjust` does.
    """
    check_size(policies, "levels")
    await _check_places(tx, actor, policies)
    _check_policies(policies)
    levels = await _locked(tx, policies)
    rows = [
        (policy.variant_id, policy.location_id, policy.safety_stock, policy.backorder_allowance) for policy in policies
    ]
    columns = ("variant_id", "location_id", "safety_stock", "backorder_allowance")
    await tell(tx, await tx.rows(SET_POLICY, arrays("policy", rows, *columns)))
    return [levels[policy.variant_id, policy.location_id].id for policy in policies]


async def _locked(tx: Tx, items: Sequence[StockChange | StockPolicy]) -> Levels:
    """The levels that these name, all of them there and locked."""
    keys = {(item.variant_id, item.location_id) for item in items}
    levels = await lock(tx, LOCK, keys_of(sorted(keys)))
    if missing := keys - levels.keys():
        levels.update(await create(tx, missing))
    return levels


def check_size(items: Sequence[object], name: str) -> None:
    """Raises InvalidInput for an input list of nothing (EMPTY), or of more than 1,000 (TOO_MANY)."""
    if not items:
        raise InvalidInput("There is nothing to do.", path=(name,), code="EMPTY")
    if len(items) > MOST_CHANGES:
        raise InvalidInput(f"At most {MOST_CHANGES} at once, there are {len(items)}.", path=(name,), code="TOO_MANY")


async def _check_places(tx: Tx, actor: Actor, items: Sequence[StockChange | StockPolicy]) -> dict[UUID, Row[Any]]:
    """The variants named, by id. Refuses what is not there, not the caller's, or has no stock to speak of."""
    variants = {row.id: row for row in await tx.rows(VARIANTS, {"ids": list({item.variant_id for item in items})})}
    places: Collection[UUID] = {
        row.id for row in await tx.rows(LOCATIONS, {"ids": list({item.location_id for item in items})})
    }
    refused: list[Refusal] = []
    for item in items:
        found = variants.get(item.variant_id)
        if found is None:
            refused.append(NotFound("There is no such variant.", path=(*item.path, "variant")))
        elif not found.track_stock:
            message = "The stock of this variant is not tracked."
            refused.append(InvalidInput(message, path=(*item.path, "variant"), code="NOT_TRACKED"))
        if item.location_id not in places or not actor.principal.works_at(item.location_id):
            refused.append(NotFound("There is no such location.", path=(*item.path, "locationId")))
    collect(refused)
    return variants


def _check_changes(changes: Sequence[StockChange], variants: dict[UUID, Row[Any]]) -> None:
    named = Counter((change.variant_id, change.location_id) for change in changes)
    refused: list[Refusal] = []
    for change in changes:
        amount = change.delta if change.on_hand is None else change.on_hand
        where = (*change.path, "amount", "delta" if change.on_hand is None else "onHand")
        if amount is None or (change.delta is not None and change.on_hand is not None):
            message = "Give either a delta or what is on hand."
            refused.append(InvalidInput(message, path=(*change.path, "amount"), code="INVALID_QUANTITY"))
        elif abs(amount) > MAX_MILLI:
            refused.append(InvalidInput("That is too much.", path=where, code="QUANTITY_TOO_LARGE"))
        elif not fits_step(amount, variants[change.variant_id].quantity_step):
            step = format_quantity(variants[change.variant_id].quantity_step)
            message = f"The quantity must be a multiple of {step}."
            refused.append(InvalidInput(message, path=where, code="INVALID_QUANTITY"))
        alone = change.on_hand is None and change.expected_on_hand is None
        if named[change.variant_id, change.location_id] > 1 and not alone:
            message = "A level that is named more than once can only have deltas, without expectedOnHand."
            refused.append(InvalidInput(message, path=change.path, code="DUPLICATE_LEVEL"))
    collect(refused)


def _check_policies(policies: Sequence[StockPolicy]) -> None:
    named = Counter((policy.variant_id, policy.location_id) for policy in policies)
    refused: list[Refusal] = []
    for policy in policies:
        if named[policy.variant_id, policy.location_id] > 1:
            message = "This level is named more than once."
            refused.append(InvalidInput(message, path=policy.path, code="DUPLICATE_LEVEL"))
        for name, amount, most in (
            ("safetyStock", policy.safety_stock, MAX_MILLI),
            ("backorderAllowance", policy.backorder_allowance, UNBOUNDED),
        ):
            if amount is not None and not 0 <= amount <= most:
                message = "It must not be negative, nor too large."
                refused.append(InvalidInput(message, path=(*policy.path, name), code="INVALID_QUANTITY"))
    collect(refused)


def _moved(changes: Sequence[StockChange], levels: Levels) -> list[Refusal]:
    """A refusal for each change that expected something else on hand."""
    refused: list[Refusal] = []
    for change in changes:
        level = levels[change.variant_id, change.location_id]
        if change.expected_on_hand not in (None, level.on_hand):
            refused.append(
                StockMoved(
                    level_id=level.id,
                    on_hand=level.on_hand,
                    expected=change.expected_on_hand,
                    path=(*change.path, "expectedOnHand"),
                )
            )
    return refused
