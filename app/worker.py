"""The work that nobody asks for, done every so often: inside `feira up`, or alone as `feira worker`; and the audit.

One process at a time does it, elected; another takes over within two seconds (law 5: one elected clock job). For
a moment there may be two: every job may run in many processes at once, each is a transaction that takes the rows it
finds.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy import select

import app.browse.watched  # noqa: F401
from app.browse import convergence
from app.carts import audit as carts_audit
from app.carts.carts import expire_carts
from app.carts.tables import cart
from app.catalog import audit as catalog_audit
from app.catalog.publication import tell_due
from app.catalog.tables import category, collection, product
from app.customers.tables import customer
from app.events import audit as events_audit
from app.events import retention
from app.events.outbox import Topic
from app.events.webhooks import forget as webhook_log
from app.events.webhooks.send import Sending
from app.fulfillment import audit as fulfillment_audit
from app.inventory import audit as inventory_audit
from app.inventory import sweeper
from app.inventory.tables import stock_level
from app.orders import audit as orders_audit
from app.orders.tables import order
from app.platform import clock, operations
from app.platform.db import Database
from app.platform.lease import LOST, hold_office
from app.pos.tables import register
from app.pricing import audit as pricing_audit
from app.pricing.listing import refresh_due
from app.pricing.tables import priced_variant

log = structlog.get_logger("feira.worker")

LONGEST_PAUSE = 60.0  # seconds, after failures
OFFICE: Final = 2
LOOKS_EVERY: Final = 0.5
"""Seconds after which who works notices that its lock went with its connection, and another works."""
ANSWERS_WITHIN: Final = 1.0


@dataclass(frozen=True)
class Job:
    """`run` every `seconds`; it returns how many things it did, and is logged when it did any."""

    name: str
    seconds: float
    run: Callable[[Database], Awaitable[int]]


async def forget_operations(database: Database) -> int:
    """Operations are kept for 90 days; a repeat after that is a new operation."""
    before = clock.now() - timedelta(days=operations.KEPT_DAYS)
    return await database.run(lambda tx: operations.forget(tx, before))


async def sweep_holds(database: Database) -> int:
    """What expired is free for others within a second (DESIGN, law 1)."""
    return await sweeper.sweep(database, clock.now())


async def tell_prices(database: Database) -> int:
    """What begins or ends by the clock is a change like any other, and told within a second (DESIGN, law 5)."""
    return await refresh_due(database, clock.now())


async def tell_publications(database: Database) -> int:
    """Products that a channel sells from now on, or no longer: told as if somebody had said so."""
    return await tell_due(database, clock.now())


async def close_carts(database: Database) -> int:
    """Carts whose time is over give back what they hold."""
    return await expire_carts(database, clock.now())


async def compare_channels(database: Database) -> int:
    """Where channels show different things without a rule: always nowhere, or a bug."""
    return await convergence.sweep(database)


async def keep_feed(database: Database) -> int:
    """Partitions of the feed are there before they are needed, and go when they are not any more."""
    return await retention.keep(database, clock.now())


async def forget_webhooks(database: Database) -> int:
    """What was sent is told for a week, what could not be sent for a month."""
    return await webhook_log.forget(database, clock.now())


JOBS = (
    Job("sweep holds", 0.5, sweep_holds),
    Job("tell prices", 0.5, tell_prices),
    Job("tell publications", 0.5, tell_publications),
    Job("close carts", 60, close_carts),
    Job("keep the feed", 60, keep_feed),
    Job("compare channels", 300, compare_channels),
    Job("forget operations", 3600, forget_operations),
    Job("forget webhooks", 600, forget_webhooks),
)


def with_webhooks(sending: Sending) -> tuple[Job, ...]:
    """The jobs, and what sends webhooks, which never ends: those under way must not hold up the next."""

    async def send(_: Database) -> int:
        await sending.run()
        return 0

    return (*JOBS, Job("send webhooks", 1, send))


async def work(database: Database, jobs: tuple[Job, ...] = JOBS) -> None:
    """Do the jobs while elected, stand for election while not, until cancelled.

    A job that fails is logged, and tried again after a growing pause.
    """

    async def in_office(connection: "asyncpg.Connection[Any]") -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_in_office_still(connection), name="hold the office")
                for job in jobs:
                    group.create_task(_repeat(job, database), name=job.name)
        except* LOST as lost:
            # Only the office's own task ends: jobs keep their failures to themselves.
            raise lost.exceptions[0] from None

    await hold_office(database, "clock", OFFICE, in_office)


async def _in_office_still(connection: "asyncpg.Connection[Any]") -> None:
    while True:
        await connection.execute("SELECT 1", timeout=ANSWERS_WITHIN)
        await asyncio.sleep(LOOKS_EVERY)


async def _repeat(job: Job, database: Database) -> None:
    failures = 0
    while True:
        pause = job.seconds
        try:
            done = await job.run(database)
        except Exception:
            failures += 1
            pause = min(LONGEST_PAUSE, max(1.0, job.seconds) * 2 ** min(failures, 6))
            log.exception("job failed", job=job.name, failures=failures)
        else:
            failures = 0
            if done:
                log.info("job done", job=job.name, count=done)
        # Processes that started together do not stay in step.
        await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311


FOLLOWED: Final = {
    Topic.PRODUCT: select(product.c.id, product.c.version),
    Topic.CATEGORY: select(category.c.id, category.c.version),
    Topic.COLLECTION: select(collection.c.id, collection.c.version),
    Topic.PRICE: select(priced_variant.c.variant_id.label("id"), priced_variant.c.version).where(
        priced_variant.c.version > 0
    ),
    Topic.STOCK: select(stock_level.c.id, stock_level.c.version),
    Topic.CART: select(cart.c.id, cart.c.version),
    Topic.ORDER: select(order.c.id, order.c.version),
    Topic.REGISTER: select(register.c.id, register.c.version),
    Topic.CUSTOMER: select(customer.c.id, customer.c.version),
}
"""What others follow: the id and version of each entity.

Not AVAILABILITY: it is told with STOCK, and two who write a variant's levels at once may tell it as one version.
"""


AUDITED: Final = {
    "stock": "balances, movements, holds and allocations agree",
    "prices": "no two at a time, and each channel shows the right one",
    "carts": "lines and deliveries add up to the quote",
    "orders": "lines, payments and ledger add up",
    "fulfillments": "what left is what the orders say",
    "catalog": "categories, products and variants fit together",
    "channels": "all show the same where no rule says otherwise",
    "changes": "all were told, in order",
}
"""What is checked, in words."""


async def audit(database: Database) -> dict[str, list[str]]:
    """Check every law on the live database, each in one snapshot: what contradicts it, under the keys of `AUDITED`."""
    stock = await inventory_audit.violations(
        database, live_carts=carts_audit.LIVE_CARTS, open_lines=orders_audit.OPEN_LINES
    )
    prices = await pricing_audit.violations(database)
    async with database.snapshot() as tx:
        return {
            "stock": stock,
            "prices": prices,
            "carts": await carts_audit.violations(tx),
            "orders": await orders_audit.violations(tx),
            "fulfillments": await fulfillment_audit.violations(tx),
            "catalog": await catalog_audit.violations(tx),
            "channels": await convergence.violations(tx),
            "changes": await events_audit.violations(tx, FOLLOWED),
        }
