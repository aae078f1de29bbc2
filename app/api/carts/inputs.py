"""What is written of carts, and what is answered."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.carts.parts import DeliveryMethodKind
from app.api.carts.types import Cart, load_carts
from app.api.catalog.by import VariantBy
from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION, AddressInput
from app.api.errors import Payload
from app.api.money import MoneyInput
from app.api.scalars import Quantity

field = strawberry.field
CART = "The cart."
ATTRIBUTES = "What to note on the line, at most 20; part of what makes a line."


@strawberry.input(description="Something to note on a line: an engraving, a cut.")
class AttributeInput:
    key: str = field(description="What it is, at most 500 characters.")
    value: str = field(description="What to note, at most 500 characters.")


@strawberry.input(description="A price given by staff.")
class PriceOverrideInput:
    unit_price: MoneyInput = field(description="Of one unit, as the channel shows prices.")
    reason: str = field(description="Why, at most 500 characters.")


@strawberry.input(description="A line to add.")
class CartLineInput:
    variant: VariantBy = field(description="Of what.")
    quantity: Quantity | None = field(
        default=None,
        description="Left out: 1, or what the scale barcode holds; given, it must not contradict a scale barcode.",
    )
    attributes: list[AttributeInput] | None = field(default=None, description=ATTRIBUTES)
    price_override: PriceOverrideInput | None = field(default=None, description="Staff only.")


@strawberry.input(description="A new cart.")
class CartCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    lines: list[CartLineInput] | None = field(default=None, description="What to put in it, at most 100.")
    location_id: strawberry.ID | None = field(
        default=None, description="The till's location, or the store that the shopper chose; a till need not say."
    )


@strawberry.input(description="Lines to add.")
class CartLinesAddInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    cart_id: strawberry.ID = field(description=CART)
    expected_version: int | None = field(default=None, description=EXPECTED)
    lines: list[CartLineInput] = field(description="What to put in it, at most 100.")


@strawberry.input(
    description="A change of a line. What is left out stays; `priceOverride: null` takes an override away."
)
class CartLineUpdateInput:
    line_id: strawberry.ID = field(description="The line.")
    quantity: Quantity | None = field(default=UNSET, description="How many; 0 removes the line.")
    attributes: list[AttributeInput] | None = field(default=UNSET, description=ATTRIBUTES)
    price_override: PriceOverrideInput | None = field(default=UNSET, description="Staff only; null takes it away.")


@strawberry.input(description="Changes of lines.")
class CartLinesUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    cart_id: strawberry.ID = field(description=CART)
    expected_version: int | None = field(default=None, description=EXPECTED)
    lines: list[CartLineUpdateInput] = field(description="At most 100, each line once.")


@strawberry.input(
    description="Who buys: an account (staff, or the customer), or a guest's contact. What is left out stays; null "
    "empties."
)
class CartCustomerSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    cart_id: strawberry.ID = field(description=CART)
    expected_version: int | None = field(default=None, description=EXPECTED)
    customer_id: strawberry.ID | None = field(default=UNSET, description="The account.")
    email: str | None = field(default=UNSET, description="E-mail address.")
    phone: str | None = field(default=UNSET, description="Phone; without + it is of the channel's country.")
    tax_id: str | None = field(default=UNSET, description="Tax number; in Brazil CPF or CNPJ.")


@strawberry.input(description="How lines reach the shopper.")
class CartDeliverySetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    cart_id: strawberry.ID = field(description=CART)
    expected_version: int | None = field(default=None, description=EXPECTED)
    line_ids: list[strawberry.ID] | None = field(default=None, description="Left out: all lines.")
    method: DeliveryMethodKind = field(description="How. PICKUP names the location, SHIP the address.")
    option: str | None = field(default=None, description="The code of one of `deliveryOptions`.")
    location_id: strawberry.ID | None = field(default=None, description="Where it is picked up or carried out.")
    address: AddressInput | None = field(
        default=None, description="Where it is shipped to; left out, where it goes already."
    )


@strawberry.interface(
    description="One fragment serves all cart mutations; each has its own type, so that each can grow."
)
class CartPayload(Payload):
    @strawberry.field(description="The cart as it is now; null when refused.")
    async def cart(self, info: Info) -> Cart | None:
        key = self.key("cart")
        return (await load_carts(info.context, [key]))[0] if key is not None else None


@strawberry.type(description="The new cart.")
class CartCreatePayload(CartPayload):
    pass


@strawberry.type(description="The cart with what was added.")
class CartLinesAddPayload(CartPayload):
    pass


@strawberry.type(description="The cart with its lines as changed.")
class CartLinesUpdatePayload(CartPayload):
    pass


@strawberry.type(description="The cart with who buys.")
class CartCustomerSetPayload(CartPayload):
    pass


@strawberry.type(description="The cart with how it reaches the shopper.")
class CartDeliverySetPayload(CartPayload):
    pass
