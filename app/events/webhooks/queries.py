"""Reading webhooks, their deliveries, and the attempts at these."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Integer, Row, Select, Text, Uuid, any_, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.webhooks.tables import webhook, webhook_attempt, webhook_delivery
from app.platform.db import Reader

STATUSES: Final = ("PENDING", "DELIVERED", "FAILED", "REPLACED")
MOST_ATTEMPTS: Final = 100

_ids = bindparam("ids", type_=ARRAY(Uuid))
_after = bindparam("after", type_=Uuid)
_size = bindparam("size", type_=Integer)
_there = webhook.c.deleted_at.is_(None)

WEBHOOKS_BY_IDS: Final = select(webhook).where(webhook.c.id == any_(_ids), _there)
WEBHOOK_PAGE: Final = (
    select(webhook).where(_there, _after.is_(None) | (webhook.c.id < _after)).order_by(webhook.c.id.desc()).limit(_size)
)
WEBHOOK_COUNT: Final = select(func.count()).select_from(webhook).where(_there)
PROGRESS: Final = (
    select(
        webhook_delivery.c.webhook_id,
        func.count().label("waiting"),
        func.min(webhook_delivery.c.position).label("oldest"),
    )
    .where(webhook_delivery.c.webhook_id == any_(_ids), webhook_delivery.c.status == "PENDING")
    .group_by(webhook_delivery.c.webhook_id)
)
DELIVERIES_BY_IDS: Final = (
    select(webhook_delivery)
    .join(webhook, webhook.c.id == webhook_delivery.c.webhook_id)
    .where(webhook_delivery.c.id == any_(_ids), _there)
)


def _of(status: str | None) -> Select[Any]:
    """Deliveries of this status, of all for None. Said in the statement, so that an index for it can serve."""
    found = select(webhook_delivery)
    return found if status is None else found.where(webhook_delivery.c.status == literal_column(f"'{status}'", Text))


def _page(status: str | None) -> Select[Any]:
    page = (
        _of(status)
        .where(
            webhook_delivery.c.webhook_id == webhook.c.id,
            _after.is_(None) | (webhook_delivery.c.id < _after),
        )
        .order_by(webhook_delivery.c.id.desc())
        .limit(_size)
        .lateral("page")
    )
    return (
        select(page)
        .select_from(webhook.join(page, webhook.c.id.is_not(None)))
        .where(webhook.c.id == any_(_ids))
        .order_by(page.c.id.desc())
    )


def _count(status: str | None) -> Select[Any]:
    some = _of(status).where(webhook_delivery.c.webhook_id == bindparam("hook", type_=Uuid))
    return select(func.count()).select_from(some.limit(bindparam("most", type_=Integer)).subquery())


PAGES: Final = {status: _page(status) for status in (None, *STATUSES)}
COUNTS: Final = {status: _count(status) for status in (None, *STATUSES)}
_numbered = (
    select(
        webhook_attempt,
        func.row_number()
        .over(partition_by=webhook_attempt.c.delivery_id, order_by=webhook_attempt.c.number.desc())
        .label("place"),
    )
    .where(webhook_attempt.c.delivery_id == any_(_ids))
    .subquery()
)
ATTEMPTS: Final = (
    select(_numbered).where(_numbered.c.place <= MOST_ATTEMPTS).order_by(_numbered.c.delivery_id, _numbered.c.place)
)


async def webhooks_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Webhooks that are not deleted."""
    return {row.id: row for row in await db.rows(WEBHOOKS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def webhook_page(db: Reader, *, size: int, after: UUID | None) -> Sequence[Row[Any]]:
    """The newest first."""
    return await db.rows(WEBHOOK_PAGE, {"size": size, "after": after})


async def webhook_count(db: Reader) -> int:
    return int(await db.value(WEBHOOK_COUNT))


async def progress(db: Reader, ids: Collection[UUID]) -> Mapping[UUID, Row[Any]]:
    """How many deliveries wait, and the position of the oldest; nothing for a webhook where none does."""
    return {row.webhook_id: row for row in await db.rows(PROGRESS, {"ids": list(ids)})}


async def deliveries_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Deliveries of webhooks that are not deleted."""
    return {row.id: row for row in await db.rows(DELIVERIES_BY_IDS, {"ids": list(ids)})} if ids else {}


async def delivery_pages(
    db: Reader, webhook_ids: Collection[UUID], *, size: int, after: UUID | None, status: str | None
) -> dict[UUID, list[Row[Any]]]:
    """Of each webhook its newest deliveries first, at most `size`."""
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in webhook_ids}
    for row in await db.rows(PAGES[status], {"ids": list(webhook_ids), "size": size, "after": after}):
        found[row.webhook_id].append(row)
    return found


async def delivery_count(db: Reader, webhook_id: UUID, status: str | None, *, most: int) -> int:
    """How many there are, counted up to `most`."""
    return int(await db.value(COUNTS[status], {"hook": webhook_id, "most": most}))


async def attempts_of(db: Reader, delivery_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Of each delivery its newest attempts first, at most MOST_ATTEMPTS."""
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in delivery_ids}
    for row in await db.rows(ATTEMPTS, {"ids": list(delivery_ids)}):
        found[row.delivery_id].append(row)
    return found
