"""A market in which stories happen: goods, ways to send them, and a server; and the proof that a story was told."""

import inspect
import re
from collections.abc import AsyncIterator

import pytest

from tests.agreement import agreeing
from tests.api.server import Server, serving
from tests.carts.selling import ship_method
from tests.checkout.counter import UNIT
from tests.shop import Shop

NAMED = re.compile(r'"((?:pos|storefront|mobile|backoffice)/\w+)"')


@pytest.fixture
async def market(shop: Shop, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """CANECA (49.90, the last one in centro), CAFE (32.50, everywhere), and shipping for 15.00.

    Every document that the test names must have been answered without errors when it is over, and alike by both
    executors.
    """
    await shop.variant("CANECA", price=4990, name="Última Caneca", stock={"centro": UNIT})
    await shop.variant(
        "CAFE", price=3250, name="Café da Serra", weight_grams=500, stock=dict.fromkeys(shop.locations, 20 * UNIT)
    )
    await ship_method(shop, cost=1500, min_days=2, max_days=5)
    with agreeing() as agreement:
        async with serving(shop, database_url, working=True) as server:
            yield server
            assert set(NAMED.findall(inspect.getsource(request.function))) <= server.executed
    agreement.check()
