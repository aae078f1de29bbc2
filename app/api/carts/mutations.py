"""Writing carts."""

import strawberry

from app.api.carts.decode import currency_of, foresee_lines, line_changes, new_lines
from app.api.carts.inputs import (
    CartCreateInput,
    CartCreatePayload,
    CartCustomerSetInput,
    CartCustomerSetPayload,
    CartDeliverySetInput,
    CartDeliverySetPayload,
    CartLinesAddInput,
    CartLinesAddPayload,
    CartLinesUpdateInput,
    CartLinesUpdatePayload,
)
from app.api.context import Info
from app.api.perform import Result, perform
from app.api.written import written
from app.carts.ahead import TO_ADD, TO_BEGIN
from app.carts.carts import create_cart, set_customer
from app.carts.deliveries import Way, set_delivery
from app.carts.lines import add_lines, check_count, update_lines
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx

CART = ("cartId",)


def _same(cart_id: str) -> Result:
    """What a change of a cart leads to; a malformed id is refused, and leads to nothing."""
    return {"cart": ids.decode("Cart", cart_id)}


@strawberry.type
class CartMutations:
    @strawberry.mutation(
        description="Open a cart in the request's channel. At a till it is the register's, and its lines are carried "
        "out unless told otherwise."
    )
    async def cart_create(self, info: Info, input: CartCreateInput) -> CartCreatePayload | None:
        currency, cart_id = info.context.channel.currency, ids.new_secret_id()

        async def command(tx: Tx, actor: Actor) -> Result:
            location_id = ids.require("Location", input.location_id, ("locationId",)) if input.location_id else None
            await foresee_lines(tx, actor, cart_id, input.lines or (), TO_BEGIN)
            lines = await new_lines(tx, input.lines or (), currency)
            return {
                "cart": await create_cart(
                    tx, actor, lines=lines, location_id=location_id, currency=currency, cart_id=cart_id
                )
            }

        return await perform(info, CartCreatePayload, input, command, outcome={"cart": cart_id}, reads_first=True)

    @strawberry.mutation(description="Put lines into a cart and hold their stock.")
    async def cart_lines_add(self, info: Info, input: CartLinesAddInput) -> CartLinesAddPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            cart_id = ids.require("Cart", input.cart_id, CART)
            await foresee_lines(tx, actor, cart_id, input.lines, TO_ADD)
            lines = await new_lines(tx, input.lines, await currency_of(tx, actor, cart_id, input.lines))
            version = input.expected_version
            return {"cart": await add_lines(tx, actor, cart_id=cart_id, expected_version=version, lines=lines)}

        return await perform(info, CartLinesAddPayload, input, command, outcome=_same(input.cart_id), reads_first=True)

    @strawberry.mutation(description="Change or remove lines of a cart; their holds follow.")
    async def cart_lines_update(self, info: Info, input: CartLinesUpdateInput) -> CartLinesUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            cart_id = ids.require("Cart", input.cart_id, CART)
            check_count(input.lines)
            changes = line_changes(input.lines, await currency_of(tx, actor, cart_id, input.lines))
            version = input.expected_version
            return {"cart": await update_lines(tx, actor, cart_id=cart_id, expected_version=version, changes=changes)}

        return await perform(
            info, CartLinesUpdatePayload, input, command, outcome=_same(input.cart_id), reads_first=True
        )

    @strawberry.mutation(description="Say who buys; prices follow the customer's groups, never upwards.")
    async def cart_customer_set(self, info: Info, input: CartCustomerSetInput) -> CartCustomerSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            buyer = written(input, "customer_id", "email", "phone", "tax_id")
            if buyer.get("customer_id") is not None:
                buyer["customer_id"] = ids.require("Customer", buyer["customer_id"], ("customerId",))
            cart_id = ids.require("Cart", input.cart_id, CART)
            version = input.expected_version
            return {"cart": await set_customer(tx, actor, cart_id=cart_id, expected_version=version, buyer=buyer)}

        return await perform(
            info, CartCustomerSetPayload, input, command, outcome=_same(input.cart_id), reads_first=True
        )

    @strawberry.mutation(description="Say how lines reach the shopper; their holds move there, or it is refused.")
    async def cart_delivery_set(self, info: Info, input: CartDeliverySetInput) -> CartDeliverySetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            cart_id = ids.require("Cart", input.cart_id, CART)
            if input.line_ids is not None:
                check_count(input.line_ids, "lineIds")
            line_ids = [
                ids.require("CartLine", key, ("lineIds", str(place))) for place, key in enumerate(input.line_ids or ())
            ]
            way = Way(
                method=str(input.method.value),
                option=input.option,
                location_id=ids.require("Location", input.location_id, ("locationId",)) if input.location_id else None,
                address=input.address.as_kept() if input.address is not None else None,
            )
            cart = await set_delivery(
                tx,
                actor,
                cart_id=cart_id,
                expected_version=input.expected_version,
                way=way,
                line_ids=line_ids if input.line_ids is not None else None,
            )
            return {"cart": cart}

        return await perform(
            info, CartDeliverySetPayload, input, command, outcome=_same(input.cart_id), reads_first=True
        )
