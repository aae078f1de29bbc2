"""The feed: the outbox in partitions, and the table that numbers its rows.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Rows a partition; `app.events.partitions` goes on with what is begun here.
SIZE = 1_000_000
AHEAD = 3

OUTBOX = """
CREATE TABLE outbox (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint NOT NULL DEFAULT nextval('outbox_id_seq'),
    topic text NOT NULL,
    action text NOT NULL,
    entity_id uuid NOT NULL,
    version bigint NOT NULL,
    scopes_before text[] NOT NULL,
    scopes_after text[] NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_outbox PRIMARY KEY (id)
) PARTITION BY RANGE (id)
"""
FEED = """
CREATE TABLE feed (
    position bigint NOT NULL,
    outbox_id bigint NOT NULL,
    CONSTRAINT pk_feed PRIMARY KEY (position)
) PARTITION BY RANGE (position)
"""


def upgrade() -> None:
    # What was told so far becomes the first partition: nothing is copied.
    op.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
    told = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) FROM outbox")).scalar_one() if online() else 0
    op.execute("DROP INDEX ix_outbox_topic_entity_id")
    op.execute("ALTER TABLE outbox ALTER id DROP IDENTITY")
    op.execute("ALTER INDEX pk_outbox RENAME TO outbox_p0_pkey")
    op.execute("ALTER TABLE outbox RENAME TO outbox_p0")
    op.execute("CREATE SEQUENCE outbox_id_seq CACHE 1")
    if told:
        op.execute(f"SELECT setval('outbox_id_seq', {told})")
    op.execute(OUTBOX)
    op.execute("CREATE INDEX ix_outbox_xid ON outbox (xid)")
    first = told // SIZE + 1
    op.execute(f"ALTER TABLE outbox ATTACH PARTITION outbox_p0 FOR VALUES FROM (MINVALUE) TO ({first * SIZE})")
    for number in range(first, first + AHEAD):
        op.execute(partition("outbox", number))
    op.execute(FEED)
    op.execute("CREATE INDEX ix_feed_outbox_id ON feed (outbox_id)")
    for number in range(AHEAD + 1):
        op.execute(partition("feed", number))
    op.execute("""
        CREATE TABLE feed_head (
            id integer NOT NULL,
            position bigint NOT NULL,
            epoch text NOT NULL,
            token bigint NOT NULL,
            floor bigint NOT NULL,
            forgotten bigint NOT NULL DEFAULT 0,
            cluster text NOT NULL DEFAULT '',
            CONSTRAINT pk_feed_head PRIMARY KEY (id),
            CONSTRAINT ck_feed_head_one CHECK (id = 1)
        )
    """)
    op.execute("INSERT INTO feed_head (id, position, epoch, token, floor) VALUES (1, 0, gen_random_uuid()::text, 0, 0)")


def partition(table: str, number: int) -> str:
    return (
        f"CREATE TABLE {table}_p{number} PARTITION OF {table} "
        f"FOR VALUES FROM ({number * SIZE}) TO ({(number + 1) * SIZE})"
    )


def online() -> bool:
    return not op.get_context().as_sql
