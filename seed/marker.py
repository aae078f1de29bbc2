"""How the demo shop is told from others: a marker, written before anything of it is loaded and completed last.

It is an operation under an id of its own. Operations are forgotten after a while; the demo shop's tokens never are.
"""

from contextlib import suppress
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select

from app.catalog.tables import product
from app.identity.tables import token
from app.platform import operations
from app.platform.db import Reader, Tx
from app.platform.tables import operation

MARKER: Final = UUID("5eedfe12-a000-7000-8000-000000000001")

MARK: Final = select(operation.c.result).where(operation.c.id == bindparam("id"))
A_PRODUCT: Final = select(product.c.id).limit(1)
A_DEMO_TOKEN: Final = select(token.c.id).where(token.c.demo).limit(1)


async def is_due(db: Reader) -> bool:
    """Whether the shop is empty, or a load of the demo shop was begun and not finished."""
    mark = await db.row(MARK, {"id": MARKER})
    return await db.value(A_PRODUCT) is None if mark is None else mark.result is None


async def is_demo(db: Reader) -> bool:
    """Whether this is a demo shop, loaded whole."""
    mark = await db.row(MARK, {"id": MARKER})
    return await db.value(A_DEMO_TOKEN) is not None if mark is None else mark.result is not None


async def begin(tx: Tx) -> bool:
    """Write the marker; False where there is nothing to load."""
    if not await is_due(tx):
        return False
    # One that was begun and not finished has its marker.
    with suppress(operations.Repeated):
        await operations.claim(tx, operations.claimed(MARKER, principal="seed", mutation="demo", fingerprint=b"demo"))
    return True


async def finish(tx: Tx, products: int) -> None:
    """Complete the marker: all is there."""
    tx.operation_id = MARKER
    await operations.store(tx, {"products": products})
