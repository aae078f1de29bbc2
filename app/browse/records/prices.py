"""Records of prices: what anybody pays for a variant in the channel, at a till for who buys at its location.

PostgreSQL writes what is kept of each channel (`pricing.listing`). What that cannot tell is worked out by `price`
itself: of a variant whose price depends on the quantity or on the till's location, and of all of them where the till's
location has other taxes than the channel.

A record is as the last change told it, so that it is exactly of its version. Past `validUntil` it is nobody's to use;
the change that takes its place is told within a second.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, Numeric, Row, Uuid, and_, any_, bindparam, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.records.pieces import Piece, amount, moment, quoted, string
from app.browse.records.record import Source, canonical, hashed, source
from app.browse.records.view import EVERYTHING, View, text_parameter
from app.browse.sight import sold
from app.catalog.tables import product, variant
from app.events.outbox import Topic
from app.platform import ids, money
from app.platform.db import Reader
from app.platform.quantities import MILLI, format_quantity
from app.pricing.frame import Frame, frame_of, prices_of_variants
from app.pricing.price import PriceRow
from app.pricing.quotes import Ask, Buyer, VariantQuote, quote_one
from app.pricing.tables import channel_price, price, price_list, priced_variant

# Prices that are written faster than they are read are told as they were last found.
ATTEMPTS: Final = 5
# After all that is known to come.
AT_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)

_kept = channel_price.c
_unit = bindparam("unit", type_=Numeric)
_shows_tax = bindparam("shows_tax", type_=Boolean)
_channel = bindparam("channel_id", type_=Uuid)
_till = bindparam("till_id", type_=Uuid)
_net = case((_shows_tax, _kept.amount - _kept.tax), else_=_kept.amount)
_gross = case((_shows_tax, _kept.amount), else_=_kept.amount + _kept.tax)
_tiers: Final = {
    "type": "array",
    "description": "Where the price depends on the quantity: what one unit costs when buying at least so many. "
    "The last one whose `minQuantity` is reached counts.",
    "items": {"type": "object"},
}


def _money(name: str, about: str = "") -> Piece:
    value = {"net": _net, "gross": _gross, "tax": _kept.tax, "unitPrice": _kept.amount, "compareAt": _kept.compare_at}
    return amount(value[name], _unit, about, nullable=True)


_SAID: Final[dict[str, Piece]] = {
    "unitPrice": _money("unitPrice", "Of one unit, as the channel shows prices; null: it has no price."),
    "net": _money("net", "The same without tax."),
    "tax": _money("tax"),
    "gross": _money("gross", "The same with tax."),
    "compareAt": _money("compareAt", "The price before reductions, when there are any."),
    "validUntil": moment(_kept.valid_until, "A copy must not be sold by from then on.", nullable=True),
}
_tier = {name: piece.schema for name, piece in _SAID.items()} | {"minQuantity": {"type": "string"}}
_tiers["items"] = {"type": "object", "properties": _tier, "required": sorted(_tier)}
PRICE: Final[dict[str, Piece]] = {
    "currency": string(text_parameter("currency")),
    **_SAID,
    "tiers": Piece(quoted("[]"), _tiers),
}

# Whether one of its prices, for anybody in this channel, is for some quantities alone, or for the till's location.
_special = exists(
    select(1)
    .select_from(price.join(price_list, price_list.c.id == price.c.price_list_id))
    .where(
        price.c.variant_id == priced_variant.c.variant_id,
        price_list.c.active,
        price_list.c.currency == text_parameter("currency"),
        or_(price_list.c.channel_ids.is_(None), _channel == any_(price_list.c.channel_ids)),
        price_list.c.customer_group_ids.is_(None),
        or_(price_list.c.location_ids.is_(None), _till == any_(price_list.c.location_ids)),
        or_(price.c.min_quantity > 0, price_list.c.min_quantity > 0, price_list.c.location_ids.is_not(None)),
    )
    .correlate(priced_variant)
)
_state = (
    priced_variant.c.next_at,
    func.coalesce(variant.c.tax_class_id, product.c.tax_class_id).label("tax_class_id"),
)
_priced = priced_variant.join(variant, variant.c.id == priced_variant.c.variant_id).join(
    product, product.c.id == variant.c.product_id
)
STATES: Final = (
    select(priced_variant.c.variant_id.label("id"), priced_variant.c.version, *_state)
    .select_from(_priced)
    .where(priced_variant.c.variant_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
)


async def _finish(db: Reader, rows: Sequence[Row[Any]], view: View) -> list[bytes]:
    left_open = [row for row in rows if row.record is None]
    worked_out = await _work_out(db, left_open, view) if left_open else {}
    return [worked_out[row.id] if row.record is None else row.record for row in rows]


async def _work_out(db: Reader, rows: Sequence[Row[Any]], view: View) -> dict[UUID, bytes]:
    """What is hashed of these variants. Each read is of its own moment: what was written meanwhile is read again."""
    found: dict[UUID, bytes] = {}
    for _ in range(ATTEMPTS):
        found |= await _quoted(db, rows, view)
        now = {row.id: row for row in await db.rows(STATES, {"ids": [row.id for row in rows]})}
        rows = [now[row.id] for row in rows if row.id in now and now[row.id].version != row.version]
        if not rows:
            break
    return found


async def _quoted(db: Reader, rows: Sequence[Row[Any]], view: View) -> dict[UUID, bytes]:
    currency, (country, _) = view.channel.currency, view.tax_place
    frame = await frame_of(db, currencies=[currency], countries=[country])
    moments = {row.id: told_at(row.next_at) for row in rows}
    prices = await prices_of_variants(db, moments, currencies=[currency], since=min(moments.values()))
    return {row.id: _record(row, prices[row.id], frame, _buyer(view, moments[row.id])) for row in rows}


def told_at(next_at: datetime | None) -> datetime:
    """A moment at which a price is what was last told of it: it stays so until just before `next_at`.

    Whoever asks, and whenever, gets what belongs to the version.
    """
    return AT_LAST if next_at is None else next_at - timedelta(microseconds=1)


def _buyer(view: View, moment: datetime) -> Buyer:
    return Buyer(
        channel_id=view.channel.id,
        currency=view.channel.currency,
        shows_tax=view.channel.prices_include_tax,
        place=view.tax_place,
        moment=moment,
        location_id=view.till.id if view.till is not None else None,
    )


def _record(row: Row[Any], rows: Sequence[PriceRow], frame: Frame, buyer: Buyer) -> bytes:
    def at(quantity: int) -> VariantQuote | None:
        return quote_one(frame, rows, Ask(row.id, quantity, row.tax_class_id), buyer)

    public_id = ids.encode("Variant", row.id)
    heads = {"topic": Topic.PRICE.value, "id": public_id, "version": row.version}
    said = _amounts(at(MILLI), buyer.currency)
    tiers: list[dict[str, Any]] = []
    before = _amounts(None, buyer.currency)
    for quantity in _breaks(rows, frame):
        # The smallest quantity there is stands for all below the first break.
        tier = _amounts(at(max(quantity, 1)), buyer.currency)
        if tier != before:
            tiers.append(tier | {"minQuantity": str(format_quantity(quantity))})
        before = tier
    one_for_all = len(tiers) == 1 and tiers[0]["minQuantity"] == "0"
    record = heads | said | {"currency": buyer.currency, "tiers": [] if one_for_all else tiers}
    return hashed(public_id, row.version, canonical(record))


def _breaks(rows: Sequence[PriceRow], frame: Frame) -> list[int]:
    """The quantities from which on a price may be another, 0 first."""
    found = {0}
    for row in rows:
        rule = frame.lists.get(row.price_list_id)
        if rule is not None:
            found.add(max(row.min_quantity, rule.min_quantity))
    return sorted(found)


def _amounts(quote: VariantQuote | None, currency: str) -> dict[str, Any]:
    def written(minor: int | None) -> str | None:
        return None if minor is None else f"{money.from_minor(minor, currency):f}"

    if quote is None:
        return dict.fromkeys(_SAID)
    return {
        "unitPrice": written(quote.unit),
        "net": written(quote.unit_net),
        "tax": written(quote.unit_gross - quote.unit_net),
        "gross": written(quote.unit_gross),
        "compareAt": written(quote.compare_at),
        "validUntil": None if quote.valid_until is None else written_moment(quote.valid_until),
    }


def written_moment(moment: datetime) -> str:
    """A time as records hold it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


PRICES: Final[Source] = source(
    Topic.PRICE,
    "Variant",
    key=priced_variant.c.variant_id,
    version=priced_variant.c.version,
    fields=PRICE,
    about="What anybody pays for a variant in the channel; at a till, at its location.",
    origin=_priced.outerjoin(
        channel_price, and_(_kept.channel_id == _channel, _kept.variant_id == priced_variant.c.variant_id)
    ),
    seen=[or_(EVERYTHING, and_(~variant.c.archived, sold()))],
    left_open=or_(bindparam("till_taxes_differ", type_=Boolean), _special),
    beside=_state,
    finish=_finish,
)
