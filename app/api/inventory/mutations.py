"""Writing stock: what happened to it, and how much of it may be sold."""

from typing import Annotated, Any, cast

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.errors import Payload
from app.api.inventory.inputs import StockAdjustInput, StockPolicySetInput, variants_meant
from app.api.inventory.types import StockLevel, StockMovement, load_levels, load_movements
from app.api.perform import Result, perform
from app.identity.principal import Actor
from app.inventory.guard import UNBOUNDED
from app.inventory.levels import AdjustKind, StockChange, StockPolicy, adjust, check_size, set_policy
from app.platform import ids
from app.platform.db import Tx


@strawberry.type(description="What `stockAdjust` did.")
class StockAdjustPayload(Payload):
    @strawberry.field(description="The levels, each once, as they are now.")
    async def levels(self, info: Info) -> list[StockLevel]:
        return [level for level in await load_levels(info.context, self.keys("levels")) if level is not None]

    @strawberry.field(description="What was written in the ledger, in the order of the changes.")
    async def movements(self, info: Info) -> list[StockMovement]:
        found = await load_movements(info.context, self.keys("movements"))
        return [movement for movement in found if movement is not None]


@strawberry.type(description="What `stockPolicySet` did.")
class StockPolicySetPayload(Payload):
    @strawberry.field(description="The levels, as they are now.")
    async def levels(self, info: Info) -> list[StockLevel]:
        return [level for level in await load_levels(info.context, self.keys("levels")) if level is not None]


@strawberry.type
class InventoryMutations:
    @strawberry.mutation(
        description="Record what happened to stock: goods received, found, lost, counted. All changes or none; "
        "never refused for what was promised before."
    )
    async def stock_adjust(
        self, info: Info, input: Annotated[StockAdjustInput, strawberry.argument(description="What happened.")]
    ) -> StockAdjustPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            kind = cast(AdjustKind, input.kind.name)
            done = await adjust(tx, actor, changes=await _changes(tx, input), kind=kind, reason=input.reason)
            return {"levels": done.level_ids, "movements": done.movement_ids}

        return await perform(info, StockAdjustPayload, input, command)

    @strawberry.mutation(
        description="Set how much of stock levels may be sold: safety stock and backorder allowance. All or none."
    )
    async def stock_policy_set(
        self, info: Info, input: Annotated[StockPolicySetInput, strawberry.argument(description="The levels.")]
    ) -> StockPolicySetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"levels": await set_policy(tx, actor, policies=await _policies(tx, input))}

        return await perform(info, StockPolicySetPayload, input, command)


async def _changes(tx: Tx, given: StockAdjustInput) -> list[StockChange]:
    check_size(given.changes, "changes")
    paths = [("changes", str(number)) for number in range(len(given.changes))]
    places = [
        ids.require("Location", change.location_id, (*path, "locationId"))
        for change, path in zip(given.changes, paths, strict=True)
    ]
    named = [(change.variant, (*path, "variant")) for change, path in zip(given.changes, paths, strict=True)]
    variants = await variants_meant(tx, named)
    return [
        StockChange(
            variant_id=variant_id,
            location_id=location_id,
            delta=_given(change.amount.delta),
            on_hand=_given(change.amount.on_hand),
            expected_on_hand=change.expected_on_hand,
            path=path,
        )
        for change, variant_id, location_id, path in zip(given.changes, variants, places, paths, strict=True)
    ]


async def _policies(tx: Tx, given: StockPolicySetInput) -> list[StockPolicy]:
    check_size(given.levels, "levels")
    paths = [("levels", str(number)) for number in range(len(given.levels))]
    places = [
        ids.require("Location", level.location_id, (*path, "locationId"))
        for level, path in zip(given.levels, paths, strict=True)
    ]
    named = [(level.variant, (*path, "variant")) for level, path in zip(given.levels, paths, strict=True)]
    variants = await variants_meant(tx, named)
    return [
        StockPolicy(
            variant_id=variant_id,
            location_id=location_id,
            safety_stock=_given(level.safety_stock),
            backorder_allowance=UNBOUNDED if level.backorder_allowance is None else _given(level.backorder_allowance),
            path=path,
        )
        for level, variant_id, location_id, path in zip(given.levels, variants, places, paths, strict=True)
    ]


def _given(value: Any) -> Any:
    """None for what was left out."""
    return None if value is UNSET else value
