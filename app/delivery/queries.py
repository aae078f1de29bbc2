"""Reading delivery methods."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, select

from app.delivery.tables import delivery_method
from app.platform.db import Reader
from app.platform.unnest import among

BY_IDS = select(delivery_method).where(delivery_method.c.id == among("ids", Uuid()))
BY_CODES = select(delivery_method).where(delivery_method.c.code == among("codes", Text(collation="C")))
ALL = select(delivery_method).order_by(delivery_method.c.position, delivery_method.c.code)


async def methods_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Delivery methods by id, inactive ones too."""
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})} if ids else {}


async def methods_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Delivery methods by code, inactive ones too."""
    return {row.code: row for row in await db.rows(BY_CODES, {"codes": list(codes)})} if codes else {}


async def all_methods(db: Reader) -> list[Row[Any]]:
    """Every delivery method in the shop's order, inactive ones too."""
    return list(await db.rows(ALL))
