"""Making, changing, pausing and ending webhooks. A webhook is never ended or paused but by a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, func, insert, select, update

from app.events.feed import head_of
from app.events.webhooks import sign
from app.events.webhooks.fields import Check, Fields, checked
from app.events.webhooks.tables import webhook, webhook_delivery
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version
from app.platform.ids import new_id
from app.platform.outbound.address import Allowed

MOST: Final = 100
"""Webhooks of a shop."""
MOST_HOURS: Final = 7 * 24
"""How long a secret may stay live after it was replaced."""

_this = webhook.c.id == bindparam("hook", type_=Uuid)
COUNT: Final = select(func.count()).where(webhook.c.deleted_at.is_(None)).select_from(webhook)
INSERT: Final = insert(webhook)
# Planning and sending go on while it is written; each takes this lock for its own writes.
LOCK: Final = select(webhook).where(_this, webhook.c.deleted_at.is_(None)).with_for_update(key_share=True)
UPDATE: Final = update(webhook).where(_this)
AGAIN: Final = (
    update(webhook_delivery)
    .where(
        webhook_delivery.c.webhook_id == bindparam("hook", type_=Uuid),
        webhook_delivery.c.status == "PENDING",
        webhook_delivery.c.claim.is_(None),
        webhook_delivery.c.due_at.is_not(None),
    )
    .values(due_at=bindparam("now"), failures=0, first_tried_at=None)
)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook whose secret was just drawn. `secret` is to be shown once, and not to be logged."""

    id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"NewSecret({self.id})"


async def create(
    tx: Tx, given: Fields, *, now: datetime, by: str, allowed: Allowed, check: Check, after: int | None = None
) -> NewSecret:
    """Make a webhook that is sent what changes from now on, or after a position. `by`: whoever makes it.

    Raises InvalidInput (TOO_MANY, FORGOTTEN, AHEAD and those of the fields), NotFound.
    """
    required: Fields = {"name": "", "url": ""}
    written = await checked(tx, {**required, **given}, allowed=allowed, check=check)
    if int(await tx.value(COUNT)) >= MOST:
        raise InvalidInput(f"A shop has at most {MOST} webhooks.", code="TOO_MANY")
    head = await head_of(tx)
    if after is not None:
        check_position(after, forgotten=head.forgotten, head=head.position)
    key, webhook_id = sign.draw(), new_id()
    row = {
        **written,
        "id": webhook_id,
        "secret": key,
        "planned": head.position if after is None else after,
        "created_by": by,
        "created_at": now,
        "updated_at": now,
    }
    await tx.execute(INSERT, row)
    return NewSecret(webhook_id, sign.secret_of(key))


async def update_webhook(
    tx: Tx,
    given: Fields,
    *,
    webhook_id: UUID,
    now: datetime,
    allowed: Allowed,
    check: Check,
    expected_version: int | None = None,
) -> UUID:
    """Change a webhook. What is planned for it already is sent as it is then, to where it points then.

    Raises NotFound, VersionConflict, InvalidInput.
    """
    found = await lock(tx, webhook_id)
    check_version(expected_version, found.version, "Webhook", webhook_id)
    await _write(tx, webhook_id, now, **await checked(tx, given, allowed=allowed, check=check))
    return webhook_id


async def pause(tx: Tx, *, webhook_id: UUID, now: datetime) -> UUID:
    """Send nothing until it is resumed; what is under way ends. Raises NotFound."""
    if (await lock(tx, webhook_id)).status != "PAUSED":
        await _write(tx, webhook_id, now, status="PAUSED")
    return webhook_id


async def resume(tx: Tx, *, webhook_id: UUID, now: datetime) -> UUID:
    """Go on where it stopped, at once: what waits for another attempt has its three days anew. Raises NotFound."""
    if (await lock(tx, webhook_id)).status != "ACTIVE":
        await _write(tx, webhook_id, now, status="ACTIVE")
        await tx.execute(AGAIN, {"hook": webhook_id, "now": now})
    return webhook_id


async def rotate(tx: Tx, *, webhook_id: UUID, now: datetime, hours: int) -> NewSecret:
    """Draw a new secret; the one before signs as well for so many hours, and one before that no more.

    Raises NotFound, InvalidInput (OUT_OF_RANGE).
    """
    if not 0 <= hours <= MOST_HOURS:
        raise InvalidInput(f"From 0 to {MOST_HOURS} hours.", path=("previousLiveHours",), code="OUT_OF_RANGE")
    found = await lock(tx, webhook_id)
    key = sign.draw()
    until = now + timedelta(hours=hours) if hours else None
    await _write(tx, webhook_id, now, secret=key, previous_secret=found.secret if until else None, previous_until=until)
    return NewSecret(webhook_id, sign.secret_of(key))


async def delete(tx: Tx, *, webhook_id: UUID, now: datetime) -> UUID:
    """End a webhook, for good; its secrets go at once, its log soon after. Raises NotFound."""
    await lock(tx, webhook_id)
    await _write(tx, webhook_id, now, deleted_at=now, secret=b"", previous_secret=None, previous_until=None)
    return webhook_id


async def lock(tx: Tx, webhook_id: UUID) -> Row[Any]:
    """The webhook, locked. Raises NotFound."""
    found = await tx.row(LOCK, {"hook": webhook_id})
    if found is None:
        raise NotFound("There is no such webhook.", path=("webhookId",))
    return found


def check_position(after: int, *, forgotten: int, head: int) -> None:
    """Raises InvalidInput (FORGOTTEN, AHEAD) for a position that nothing can be sent from."""
    if after < forgotten:
        message = f"Changes up to position {forgotten} are no longer kept: take a snapshot."
        raise InvalidInput(message, path=("after",), code="FORGOTTEN")
    if after > head:
        raise InvalidInput(f"The feed has come to position {head}.", path=("after",), code="AHEAD")


async def _write(tx: Tx, webhook_id: UUID, now: datetime, **columns: Any) -> None:
    await tx.execute(UPDATE.values(**columns, version=webhook.c.version + 1, updated_at=now), {"hook": webhook_id})
