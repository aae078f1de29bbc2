"""What checkout is going to ask while the prices are promised: see `platform.ahead`."""

from typing import Final

from app.carts.ahead import BASKET, SETTINGS, in_it, is_open, this_cart
from app.carts.basket import VISITS
from app.catalog.queries import SELLABLE
from app.orders.record import NUMBER
from app.platform.ahead import Question, Questions

TO_SELL: Final = Questions(
    *BASKET,
    Question(SELLABLE, by="ids", keys=in_it),
    Question(VISITS, by="ids", keys=this_cart, once="the_cart"),
    # Numbers have gaps; but who has no cart that could be sold makes none.
    Question(NUMBER, lasting=False, only=is_open),
    standing=SETTINGS,
)
