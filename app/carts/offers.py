"""What can still be had: the delivery options of carts, and what of their lines is short or withdrawn."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import PICKUP, SHIP, Basket, Delivery, Line, is_open
from app.carts.ground import Case, Ground, Variants, ground_of, variants_of
from app.carts.queries import CartView, Notice
from app.carts.quote import offered
from app.carts.stock import tie_of
from app.channels.queries import locations_of_channels
from app.delivery.options import Option
from app.inventory.availability import Stock, obtainable, stock_of
from app.inventory.queries import holds_of_carts
from app.platform.db import Reader
from app.platform.ids import new_id

Held = dict[UUID, dict[UUID, int]]
"""By line, then by location: thousandths that are held and have not expired."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A delivery option for some lines; `location_id` where they would be picked up."""

    option: Option
    location_id: UUID | None


@dataclass(frozen=True, slots=True)
class Supply:
    """Where channels sell from, what is there for anybody, and what the carts hold of it themselves."""

    places: Mapping[UUID, Sequence[Row[Any]]]
    stock: Mapping[UUID, Mapping[UUID, Stock]]
    held: Mapping[UUID, Held]

    def there(self, view: CartView, variant_id: UUID, location_id: UUID) -> int:
        """What the cart could still take of a variant at a location, beyond what it holds; in thousandths."""
        stock = self.stock.get(variant_id, {}).get(location_id)
        return obtainable(stock, ignores_safety_stock=view.channel.ignores_safety_stock) if stock else 0


async def supply_of(
    db: Reader, views: Sequence[CartView], variants: Mapping[UUID, Variants], held: Mapping[UUID, Held]
) -> Supply:
    """The supply of these carts. `variants`: by channel; what is not tracked is left out."""
    places = await locations_of_channels(db, {view.channel.id for view in views})
    location_ids = {place.id for some in places.values() for place in some}
    tracked = {key for some in variants.values() for key, variant in some.items() if variant.track_stock}
    return Supply(places=places, stock=await stock_of(db, tracked, location_ids), held=held)


async def _held(db: Reader, views: Sequence[CartView], now: datetime) -> dict[UUID, Held]:
    return _current(await holds_of_carts(db, [view.basket.id for view in views]), now)


def _current(holds: Mapping[UUID, Sequence[Any]], now: datetime) -> dict[UUID, Held]:
    held: dict[UUID, Held] = {}
    for cart_id, rows in holds.items():
        lines = held.setdefault(cart_id, {})
        for row in rows:
            if row.expires_at > now:
                lines.setdefault(row.cart_line_id, {})[row.location_id] = row.quantity
    return held


async def notices_of(
    db: Reader, views: Sequence[CartView], now: datetime, *, holds: Mapping[UUID, Sequence[Any]] | None = None
) -> dict[UUID, list[Notice]]:
    """What changed under each cart's shopper: prices, items withdrawn, stock short now that its hold is gone.

    `holds`: what the carts hold, where it was read before. Only where that is too little is stock read.
    """
    found = {view.basket.id: list(view.price_notices) for view in views}
    current = [view for view in views if is_open(view.basket.row) and view.basket.lines]
    if not current:
        return found
    variants = await _variants(db, current, now)
    held = _current(holds, now) if holds is not None else await _held(db, current, now)
    lacking = [view for view in current if _lacks(view, variants[view.channel.id], held)]
    supply = await supply_of(db, lacking, variants, held) if lacking else None
    for view in current:
        known = variants[view.channel.id]
        found[view.basket.id] += _withdrawn(view, known)
        if supply is not None and view in lacking:
            found[view.basket.id] += _short(view, known, supply)
    return found


async def _variants(db: Reader, views: Sequence[CartView], now: datetime) -> Mapping[UUID, Variants]:
    """By channel, what these carts hold; it need not be read of one that was just written."""
    if len(views) == 1 and views[0].variants is not None:
        return {views[0].channel.id: views[0].variants}
    return await variants_of(db, _cases(views), now)


def _lacks(view: CartView, variants: Variants, held: Mapping[UUID, Held]) -> bool:
    """Whether a line holds less than it asks for."""
    own = held.get(view.basket.id, {})
    return any(
        (variant := variants.get(line.variant_id)) is not None
        and variant.track_stock
        and _got(view, line, own) < line.quantity
        for line in view.basket.lines
    )


def _got(view: CartView, line: Line, own: Held) -> int:
    """What the line holds where it may come from."""
    tied, there = tie_of(view.basket, line), own.get(line.id, {})
    return min(line.quantity, sum(there.values()) if tied is None else there.get(tied, 0))


def _withdrawn(view: CartView, variants: Variants) -> Iterable[Notice]:
    for line in view.basket.lines:
        variant = variants.get(line.variant_id)
        unpriced = view.quoted is not None and line.id not in view.quoted.priced
        if variant is None or not variant.published or unpriced:
            yield Notice("WITHDRAWN", line_id=line.id)


def _short(view: CartView, variants: Variants, supply: Supply) -> Iterable[Notice]:
    """Lines take what is there one after the other, as a write would."""
    held = supply.held.get(view.basket.id, {})
    taken: dict[tuple[UUID, UUID], int] = {}
    for line in view.basket.lines:
        variant = variants.get(line.variant_id)
        if variant is None or not variant.track_stock:
            continue
        tied, got = tie_of(view.basket, line), _got(view, line, held)
        for place in supply.places[view.channel.id] if got < line.quantity else ():
            if tied in (None, place.id):
                key = (line.variant_id, place.id)
                more = min(line.quantity - got, supply.there(view, *key) - taken.get(key, 0))
                got += more
                taken[key] = taken.get(key, 0) + more
        if got < line.quantity:
            yield Notice("STOCK_SHORT", line_id=line.id, available=got)


def _cases(views: Iterable[CartView]) -> list[Case]:
    return [Case(view.basket, view.channel, anew=False) for view in views]


async def offers_of(
    db: Reader,
    wanted: Sequence[tuple[CartView, Sequence[Line]]],
    now: datetime,
    *,
    address: dict[str, Any] | None = None,
) -> list[list[Offer]]:
    """What can be chosen for some lines of each cart: shipping to the address, and pickup where all of them are there.

    `address`: as `channels.addresses.address` makes it; left out, the one that the lines are shipped to already, else
    somewhere in the channel's country.
    """
    current = [view for view, lines in wanted if lines and is_open(view.basket.row)]
    if not current:
        return [[] for _ in wanted]
    variants = await variants_of(db, _cases(current), now)
    supply = await supply_of(db, current, variants, await _held(db, current, now))
    cases = {view.basket.id: _asking(view, supply.places[view.channel.id], address) for view in current}
    ground = await ground_of(db, list(cases.values()), now, variants=variants)
    answers = []
    for view, lines in wanted:
        case = cases.get(view.basket.id)
        known = variants.get(view.channel.id, {})
        sent = [line for line in lines if line.variant_id not in known or known[line.variant_id].requires_shipping]
        answers.append(_offers(ground, case, view, sent, supply, address) if case is not None and sent else [])
    return answers


def _asking(view: CartView, places: Sequence[Row[Any]], address: dict[str, Any] | None) -> Case:
    """The cart with all that it might choose, so that the ground knows the taxes there."""
    basket = view.basket
    asked = [Delivery(id=new_id(), method=SHIP, address=address)]
    asked += [Delivery(id=new_id(), method=PICKUP, location_id=place.id) for place in places if place.offers_pickup]
    basket = Basket(row=basket.row, lines=basket.lines, deliveries=[*basket.deliveries, *asked], changes=basket.changes)
    return Case(basket, view.channel, anew=False)


def _offers(
    ground: Ground,
    case: Case,
    view: CartView,
    lines: Sequence[Line],
    supply: Supply,
    address: dict[str, Any] | None,
) -> list[Offer]:
    if address is None:
        ways = (view.basket.delivery_of(line) for line in lines)
        address = next((way.address for way in ways if way is not None and way.address), None)
    shipped = Delivery(id=new_id(), method=SHIP, address=address)
    found = [Offer(option, None) for option in offered(ground, case, SHIP, shipped, lines)]
    for place in supply.places[view.channel.id]:
        if place.offers_pickup and _all_there(view, lines, supply, ground.variants[view.channel.id], place.id):
            picked_up = Delivery(id=new_id(), method=PICKUP, location_id=place.id)
            found += [Offer(option, place.id) for option in offered(ground, case, PICKUP, picked_up, lines)]
    return found


def _all_there(view: CartView, lines: Sequence[Line], supply: Supply, variants: Variants, location_id: UUID) -> bool:
    """Whether a location has all of these lines, what the cart holds there for them included."""
    held = supply.held.get(view.basket.id, {})
    missing: dict[UUID, int] = {}
    for line in lines:
        variant = variants.get(line.variant_id)
        if variant is not None and variant.track_stock:
            short = max(0, line.quantity - held.get(line.id, {}).get(location_id, 0))
            missing[line.variant_id] = missing.get(line.variant_id, 0) + short
    return all(supply.there(view, key, location_id) >= quantity for key, quantity in missing.items())
