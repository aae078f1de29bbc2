"""What checkout is going to ask while the prices are promised: see `platform.ahead`."""

from typing import Final

from app.carts.ahead import BASKET, SETTINGS, in_it, this_cart
from app.carts.basket import VISITS
from app.catalog.queries import SELLABLE
from app.orders.record import NUMBER
from app.platform.ahead import Question, Questions

TO_SELL: Final = Questions(
    *BASKET,
    Question(SELLABLE, by="ids", keys=in_it),
    Question(VISITS, by="ids", keys=this_cart, once="the_cart"),
    # Drawn by whoever gets as far as this; numbers have gaps anyhow.
    Question(NUMBER, lasting=False),
    standing=SETTINGS,
)
