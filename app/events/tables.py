"""The outbox, one row for each change of an entity, and the feed that numbers its rows.

Both only grow, and are forgotten by whole partitions; `events.partitions` makes and drops these.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Sequence,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import UserDefinedType

from app.events.webhooks import tables as webhook_tables  # noqa: F401  with these, all tables of the domain are known
from app.platform.db import id_column, metadata, moment


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


outbox_id = Sequence("outbox_id_seq", metadata=metadata, cache=1)

outbox = Table(
    "outbox",
    metadata,
    # The writing transaction. It stands before `id`, so that PostgreSQL numbers the transaction before it draws the id:
    # the sequencer goes by that.
    Column("xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    # Drawn when the row is written, under the entity's lock, without a cache: so an entity's changes keep their order.
    Column("id", BigInteger, primary_key=True, server_default=outbox_id.next_value(), autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    # Who could see the entity before this change, and who can after it: see `events.scopes`.
    Column("scopes_before", ARRAY(Text), nullable=False),
    Column("scopes_after", ARRAY(Text), nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("ix_outbox_xid", "xid"),
    postgresql_partition_by="RANGE (id)",
)

feed = Table(
    "feed",
    metadata,
    # 1, 2, 3 … without a gap.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("outbox_id", BigInteger, nullable=False),
    Index("ix_feed_outbox_id", "outbox_id"),
    postgresql_partition_by="RANGE (position)",
)

# One row: how far the feed is, and who may take it further.
feed_head = Table(
    "feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    # The history that positions belong to: another one after the database was restored or another server took over.
    Column("epoch", Text, nullable=False),
    # Raised by each sequencer that is elected, so that the one before it can number nothing any more.
    Column("token", BigInteger, nullable=False),
    # Every outbox row up to here is numbered, or never will be.
    Column("floor", BigInteger, nullable=False),
    # The position before the oldest one that is kept.
    Column("forgotten", BigInteger, nullable=False, server_default=text("0")),
    # The server and its timeline, by which a restore is noticed.
    Column("cluster", Text, nullable=False, server_default=""),
    CheckConstraint("id = 1", name="one"),
)

# Who follows the feed under a name, and tells how far it is. Each has its names to itself.
follower = Table(
    "follower",
    metadata,
    id_column(),
    # `Principal.key`: "device:UUID".
    Column("principal", Text, nullable=False),
    Column("name", Text, nullable=False),
    # What it is: device, client, staff, webhook.
    Column("kind", Text, nullable=False),
    # All up to there it has taken in, of the history of this epoch.
    Column("position", BigInteger, nullable=False),
    Column("epoch", Text, nullable=False),
    moment("last_seen_at"),
    moment("created_at"),
    Index("uq_follower_name", "principal", "name", unique=True),
    Index("ix_follower_position", "position"),
)

# How its copy last compared with the shop's, topic by topic.
follower_digest = Table(
    "follower_digest",
    metadata,
    Column("follower_id", Uuid, ForeignKey("follower.id", ondelete="CASCADE"), primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("matches", Boolean, nullable=False),
    # Where the follower was then, in the epoch that it was in.
    Column("position", BigInteger, nullable=False),
    moment("compared_at"),
)
