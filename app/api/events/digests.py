"""Digests, as the API tells and compares them."""

import re
from asyncio import Semaphore, timeout
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

import strawberry

from app.api.context import Context
from app.api.events.types import Topic
from app.api.records import SOURCES
from app.api.scalars import Position
from app.browse.digests import digests
from app.browse.records.view import View, view_of
from app.channels.queries import channels_by_ids
from app.events import outbox
from app.identity.following import scopes_of
from app.platform.db import Database, Reader
from app.platform.errors import Busy, InvalidInput

DIGEST: Final = re.compile("[0-9a-f]{32}")
MOST_KNOWN: Final = 2_000
PATIENCE: Final = 30.0
"""Seconds that a caller waits for others' digests to be worked out."""

field = strawberry.field


@strawberry.type(
    description="The sum of the hashes of a topic's records: equal digests at one position, equal state. What is "
    "hashed and how it is summed, `docs/records` says."
)
class TopicDigest:
    topic: Topic = field(description="Of what.")
    position: Position = field(description="Of when.")
    digest: str = field(description="32 hexadecimal digits.")


@strawberry.input(description="The digest of a follower's own copy.")
class TopicDigestInput:
    topic: Topic = field(description="Of what.")
    digest: str = field(description="32 hexadecimal digits.")


class Known(OrderedDict[tuple[str, outbox.Topic], tuple[int, str]]):
    """The digests that were worked out last, by what is seen."""

    def __setitem__(self, key: tuple[str, outbox.Topic], value: tuple[int, str]) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > MOST_KNOWN:
            self.popitem(last=False)


_known: WeakKeyDictionary[Database, Known] = WeakKeyDictionary()
_turn: WeakKeyDictionary[Database, Semaphore] = WeakKeyDictionary()


async def digests_for(
    context: Context, topics: Collection[outbox.Topic], position: int | None = None
) -> tuple[int, Mapping[outbox.Topic, str]]:
    """The feed's head, and the digests of what the caller sees that hold for it and for `position`.

    One caller at a time: the first digest of a large shop takes seconds. Raises Busy.
    """
    principal, channel_id, db = context.principal, context.channel.id, context.db

    async def look(reader: Reader, moment: datetime) -> View:
        return await view_of(reader, principal, (await channels_by_ids(reader, [channel_id]))[channel_id], moment)

    turn = _turn.setdefault(db, Semaphore(1))
    try:
        async with timeout(PATIENCE):
            await turn.acquire()
    except TimeoutError as error:
        raise Busy("other digests are being worked out") from error
    try:
        return await digests(
            db,
            [SOURCES[topic] for topic in topics],
            scopes_of(principal, channel_id),
            look,
            key=repr((context.channel.id, context.channel.version, principal)),
            position=position,
            known=_known.setdefault(db, Known()),
        )
    finally:
        turn.release()


def check(context: Context, given: Sequence[TopicDigestInput]) -> dict[outbox.Topic, str]:
    """A follower's digests by topic.

    Raises InvalidInput: NOT_FOLLOWED for a topic that is not the caller's, DUPLICATE, INVALID_DIGEST.
    """
    followed = scopes_of(context.principal, context.channel.id)
    found: dict[outbox.Topic, str] = {}
    for place, each in enumerate(given):
        topic, path = outbox.Topic(str(each.topic.value)), ("digests", str(place), "topic")
        if topic not in followed or topic not in SOURCES:
            raise InvalidInput("This topic is not yours to follow.", path=path, code="NOT_FOLLOWED")
        if topic in found:
            raise InvalidInput("This topic is there twice.", path=path, code="DUPLICATE")
        digest = each.digest.strip().lower()
        if not DIGEST.fullmatch(digest):
            where = ("digests", str(place), "digest")
            raise InvalidInput("A digest has 32 hexadecimal digits.", path=where, code="INVALID_DIGEST")
        found[topic] = digest
    return found
