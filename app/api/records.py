"""Where the records of each topic come from: the one table that knows them all."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from app.browse.records import record
from app.browse.records.catalog import CATEGORIES, COLLECTIONS, PRODUCTS
from app.browse.records.customers import CUSTOMERS
from app.browse.records.prices import PRICES
from app.browse.records.record import Record, Source
from app.browse.records.sales import CARTS, ORDERS
from app.browse.records.stock import LEVELS, PROMISES
from app.browse.records.view import View
from app.events.outbox import Topic
from app.platform.db import Reader
from app.pos.records import REGISTERS

SOURCES: Final[Mapping[Topic, Source]] = {
    source.topic: source
    for source in (
        *(CATEGORIES, COLLECTIONS, PRODUCTS, PRICES, PROMISES),
        *(LEVELS, REGISTERS, CUSTOMERS, CARTS, ORDERS),
    )
}
"""By topic, in the order in which a client puts them together."""


async def records(db: Reader, topic: Topic, ids: Collection[UUID], view: View) -> dict[UUID, Record]:
    """The records of those of these entities that the view shows, of any one topic that has records.

    At most 1,000 ids; a bounded number of statements for any number of them. Whether the topic is the caller's to
    follow, `identity.following` says. Raises ValueError beyond, KeyError for a topic without records.
    """
    return await record.by_ids(db, SOURCES[topic], ids, view)


def schema_of(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of a topic's records. Raises KeyError for a topic without records."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/snapshot/schemas/{topic.value}.json",
        "title": topic.value,
        **SOURCES[topic].schema,
    }
