"""Payments and refunds, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.money import Money
from app.api.nodes import Node, loads
from app.payments.refunds import payments_by_ids, refunds_by_ids
from app.platform import ids

if TYPE_CHECKING:
    from app.api.orders.types import Order

value = strawberry.enum_value


@strawberry.enum(
    description="CASH, CARD_TERMINAL and OTHER are settled by the till; the rest go through a payment provider."
)
class TenderMethod(Enum):
    CASH = value("CASH", description="Notes and coins.")
    CARD_TERMINAL = value("CARD_TERMINAL", description="A card at the till's own terminal.")
    PIX = value("PIX", description="Pix, through a payment provider.")
    CARD = value("CARD", description="A card, through a payment provider.")
    GIFT_CARD = value("GIFT_CARD", description="A gift card of the shop.")
    STORE_CREDIT = value("STORE_CREDIT", description="The customer's credit with the shop.")
    OTHER = value("OTHER", description="Anything else, such as a meal voucher; `label` says what.")


@strawberry.enum(description="Where a payment stands.")
class TenderStatus(Enum):
    PENDING = value("PENDING", description="Promised, not received: pay on delivery or pickup.")
    AUTHORIZED = value("AUTHORIZED", description="Promised by the payer's bank.")
    CAPTURED = value("CAPTURED", description="Received.")
    VOIDED = value("VOIDED", description="Called off before it was received.")
    FAILED = value("FAILED", description="Did not go through.")


@strawberry.enum(description="Where a refund stands.")
class RefundStatus(Enum):
    PENDING = value("PENDING", description="On its way.")
    SUCCEEDED = value("SUCCEEDED", description="Given back.")
    FAILED = value("FAILED", description="Did not go through.")


async def _orders(context: Context, keys: Sequence[UUID]) -> list[Any]:
    from app.api.orders.types import load_known_orders

    wanted = list(dict.fromkeys(keys))
    found = dict(zip(wanted, await load_known_orders(context, wanted), strict=True))
    return [found[key] for key in keys]


@strawberry.type(description="One leg of what was paid.")
class Payment(Node):
    order_key: strawberry.Private[UUID]
    method: TenderMethod = strawberry.field(description="How.")
    label: str | None = strawberry.field(description="What OTHER is.")
    status: TenderStatus = strawberry.field(description="Where it stands.")
    amount: Money = strawberry.field(description="How much.")
    refunded: Money = strawberry.field(description="How much of it was given back.")
    received: Money | None = strawberry.field(description="Cash handed over, when more than the amount.")
    reference: str | None = strawberry.field(description="A terminal's receipt number, or the like.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Payment":
        return cls(
            id=strawberry.ID(ids.encode("Payment", row.id)),
            order_key=row.order_id,
            method=TenderMethod(row.method),
            label=row.label,
            status=TenderStatus(row.status),
            amount=Money.of(row.amount, row.currency),
            refunded=Money.of(row.refunded, row.currency),
            received=None if row.received is None else Money.of(row.received, row.currency),
            reference=row.reference,
            created_at=row.created_at,
        )

    @batched(description="What it pays.")
    @staticmethod
    async def order(
        parents: Sequence["Payment"], batch: Batch[Context]
    ) -> list[Annotated["Order", strawberry.lazy("app.api.orders.types")] | None]:
        return await _orders(batch.context, [parent.order_key for parent in parents])


@strawberry.type(description="Money that was given back.")
class Refund(Node):
    order_key: strawberry.Private[UUID]
    payment_key: strawberry.Private[UUID | None]
    status: RefundStatus = strawberry.field(description="Where it stands.")
    method: TenderMethod = strawberry.field(description="How.")
    amount: Money = strawberry.field(description="How much.")
    reason: str | None = strawberry.field(description="Why.")
    created_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Refund":
        return cls(
            id=strawberry.ID(ids.encode("Refund", row.id)),
            order_key=row.order_id,
            payment_key=row.payment_id,
            status=RefundStatus(row.status),
            method=TenderMethod(row.method),
            amount=Money.of(row.amount, row.currency),
            reason=row.reason,
            created_at=row.created_at,
        )

    @batched(description="Whose money it was.")
    @staticmethod
    async def order(
        parents: Sequence["Refund"], batch: Batch[Context]
    ) -> list[Annotated["Order", strawberry.lazy("app.api.orders.types")] | None]:
        return await _orders(batch.context, [parent.order_key for parent in parents])

    @batched(description="The payment that it was given back on.")
    @staticmethod
    async def payment(parents: Sequence["Refund"], batch: Batch[Context]) -> list[Payment | None]:
        keys = [parent.payment_key for parent in parents]
        rows = await payments_by_ids(batch.context.db, [key for key in keys if key is not None])
        return [Payment.of(rows[key], batch.context) if key in rows else None for key in keys]


async def _seen(context: Context, rows: dict[UUID, Row[Any]], keys: Sequence[UUID], kind: Any) -> list[Any]:
    """Payments or refunds of the orders that the caller may open."""
    from app.api.orders.types import load_orders

    order_keys = list(dict.fromkeys(row.order_id for row in rows.values()))
    orders = dict(zip(order_keys, await load_orders(context, order_keys), strict=True))
    return [
        kind.of(row, context) if row is not None and orders.get(row.order_id) is not None else None
        for row in map(rows.get, keys)
    ]


@loads("Payment")
async def load_payments(context: Context, keys: Sequence[UUID]) -> list[Payment | None]:
    """Payments of orders that the caller may open."""
    return await _seen(context, await payments_by_ids(context.db, keys), keys, Payment)


@loads("Refund")
async def load_refunds(context: Context, keys: Sequence[UUID]) -> list[Refund | None]:
    """Refunds of orders that the caller may open."""
    return await _seen(context, await refunds_by_ids(context.db, keys), keys, Refund)
