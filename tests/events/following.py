"""Readers of the feed in a test's shop: what each may see by the queries, and what it knows by following."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, bindparam, select

from app.browse.sight import Sight, seen_products, seen_variants
from app.carts.queries import CartsWanted, list_carts
from app.catalog.tables import category, collection, product, variant
from app.customers.tables import customer
from app.events.feed import Compacted, Every, FeedRow
from app.events.outbox import Action, Topic
from app.events.tables import outbox
from app.identity.following import scopes_of
from app.identity.principal import Actor, Principal
from app.inventory.queries import LevelFilter, levels_page
from app.orders.queries import OrdersWanted, list_orders
from app.platform.db import Reader
from app.pos.queries import all_registers
from app.pricing.tables import priced_variant
from tests.shop import Shop

ALL = 10_000

Known = set[tuple[Topic, UUID]]

# Of the outbox itself: in the order in which the sequencer numbers it.
AFTER = select(outbox).where(outbox.c.id > bindparam("after", type_=BigInteger)).order_by(outbox.c.id)


def readers_of(shop: Shop) -> dict[str, Actor]:
    """One of each kind of caller, with the bounds that they may have."""

    def at(*codes: str) -> frozenset[UUID]:
        return frozenset(shop.locations[code] for code in codes)

    def through(*codes: str) -> frozenset[UUID]:
        return frozenset(shop.channels[code] for code in codes)

    return {
        "a guest on the site": shop.actor("anonymous"),
        "a guest in the app": shop.actor("anonymous", channel="app"),
        "the till of centro": shop.actor("device"),
        "the owner": shop.actor("owner"),
        "the owner's sister, in praia": shop.actor("owner", location_ids=at("praia")),
        "a manager of the app": shop.actor("manager", channel="app", channel_ids=through("app")),
        "a cashier of praia": shop.actor("cashier", channel="pos", location_ids=at("praia")),
        "service of the site in centro": shop.actor("service", location_ids=at("centro"), channel_ids=through("web")),
        "who keeps the catalog": shop.actor("catalog"),
        "who only looks, in two places": shop.actor("readonly", location_ids=at("cd", "praia")),
        "the app's server": shop.actor("client", channel="app", channel_ids=through("app")),
    }


async def seen_by(db: Reader, reader: Actor, moment: datetime) -> Known:
    """What the queries of the API give this reader at a moment."""
    who = reader.principal
    return await _catalog(db, reader, moment) | await _stock(db, who) | await _sales(db, who)


async def _catalog(db: Reader, reader: Actor, moment: datetime) -> Known:
    everything = reader.principal.may("catalog.read")
    sight = Sight(reader.channel_id, moment, everything)
    products = [row.id for row in await db.rows(select(product.c.id))]
    variants = await seen_variants(db, [row.id for row in await db.rows(select(variant.c.id))], sight)
    priced = await db.rows(select(priced_variant.c.variant_id).where(priced_variant.c.version > 0))
    found = {(Topic.PRODUCT, key) for key in await seen_products(db, products, sight)}
    found |= {(Topic.AVAILABILITY, key) for key in variants}
    found |= {(Topic.PRICE, row.variant_id) for row in priced if row.variant_id in variants}
    for topic, shelves in ((Topic.CATEGORY, category), (Topic.COLLECTION, collection)):
        found |= {(topic, row.id) for row in await db.rows(select(shelves)) if everything or not row.archived}
    return found


async def _stock(db: Reader, who: Principal) -> Known:
    found: Known = set()
    if who.may("stock.read"):
        levels = await levels_page(db, LevelFilter(location_ids=who.location_ids), after=None, limit=ALL)
        found |= {(Topic.STOCK, row.id) for row in levels}
    if who.may("registers.read"):
        opens = who.may("settings.write")
        found |= {
            (Topic.REGISTER, row.id)
            for row in await all_registers(db)
            if who.works_at(row.location_id) and (row.active or opens)
        }
    return found


async def _sales(db: Reader, who: Principal) -> Known:
    found: Known = set()
    if who.may("carts.read"):
        carts = await list_carts(db, who, CartsWanted(), limit=ALL, after=None)
        found |= {(Topic.CART, row.id) for row in carts}
    if who.may("orders.read"):
        orders = await list_orders(db, who, OrdersWanted(), first=ALL, after=None)
        found |= {(Topic.ORDER, row.id) for row in orders}
    if who.may("customers.read"):
        found |= {(Topic.CUSTOMER, row.id) for row in await db.rows(select(customer.c.id))}
    return found


@dataclass
class Follower:
    """Follows the outbox since it took a snapshot; `compacted` as `changes` is asked."""

    reader: Actor
    position: int
    known: Known
    compacted: bool
    told: list[tuple[Topic, UUID, Action]] = field(default_factory=list)

    def follow(self, rows: Sequence[FeedRow]) -> None:
        """Take the rows after its position, as one page."""
        scopes = scopes_of(self.reader.principal, self.reader.channel_id)
        page = Compacted(scopes, ALL) if self.compacted else Every(scopes, ALL)
        for row in rows:
            if row.position > self.position:
                assert page.take(row)
                self.position = row.position
        for change in page.changes():
            self.told.append((change.topic, change.entity_id, change.action))
            key = (change.topic, change.entity_id)
            (self.known.add if change.action is Action.UPSERT else self.known.discard)(key)


async def rows_since(db: Reader, position: int) -> list[FeedRow]:
    """What was told after this id of the outbox."""
    return [_row(row) for row in await db.rows(AFTER, {"after": position})]


def _row(row: Row[Any]) -> FeedRow:
    return FeedRow(
        row.id,
        row.id,
        Topic(row.topic),
        Action(row.action),
        row.entity_id,
        row.version,
        frozenset(row.scopes_before),
        frozenset(row.scopes_after),
        row.occurred_at,
    )
