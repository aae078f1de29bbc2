"""Authentication: from a token to whom it stands for.

One query finds token, bearer and what the bearer is bound to. Its answer is kept in the process for FRESH_SECONDS,
counted from before the query: a revocation, a deactivation, another role or another register takes effect in every
process within that time after its commit.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Row, and_, bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.identity.permissions import ROLES
from app.identity.principal import Principal
from app.identity.recent import Recent
from app.identity.tables import api_client, channel_state, device, register_place, staff, token
from app.identity.tokens import digest
from app.platform.db import Database

log = structlog.get_logger("feira.identity")

FRESH_SECONDS: Final = 1.5
MOST_KEPT: Final = 10_000
USED_EVERY: Final = timedelta(minutes=1)
# How long a request may wait to note that its token was used: the note is not worth an outage.
NOTE_SECONDS: Final = 1.0

FIND: Final = (
    select(
        token.c.id,
        token.c.demo,
        token.c.expires_at,
        token.c.last_used_at,
        token.c.staff_id,
        token.c.device_id,
        token.c.api_client_id,
        staff.c.name.label("staff_name"),
        staff.c.role,
        staff.c.location_ids,
        staff.c.channel_ids,
        device.c.name.label("device_name"),
        device.c.register_id,
        register_place.c.location_id,
        register_place.c.channel_id.label("register_channel_id"),
        api_client.c.name.label("client_name"),
        api_client.c.channel_id.label("client_channel_id"),
        api_client.c.trusted_documents_only,
    )
    .outerjoin(staff, staff.c.id == token.c.staff_id)
    .outerjoin(device, device.c.id == token.c.device_id)
    .outerjoin(register_place, register_place.c.id == device.c.register_id)
    .outerjoin(api_client, api_client.c.id == token.c.api_client_id)
    .outerjoin(
        channel_state,
        or_(channel_state.c.id == register_place.c.channel_id, channel_state.c.id == api_client.c.channel_id),
    )
    .where(
        token.c.hash == bindparam("hash"),
        token.c.revoked_at.is_(None),
        or_(
            staff.c.active,
            and_(device.c.active, register_place.c.active, channel_state.c.active),
            and_(api_client.c.active, channel_state.c.active),
        ),
    )
)
# Whoever else notes the same use is enough.
UNNOTED: Final = (
    select(token.c.id)
    .where(
        token.c.id == bindparam("token_id"),
        or_(token.c.last_used_at.is_(None), token.c.last_used_at <= bindparam("before")),
    )
    .with_for_update(skip_locked=True)
)
NOTE: Final = update(token).where(token.c.id.in_(UNNOTED)).values(last_used_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    demo: bool
    expires_at: datetime | None


_known: WeakKeyDictionary[Database, Recent[bytes, _Known]] = WeakKeyDictionary()


async def authenticate(db: Database, secret: str, now: datetime, *, demo_tokens: bool = True) -> Principal | None:
    """Whom this token stands for. None when it is unknown, expired or revoked, or its bearer (or the register or
    channel that the bearer is bound to) is not active; with `demo_tokens` False also for one of the demo shop.

    Notes that the token was used, at most once a minute.
    """
    key = digest(secret)
    if key is None:
        return None
    recent = _known.setdefault(db, Recent(seconds=FRESH_SECONDS, most=MOST_KEPT))

    async def read() -> _Known | None:
        row = await db.row(FIND, {"hash": key})
        if row is None:
            return None
        if (row.expires_at is None or now < row.expires_at) and _unnoted(row.last_used_at, now):
            await _note_use(db, row.id, now)
        return _Known(_principal(row), row.demo, row.expires_at)

    known = await recent.get_or(key, read)
    if known is None:
        return None
    if known.expires_at is not None and known.expires_at <= now:
        return None
    return None if known.demo and not demo_tokens else known.principal


def _principal(row: Row[Any]) -> Principal:
    if row.staff_id is not None:
        return Principal(
            kind="staff",
            role=row.role,
            id=row.staff_id,
            name=row.staff_name,
            location_ids=None if row.location_ids is None else frozenset(row.location_ids),
            channel_ids=None if row.channel_ids is None else frozenset(row.channel_ids),
            permissions=ROLES[row.role],
        )
    if row.device_id is not None:
        # Not limited to its channel: what was bought on the site is picked up at the till.
        return Principal(
            kind="device",
            role="device",
            id=row.device_id,
            name=row.device_name,
            location_ids=frozenset({row.location_id}),
            channel_id=row.register_channel_id,
            register_id=row.register_id,
            permissions=ROLES["device"],
        )
    return Principal(
        kind="client",
        role="client",
        id=row.api_client_id,
        name=row.client_name,
        channel_ids=frozenset({row.client_channel_id}),
        channel_id=row.client_channel_id,
        permissions=ROLES["client"],
        trusted_documents_only=row.trusted_documents_only,
    )


def _unnoted(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or last_used_at <= now - USED_EVERY


async def _note_use(db: Database, token_id: UUID, now: datetime) -> None:
    try:
        async with asyncio.timeout(NOTE_SECONDS), db.transaction() as tx:
            await tx.execute(NOTE, {"token_id": token_id, "before": now - USED_EVERY, "now": now})
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("token.use_not_noted", token_id=str(token_id), error=type(error).__name__)
