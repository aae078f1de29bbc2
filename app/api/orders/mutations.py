"""Selling and after: checkout, settling a payment, cancelling, fulfilling."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.errors import Payload, UserError, answers
from app.api.money import Money, minor_of
from app.api.orders.fulfillments import Fulfillment, load_fulfillments
from app.api.orders.inputs import (
    CheckoutCompleteInput,
    FulfillmentCreateInput,
    OrderCancelInput,
    PaymentSettleInput,
    tenders_of,
)
from app.api.orders.queries import order_by_cart
from app.api.orders.types import Order, load_known_orders, load_orders
from app.api.perform import Result, perform, portable
from app.checkout import errors
from app.checkout.place import Checkout, Placed, place_as
from app.fulfillment.create import Part, create
from app.identity.principal import Actor
from app.orders.cancel import cancel
from app.orders.settle import settle
from app.platform import ids, operations
from app.platform.db import Tx

if TYPE_CHECKING:
    from app.api.carts.types import Cart


@strawberry.type(
    description="The price moved since the client last saw the cart: nothing was sold; show the shopper `cart`, "
    "and try again."
)
class PriceChanged(UserError):
    cart_key: strawberry.Private[UUID]
    line_id: strawberry.ID | None = strawberry.field(
        description="The line whose total moved; null: the cart's total (delivery, tax, a coupon)."
    )
    was: Money = strawberry.field(description="What the client or the cart had.")
    now: Money = strawberry.field(description="What it is now.")

    @strawberry.field(description="The cart as it is now.")
    async def cart(self, info: Info) -> Annotated["Cart", strawberry.lazy("app.api.carts.types")] | None:
        from app.api.carts.types import load_carts

        return (await load_carts(info.context, [self.cart_key]))[0]


def _price_changed(
    *,
    code: str,
    message: str,
    path: list[str] | None,
    cart_id: UUID,
    was: int,
    now: int,
    currency: str,
    line_id: UUID | None,
) -> PriceChanged:
    return PriceChanged(
        code=code,
        message=message,
        path=path,
        cart_key=cart_id,
        line_id=strawberry.ID(ids.encode("CartLine", line_id)) if line_id else None,
        was=Money.of(was, currency),
        now=Money.of(now, currency),
    )


answers(errors.PriceChanged, _price_changed)


async def _order_of(payload: Payload, context: Context) -> Order | None:
    """The order that was written. To a repeat, whose caller may reach less by now, only what they may still open."""
    key = payload.key("order")
    load = load_orders if payload.replayed else load_known_orders
    return (await load(context, [key]))[0] if key is not None else None


@strawberry.type(description="The order that was placed.")
class CheckoutCompletePayload(Payload):
    @strawberry.field(description="The order; null when refused.")
    async def order(self, info: Info) -> Order | None:
        cart_key = self.key("cart")
        if self.replayed and cart_key is not None:
            return await order_by_cart(info.context, cart_key)
        return await _order_of(self, info.context)

    @strawberry.field(description="The change to give back; null when refused.")
    def change(self) -> Money | None:
        currency = self.result.get("currency")
        return Money.of(self.result["change"], currency) if currency else None


@strawberry.type(description="The order that was called off.")
class OrderCancelPayload(Payload):
    @strawberry.field(description="The order; null when refused.")
    async def order(self, info: Info) -> Order | None:
        return await _order_of(self, info.context)


@strawberry.type(description="The order whose payment was received.")
class PaymentSettlePayload(Payload):
    @strawberry.field(description="The order; null when refused.")
    async def order(self, info: Info) -> Order | None:
        return await _order_of(self, info.context)


@strawberry.type(description="What left.")
class FulfillmentCreatePayload(Payload):
    @strawberry.field(description="The fulfillment; null when refused.")
    async def fulfillment(self, info: Info) -> Fulfillment | None:
        key = self.key("fulfillment")
        return (await load_fulfillments(info.context, [key]))[0] if key is not None else None

    @strawberry.field(description="Its order; null when refused.")
    async def order(self, info: Info) -> Order | None:
        return await _order_of(self, info.context)


@strawberry.type
class OrderMutations:
    @strawberry.mutation(
        description="Sell a cart: it becomes an order, its tenders payments; at a till the goods leave at once. "
        "A payment from who is no till stays PENDING until staff say that it was received."
    )
    async def checkout_complete(
        self, info: Info, input: Annotated[CheckoutCompleteInput, strawberry.argument(description="What to sell.")]
    ) -> CheckoutCompletePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            cart_id = ids.require("Cart", input.cart_id, ("cartId",))
            expected = input.expected_total

            def said(currency: str) -> Checkout:
                return Checkout(
                    cart_id=cart_id,
                    expected_version=input.expected_version,
                    tenders=tenders_of(input.tenders, currency),
                    expected_total=minor_of(expected, currency, ("expectedTotal",)) if expected else None,
                    email=input.email,
                    receipt_number=input.receipt_number,
                )

            def result(placed: Placed) -> Result:
                return {
                    "order": placed.order_id,
                    "cart": cart_id,
                    "change": placed.change,
                    "currency": placed.currency,
                }

            async def keep(placed: Placed) -> None:
                await operations.store(tx, portable(result(placed)))

            return result(await place_as(tx, actor, cart_id, input.expected_version, said, keep))

        return await perform(info, CheckoutCompletePayload, input, command, reads_first=True)

    @strawberry.mutation(description="Call an order off before anything of it has left: its stock and money go back.")
    async def order_cancel(
        self, info: Info, input: Annotated[OrderCancelInput, strawberry.argument(description="Which order.")]
    ) -> OrderCancelPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            order_id = ids.require("Order", input.order_id, ("orderId",))
            return {
                "order": await cancel(
                    tx, actor, order_id=order_id, expected_version=input.expected_version, reason=input.reason
                )
            }

        return await perform(info, OrderCancelPayload, input, command)

    @strawberry.mutation(description="Say that a PENDING payment was received.")
    async def payment_settle(
        self, info: Info, input: Annotated[PaymentSettleInput, strawberry.argument(description="Which payment.")]
    ) -> PaymentSettlePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {
                "order": await settle(
                    tx,
                    actor,
                    order_id=ids.require("Order", input.order_id, ("orderId",)),
                    payment_id=ids.require("Payment", input.payment_id, ("paymentId",)),
                    expected_version=input.expected_version,
                    reference=input.reference,
                )
            }

        return await perform(info, PaymentSettlePayload, input, command)

    @strawberry.mutation(description="Say that goods of an order left a location: shipped, or picked up.")
    async def fulfillment_create(
        self, info: Info, input: Annotated[FulfillmentCreateInput, strawberry.argument(description="What left.")]
    ) -> FulfillmentCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            order_id = ids.require("Order", input.order_id, ("orderId",))
            parts = None
            if input.lines is not None:
                parts = [
                    Part(
                        line_id=ids.require("OrderLine", each.line_id, ("lines", str(index), "lineId")),
                        quantity=each.quantity,
                        path=("lines", str(index)),
                    )
                    for index, each in enumerate(input.lines)
                ]
            fulfillment_id = await create(
                tx,
                actor,
                order_id=order_id,
                expected_version=input.expected_version,
                location_id=ids.require("Location", input.location_id, ("locationId",)),
                parts=parts,
                carrier=input.carrier,
                tracking_number=input.tracking_number,
            )
            return {"fulfillment": fulfillment_id, "order": order_id}

        return await perform(info, FulfillmentCreatePayload, input, command)
