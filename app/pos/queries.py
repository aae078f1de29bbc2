"""Reading registers."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, select

from app.platform.db import Reader
from app.platform.unnest import among
from app.pos.tables import register

BY_IDS = select(register).where(register.c.id == among("ids", Uuid()))
BY_CODES = select(register).where(register.c.code == among("codes", Text()))
ALL = select(register).order_by(register.c.code)


async def registers_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Registers by id, inactive ones too."""
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})} if ids else {}


async def registers_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Registers by code, inactive ones too."""
    return {row.code: row for row in await db.rows(BY_CODES, {"codes": list(codes)})} if codes else {}


async def all_registers(db: Reader) -> list[Row[Any]]:
    """Every register by code, inactive ones too."""
    return list(await db.rows(ALL))
