"""Loads what the demo shop's goods cost and how many there are.

Each function is a transaction of its own. A variant that has a price in a list, or a level at a location, keeps it.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.queries import variants_by_skus
from app.channels.queries import locations_by_codes
from app.identity.principal import Actor
from app.inventory.levels import StockChange, StockPolicy, adjust, set_policy
from app.inventory.tables import stock_level
from app.platform.db import Tx
from app.platform.money import to_minor
from app.platform.quantities import parse_quantity
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import price_lists_by_codes
from app.pricing.tables import price
from seed.shapes import Content, PriceList, Product, Variant

OPENING: Final = "opening stock"

_VARIANTS: Final = any_(bindparam("variant_ids", type_=ARRAY(Uuid)))
PRICED: Final = (
    select(price.c.variant_id).where(
        price.c.price_list_id == bindparam("price_list_id"), price.c.variant_id == _VARIANTS
    )
).distinct()
LEVELS: Final = select(stock_level.c.variant_id, stock_level.c.location_id).where(stock_level.c.variant_id == _VARIANTS)


async def base_prices(tx: Tx, actor: Actor, content: Content, each: PriceList) -> None:
    """What every variant costs unless another list says so."""
    variants = [variant for product in content.products for variant in product.variants]
    await _set(tx, actor, each, [(one.sku, Decimal(0), one.price, one.compare_at) for one in variants])


async def list_prices(tx: Tx, actor: Actor, each: PriceList) -> None:
    """The prices of a list that overrides others."""
    await _set(tx, actor, each, [(row.sku, row.min_quantity, row.price, None) for row in each.prices])


async def _set(
    tx: Tx, actor: Actor, each: PriceList, rows: Sequence[tuple[str, Decimal, Decimal, Decimal | None]]
) -> None:
    list_id: UUID = (await price_lists_by_codes(tx, [each.code]))[each.code].id
    variants = await variants_by_skus(tx, [sku for sku, *_ in rows])
    where = {"price_list_id": list_id, "variant_ids": [row.id for row in variants.values()]}
    priced = {row.variant_id for row in await tx.rows(PRICED, where)}
    changes = [
        PriceChange(
            variant_id=variants[sku].id,
            amount_minor=to_minor(amount, each.currency),
            compare_at_minor=None if compare_at is None else to_minor(compare_at, each.currency),
            min_quantity=parse_quantity(min_quantity),
        )
        for sku, min_quantity, amount, compare_at in rows
        if sku in variants and variants[sku].id not in priced
    ]
    if changes:
        await set_prices(tx, actor, price_list_id=list_id, changes=changes)


async def stock(tx: Tx, actor: Actor, content: Content, some: Sequence[Product]) -> None:
    """The opening count of these products' variants at each location, and what is kept back or may be backordered."""
    places = await locations_by_codes(tx, [each.code for each in content.shop.locations])
    wanted = {variant.sku: variant for product in some for variant in product.variants if variant.stock}
    rows = await variants_by_skus(tx, wanted)
    ids = [row.id for row in rows.values()]
    there = {(row.variant_id, row.location_id) for row in await tx.rows(LEVELS, {"variant_ids": ids})}
    changes: list[StockChange] = []
    policies: list[StockPolicy] = []
    for sku, row in rows.items():
        variant = wanted[sku]
        for code, quantity in variant.stock.items():
            key = (row.id, places[code].id)
            if key not in there:
                changes.append(StockChange(*key, on_hand=parse_quantity(quantity)))
                policies += _policy(variant, code, *key)
    if changes:
        await adjust(tx, actor, changes=changes, kind="COUNT", reason=OPENING)
    if policies:
        await set_policy(tx, actor, policies=policies)


def _policy(variant: Variant, code: str, variant_id: UUID, location_id: UUID) -> list[StockPolicy]:
    kept_back, backorder = variant.safety_stock.get(code), variant.backorder.get(code)
    if kept_back is None and backorder is None:
        return []
    return [
        StockPolicy(
            variant_id,
            location_id,
            safety_stock=None if kept_back is None else parse_quantity(kept_back),
            backorder_allowance=None if backorder is None else parse_quantity(backorder),
        )
    ]
