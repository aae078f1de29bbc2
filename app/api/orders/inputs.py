"""What the mutations of orders take."""

from collections.abc import Sequence
from uuid import UUID

import strawberry

from app.api.money import MoneyInput, minor_of
from app.api.orders.payments import TenderMethod
from app.api.scalars import Quantity
from app.payments.tenders import SETTLED_BY_TILL, Tender
from app.platform.errors import InvalidInput, Refusal, collect

OPERATION_ID = "Made by the client: the same id is carried out once, and answers the same afterwards."
EXPECTED_VERSION = "Refuse with VersionConflict unless it has this version."


@strawberry.input(description="One leg of a split payment.")
class TenderInput:
    method: TenderMethod = strawberry.field(description="How it is paid.")
    amount: MoneyInput = strawberry.field(description="How much of the total.")
    received: MoneyInput | None = strawberry.field(
        default=None, description="Cash handed over, when more than the amount: the change is worked out."
    )
    reference: str | None = strawberry.field(default=None, description="Shown and kept: a terminal's receipt number.")
    installments: int | None = strawberry.field(default=None, description="In how many parts a card is charged.")
    label: str | None = strawberry.field(default=None, description="What OTHER is.")


@strawberry.input(description="Sell a cart.")
class CheckoutCompleteInput:
    cart_id: strawberry.ID = strawberry.field(description="The cart.")
    tenders: list[TenderInput] = strawberry.field(description="How it is paid: they add up to the total.")
    operation_id: UUID | None = strawberry.field(default=None, description=OPERATION_ID)
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)
    expected_total: MoneyInput | None = strawberry.field(
        default=None,
        description="The total that the shopper agreed to: refuse with PriceChanged when it is another.",
    )
    email: str | None = strawberry.field(default=None, description="Where to write to; the cart's when left out.")
    receipt_number: str | None = strawberry.field(
        default=None, description="What the till printed; unique in the shop (begin it with the register's code)."
    )


@strawberry.input(description="Call an order off before anything of it has left.")
class OrderCancelInput:
    order_id: strawberry.ID = strawberry.field(description="The order.")
    operation_id: UUID | None = strawberry.field(default=None, description=OPERATION_ID)
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)
    reason: str | None = strawberry.field(default=None, description="Why.")


@strawberry.input(description="So much of an order's line.")
class FulfillmentLineInput:
    line_id: strawberry.ID = strawberry.field(description="The order's line.")
    quantity: Quantity = strawberry.field(description="How much of it.")


@strawberry.input(description="Goods leave a location. Lines left out: everything not yet fulfilled.")
class FulfillmentCreateInput:
    order_id: strawberry.ID = strawberry.field(description="The order.")
    location_id: strawberry.ID = strawberry.field(description="Where the goods leave.")
    operation_id: UUID | None = strawberry.field(default=None, description=OPERATION_ID)
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)
    lines: list[FulfillmentLineInput] | None = strawberry.field(
        default=None, description="What leaves; everything not yet fulfilled when left out."
    )
    carrier: str | None = strawberry.field(default=None, description="Who carries it.")
    tracking_number: str | None = strawberry.field(default=None, description="The carrier's number.")


@strawberry.input(description="A payment that was promised (on delivery, on pickup) was received.")
class PaymentSettleInput:
    order_id: strawberry.ID = strawberry.field(description="The order.")
    payment_id: strawberry.ID = strawberry.field(description="Its PENDING payment.")
    operation_id: UUID | None = strawberry.field(default=None, description=OPERATION_ID)
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)
    reference: str | None = strawberry.field(default=None, description="A terminal's receipt number, or the like.")


def tenders_of(given: Sequence[TenderInput], currency: str) -> list[Tender]:
    """The domain's tenders. Raises all that is wrong with any of them (METHOD_NOT_OFFERED, WRONG_CURRENCY, …)."""
    found: list[Tender] = []
    refusals: list[Refusal] = []
    for index, each in enumerate(given):
        try:
            found.append(_tender_of(each, index, currency))
        except Refusal as refusal:
            refusals.append(refusal)
    collect(refusals)
    return found


def _tender_of(given: TenderInput, index: int, currency: str) -> Tender:
    path = ("tenders", str(index))
    method = str(given.method.value)
    if method not in SETTLED_BY_TILL:
        raise InvalidInput(
            "This method needs a payment provider, and the shop has none.",
            path=(*path, "method"),
            code="METHOD_NOT_OFFERED",
        )
    return Tender(
        method=method,
        amount=minor_of(given.amount, currency, (*path, "amount")),
        received=minor_of(given.received, currency, (*path, "received")) if given.received else None,
        reference=given.reference,
        label=given.label,
        installments=given.installments,
        path=path,
    )
