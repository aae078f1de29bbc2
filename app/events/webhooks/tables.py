"""Webhooks, what each is to be sent, and every attempt at it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.db import id_column, metadata, moment, version_column

# What a filter names, whose tables are further up, in `channels`.
channel_known = table("channel", column("id", Uuid))
location_known = table("location", column("id", Uuid))

webhook = Table(
    "webhook",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    # Which changes it is sent; null: all.
    Column("topics", ARRAY(Text)),
    Column("actions", ARRAY(Text)),
    Column("channel_ids", ARRAY(Uuid)),
    Column("location_ids", ARRAY(Uuid)),
    # A GraphQL document that shapes what is sent.
    Column("document", Text),
    # Signing needs the key itself, so no hash will do.
    Column("secret", LargeBinary, nullable=False),
    # The one before, which signs as well until then.
    Column("previous_secret", LargeBinary),
    moment("previous_until", nullable=True),
    Column("status", Text, nullable=False, server_default="ACTIVE"),
    # Every change up to here is planned, or is not for this webhook.
    Column("planned", BigInteger, nullable=False),
    # Changes that were forgotten before they could be planned: the last such gap.
    Column("missed_after", BigInteger),
    Column("missed_up_to", BigInteger),
    moment("failing_since", nullable=True),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    moment("last_delivered_at", nullable=True),
    Column("created_by", Text, nullable=False),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    # Set by who deletes it; the sweeper removes its log first, and the row last.
    moment("deleted_at", nullable=True),
    CheckConstraint("status IN ('ACTIVE','PAUSED')", name="status"),
    CheckConstraint("(previous_secret IS NULL) = (previous_until IS NULL)", name="previous"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    # The message's id: the same in every attempt, so that a receiver can drop what it has had.
    id_column(),
    Column("webhook_id", Uuid, ForeignKey("webhook.id"), nullable=False),
    Column("kind", Text, nullable=False),
    # The change; a test has none. Not read from the feed when it is sent, which may have forgotten it by then.
    Column("position", BigInteger),
    Column("topic", Text),
    Column("action", Text),
    Column("entity_id", Uuid),
    Column("version", BigInteger),
    moment("occurred_at"),
    Column("status", Text, nullable=False, server_default="PENDING"),
    # When it is tried next; null: not before the one before it of the same entity is over. While it is being sent, when
    # whoever sends it is thought dead.
    moment("due_at", nullable=True),
    # Who sends it now, drawn for each attempt.
    Column("claim", Uuid),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # Since it was planned, resumed or asked for again: what the pauses and the three days count from.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    moment("first_tried_at", nullable=True),
    moment("created_at"),
    moment("finished_at", nullable=True),
    CheckConstraint("kind IN ('CHANGE','TEST')", name="kind"),
    CheckConstraint("status IN ('PENDING','DELIVERED','FAILED','REPLACED')", name="status"),
    CheckConstraint("(status = 'PENDING') = (finished_at IS NULL)", name="finished"),
    CheckConstraint("kind = 'TEST' OR num_nonnulls(position, topic, action, entity_id, version) = 5", name="change"),
    # A change waits once.
    Index(
        "uq_webhook_delivery_waiting",
        "webhook_id",
        "position",
        unique=True,
        postgresql_where=text("status = 'PENDING'"),
    ),
    Index(
        "ix_webhook_delivery_entity",
        "webhook_id",
        "topic",
        "entity_id",
        "position",
        postgresql_where=text("status = 'PENDING'"),
    ),
    Index("ix_webhook_delivery_due", "webhook_id", "due_at", postgresql_where=text("status = 'PENDING'")),
    Index("ix_webhook_delivery_log", "webhook_id", "id"),
    Index("ix_webhook_delivery_finished_at", "finished_at", postgresql_where=text("status <> 'PENDING'")),
)

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    Column("delivery_id", Uuid, ForeignKey("webhook_delivery.id", ondelete="CASCADE"), primary_key=True),
    # 1, 2, 3 …
    Column("number", Integer, primary_key=True, autoincrement=False),
    moment("started_at"),
    # Null while it is under way, and for ever when the process ended in its middle: nobody knows whether it arrived.
    Column("milliseconds", Integer),
    Column("status_code", Integer),
    # Why there was no answer, or what is wrong with it.
    Column("error", Text),
    # The answer's first KB.
    Column("answer", Text),
    # Why the document's data was left out.
    Column("document_error", Text),
)
