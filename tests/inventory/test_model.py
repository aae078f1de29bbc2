"""Any sequence of stock commands against a model in plain Python, on the real database; law 1 after each step."""

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from app.platform.db import Database
from tests.databases import Servers
from tests.inventory.machine import CODES, StockMachine
from tests.shop import Shop


@pytest.fixture
def machine(postgres_servers: Servers) -> Iterator[type[StockMachine]]:
    """The machine on a database of its own, driven by a loop of its own: hypothesis calls it from plain functions."""

    async def open_shop(url: str) -> Shop:
        return await Shop(Database.open(url, reads=2, writes=2)).open()

    with postgres_servers.fresh_database("embedded") as url, asyncio.Runner() as runner:
        StockMachine.runner = runner
        StockMachine.shop = runner.run(open_shop(url))
        yield StockMachine
        runner.run(StockMachine.shop.db.close())


def test_any_sequence_of_commands_keeps_the_law(machine: type[StockMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            # The first failing sequence is told as it is: making it shorter takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_busy_life_keeps_the_law(machine: type[StockMachine], seed: int) -> None:
    """The same machine driven harder: few goods, many carts, time passing all along."""
    chance = random.Random(seed)
    shop = machine()
    shop.begin(2, [3, 2, 4, 1])
    for _ in range(150):
        live(shop, chance)
        shop.balances_are_the_models()
        shop.law_1_holds()


def live(shop: StockMachine, chance: random.Random) -> None:
    """One thing that happens, those more often that race with each other."""
    cart, variant, again = chance.randrange(3), chance.randrange(2), chance.random() < 0.5
    codes = chance.choice([list(CODES), list(CODES[::-1]), ["centro"]])
    asked = [(chance.randrange(2), chance.randrange(4), chance.random() < 0.5) for _ in range(3)]
    number = chance.randrange(10)
    happens: list[tuple[int, Callable[[], None]]] = [
        (1, lambda: shop.fact(chance.randrange(4), variant, codes[0], chance.randrange(7), chance.randrange(7))),
        (3, lambda: shop.hold_lines(cart, [(variant, chance.randrange(1, 4), again)], codes, False)),
        (2, lambda: shop.hold_lines(cart, asked, codes, again)),
        (2, lambda: shop.time_passes(cart)),
        (1, lambda: shop.check_out(cart, codes, again, False, number % 2)),
        (1, lambda: shop.fulfill(number, codes[0], chance.randrange(1, 4))),
        (1, lambda: shop.cancel(number)),
        (1, lambda: shop.sweep() if again else shop.release(cart)),
    ]
    weights = [weight for weight, _ in happens]
    chance.choices([what for _, what in happens], weights)[0]()
