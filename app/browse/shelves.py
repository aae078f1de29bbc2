"""Pages of collections."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Row, Text, bindparam, func, literal_column, or_, select

from app.browse.matching import COUNTED
from app.catalog.tables import collection
from app.platform.db import Reader

_there = or_(~collection.c.archived, bindparam("archived", type_=Boolean))
PAGE = (
    select(collection)
    .where(_there, collection.c.slug > bindparam("after", type_=Text))
    .order_by(collection.c.slug)
    .limit(bindparam("most", type_=BigInteger))
)
_some = select(literal_column("1")).select_from(collection).where(_there).limit(COUNTED + 1).subquery()
COUNT = select(func.count()).select_from(_some)


async def list_collections(db: Reader, *, after: str | None, most: int, archived: bool) -> Sequence[Row[Any]]:
    """Rows of `collection` by slug, behind the slug `after`; archived ones only when asked for."""
    return await db.rows(PAGE, {"after": after or "", "most": most, "archived": archived})


async def count_collections(db: Reader, *, archived: bool) -> int | None:
    """How many: exact up to 10,000, else None."""
    total = int(await db.value(COUNT, {"archived": archived}))
    return total if total <= COUNTED else None
