"""What a command on a cart is going to ask, read in one statement: see `platform.ahead`, `platform.standing`.

What is not found there, because something rarer is asked, is read when it is asked.
"""

from collections.abc import Collection
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, any_, bindparam, exists, func, literal_column, select, union
from sqlalchemy.dialects.postgresql import ARRAY

from app.carts.basket import CART, DELIVERIES, LINES
from app.carts.tables import cart, cart_line
from app.catalog.lookup import BY_SKU
from app.catalog.queries import SELLABLE
from app.catalog.tables import variant
from app.channels.queries import (
    ALL_CHANNELS,
    ALL_LOCATIONS,
    CHANNELS_BY_IDS,
    LOCATIONS_BY_IDS,
    LOCATIONS_OF_ALL_CHANNELS,
    LOCATIONS_OF_CHANNELS,
)
from app.channels.tables import channel, channel_location, location
from app.customers.queries import MEMBERSHIPS
from app.delivery.options import ACTIVE
from app.delivery.tables import delivery_method
from app.identity.principal import Actor
from app.inventory.availability import STOCK_FOR_CART
from app.inventory.queries import HOLDS_OF_CARTS
from app.platform.ahead import Question, Questions
from app.platform.db import Tx
from app.platform.standing import Standing, Whole
from app.pricing.frame import LISTS, PRICES, RATES
from app.pricing.tables import price_list, tax_class, tax_rate

_cart = bindparam("the_cart", type_=Uuid)
this_cart: Final = select(_cart)
in_it: Final = select(cart_line.c.variant_id).where(cart_line.c.cart_id == _cart)
is_open: Final = exists(literal_column("1")).where(cart.c.id == _cart, cart.c.status == "ACTIVE")
_named = select(func.unnest(bindparam("more_variants", type_=ARRAY(Uuid))))
_skus = bindparam("more_skus", type_=ARRAY(Text(collation="C")))
_by_sku = select(variant.c.id).where(variant.c.sku == any_(_skus))
_new = union(_named, _by_sku)
_all = union(in_it, _named, _by_sku)

SETTINGS: Final = Standing(
    (channel, location, channel_location, price_list, tax_class, tax_rate, delivery_method),
    Whole(CHANNELS_BY_IDS, ALL_CHANNELS, by="ids"),
    Whole(LOCATIONS_BY_IDS, ALL_LOCATIONS, by="ids"),
    Whole(LOCATIONS_OF_CHANNELS, LOCATIONS_OF_ALL_CHANNELS, by="channel_ids", column="channel_id"),
    # Lists of other currencies and rates of other countries are passed over by who asks for some.
    Whole(LISTS, given={"currencies": None, "inactive": False}, same=("inactive",)),
    Whole(RATES, given={"countries": None}),
    Whole(ACTIVE),
)

BASKET: Final = (
    Question(CART),
    Question(LINES, by="ids", keys=this_cart, once="the_cart"),
    Question(DELIVERIES, by="ids", keys=this_cart, once="the_cart"),
    Question(HOLDS_OF_CARTS, by="cart_ids", keys=this_cart, once="the_cart"),
)
_member = select(cart.c.customer_id).where(cart.c.id == _cart)
GROUPS: Final = Question(MEMBERSHIPS, by="ids", keys=_member, once="customer_id")
SKUS: Final = Question(BY_SKU, by="keys", keys=select(func.unnest(_skus)), column="key")


def _sold(variants: Any) -> tuple[Question, Question]:
    """What they are, and what they cost."""
    return (
        Question(SELLABLE, by="ids", keys=variants),
        Question(PRICES, by="variant_ids", keys=variants, column="variant_id"),
    )


def _stock(variants: Any) -> Question:
    return Question(STOCK_FOR_CART, by="variant_ids", keys=variants)


TO_BEGIN: Final = Questions(SKUS, *_sold(_new), _stock(_new), standing=SETTINGS)
"""What a command asks that makes a cart."""
TO_ADD: Final = Questions(*BASKET, SKUS, *_sold(_all), _stock(_all), GROUPS, standing=SETTINGS)
"""What one asks that adds to a cart, so that it must be chosen where that may come from."""
TO_CHANGE: Final = Questions(*BASKET, *_sold(in_it), GROUPS, standing=SETTINGS)
"""What any other asks that quotes the cart anew."""


async def foresee(
    tx: Tx,
    actor: Actor,
    cart_id: UUID,
    *,
    questions: Questions = TO_CHANGE,
    variants: Collection[UUID] = (),
    skus: Collection[str] = (),
) -> None:
    """`read_ahead` of a write that reads first, before the cart's row is known: supposing that the caller's channel is
    the cart's. `was_foreseen` tells whether it is. Nothing where it was done already.
    """
    if tx.is_early and tx.foreseen is None:
        supposed = SimpleNamespace(id=cart_id, channel_id=actor.channel_id, customer_id=None, currency=actor.currency)
        tx.foreseen = await read_ahead(tx, supposed, actor.now, questions=questions, variants=variants, skus=skus)


def was_foreseen(tx: Tx, row: Any) -> bool:
    """Whether what the cart of this row asks was read ahead."""
    given = tx.foreseen
    if given is None or given["the_cart"] != row.id or given["channel_id"] != row.channel_id:
        return False
    # Whose it is, the statement has found by itself.
    given["customer_id"] = row.customer_id
    return bool(given["currencies"] == [row.currency])


async def read_ahead(
    tx: Tx,
    row: Any,
    now: datetime,
    *,
    questions: Questions = TO_CHANGE,
    variants: Collection[UUID] = (),
    skus: Collection[str] = (),
) -> dict[str, Any]:
    """Read what a command on this cart asks; beside what is in it, for variants that are named by id or SKU.

    Answers the parameters that it was read with.
    """
    given: dict[str, Any] = {
        "the_cart": row.id,
        "cart_id": row.id,
        "channel_id": row.channel_id,
        "customer_id": row.customer_id,
        "currencies": [row.currency],
        "moment": now,
        "since": now,
        "more_variants": list(variants),
        "more_skus": list(skus),
        "location_ids": _shipping(tx, row.channel_id),
    }
    await tx.read_ahead(questions, given)
    return given


def _shipping(tx: Tx, channel_id: UUID) -> list[UUID]:
    """Where its channel ships from, as was last known: what is asked of other places is read when it is asked."""
    known = SETTINGS.last(tx).get(LOCATIONS_OF_CHANNELS)
    places = None if known is None else known.to({"channel_ids": [channel_id]})
    return [place.id for place in places or () if place.ships]
