"""Claims: what lines want beyond what they have, spread over the locations that may serve them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Uuid, all_, bindparam, delete, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from app.inventory.errors import InsufficientStock, LineType
from app.inventory.guard import ASKED, MOMENT, Level, Levels, create, keys_of
from app.inventory.tables import hold
from app.platform.db import Tx
from app.platform.errors import Path, Refusal, collect

# The holds' levels are locked by an earlier statement: what expired up to that moment is seen here.
RELEASE_EXPIRED = (
    delete(hold)
    .where(
        tuple_(hold.c.variant_id, hold.c.location_id).in_(ASKED),
        hold.c.expires_at <= MOMENT,
        hold.c.cart_line_id != all_(bindparam("spared", type_=ARRAY(Uuid))),
    )
    .returning(hold.c.variant_id, hold.c.location_id, hold.c.quantity)
)


@dataclass(slots=True)
class Claim:
    """A line that wants `quantity` thousandths in all and keeps `kept` of what it has already.

    `backorder_allowance`: what a location that has no level yet would allow; None: without bound.
    """

    line_id: UUID
    variant_id: UUID
    quantity: int
    location_ids: Sequence[UUID]
    kept: int = 0
    path: Path = ()
    backorder_allowance: int | None = 0
    line_type: LineType = "CartLine"
    # Content with less than it wants.
    or_less: bool = False
    granted: list[tuple[Level, int]] = field(default_factory=list)

    @property
    def got(self) -> int:
        return self.kept + sum(quantity for _, quantity in self.granted)


async def grant(
    tx: Tx, levels: Levels, claims: Sequence[Claim], *, ignores_safety_stock: bool, spared: Collection[UUID] = ()
) -> None:
    """Take what the claims want from these locked levels, and say in each claim's `granted` where from.

    What is there goes first, in the order of the claim's locations, then what may be backordered, in the same order.
    When that is too little, expired holds of other lines than `spared` are released and it is tried once more; then
    levels that a backorder needs are made. Raises InsufficientStock, one for each short line that is not content.
    """
    if _take(levels, claims, ignores_safety_stock):
        return
    if await _release_expired(tx, levels, claims, spared) and _take(levels, claims, ignores_safety_stock):
        return
    missing = {
        (claim.variant_id, location_id)
        for claim in claims
        if claim.backorder_allowance != 0
        for location_id in claim.location_ids
        if (claim.variant_id, location_id) not in levels
    }
    if missing:
        levels.update(await create(tx, missing))
        if _take(levels, claims, ignores_safety_stock):
            return
    _spread(levels, claims, ignores_safety_stock)
    refused: list[Refusal] = [_refusal(claim) for claim in claims if claim.got < claim.quantity and not claim.or_less]
    collect(refused)


def _take(levels: Levels, claims: Sequence[Claim], ignores_safety_stock: bool) -> bool:
    """Whether all claims could be met; if not, the levels are as before."""
    before = [(level, level.reserved_change, level.guarded) for level in levels.values()]
    _spread(levels, claims, ignores_safety_stock)
    if all(claim.got >= claim.quantity for claim in claims):
        return True
    for level, reserved_change, guarded in before:
        level.reserved_change, level.guarded = reserved_change, guarded
    return False


def _spread(levels: Levels, claims: Iterable[Claim], ignores_safety_stock: bool) -> None:
    for claim in claims:
        claim.granted = []
        places = [
            level
            for location_id in dict.fromkeys(claim.location_ids)
            if (level := levels.get((claim.variant_id, location_id))) is not None
        ]
        for measure in (Level.free, Level.room):
            for level in places:
                wanted = claim.quantity - claim.got
                quantity = min(wanted, measure(level, ignores_safety_stock=ignores_safety_stock))
                if quantity > 0:
                    level.take(quantity)
                    claim.granted.append((level, quantity))


async def _release_expired(tx: Tx, levels: Levels, claims: Sequence[Claim], spared: Collection[UUID]) -> bool:
    """Release expired holds on the levels of short claims; whether there were any."""
    short = {claim.variant_id for claim in claims if claim.got < claim.quantity}
    keys = [key for key in levels if key[0] in short]
    if not keys:
        return False
    released = await tx.rows(RELEASE_EXPIRED, {**keys_of(keys), "spared": list(spared)})
    for row in released:
        levels[row.variant_id, row.location_id].reserved_change -= row.quantity
    return bool(released)


def _refusal(claim: Claim) -> InsufficientStock:
    places = list(dict.fromkeys(claim.location_ids))
    return InsufficientStock(
        line_id=claim.line_id,
        variant_id=claim.variant_id,
        location_id=places[0] if len(places) == 1 else None,
        requested=claim.quantity,
        available=claim.got,
        line_type=claim.line_type,
        path=claim.path,
    )
