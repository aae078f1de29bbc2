"""Whether channels show the same where no rule says otherwise: what diverging is, and the sweep over all variants.

Compared are open channels of one currency, tax place and tax display. Their price of a variant may differ where a price
list names one of them and prices the variant; their availability at a location that they share may differ where one of
them ignores safety stock. Anything else is a bug of ours.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from time import monotonic
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import BigInteger, Row, Text, Uuid, bindparam, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.browse.tables import divergence, divergence_sweep
from app.catalog.tables import product, publication, variant
from app.channels.queries import all_channels, locations_of_channels
from app.inventory.availability import Stock, available, obtainable, stock_of
from app.platform.db import Database, Reader, Tx
from app.platform.money import from_minor
from app.platform.quantities import MILLI, format_quantity
from app.pricing.audit import LATE
from app.pricing.frame import Frame, frame_of, prices_of_variants
from app.pricing.listing import KEPT, anybody
from app.pricing.price import PriceRow
from app.pricing.quotes import Ask, quote_one

log = structlog.get_logger("feira.convergence")

CHUNK: Final = 100
"""Variants of one transaction: what it works out keeps the process for some milliseconds."""
RESTS: Final = 30.0
"""After each chunk the sweep rests so many times as long as that took: it takes a thirtieth of a core, from a shop of a
million variants for an hour or two.
"""
MOST_KEPT: Final = 1_000

_moment = bindparam("moment", type_=publication.c.starts_at.type)
ON_SALE: Final = (
    select(
        variant.c.id,
        variant.c.track_stock,
        func.coalesce(variant.c.tax_class_id, product.c.tax_class_id).label("tax_class_id"),
        select(func.array_agg(publication.c.channel_id))
        .where(
            publication.c.product_id == product.c.id,
            publication.c.starts_at <= _moment,
            or_(publication.c.ends_at.is_(None), publication.c.ends_at > _moment),
        )
        .scalar_subquery()
        .label("channel_ids"),
    )
    .join(product, product.c.id == variant.c.product_id)
    .where(variant.c.id > bindparam("after", type_=Uuid), ~variant.c.archived, product.c.status == "ACTIVE")
    .order_by(variant.c.id)
    .limit(bindparam("most", type_=BigInteger))
)
NOW: Final = select(func.clock_timestamp())
CLEAR: Final = delete(divergence)
NOTE: Final = insert(divergence)
_ended = insert(divergence_sweep)
ENDED: Final = _ended.on_conflict_do_update(
    index_elements=[divergence_sweep.c.id],
    set_={name: _ended.excluded[name] for name in ("checked_at", "variants", "divergent")},
)
SWEPT: Final = select(divergence_sweep)
KNOWN: Final = select(divergence.c.variant_id, divergence.c.aspect, divergence.c.location, divergence.c.since)
_what = divergence.c.what.collate("C")
_place = tuple_(divergence.c.variant_id, _what)
FOUND: Final = (
    select(divergence)
    .where(_place > tuple_(bindparam("after_variant", type_=Uuid), bindparam("after_what", type_=Text)))
    .order_by(divergence.c.variant_id, _what)
    .limit(bindparam("most", type_=BigInteger))
)
_FIRST: Final = UUID(int=0)


class Aspect(StrEnum):
    """What channels can be at odds about."""

    PRICE_LISTED = "PRICE_LISTED"
    PRICE_ASKED = "PRICE_ASKED"
    AVAILABILITY = "AVAILABILITY"


RULES: Final[Mapping[Aspect, str]] = {
    Aspect.PRICE_LISTED: "No price list that names one of these channels prices the variant.",
    Aspect.PRICE_ASKED: "No price list that names one of these channels prices the variant.",
    Aspect.AVAILABILITY: "These channels sell from this location, and all heed its safety stock or none does.",
}
"""What was looked at that could have explained it, and did not."""


class Divergence(Struct, frozen=True):
    """A variant that channels show differently. `shown`: what each does, by its code; `location`: a code too."""

    variant_id: UUID
    aspect: Aspect
    shown: Mapping[str, str]
    location: str | None = None

    @property
    def channels(self) -> list[str]:
        return sorted(self.shown)

    @property
    def what(self) -> str:
        """In words: "price listed differs: app: 47.90 BRL, tax 7.61; pos, web: 49.90 BRL, tax 7.61"."""
        by_value: dict[str, list[str]] = {}
        for code in self.channels:
            by_value.setdefault(self.shown[code], []).append(code)
        told = "; ".join(f"{', '.join(codes)}: {value}" for value, codes in by_value.items())
        where = "" if self.location is None else f" at {self.location}"
        return f"{self.aspect.lower().replace('_', ' ')}{where} differs: {told}"


class Shop(Struct, frozen=True):
    """What a comparison stands on: channels that must agree, in groups, where each sells from, and what prices obey."""

    alike: Sequence[Sequence[Row[Any]]]
    places: Mapping[UUID, Sequence[Row[Any]]]
    frame: Frame
    moment: datetime


async def chunk(db: Reader, after: UUID, *, most: int = CHUNK) -> tuple[Sequence[Row[Any]], list[Divergence]]:
    """The next variants on sale, and where these diverge. Give it one snapshot."""
    moment: datetime = await db.value(NOW)
    rows = await db.rows(ON_SALE, {"after": after, "moment": moment, "most": most})
    if not rows:
        return rows, []
    shop = await _shop(db, moment)
    return rows, [*await _prices(db, rows, shop), *await _stock(db, rows, shop)]


async def _shop(db: Reader, moment: datetime) -> Shop:
    channels = [row for row in await all_channels(db) if row.active]
    groups = groupby(sorted(channels, key=_terms), key=_terms)
    places = await locations_of_channels(db, [row.id for row in channels])
    return Shop([list(group) for _, group in groups], places, await frame_of(db), moment)


def _terms(channel: Row[Any]) -> tuple[Any, ...]:
    return channel.currency, channel.country, channel.region or "", channel.prices_include_tax


async def _prices(db: Reader, variants: Sequence[Row[Any]], shop: Shop) -> list[Divergence]:
    """What is listed, and what is asked for when it comes to buying: each of them must agree by itself."""
    ids = [row.id for row in variants]
    # A list that has just ended still explains what the clock job has not told anew.
    rows = await prices_of_variants(db, ids, since=shop.moment - LATE)
    listed = {
        (row.channel_id, row.variant_id): (row.amount, row.tax, row.compare_at)
        for row in await db.rows(KEPT, {"variant_ids": ids, "channel_ids": None})
    }
    found = []
    for one in variants:
        for group in shop.alike:
            channels = [each for each in _selling(one, group) if not _named(shop.frame, rows[one.id], each)]
            if len(channels) > 1:
                shown = {each.code: _money(listed.get((each.id, one.id)), each.currency) for each in channels}
                asked = {each.code: _quoted(shop, rows[one.id], one, each) for each in channels}
                found += _at_odds(Divergence(one.id, Aspect.PRICE_LISTED, shown))
                found += _at_odds(Divergence(one.id, Aspect.PRICE_ASKED, asked))
    return found


def _selling(one: Row[Any], group: Iterable[Row[Any]]) -> list[Row[Any]]:
    return [channel for channel in group if channel.id in (one.channel_ids or ())]


def _named(frame: Frame, rows: Iterable[PriceRow], channel: Row[Any]) -> bool:
    """Whether a list that names this channel prices the variant."""
    rules = (frame.lists.get(row.price_list_id) for row in rows)
    return any(rule is not None and channel.id in (rule.channel_ids or ()) for rule in rules)


def _quoted(shop: Shop, rows: Sequence[PriceRow], one: Row[Any], channel: Row[Any]) -> str:
    quote = quote_one(shop.frame, rows, Ask(one.id, MILLI, one.tax_class_id), anybody(channel, shop.moment))
    if quote is None:
        return _money(None, channel.currency)
    return _money((quote.unit, quote.unit_gross - quote.unit_net, quote.compare_at), channel.currency)


def _money(price: tuple[int, int, int | None] | None, currency: str) -> str:
    if price is None:
        return "none"
    amount, tax, before = (None if each is None else f"{from_minor(each, currency)}" for each in price)
    return f"{amount} {currency}, tax {tax}" + (f", before {before}" if before is not None else "")


async def _stock(db: Reader, variants: Sequence[Row[Any]], shop: Shop) -> list[Divergence]:
    """What can be promised at each location, asked for each channel by itself, as it would ask."""
    tracked = [row for row in variants if row.track_stock]
    found = []
    for group in shop.alike:
        for _, same in groupby(sorted(group, key=_ignores), key=_ignores):
            channels = list(same)
            if len(channels) < 2:
                continue
            seen = {}
            for each in channels:
                places = [place.id for place in shop.places[each.id]]
                seen[each.id] = await stock_of(db, [row.id for row in tracked], places)
            for one in tracked:
                found += _promises(one, _selling(one, channels), seen, shop)
    return found


def _ignores(channel: Row[Any]) -> bool:
    return bool(channel.ignores_safety_stock)


def _promises(
    one: Row[Any], channels: Sequence[Row[Any]], seen: Mapping[UUID, Mapping[UUID, Mapping[UUID, Stock]]], shop: Shop
) -> list[Divergence]:
    by_place: dict[str, dict[str, str]] = {}
    for channel in channels:
        for place in shop.places[channel.id]:
            stock = seen[channel.id][one.id][place.id]
            here = _quantity(stock, ignores=channel.ignores_safety_stock)
            by_place.setdefault(place.code, {})[channel.code] = here
    compared = [Divergence(one.id, Aspect.AVAILABILITY, shown, place) for place, shown in by_place.items()]
    return [each for one_place in compared for each in _at_odds(one_place)]


def _quantity(stock: Stock, *, ignores: bool) -> str:
    there = available(stock, ignores_safety_stock=ignores)
    more = obtainable(stock, ignores_safety_stock=ignores)
    return f"{format_quantity(there)} of {format_quantity(more)}"


def _at_odds(one: Divergence) -> list[Divergence]:
    """Nothing when all show the same."""
    return [one] if len(set(one.shown.values())) > 1 else []


async def divergences(db: Reader) -> AsyncIterator[Divergence]:
    """Of all variants on sale, one after the other. Give it one snapshot."""
    after = _FIRST
    while True:
        rows, found = await chunk(db, after)
        if not rows:
            return
        for each in found:
            yield each
        after = rows[-1].id


async def violations(db: Reader, *, most: int = 100) -> list[str]:
    """What `feira audit` tells of it, at most so many."""
    found: list[str] = []
    async for each in divergences(db):
        found.append(f"variant {each.variant_id}: {each.what}")
        if len(found) == most:
            break
    return found


async def sweep(db: Database, *, rests: float = RESTS) -> int:
    """Look at all variants on sale, a chunk a transaction, and keep what diverges; how many do.

    It takes its time, and leaves most of it to those who sell.
    """
    after, looked_at = _FIRST, 0
    found: list[Divergence] = []
    divergent = 0
    while True:
        began = monotonic()
        async with db.snapshot() as tx:
            rows, more = await chunk(tx, after)
        if not rows:
            break
        after, looked_at, divergent = rows[-1].id, looked_at + len(rows), divergent + len(more)
        found += more[: MOST_KEPT - len(found)]
        await asyncio.sleep(rests * (monotonic() - began))
    if divergent:
        log.error("channels diverge", variants=divergent, first=str(found[0].variant_id), what=found[0].what)
    await db.run(lambda tx: _keep(tx, found, looked_at, divergent))
    return divergent


async def _keep(tx: Tx, found: Sequence[Divergence], looked_at: int, divergent: int) -> None:
    now = await tx.value(NOW)
    # First of all, for its lock: of two sweeps that end at once the second finds what the first has kept.
    await tx.execute(ENDED, {"id": 1, "checked_at": now, "variants": looked_at, "divergent": divergent})
    since = {(row.variant_id, row.aspect, row.location): row.since for row in await tx.rows(KNOWN)}
    await tx.execute(CLEAR)
    await tx.many(
        NOTE,
        [
            {
                "variant_id": each.variant_id,
                "what": each.what,
                "channels": each.channels,
                "aspect": each.aspect.value,
                "location": each.location,
                "shown": each.shown,
                "since": since.get((each.variant_id, each.aspect.value, each.location), now),
            }
            for each in found
        ],
    )


async def last_sweep(db: Reader) -> Row[Any] | None:
    """When the last one ended, how many variants it looked at, how many divergences it found; None before the first."""
    return await db.row(SWEPT)


async def kept_divergences(db: Reader, *, most: int, after: tuple[UUID, str] | None = None) -> Sequence[Row[Any]]:
    """What the last sweep found, by variant; behind the variant and `what` of the last row that is known."""
    variant_id, what = after or (_FIRST, "")
    return await db.rows(FOUND, {"most": most, "after_variant": variant_id, "after_what": what})
