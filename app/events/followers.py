"""Named followers: who tells how far it has taken in the feed, and is shown how far behind it is.

Till they have taken in a change it is kept for them, within bounds (`events.retention`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.events.feed import head_of
from app.events.tables import feed, feed_head, follower, follower_digest, outbox
from app.events.webhooks.tables import webhook, webhook_delivery
from app.platform.db import Reader, Tx
from app.platform.errors import InvalidInput
from app.platform.ids import new_id

MOST: Final = 20
"""Names that one principal may follow under."""
QUIET: Final = timedelta(days=7)
"""Who was silent for so long keeps nothing back, and gives its place to another when there are too many."""
KEPT: Final = timedelta(days=90)
"""After so long a silence it is forgotten."""
MOST_LISTED: Final = 1_000
BEHIND_AFTER: Final = timedelta(seconds=60)
"""Who has not taken in a change that is older is behind; others follow, and tell of it now and then."""

_mine = follower.c.principal == bindparam("of")
MOVE: Final = (
    update(follower)
    .where(_mine, follower.c.name == bindparam("named"))
    .values(position=bindparam("to"), epoch=bindparam("in_epoch"), last_seen_at=bindparam("now"))
    .returning(follower.c.id)
)
# Two of one principal that come at once would both find the last place free.
_NAMES: Final = 0x666F6C6C  # "foll": a number of our own for the lock
ALONE: Final = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of", type_=Text), _NAMES)))
COUNT: Final = select(func.count()).select_from(follower).where(_mine)
_quietest = (
    select(follower.c.id)
    .where(_mine, follower.c.last_seen_at < bindparam("before"))
    .order_by(follower.c.last_seen_at, follower.c.id)
    .limit(1)
    .scalar_subquery()
)
MAKE_ROOM: Final = delete(follower).where(follower.c.id == _quietest)
ADD: Final = insert(follower)
FORGET: Final = delete(follower).where(follower.c.last_seen_at < bindparam("before"))


_SHOWN: Final = ("id", "principal", "name", "kind", "position", "epoch", "last_seen_at")
# The oldest that was not delivered yet: one step in the index of what waits.
_oldest = (
    select(webhook_delivery.c.position, webhook_delivery.c.occurred_at)
    .where(
        webhook_delivery.c.webhook_id == webhook.c.id,
        webhook_delivery.c.status == literal_column("'PENDING'", Text),
        webhook_delivery.c.position.is_not(None),
    )
    .order_by(webhook_delivery.c.position)
    .limit(1)
    .lateral("oldest")
)
# Webhooks follow without a word: they have what has arrived, and what is planned for one is kept for it.
_webhooks = (
    select(
        webhook.c.id,
        literal("webhook"),
        webhook.c.name,
        literal("webhook"),
        func.least(webhook.c.planned, _oldest.c.position - 1),
        select(feed_head.c.epoch).scalar_subquery(),
        func.coalesce(webhook.c.last_delivered_at, webhook.c.created_at),
        webhook.c.planned,
        webhook.c.status,
        webhook.c.failing_since,
        _oldest.c.occurred_at,
    )
    .select_from(webhook.outerjoin(_oldest, true()))
    .where(webhook.c.deleted_at.is_(None))
)
_named = select(
    *(follower.c[name] for name in _SHOWN),
    # The last change that needs not be kept for it.
    follower.c.position.label("needs_after"),
    null().cast(Text).label("status"),
    null().cast(DateTime(timezone=True)).label("failing_since"),
    null().cast(DateTime(timezone=True)).label("oldest_at"),
)
_everybody = union_all(_named, _webhooks).subquery("everybody")


def _states(*which: ColumnElement[bool]) -> Select[Any]:
    """What an earlier epoch's positions say of this one is nothing: such a follower has all before it."""
    reached = case((_everybody.c.epoch == feed_head.c.epoch, _everybody.c.position), else_=0)
    next_one = func.greatest(reached, feed_head.c.forgotten) + 1
    return (
        select(
            *_everybody.c,
            feed_head.c.epoch.label("head_epoch"),
            feed_head.c.forgotten,
            func.greatest(feed_head.c.position - reached, 0).label("lag"),
            func.coalesce(_everybody.c.oldest_at, outbox.c.occurred_at).label("waits_since"),
        )
        .select_from(_everybody)
        .join(feed_head, feed_head.c.id == 1)
        .outerjoin(feed, feed.c.position == next_one)
        .outerjoin(outbox, outbox.c.id == feed.c.outbox_id)
        .where(*which)
    )


BY_IDS: Final = _states(_everybody.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
ALL: Final = _states().order_by(_everybody.c.position, _everybody.c.id).limit(bindparam("most"))
NOTE_DIGEST: Final = insert(follower_digest)
NOTE_DIGEST_AGAIN: Final = NOTE_DIGEST.on_conflict_do_update(
    index_elements=[follower_digest.c.follower_id, follower_digest.c.topic],
    set_={name: NOTE_DIGEST.excluded[name] for name in ("matches", "position", "compared_at")},
)
DIGESTS: Final = (
    select(follower_digest)
    .where(follower_digest.c.follower_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .order_by(follower_digest.c.follower_id, follower_digest.c.topic)
)


class State(StrEnum):
    """How it is with a follower."""

    FOLLOWING = "FOLLOWING"
    BEHIND = "BEHIND"
    NEEDS_SNAPSHOT = "NEEDS_SNAPSHOT"
    PAUSED = "PAUSED"
    FAILING = "FAILING"


async def acknowledge(tx: Tx, *, principal: str, kind: str, name: str, position: int, now: datetime) -> UUID:
    """Note that this follower has taken in all up to `position`; it is made when the name is new.

    It may go back: a device that was restored from an older copy says what it has. `principal`: `Principal.key`.
    Raises InvalidInput: AHEAD_OF_FEED, TOO_MANY.
    """
    head = await head_of(tx)
    if position > head.position:
        raise InvalidInput(
            f"The feed has only come to {head.position}: this position is of another history, take a snapshot.",
            path=("position",),
            code="AHEAD_OF_FEED",
        )
    where = {"of": principal, "named": name, "to": position, "in_epoch": head.epoch, "now": now}
    found: UUID | None = await tx.value(MOVE, where)
    if found is None:
        await tx.execute(ALONE, {"of": principal})
        found = await tx.value(MOVE, where)
    if found is not None:
        return found
    if await tx.value(COUNT, {"of": principal}) >= MOST:
        await _make_room(tx, principal, now)
    row = {"id": new_id(), "principal": principal, "name": name, "kind": kind, "position": position}
    await tx.execute(ADD, row | {"epoch": head.epoch, "last_seen_at": now, "created_at": now})
    return row["id"]  # type: ignore[return-value]


async def note_digests(
    tx: Tx, follower_id: UUID, compared: Mapping[str, bool], *, position: int, now: datetime
) -> None:
    """Note whether a follower's copy of these topics was the shop's when it was at `position`."""
    same = {"follower_id": follower_id, "position": position, "compared_at": now}
    told = sorted(compared.items())
    await tx.many(NOTE_DIGEST_AGAIN, [{**same, "topic": topic, "matches": matches} for topic, matches in told])


async def _make_room(tx: Tx, principal: str, now: datetime) -> None:
    if await tx.execute(MAKE_ROOM, {"of": principal, "before": now - QUIET}) == 0:
        raise InvalidInput(
            f"At most {MOST} followers, and all of yours were heard of in the last {QUIET.days} days.",
            path=("name",),
            code="TOO_MANY",
        )


async def followers_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Their rows, with `lag`, the changes not taken in, and `waits_since`, when the oldest known of these was made."""
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})} if ids else {}


async def all_followers(db: Reader, *, most: int = MOST_LISTED) -> Sequence[Row[Any]]:
    """The same of all, those that are furthest behind first."""
    return await db.rows(ALL, {"most": most})


def lag_seconds(row: Row[Any], now: datetime) -> float:
    """Since when a follower has not taken in what there is: 0 for one that has."""
    if row.lag == 0 or row.waits_since is None:
        return 0.0
    since: datetime = row.waits_since
    return max(0.0, (now - since).total_seconds())


def state_of(row: Row[Any], now: datetime) -> State:
    """How it is with a follower: the first that holds of what needs a person, then of what needs time."""
    if row.epoch != row.head_epoch or row.needs_after < row.forgotten:
        return State.NEEDS_SNAPSHOT
    if row.status == "PAUSED":
        return State.PAUSED
    if row.failing_since is not None:
        return State.FAILING
    return State.BEHIND if lag_seconds(row, now) > BEHIND_AFTER.total_seconds() else State.FOLLOWING


async def digests_of(db: Reader, ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """How the copy of each last compared, by topic."""
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in ids}
    for row in await db.rows(DIGESTS, {"ids": list(ids)}):
        found[row.follower_id].append(row)
    return found


async def forget_silent(tx: Tx, now: datetime) -> int:
    """Forget who was not heard of for very long; how many."""
    return await tx.execute(FORGET, {"before": now - KEPT})
