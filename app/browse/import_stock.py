"""The stock of imported variants: what the file says is there goes to one location, and never undoes a sale."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.import_plan import ImportPlan
from app.catalog.formats.records import FileShape, Lost, ProductRecord, RowError
from app.catalog.importing.faults import fault
from app.catalog.importing.products import ImportedVariant
from app.events.outbox import savepoint
from app.identity.principal import Actor
from app.inventory.errors import StockMoved
from app.inventory.guard import UNBOUNDED
from app.inventory.levels import MOST_CHANGES, AdjustKind, StockChange, StockPolicy, adjust, set_policy
from app.inventory.tables import stock_level
from app.platform.db import Tx
from app.platform.errors import Refusal, Refusals
from app.platform.quantities import MILLI

Counted = tuple[ProductRecord, ImportedVariant]
"""A variant with the record that it came in."""

_OF: Final = stock_level.c.variant_id == any_(bindparam("variant_ids", type_=ARRAY(Uuid)))
STOCKED: Final = select(stock_level.c.variant_id).where(_OF).distinct()
OTHER_POLICY: Final = select(
    stock_level.c.variant_id, stock_level.c.location_id, stock_level.c.backorder_allowance
).where(_OF)

NEGATIVE: Final = Refusal("Was sold below zero where the file comes from; 0 is taken")


async def import_stock(
    tx: Tx, actor: Actor, plan: ImportPlan, shape: FileShape, counted: Sequence[Counted]
) -> tuple[int, list[RowError]]:
    """Put the file's quantities into the plan's location; how many levels were written, and what is wrong.

    With `inventory` once these are the variants that have no level anywhere: nobody has told their stock yet.
    """
    wanted = [(record, one) for record, one in counted if one.record.quantity is not None and one.tracked]
    if plan.inventory == "once":
        stocked = await _stocked(tx, [one.variant_id for _, one in wanted])
        wanted = [(record, one) for record, one in wanted if one.variant_id not in stocked]
    errors = [
        fault(shape, record, "quantity", str(one.record.quantity), NEGATIVE, Lost.NOTHING, one.record.line)
        for record, one in wanted
        if (one.record.quantity or 0) < 0
    ]
    # In the order in which levels are locked, across all calls.
    wanted.sort(key=lambda item: item[1].variant_id)
    written = 0
    for start in range(0, len(wanted), MOST_CHANGES):
        done, refused = await _adjust(tx, actor, plan, shape, wanted[start : start + MOST_CHANGES])
        written += done
        errors += refused
    return written, errors


async def import_policies(tx: Tx, actor: Actor, shape: FileShape, counted: Sequence[Counted]) -> None:
    """Let levels that are there follow their variants, where the file lets them sell on without stock, or no longer."""
    if "policy" not in shape.fields:
        return
    changed = {
        one.variant_id: UNBOUNDED if one.record.backorder else 0
        for _, one in counted
        if one.before is not None and one.before["backorder_allowance"] != (None if one.record.backorder else 0)
    }
    rows = await tx.rows(OTHER_POLICY, {"variant_ids": list(changed)}) if changed else ()
    policies = [
        StockPolicy(row.variant_id, row.location_id, backorder_allowance=changed[row.variant_id])
        for row in sorted(rows, key=lambda row: (row.variant_id, row.location_id))
        if row.backorder_allowance != changed[row.variant_id] and actor.principal.works_at(row.location_id)
    ]
    for start in range(0, len(policies), MOST_CHANGES):
        await set_policy(tx, actor, policies=policies[start : start + MOST_CHANGES])


async def _stocked(tx: Tx, variant_ids: Collection[UUID]) -> set[UUID]:
    rows = await tx.rows(STOCKED, {"variant_ids": list(variant_ids)}) if variant_ids else ()
    return {row.variant_id for row in rows}


async def _adjust(
    tx: Tx, actor: Actor, plan: ImportPlan, shape: FileShape, wanted: Sequence[Counted]
) -> tuple[int, list[RowError]]:
    """One call of `adjust`; again without what it refuses."""
    once = plan.inventory == "once"
    kind: AdjustKind = "RECEIPT" if once else "ADJUSTMENT"
    errors: list[RowError] = []
    left = list(wanted)
    while left:
        changes = [
            StockChange(
                one.variant_id,
                plan.location_id,
                on_hand=max(0, one.record.quantity or 0) * MILLI,
                expected_on_hand=0 if once else None,
                path=(str(place),),
            )
            for place, (_, one) in enumerate(left)
        ]
        try:
            async with savepoint(tx):
                done = await adjust(tx, actor, changes=changes, kind=kind, reason="import", reference=plan.source)
        except (Refusal, Refusals) as refused:
            at_fault = {int(refusal.path[0]): refusal for refusal in refused.refusals}
        else:
            return len(done.movement_ids), errors
        errors += [
            fault(shape, record, "quantity", str(one.record.quantity), at_fault[place], Lost.VALUE, one.record.line)
            for place, (record, one) in enumerate(left)
            # Somebody told it a moment ago: theirs counts.
            if place in at_fault and not isinstance(at_fault[place], StockMoved)
        ]
        left = [item for place, item in enumerate(left) if place not in at_fault]
    return 0, errors
