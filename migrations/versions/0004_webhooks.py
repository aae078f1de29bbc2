"""Webhooks: subscriptions, deliveries and their attempts.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def moment(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text())),
        sa.Column("actions", postgresql.ARRAY(sa.Text())),
        sa.Column("channel_ids", postgresql.ARRAY(sa.Uuid())),
        sa.Column("location_ids", postgresql.ARRAY(sa.Uuid())),
        sa.Column("document", sa.Text()),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary()),
        moment("previous_until", nullable=True),
        sa.Column("status", sa.Text(), server_default="ACTIVE", nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.Column("missed_after", sa.BigInteger()),
        sa.Column("missed_up_to", sa.BigInteger()),
        moment("failing_since", nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text()),
        moment("last_delivered_at", nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        moment("created_at"),
        moment("updated_at"),
        moment("deleted_at", nullable=True),
        sa.CheckConstraint("status IN ('ACTIVE','PAUSED')", name=op.f("ck_webhook_status")),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_until IS NULL)", name=op.f("ck_webhook_previous")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger()),
        sa.Column("topic", sa.Text()),
        sa.Column("action", sa.Text()),
        sa.Column("entity_id", sa.Uuid()),
        sa.Column("version", sa.BigInteger()),
        moment("occurred_at"),
        sa.Column("status", sa.Text(), server_default="PENDING", nullable=False),
        moment("due_at", nullable=True),
        sa.Column("claim", sa.Uuid()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("first_tried_at", nullable=True),
        moment("created_at"),
        moment("finished_at", nullable=True),
        sa.CheckConstraint("kind IN ('CHANGE','TEST')", name=op.f("ck_webhook_delivery_kind")),
        sa.CheckConstraint(
            "status IN ('PENDING','DELIVERED','FAILED','REPLACED')", name=op.f("ck_webhook_delivery_status")
        ),
        sa.CheckConstraint(
            "(status = 'PENDING') = (finished_at IS NULL)", name=op.f("ck_webhook_delivery_finished")
        ),
        sa.CheckConstraint(
            "kind = 'TEST' OR num_nonnulls(position, topic, action, entity_id, version) = 5",
            name=op.f("ck_webhook_delivery_change"),
        ),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    waiting = sa.text("status = 'PENDING'")
    op.create_index(
        "uq_webhook_delivery_waiting",
        "webhook_delivery",
        ["webhook_id", "position"],
        unique=True,
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_webhook_delivery_entity",
        "webhook_delivery",
        ["webhook_id", "topic", "entity_id", "position"],
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_webhook_delivery_due", "webhook_delivery", ["webhook_id", "due_at"], postgresql_where=waiting
    )
    op.create_index("ix_webhook_delivery_log", "webhook_delivery", ["webhook_id", "id"])
    op.create_index(
        "ix_webhook_delivery_finished_at",
        "webhook_delivery",
        ["finished_at"],
        postgresql_where=sa.text("status <> 'PENDING'"),
    )
    op.create_table(
        "webhook_attempt",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        moment("started_at"),
        sa.Column("milliseconds", sa.Integer()),
        sa.Column("status_code", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("document_error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_delivery.id"],
            name=op.f("fk_webhook_attempt_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_webhook_attempt")),
    )
