"""A follower's copy of the shop: begun from a snapshot, kept by the feed alone."""

import gzip
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.api.records import SOURCES, records
from app.browse.records.record import DIGEST, record_hash
from app.browse.records.view import View, view_of
from app.browse.snapshot import write_snapshot
from app.channels.queries import default_channel
from app.events.feed import Page, page
from app.events.outbox import ENTITIES, Action, Topic
from app.identity.following import scopes_of
from app.identity.principal import Principal
from app.platform import clock, ids
from app.platform.db import Database, Reader

CATALOG = (Topic.CATEGORY, Topic.COLLECTION, Topic.PRODUCT, Topic.PRICE, Topic.AVAILABILITY, Topic.STOCK)


class Copy:
    """`kept`: each record as it came, by topic and public id."""

    def __init__(self, database: Database, principal: Principal, topics: Sequence[Topic] = CATALOG) -> None:
        self.database = database
        self.principal = principal
        self.topics = topics
        self.kept: dict[tuple[str, str], bytes] = {}
        self.position = 0
        self.told: dict[str, str] = {}

    async def view(self, reader: Reader, moment: datetime) -> View:
        return await view_of(reader, self.principal, await default_channel(reader), moment)

    async def begin(self) -> "Copy":
        """Take a snapshot."""
        file = io.BytesIO()
        await write_snapshot(self.database, [SOURCES[topic] for topic in self.topics], self.view, file)
        first, *lines, last = gzip.decompress(file.getvalue()).splitlines()
        self.position = int(json.loads(first)["snapshot"]["position"])
        self.told = {topic: said["digest"] for topic, said in json.loads(last)["end"]["topics"].items()}
        self.kept = {}
        for line in lines:
            record = json.loads(line)
            self.kept[record["topic"], record["id"]] = line
        return self

    async def catch_up(self, *, first: int = 100) -> int:
        """Read the feed up to its head; how many changes were told."""
        channel = await default_channel(self.database)
        scopes, count = scopes_of(self.principal, channel.id), 0
        while True:
            found = await page(
                self.database, scopes, after=self.position, first=first, topics=self.topics, compacted=True
            )
            assert not found.snapshot_required
            await self._apply(found)
            count += len(found.changes)
            self.position = found.end
            if not found.has_more:
                return count

    async def _apply(self, found: Page) -> None:
        view = await self.view(self.database, clock.now())
        for topic in self.topics:
            told = [one for one in found.changes if one.topic == topic]
            wanted = [one.entity_id for one in told if one.action == Action.UPSERT]
            read = await records(self.database, topic, wanted, view)
            for one in told:
                key = (topic.value, ids.encode(ENTITIES[topic], one.entity_id))
                if one.entity_id in read:
                    self.kept[key] = read[one.entity_id].canonical
                else:
                    self.kept.pop(key, None)

    def digests(self) -> dict[str, str]:
        """Of each topic, as a client works them out."""
        sums: dict[str, int] = dict.fromkeys([topic.value for topic in self.topics], 0)
        for (topic, public_id), line in self.kept.items():
            record: Any = json.loads(line)
            sums[topic] = (sums[topic] + record_hash(public_id, record["version"], line)) % DIGEST
        return {topic: f"{total:032x}" for topic, total in sums.items()}
