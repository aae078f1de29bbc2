"""The outbox: one row for each change of an entity, written in the transaction that made it."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import UserDefinedType

from app.platform.db import metadata


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


outbox = Table(
    "outbox",
    metadata,
    # Drawn when the row is written, under the entity's lock, without a cache: so an entity's changes keep their order.
    Column("id", BigInteger, Identity(always=True, cache=1), primary_key=True),
    # The writing transaction, so that a reader knows below which row none is still to come.
    Column("xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("topic", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    # Who could see the entity before this change, and who can after it: public, channel:ID, location:ID, customer:ID,
    # staff.
    Column("scopes_before", ARRAY(Text), nullable=False),
    Column("scopes_after", ARRAY(Text), nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index(None, "topic", "entity_id"),
)
