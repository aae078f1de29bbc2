"""Law 5, as far as the outbox goes: every change of what others follow was told, and told in order."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, Text, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.outbox import Topic
from app.events.tables import feed_head, outbox
from app.platform.db import Reader

MOST: Final = 100
"""The most violations of one kind that are told."""

_told = (
    select(outbox.c.entity_id, func.max(outbox.c.version).label("version"))
    .where(outbox.c.topic == bindparam("topic", type_=Text))
    .group_by(outbox.c.entity_id)
    .subquery("told")
)
_before = func.lag(outbox.c.version).over(partition_by=(outbox.c.topic, outbox.c.entity_id), order_by=outbox.c.id)
_rows = (
    select(outbox.c.id, outbox.c.topic, outbox.c.entity_id, outbox.c.version, _before.label("before"))
    .where(outbox.c.topic == any_(bindparam("topics", type_=ARRAY(Text))))
    .subquery("rows")
)
OUT_OF_ORDER: Final = select(_rows).where(_rows.c.version <= _rows.c.before).order_by(_rows.c.id).limit(MOST)
# What was told long ago is forgotten with its partition.
_forgets = select(feed_head.c.forgotten > 0).scalar_subquery()


def _untold(entities: Select[Any]) -> Select[Any]:
    entity = entities.subquery("entity")
    return (
        select(entity.c.id, entity.c.version, _told.c.version.label("told"))
        .select_from(entity.outerjoin(_told, _told.c.entity_id == entity.c.id))
        .where(
            entity.c.version.is_distinct_from(_told.c.version),
            or_(_told.c.version.is_not(None), ~func.coalesce(_forgets, False)),
        )
        .order_by(entity.c.id)
        .limit(MOST)
    )


async def violations(db: Reader, followed: Mapping[Topic, Select[Any]]) -> list[str]:
    """What contradicts it, each in one line. Give it a transaction of one snapshot.

    `followed`: by topic, the `id` and `version` of every entity of that kind. The version last told must be its own;
    once the oldest rows were dropped, one of which nothing is left may have been told in them.
    """
    found: list[str] = []
    for topic, entities in followed.items():
        for row in await db.rows(_untold(entities), {"topic": topic.value}):
            last = "nothing was told of it" if row.told is None else f"version {row.told} was told last"
            found.append(f"{_name(topic, row.id)} has version {row.version}: {last}")
    return found + [
        f"{_name(row.topic, row.entity_id)}: version {row.version} was told after {row.before}"
        for row in await db.rows(OUT_OF_ORDER, {"topics": [topic.value for topic in followed]})
    ]


def _name(topic: str, key: object) -> str:
    # A cart's id is a capability: its end is enough to find it.
    return f"{topic.lower()} {f'…{str(key)[-12:]}' if topic == Topic.CART else key}"
