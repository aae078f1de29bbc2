"""Setting prices in a test's shop, and looking at what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select

from app.channels.queries import channels_by_codes
from app.events.tables import outbox
from app.identity.principal import Actor
from app.platform.ids import new_id
from app.pricing.prices import PriceChange, PricesSet, set_prices
from app.pricing.quotes import Ask, VariantQuote, quote_variants
from app.pricing.tables import channel_price, price, price_list
from tests.shop import STAMPS, Shop


def actor_at(shop: Shop, moment: datetime) -> Actor:
    return replace(shop.actor(), now=moment)


async def put(shop: Shop, moment: datetime, *changes: PriceChange, price_list_id: UUID | None = None) -> PricesSet:
    """`set_prices` in a transaction of its own, into the base list unless another is named."""
    actor, key = actor_at(shop, moment), price_list_id or shop.price_list_id
    return await shop.db.run(lambda tx: set_prices(tx, actor, price_list_id=key, changes=changes))


async def add_list(shop: Shop, code: str, **columns: Any) -> UUID:
    """A price list in real with tax, put there as a row."""
    row = {"id": new_id(), "code": code, "name": {"en": code}, "currency": "BRL", "includes_tax": True}
    async with shop.db.transaction() as tx:
        await tx.execute(insert(price_list).values(**row | columns, **STAMPS))
    return row["id"]  # type: ignore[return-value]


async def add_price(shop: Shop, sku: str, amount: int, **columns: Any) -> None:
    """A price put there as a row."""
    async with shop.db.transaction() as tx:
        await shop.price(tx, shop.variants[sku], amount, **columns)


async def quotes(
    shop: Shop, *skus: str, code: str = "web", moment: datetime, quantity: int = 1000, **more: Any
) -> list[VariantQuote | None]:
    row = (await channels_by_codes(shop.db, [code]))[code]
    asks = [Ask(shop.variants[sku], quantity, None) for sku in skus]
    return await quote_variants(shop.db, asks, channel=row, moment=moment, **more)


async def history(shop: Shop, sku: str) -> Sequence[Row[Any]]:
    """All price rows of a variant, the oldest first."""
    where = price.c.variant_id == shop.variants[sku]
    return await shop.db.rows(select(price).where(where).order_by(price.c.starts_at, price.c.created_at, price.c.id))


async def listed(shop: Shop, sku: str, code: str = "web") -> Row[Any] | None:
    """What `channel_price` says."""
    return await shop.db.row(
        select(channel_price).where(
            channel_price.c.variant_id == shop.variants[sku], channel_price.c.channel_id == shop.channels[code]
        )
    )


async def told(shop: Shop) -> list[tuple[UUID, int]]:
    """Variant and version of every PRICE change so far, in their order."""
    rows = await shop.db.rows(select(outbox).where(outbox.c.topic == "PRICE").order_by(outbox.c.id))
    return [(row.entity_id, row.version) for row in rows]
