"""Payments, refunds and the ledger's postings."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid

from app.platform.db import id_column, metadata, minor, moment

payment = Table(
    "payment",
    metadata,
    id_column(),
    Column("order_id", Uuid, nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("method", Text, nullable=False),
    # What OTHER is.
    Column("label", Text),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    minor("amount"),
    minor("refunded", default=0),
    # Cash handed over, when more than the amount.
    minor("received", nullable=True),
    Column("reference", Text),
    Column("installments", Integer),
    moment("created_at"),
    moment("updated_at"),
    CheckConstraint("amount > 0 AND refunded >= 0 AND refunded <= amount", name="amount"),
    CheckConstraint("status IN ('PENDING','AUTHORIZED','CAPTURED','VOIDED','FAILED')", name="status"),
)

refund = Table(
    "refund",
    metadata,
    id_column(),
    Column("order_id", Uuid, nullable=False, index=True),
    Column("payment_id", Uuid, ForeignKey("payment.id"), index=True),
    Column("status", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("currency", Text, nullable=False),
    minor("amount"),
    Column("reason", Text),
    Column("reference", Text),
    moment("created_at"),
    CheckConstraint("amount > 0", name="amount"),
)

# Each posting moves an amount from one account to another, so that all accounts together are always zero.
# Accounts: receivable:ORDER, sales, delivery, tax, rounding, cash:LOCATION, card_terminal:LOCATION, other:LOCATION.
posting = Table(
    "posting",
    metadata,
    id_column(),
    Column("order_id", Uuid, nullable=False),
    Column("payment_id", Uuid),
    Column("refund_id", Uuid),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("currency", Text, nullable=False),
    minor("amount"),
    Column("reason", Text, nullable=False),
    moment("posted_at"),
    Index("ix_posting_order", "order_id"),
    CheckConstraint("amount > 0 AND debit <> credit", name="moves"),
)
