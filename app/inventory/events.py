"""What a change of stock tells: STOCK for each level, AVAILABILITY once for each variant."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, and_, cast, exists, func, or_, select

from app.catalog.tables import product, publication, variant
from app.events.outbox import Change, Topic, emit
from app.events.scopes import PUBLIC, STAFF, location_scope
from app.inventory.tables import stock_level
from app.platform.db import Tx

_others = stock_level.alias("others")
_MOMENT = select(func.clock_timestamp()).scalar_subquery()

_published: ColumnElement[bool] = exists(
    select(1)
    .select_from(variant)
    .join(product, product.c.id == variant.c.product_id)
    .join(publication, publication.c.product_id == product.c.id)
    .where(
        variant.c.id == stock_level.c.variant_id,
        ~variant.c.archived,
        product.c.status == "ACTIVE",
        publication.c.starts_at <= _MOMENT,
        or_(publication.c.ends_at.is_(None), publication.c.ends_at > _MOMENT),
    )
    .correlate(stock_level)
)

TOLD: tuple[ColumnElement[Any], ...] = (
    stock_level.c.id,
    stock_level.c.variant_id,
    stock_level.c.location_id,
    stock_level.c.version,
    _published.label("published"),
    # As it was before this statement, which adds one for each level that it writes.
    cast(
        select(func.sum(_others.c.version))
        .where(and_(_others.c.variant_id == stock_level.c.variant_id))
        .correlate(stock_level)
        .scalar_subquery(),
        BigInteger,
    ).label("versions_before"),
)
"""What a statement that writes levels returns, so that `tell` needs no statement to find out more."""


async def tell(tx: Tx, written: Iterable[Row[Any]]) -> None:
    """Emit the change of these levels, each raised by one version; rows as `TOLD` names them.

    A variant's AVAILABILITY has the sum of its levels' versions. Writers of two of its levels do not wait for each
    other, so two of its changes may carry one version: their order is their position.
    """
    rows = sorted(written, key=lambda row: (row.variant_id, row.location_id))
    raised = Counter(row.variant_id for row in rows)
    changes: list[Change] = []
    told: set[UUID] = set()
    for row in rows:
        changes.append(Change(Topic.STOCK, row.id, row.version, after=(location_scope(row.location_id),)))
        if row.variant_id not in told:
            told.add(row.variant_id)
            version = row.versions_before + raised[row.variant_id]
            scopes = (PUBLIC,) if row.published else (STAFF,)
            changes.append(Change(Topic.AVAILABILITY, row.variant_id, version, after=scopes))
    if changes:
        await emit(tx, changes)
