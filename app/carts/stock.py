"""The stock that a cart holds: what its lines ask for, where that may come from, and making it so."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import SHIP, Basket, Line
from app.carts.ground import Variants
from app.channels.queries import locations_of_channel
from app.inventory.queries import holds_of_carts
from app.inventory.reservations import Demand
from app.inventory.sourcing import rank_locations
from app.platform.db import Tx


async def held_by(tx: Tx, basket: Basket) -> Sequence[Row[Any]]:
    """The cart's holds; those that have expired may be gone soon."""
    return (await holds_of_carts(tx, [basket.id])).get(basket.id, ())


async def stock_asked(
    tx: Tx, basket: Basket, variants: Variants, channel: Row[Any], holds: Sequence[Row[Any]]
) -> list[Demand]:
    """What the cart's lines ask to have held, and those that hold and ask for nothing any more.

    A line that this command touches is refused where it is short. One that it leaves alone and whose hold has ended
    meanwhile holds what there is: its shopper is told by a notice, and may go on.
    """
    held = _by_line(holds)
    demands = await _demands(tx, basket, variants, channel, held)
    wanted = {demand.line_id for demand in demands}
    return demands + [
        Demand(line_id=row.cart_line_id, variant_id=row.variant_id, quantity=0, location_ids=())
        for row in {row.cart_line_id: row for row in holds}.values()
        if row.cart_line_id not in wanted
    ]


async def demands_of(
    tx: Tx, basket: Basket, variants: Variants, channel: Row[Any], holds: Sequence[Row[Any]]
) -> list[Demand]:
    """What each line with tracked stock needs, and from which locations, the first preferred."""
    return await _demands(tx, basket, variants, channel, _by_line(holds))


async def _demands(
    tx: Tx, basket: Basket, variants: Variants, channel: Row[Any], held: Mapping[UUID, int]
) -> list[Demand]:
    wanted = [line for line in basket.lines if line.variant_id in variants and variants[line.variant_id].track_stock]
    ties = {line.id: tie_of(basket, line) for line in wanted}
    shipping, undecided = await _sources(tx, basket, [line for line in wanted if ties[line.id] is None], channel, held)
    demands = []
    for line in wanted:
        tied = ties[line.id]
        sources = undecided if basket.delivery_of(line) is None else shipping
        demands.append(
            Demand(
                line_id=line.id,
                variant_id=line.variant_id,
                quantity=line.quantity,
                location_ids=sources if tied is None else (tied,),
                path=line.path,
                backorder_allowance=variants[line.variant_id].backorder_allowance,
                or_less=not line.touched,
            )
        )
    return demands


async def _sources(
    tx: Tx, basket: Basket, lines: Sequence[Line], channel: Row[Any], held: Mapping[UUID, int]
) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
    """Where lines that are shipped may come from, the preferred first; and lines of which that is not yet said.

    These may be held where nothing is shipped from, too: they may be picked up there. The cart's own location is first.
    """
    if not lines:
        return (), ()
    locations = await locations_of_channel(tx, channel.id)
    own = basket.now_is("location_id")
    if all(held.get(line.id, 0) >= line.quantity for line in lines):
        # What is held stays where it is; nothing is to be chosen.
        shipping = tuple(each.id for each in locations if each.ships)
    else:
        shipping = await rank_locations(
            tx,
            locations=locations,
            own_location_id=own,
            demands=[(line.variant_id, line.quantity) for line in lines],
            cart_id=basket.id,
            ignores_safety_stock=channel.ignores_safety_stock,
        )
    others = [each.id for each in locations if not each.ships]
    return shipping, tuple(sorted((*shipping, *others), key=lambda key: key != own))


def tie_of(basket: Basket, line: Line) -> UUID | None:
    """The one location that a line must come from: where it is carried out or picked up."""
    delivery = basket.delivery_of(line)
    return None if delivery is None or delivery.method == SHIP else delivery.location_id


def _by_line(holds: Sequence[Row[Any]]) -> dict[UUID, int]:
    held: dict[UUID, int] = {}
    for row in holds:
        held[row.cart_line_id] = held.get(row.cart_line_id, 0) + row.quantity
    return held
