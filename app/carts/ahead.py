"""What a command on a cart is going to ask, read in one statement once the cart is locked: see `platform.ahead`.

What is not found there, because something rarer is asked, is read when it is asked.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select, union
from sqlalchemy.dialects.postgresql import ARRAY

from app.carts.basket import DELIVERIES, LINES
from app.carts.tables import cart, cart_delivery, cart_line
from app.catalog.queries import SELLABLE
from app.channels.queries import CHANNELS_BY_IDS, LOCATIONS_BY_IDS, LOCATIONS_OF_CHANNELS
from app.channels.tables import channel, location
from app.customers.queries import MEMBERSHIPS
from app.delivery.options import ACTIVE
from app.inventory.queries import HOLDS_OF_CARTS
from app.platform.ahead import Question, Questions
from app.platform.db import Tx
from app.pricing.frame import LISTS, PRICES, RATES

_cart = bindparam("the_cart", type_=Uuid)
_channel = bindparam("channel_id", type_=Uuid)
this_cart: Final = select(_cart)
_this_channel = select(_channel)
_variants = union(
    select(cart_line.c.variant_id).where(cart_line.c.cart_id == _cart),
    select(func.unnest(bindparam("more_variants", type_=ARRAY(Uuid)))),
)
_places = union(
    select(cart_delivery.c.location_id).where(cart_delivery.c.cart_id == _cart),
    select(cart.c.location_id).where(cart.c.id == _cart),
    select(func.unnest(bindparam("more_locations", type_=ARRAY(Uuid)))),
)
_countries = union(
    select(channel.c.country).where(channel.c.id == _channel),
    select(location.c.country).where(location.c.id.in_(_places)),
    select(cart_delivery.c.address["country"].astext).where(cart_delivery.c.cart_id == _cart),
    select(func.unnest(bindparam("more_countries", type_=ARRAY(Text)))),
)

BASKET: Final = (
    Question(LINES, by="ids", keys=this_cart, once="the_cart"),
    Question(DELIVERIES, by="ids", keys=this_cart, once="the_cart"),
    Question(HOLDS_OF_CARTS, by="cart_ids", keys=this_cart, once="the_cart"),
    Question(CHANNELS_BY_IDS, by="ids", keys=_this_channel),
    Question(LOCATIONS_OF_CHANNELS, by="channel_ids", keys=_this_channel, column="channel_id"),
    Question(SELLABLE, by="ids", keys=_variants),
)
GROUND: Final = (
    Question(LOCATIONS_BY_IDS, by="ids", keys=_places),
    Question(PRICES, by="variant_ids", keys=_variants, column="variant_id"),
    Question(LISTS),
    Question(RATES, by="countries", keys=_countries, column="country", whole=True),
    Question(MEMBERSHIPS, by="ids", keys=select(bindparam("customer_id", type_=Uuid)), once="customer_id"),
    Question(ACTIVE),
)
TO_CHANGE: Final = Questions(*BASKET, *GROUND)
"""What a command asks that quotes the cart anew."""


async def read_ahead(
    tx: Tx,
    row: Any,
    now: datetime,
    *,
    questions: Questions = TO_CHANGE,
    variants: Collection[UUID] = (),
    locations: Collection[UUID] = (),
    countries: Collection[str] = (),
) -> None:
    """Read what a command on this cart, whose row is locked or new, asks; beside what is in it, for these."""
    given: dict[str, Any] = {
        "the_cart": row.id,
        "channel_id": row.channel_id,
        "customer_id": row.customer_id,
        "currencies": [row.currency],
        "inactive": False,
        "moment": now,
        "since": now,
        "more_variants": list(variants),
        "more_locations": list(locations),
        "more_countries": list(countries),
    }
    await tx.read_ahead(questions, given)
