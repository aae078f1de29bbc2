"""What anybody pays for one unit in each channel: `price` of every variant, kept for sorting and filtering by price.

Whoever changes something that prices depend on calls this in the same transaction, and it tells of the change. Time
changes prices too: `refresh_due` is called every second.

Three locks keep what is kept right. The frame's: lists, taxes and channels stay as they are while prices are written,
and the other way round. The variants': one writer each; taken after the first, in the order of the ids. The products'
of those of which something is written (`lowest`), after these.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Row, Uuid, any_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.catalog.selling import sold_in
from app.catalog.tables import product, variant
from app.channels.queries import all_channels
from app.events.outbox import Change, Topic, emit
from app.events.scopes import sight_scopes
from app.platform.db import Database, Tx
from app.platform.quantities import MILLI
from app.platform.unnest import arrays, unnested
from app.pricing.frame import Frame, frame_of, prices_of_variants
from app.pricing.lowest import lock_products, mark_lowest
from app.pricing.price import PriceRow
from app.pricing.quotes import Ask, Buyer, VariantQuote, earliest, quote_one
from app.pricing.tables import channel_price, price, priced_variant

CHUNK: Final = 1000
"""How many variants are worked out at a time."""

# A number of our own for PostgreSQL's advisory locks: "feira:price" as bytes.
_FRAME: Final = 0x70726963
HOLD_FRAME = select(func.pg_advisory_xact_lock_shared(_FRAME))
CHANGE_FRAME = select(func.pg_advisory_xact_lock(_FRAME))

_IDS = bindparam("variant_ids", type_=ARRAY(Uuid))
ENSURE = (
    insert(priced_variant)
    .from_select(["variant_id"], select(func.unnest(_IDS).label("variant_id")).order_by("variant_id"))
    .on_conflict_do_nothing()
)
LOCK = (
    select(priced_variant.c.variant_id)
    .where(priced_variant.c.variant_id == any_(_IDS))
    .order_by(priced_variant.c.variant_id)
    .with_for_update()
)
LOCK_DUE = (
    select(priced_variant.c.variant_id)
    .where(priced_variant.c.next_at <= bindparam("now"))
    .order_by(priced_variant.c.next_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
PRICED = select(price.c.variant_id).distinct()
PRICED_OF_PRODUCTS = PRICED.join(variant, variant.c.id == price.c.variant_id).where(
    variant.c.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid)))
)
SUBJECTS = (
    select(
        variant.c.id,
        variant.c.product_id,
        func.coalesce(variant.c.tax_class_id, product.c.tax_class_id).label("tax_class_id"),
        sold_in(variant.c.id).label("sold_in"),
    )
    .join(product, product.c.id == variant.c.product_id)
    .where(variant.c.id == any_(_IDS))
)
_CHANNEL_IDS = bindparam("channel_ids", type_=ARRAY(Uuid))
COLUMNS = tuple(column for column in channel_price.c if column.name != "lowest")
KEPT = select(*COLUMNS).where(
    channel_price.c.variant_id == any_(_IDS),
    or_(_CHANNEL_IDS.is_(None), channel_price.c.channel_id == any_(_CHANNEL_IDS)),
)
KEEP = insert(channel_price).from_select([each.name for each in COLUMNS], select(unnested("fresh", COLUMNS)))
KEEP = KEEP.on_conflict_do_update(
    index_elements=[channel_price.c.channel_id, channel_price.c.variant_id],
    set_={each.name: KEEP.excluded[each.name] for each in COLUMNS if not each.primary_key},
)
KEY = (channel_price.c.channel_id, channel_price.c.variant_id)
_GONE = unnested("gone", KEY)
DROP = delete(channel_price).where(
    channel_price.c.channel_id == _GONE.c.channel_id, channel_price.c.variant_id == _GONE.c.variant_id
)
TOLD: Sequence[Column[Any]] = (priced_variant.c.variant_id, priced_variant.c.next_at, Column("step", BigInteger))
_STATE = unnested("state", TOLD)
TELL = (
    update(priced_variant)
    .where(
        priced_variant.c.variant_id == _STATE.c.variant_id,
        or_(_STATE.c.step > 0, priced_variant.c.next_at.is_distinct_from(_STATE.c.next_at)),
    )
    .values(version=priced_variant.c.version + _STATE.c.step, next_at=_STATE.c.next_at)
    .returning(priced_variant.c.variant_id, priced_variant.c.version, _STATE.c.step)
)


class Subject(Struct, frozen=True):
    """A variant with all that is known of its prices, and the channels that sell it."""

    id: UUID
    product_id: UUID
    tax_class_id: UUID | None
    rows: Sequence[PriceRow]
    sold_in: Sequence[UUID] = ()


async def hold_frame(tx: Tx) -> None:
    """Until the transaction ends no list, tax or channel changes what prices are."""
    await tx.execute(HOLD_FRAME)


async def change_frame(tx: Tx) -> None:
    """Wait until nobody writes prices, and keep others from it: before a list, a tax or a channel changes."""
    await tx.execute(CHANGE_FRAME)


async def lock_variants(tx: Tx, variant_ids: Iterable[UUID]) -> list[UUID]:
    """Lock the prices of these variants, in the order of their ids, in which they are answered."""
    ids = sorted(set(variant_ids))
    if ids:
        await tx.execute(ENSURE, {"variant_ids": ids})
        await tx.rows(LOCK, {"variant_ids": ids})
    return ids


async def refresh(
    tx: Tx, variant_ids: Collection[UUID] | None, channel_ids: Collection[UUID] | None, now: datetime
) -> int:
    """Work out what anybody pays for these variants (None: all that have prices) in these channels (None: all).

    Tells of each variant whose price became another; answers how many these were. Call it after a channel was opened,
    closed or set differently, in the same transaction.
    """
    if variant_ids is None:
        await change_frame(tx)
        variant_ids = [row.variant_id for row in await tx.rows(PRICED)]
    else:
        await hold_frame(tx)
    return await retell(tx, await lock_variants(tx, variant_ids), now, channel_ids=channel_ids)


async def refresh_products(tx: Tx, product_ids: Collection[UUID], now: datetime) -> int:
    """`refresh` for all priced variants of these products: after their tax class changed."""
    if not product_ids:
        return 0
    await hold_frame(tx)
    rows = await tx.rows(PRICED_OF_PRODUCTS, {"product_ids": list(product_ids)})
    return await retell(tx, await lock_variants(tx, [row.variant_id for row in rows]), now)


async def refresh_due(db: Database, now: datetime, *, most: int = CHUNK) -> int:
    """Tell of every variant of which a price, its list or its tax began or ended by `now`; how many.

    Safe in any number of processes at once: each takes what no other has. `most`: how many a transaction.
    """

    async def batch(tx: Tx) -> int:
        await hold_frame(tx)
        due = sorted([row.variant_id for row in await tx.rows(LOCK_DUE, {"now": now, "most": most})])
        await retell(tx, due, now, told=due)
        return len(due)

    total = 0
    while True:
        done = await db.run(batch)
        total += done
        if done < most:
            return total


async def retell(
    tx: Tx,
    locked: Sequence[UUID],
    now: datetime,
    *,
    told: Collection[UUID] = (),
    channel_ids: Collection[UUID] | None = None,
) -> int:
    """Work out these variants, which are locked, and tell of `told` and of each whose price for anybody changed."""
    if not locked:
        return 0
    frame = await frame_of(tx)
    channels = [row for row in await all_channels(tx) if channel_ids is None or row.id in channel_ids]
    told, count = set(told), 0
    for start in range(0, len(locked), CHUNK):
        ids = locked[start : start + CHUNK]
        subjects = await subjects_of(tx, ids, now)
        changed = await _keep(tx, subjects, frame, channels, now)
        count += await _tell(tx, subjects, frame, now, told | changed)
    return count


async def subjects_of(tx: Tx, variant_ids: Sequence[UUID], now: datetime) -> list[Subject]:
    rows = await prices_of_variants(tx, variant_ids, since=now)
    found = await tx.rows(SUBJECTS, {"variant_ids": list(variant_ids)})
    return sorted(
        (Subject(row.id, row.product_id, row.tax_class_id, rows[row.id], row.sold_in) for row in found),
        key=lambda subject: subject.id,
    )


async def _keep(
    tx: Tx, subjects: Sequence[Subject], frame: Frame, channels: Sequence[Row[Any]], now: datetime
) -> set[UUID]:
    """Write what became different; the variants of which something did."""
    where = {"variant_ids": [subject.id for subject in subjects], "channel_ids": [row.id for row in channels]}
    kept = {(row.channel_id, row.variant_id): dict(row._mapping) for row in await tx.rows(KEPT, where)}
    worked_out = {(row["channel_id"], row["variant_id"]): row for row in listed_rows(subjects, frame, channels, now)}
    fresh = [row for key, row in worked_out.items() if kept.get(key) != row]
    gone = [row for key, row in kept.items() if key not in worked_out]
    if not (fresh or gone):
        return set()
    products = await lock_products(tx, [row["product_id"] for row in (*fresh, *gone)])
    if fresh:
        await tx.execute(KEEP, arrays(COLUMNS, fresh))
    if gone:
        await tx.execute(DROP, arrays(KEY, gone))
    await mark_lowest(tx, products)
    return {row["variant_id"] for row in (*fresh, *gone)}


def listed_rows(
    subjects: Sequence[Subject], frame: Frame, channels: Sequence[Row[Any]], now: datetime
) -> Iterator[Mapping[str, Any]]:
    """The rows of `channel_price` as they should be. Channels that see the same lists and taxes share the work."""
    alike: dict[Any, list[Row[Any]]] = {}
    for row in channels:
        if row.active:
            named = frozenset(
                key for key, each in frame.lists.items() if each.channel_ids is not None and row.id in each.channel_ids
            )
            alike.setdefault((row.currency, row.country, row.region, row.prices_include_tax, named), []).append(row)
    for group in alike.values():
        buyer = anybody(group[0], now)
        for subject in subjects:
            found = quote_one(frame, subject.rows, Ask(subject.id, MILLI, subject.tax_class_id), buyer)
            if found is not None:
                shown = _shown(found, subject)
                yield from ({"channel_id": row.id, **shown} for row in group)


def anybody(channel: Row[Any], moment: datetime) -> Buyer:
    """A shopper of the channel of whom nothing is known."""
    return Buyer(
        channel_id=channel.id,
        currency=channel.currency,
        shows_tax=channel.prices_include_tax,
        place=(channel.country, channel.region),
        moment=moment,
    )


def _shown(quote: VariantQuote, subject: Subject) -> dict[str, Any]:
    return {
        "variant_id": subject.id,
        "product_id": subject.product_id,
        "amount": quote.unit,
        "tax": quote.unit_gross - quote.unit_net,
        "compare_at": quote.compare_at,
        "valid_until": quote.valid_until,
    }


async def _tell(tx: Tx, subjects: Sequence[Subject], frame: Frame, now: datetime, told: Collection[UUID]) -> int:
    """Note when something next begins or ends, and tell of those in `told`; how many of them were among these."""
    instants = rate_instants(frame)
    states = [
        {
            "variant_id": subject.id,
            "next_at": next_at(subject, frame, instants, now),
            "step": int(subject.id in told),
        }
        for subject in subjects
    ]
    rows = await tx.rows(TELL, arrays(TOLD, states)) if states else ()
    seen = {subject.id: sight_scopes(subject.sold_in) for subject in subjects}
    changes = [
        Change(
            Topic.PRICE,
            row.variant_id,
            row.version,
            before=() if row.version == 1 else None,
            after=seen[row.variant_id],
        )
        for row in sorted(rows, key=lambda row: row.variant_id)
        if row.step
    ]
    await emit(tx, changes)
    return len(changes)


def rate_instants(frame: Frame) -> dict[UUID, list[datetime | None]]:
    found: dict[UUID, list[datetime | None]] = {}
    for rate in frame.rates:
        found.setdefault(rate.tax_class_id, []).extend((rate.starts_at, rate.ends_at))
    return found


def next_at(
    subject: Subject, frame: Frame, instants: Mapping[UUID, Sequence[datetime | None]], now: datetime
) -> datetime | None:
    """The next instant at which one of its prices, their lists or its taxes begins or ends, for whomever."""
    moments: list[datetime | None] = []
    for row in subject.rows:
        rule = frame.lists.get(row.price_list_id)
        if rule is not None:
            moments += (row.starts_at, row.ends_at, rule.starts_at, rule.ends_at)
    class_id = subject.tax_class_id or frame.default_class_id
    if moments and class_id is not None:
        moments += instants.get(class_id, ())
    return earliest(*(moment for moment in moments if moment is not None and moment > now))
