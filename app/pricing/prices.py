"""Setting prices: now or at a time to come, for ever or until a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.catalog.tables import variant
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.money import MAX_MINOR, amount_too_large
from app.platform.quantities import MAX_MILLI
from app.platform.unnest import arrays, unnested
from app.pricing.checks import check_reach
from app.pricing.listing import hold_frame, lock_variants, retell
from app.pricing.tables import price, price_list
from app.pricing.timeline import Span, Wish, carry_out

CHUNK: Final = 2000
"""How many variants' prices are held in memory at a time."""

LIST = select(price_list).where(price_list.c.id == bindparam("price_list_id"))
KNOWN = select(variant.c.id).where(variant.c.id == any_(bindparam("variant_ids", type_=ARRAY(Uuid))))
CURRENT = (
    select(price)
    .where(
        price.c.price_list_id == bindparam("price_list_id"),
        price.c.variant_id == any_(bindparam("variant_ids", type_=ARRAY(Uuid))),
        # Those that ended a moment ago by a clock ahead of ours would tell where a change made now begins.
        or_(price.c.ends_at.is_(None), price.c.ends_at >= bindparam("now")),
    )
    .order_by(price.c.starts_at, price.c.id)
)
ENDED = (price.c.id, price.c.ends_at)
_ENDED = unnested("ended", ENDED)
END = update(price).where(price.c.id == _ENDED.c.id).values(ends_at=_ENDED.c.ends_at)
COLUMNS = tuple(price.c)
ADD = insert(price).from_select([each.name for each in COLUMNS], select(unnested("added", COLUMNS)))

Key = tuple[UUID, int]
"""Variant, minimum quantity."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """What one unit is to cost in a list; amounts in minor units of its currency, quantities in thousandths.

    `amount_minor` None ends the price; with `ends_at` it takes back the limited prices within that time. `starts_at`
    None: at once. `ends_at` None: until another is set. What happens to prices already there, `timeline` says.
    """

    variant_id: UUID
    amount_minor: int | None
    compare_at_minor: int | None = None
    min_quantity: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True)
class PricesSet:
    """`price_ids`: the price that says what each change asked for, new or as it was; None where none does.

    `variant_ids`: the variants of which any price changed.
    """

    price_ids: list[UUID | None]
    variant_ids: list[UUID]


async def set_prices(tx: Tx, actor: Actor, *, price_list_id: UUID, changes: Sequence[PriceChange]) -> PricesSet:
    """Carry out the changes in their order, all or none; what is so already is left as it is.

    Raises NotFound (the list at `priceListId`, a variant at its change's path) and InvalidInput: NEGATIVE_AMOUNT,
    AMOUNT_TOO_LARGE, INVALID_QUANTITY, IN_THE_PAST, ENDS_BEFORE_IT_STARTS; BeyondReach for a list of other places.
    """
    check_changes(changes, actor.now)
    await hold_frame(tx)
    found = await tx.row(LIST, {"price_list_id": price_list_id})
    if found is None:
        raise NotFound("There is no such price list.", path=("priceListId",))
    check_reach(actor, dict(found._mapping), ("priceListId",))
    variant_ids = await _known_variants(tx, changes)
    await lock_variants(tx, variant_ids)
    answers: list[Span | None] = [None] * len(changes)
    by_variant: dict[UUID, list[int]] = {}
    for place, change in enumerate(changes):
        by_variant.setdefault(change.variant_id, []).append(place)
    changed: list[UUID] = []
    latest = actor.now
    for start in range(0, len(variant_ids), CHUNK):
        ids = variant_ids[start : start + CHUNK]
        spans = await _current(tx, price_list_id, ids, actor.now)
        for place in sorted(place for variant_id in ids for place in by_variant[variant_id]):
            change = changes[place]
            answers[place] = carry_out(spans.setdefault(_key(change), []), _wish(change), actor.now)
        written = await _write(tx, price_list_id, spans)
        changed += sorted(written)
        latest = max([latest, *(span.created_at for key in spans if key[0] in written for span in spans[key])])
    await retell(tx, changed, latest, told=changed)
    return PricesSet(
        price_ids=[span.id if span is not None and not _undone(span) else None for span in answers],
        variant_ids=changed,
    )


def check_changes(changes: Iterable[PriceChange], now: datetime) -> None:
    """Raises what can be told without the database."""
    refusals: list[Refusal] = []
    for change in changes:
        for name, amount in (("amount", change.amount_minor), ("compareAt", change.compare_at_minor)):
            if amount is not None and amount < 0:
                message, code = "A price is not negative.", "NEGATIVE_AMOUNT"
                refusals.append(InvalidInput(message, path=(*change.path, name), code=code))
            elif amount is not None and amount > MAX_MINOR:
                refusals.append(amount_too_large().at(*change.path, name))
        if not 0 <= change.min_quantity <= MAX_MILLI:
            message = "A minimum quantity is from 0 to 1,000,000,000 units."
            refusals.append(InvalidInput(message, path=(*change.path, "minQuantity"), code="INVALID_QUANTITY"))
        if change.starts_at is not None and change.starts_at < now:
            message = "Prices are not changed backwards: leave `startsAt` out for a change at once."
            refusals.append(InvalidInput(message, path=(*change.path, "startsAt"), code="IN_THE_PAST"))
        if change.ends_at is not None and change.ends_at <= (change.starts_at or now):
            message = "A price ends after it starts."
            refusals.append(InvalidInput(message, path=(*change.path, "endsAt"), code="ENDS_BEFORE_IT_STARTS"))
    collect(refusals)


async def _known_variants(tx: Tx, changes: Iterable[PriceChange]) -> list[UUID]:
    wanted = {change.variant_id for change in changes}
    known = {row.id for row in await tx.rows(KNOWN, {"variant_ids": list(wanted)})}
    collect(
        [
            NotFound("There is no such variant.", path=(*change.path, "variant"))
            for change in changes
            if change.variant_id not in known
        ]
    )
    return sorted(wanted)


async def _current(tx: Tx, price_list_id: UUID, variant_ids: Sequence[UUID], now: datetime) -> dict[Key, list[Span]]:
    found: dict[Key, list[Span]] = {}
    rows = await tx.rows(CURRENT, {"price_list_id": price_list_id, "variant_ids": list(variant_ids), "now": now})
    for row in rows:
        found.setdefault((row.variant_id, row.min_quantity), []).append(_span(row))
    return found


def _span(row: Row[Any]) -> Span:
    return Span(row.id, row.amount, row.compare_at, row.starts_at, row.ends_at, row.created_at)


async def _write(tx: Tx, price_list_id: UUID, spans: dict[Key, list[Span]]) -> set[UUID]:
    """Store what `carry_out` changed; the variants of which it changed something."""
    ended, added, changed = [], [], set()
    for (variant_id, min_quantity), of_key in spans.items():
        for span in of_key:
            if span.stored and span.changed:
                ended.append({"id": span.id, "ends_at": span.ends_at})
            elif not span.stored and not _undone(span):
                added.append(
                    {
                        "id": span.id,
                        "price_list_id": price_list_id,
                        "variant_id": variant_id,
                        "min_quantity": min_quantity,
                        "amount": span.amount,
                        "compare_at": span.compare_at,
                        "starts_at": span.starts_at,
                        "ends_at": span.ends_at,
                        "created_at": span.created_at,
                    }
                )
            else:
                continue
            changed.add(variant_id)
    if ended:
        await tx.execute(END, arrays(ENDED, ended))
    if added:
        await tx.execute(ADD, arrays(COLUMNS, added))
    return changed


def _undone(span: Span) -> bool:
    """Whether a later change of the same call took this one's place."""
    return not span.stored and span.starts_at == span.ends_at


def _key(change: PriceChange) -> Key:
    return change.variant_id, change.min_quantity


def _wish(change: PriceChange) -> Wish:
    return Wish(change.amount_minor, change.compare_at_minor, change.starts_at, change.ends_at)
