"""Carts and their lines, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.carts.messages import message_of
from app.api.carts.options import DeliveryOption, delivery_options
from app.api.carts.parts import Attribute, CartVisit, Delivery, Discount, PriceOverride, TaxLine, Totals, by_key
from app.api.carts.views import holds_of, rows_of, views_of
from app.api.channels.types import Channel, Location, load_channels, load_locations
from app.api.context import Context
from app.api.customers.inputs import AddressInput
from app.api.customers.types import Customer, load_customers
from app.api.engine.batch import Answers, Batch, batched
from app.api.money import Money, TaxedMoney
from app.api.nodes import Node, loads
from app.api.scalars import Quantity
from app.carts import queries
from app.carts.basket import Line
from app.carts.offers import notices_of
from app.carts.queries import CartView, Notice
from app.carts.write import WRITTEN, may_find, may_open
from app.catalog.queries import Sellable, sellable
from app.platform import ids
from app.platform.texts import name_of

if TYPE_CHECKING:
    from app.api.catalog.types import Variant
    from app.api.orders.types import Order

value = strawberry.enum_value


@strawberry.enum(description="Where a cart stands.")
class CartStatus(Enum):
    ACTIVE = value("ACTIVE", description="It takes changes.")
    PARKED = value("PARKED", description="Put aside at a till, to be resumed.")
    ORDERED = value("ORDERED", description="It became an order.")
    MERGED = value("MERGED", description="It went into another cart.")
    EXPIRED = value("EXPIRED", description="Nobody touched it for too long.")


@strawberry.type(
    description="One variant in a cart. Adding a variant again joins the line with the same variant, attributes and "
    "price override, else makes a new line."
)
class CartLine(Node):
    line: strawberry.Private[Line]
    cart_key: strawberry.Private[UUID]
    sku: str | None = strawberry.field(description="The variant's SKU when it was added.")
    quantity: Quantity = strawberry.field(description="How many, in the variant's unit.")
    unit_price: TaxedMoney = strawberry.field(
        description="Of one unit, before discounts. Where the price moved while the quantity grew, what came last."
    )
    subtotal: TaxedMoney = strawberry.field(description="Of the quantity, before discounts.")
    total: TaxedMoney = strawberry.field(description="Of the quantity, after discounts; the exact one.")
    taxes: list[TaxLine] = strawberry.field(description="The taxes in `total`, by rate.")
    price_override: PriceOverride | None = strawberry.field(description="The price that staff gave, and why.")
    attributes: list[Attribute] = strawberry.field(description="What the client noted on the line, by key.")
    discounts: list[Discount] = strawberry.field(description="What was taken off, and why.")

    @classmethod
    def of(cls, line: Line, view: CartView, context: Context) -> "CartLine":
        """A line of a cart as it is shown."""
        currency = view.basket.row.currency
        return cls(
            id=strawberry.ID(ids.encode("CartLine", line.id)),
            line=line,
            cart_key=view.basket.id,
            sku=line.sku,
            quantity=Quantity(line.quantity),
            unit_price=TaxedMoney.of(line.unit_net, line.unit_gross, currency),
            subtotal=TaxedMoney.of(line.subtotal_net, line.subtotal_gross, currency),
            total=TaxedMoney.of(line.total_net, line.total_gross, currency),
            taxes=[TaxLine.of(each, currency, context.locale) for each in line.taxes],
            price_override=PriceOverride.of(line, currency),
            attributes=[Attribute.of(each) for each in line.attributes],
            discounts=[],
        )

    @batched(description="Null when withdrawn from the caller's sight, or an open item sold by name.")
    @staticmethod
    async def variant(
        parents: Sequence["CartLine"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.types")] | None]:
        from app.api.catalog.types import load_variants

        return await by_key(load_variants, batch.context, [parent.line.variant_id for parent in parents])

    @batched(description="What it is called, in the caller's language.")
    @staticmethod
    async def name(parents: Sequence["CartLine"], batch: Batch[Context]) -> list[str]:
        context = batch.context
        wanted = {parent.line.variant_id for parent in parents}
        known = _known_here(parents, context)
        if not wanted <= known.keys():
            known = await sellable(context.db, wanted, channel_id=context.channel.id, moment=context.now)
        return [
            name_of(found.name if (found := known.get(parent.line.variant_id)) else parent.line.name, context.locale)
            for parent in parents
        ]

    @batched(description="Until then the stock of all of it is kept for this cart; null: it is not.")
    @staticmethod
    async def held_until(parents: Sequence["CartLine"], batch: Batch[Context]) -> list[datetime | None]:
        context = batch.context
        holds = await holds_of(context, {parent.cart_key for parent in parents})
        current: dict[UUID, list[Row[Any]]] = {}
        for row in (row for rows in holds.values() for row in rows if row.expires_at > context.now):
            current.setdefault(row.cart_line_id, []).append(row)
        return [_held_until(parent.line, current.get(parent.line.id, [])) for parent in parents]


def _known_here(lines: Sequence[CartLine], context: Context) -> dict[UUID, Sellable]:
    """What this request's mutation has read of these lines' variants, as the request's channel sells them."""
    views = (context.memory.get((WRITTEN, key)) for key in {line.cart_key for line in lines})
    here = (view.variants for view in views if view is not None and view.channel.id == context.channel.id)
    return {key: variant for some in here for key, variant in some.items()}


def _held_until(line: Line, holds: Sequence[Row[Any]]) -> datetime | None:
    if sum(row.quantity for row in holds) < line.quantity:
        return None
    until: datetime = min(row.expires_at for row in holds)
    return until


@strawberry.type(description="Something that changed under the shopper since the lines were added.")
class CartNotice:
    code: str = strawberry.field(description="What: PRICE_CHANGED, STOCK_SHORT, WITHDRAWN.")
    message: str = strawberry.field(description="In words, in the caller's language.")
    line_id: strawberry.ID | None = strawberry.field(description="The line; null: the cart as a whole.")
    was: Money | None = strawberry.field(description="The line's or cart's total as it was promised.")
    now: Money | None = strawberry.field(description="The same today.")
    available: Quantity | None = strawberry.field(description="How many the line can still have.")

    @classmethod
    def of(cls, notice: Notice, currency: str, locale: str) -> "CartNotice":
        return cls(
            code=notice.code,
            message=message_of(notice.code, locale),
            line_id=strawberry.ID(ids.encode("CartLine", notice.line_id)) if notice.line_id else None,
            was=None if notice.was is None else Money.of(notice.was, currency),
            now=None if notice.now is None else Money.of(notice.now, currency),
            available=None if notice.available is None else Quantity(notice.available),
        )


@strawberry.type(description="What a shopper is about to buy: one cart, whichever channels it goes through.")
class Cart(Node):
    row: strawberry.Private[Row[Any]]
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")
    status: CartStatus = strawberry.field(description="Where it stands.")
    coupons: list[str] = strawberry.field(description="The coupons that it was given.")
    note: str | None = strawberry.field(description="What staff noted.")
    email: str | None = strawberry.field(description="Where the shopper is written to.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    updated_at: datetime = strawberry.field(description="When it was last written.")
    expires_at: datetime | None = strawberry.field(description="When it closes unless it is touched before.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Cart":
        return cls(
            id=strawberry.ID(ids.encode("Cart", row.id)),
            row=row,
            version=row.version,
            status=CartStatus(row.status),
            coupons=[],
            note=row.note,
            email=row.email,
            created_at=row.created_at,
            updated_at=row.updated_at,
            expires_at=row.expires_at,
        )

    @batched(description="The channel that it was made in: its prices and settings are the cart's.")
    @staticmethod
    async def channel(parents: Sequence["Cart"], batch: Batch[Context]) -> list[Channel]:
        return await by_key(load_channels, batch.context, [parent.row.channel_id for parent in parents])

    @batched(description="The till's location, or the store that the shopper chose.")
    @staticmethod
    async def location(parents: Sequence["Cart"], batch: Batch[Context]) -> list[Location | None]:
        return await by_key(load_locations, batch.context, [parent.row.location_id for parent in parents])

    @batched(description="Who buys, when that is known to the shop and to be seen by the caller.")
    @staticmethod
    async def customer(parents: Sequence["Cart"], batch: Batch[Context]) -> list[Customer | None]:
        return await by_key(load_customers, batch.context, [parent.row.customer_id for parent in parents])

    @batched(description="What is in it, in the order of adding.")
    @staticmethod
    async def lines(parents: Sequence["Cart"], batch: Batch[Context]) -> list[list[CartLine]]:
        views = await views_of(batch.context, [parent.row for parent in parents])
        return [[CartLine.of(line, view, batch.context) for line in view.basket.lines] for view in views]

    @batched(description="What it comes to.")
    @staticmethod
    async def totals(parents: Sequence["Cart"], batch: Batch[Context]) -> list[Totals]:
        views = await views_of(batch.context, [parent.row for parent in parents])
        return [
            Totals.of(view.amounts, view.amounts["item_count"], view.basket.row.currency, batch.context.locale)
            for view in views
        ]

    @batched(
        description="How its lines reach the shopper. Each line is in one of them at most: a till's cart may carry out "
        "one line and ship another."
    )
    @staticmethod
    async def deliveries(parents: Sequence["Cart"], batch: Batch[Context]) -> list[list[Delivery]]:
        views = await views_of(batch.context, [parent.row for parent in parents])
        return [[_delivery(view, delivery.id) for delivery in view.basket.deliveries] for view in views]

    @batched(
        description="What can be chosen for all lines or for some: shipping, and pickup where all of them are there."
    )
    @staticmethod
    async def delivery_options(
        parents: Sequence["Cart"],
        batch: Batch[Context],
        line_ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description="For these lines; left out, for all.")
        ] = None,
        address: Annotated[
            AddressInput | None, strawberry.argument(description="Where to; left out, as set, else the channel's land.")
        ] = None,
    ) -> Answers[list[DeliveryOption]]:
        return await delivery_options(batch.context, [parent.row for parent in parents], line_ids, address)

    @batched(description="The order that it became, when ORDERED.")
    @staticmethod
    async def order(
        parents: Sequence["Cart"], batch: Batch[Context]
    ) -> list[Annotated["Order", strawberry.lazy("app.api.orders.types")] | None]:
        from app.api.orders.types import load_known_orders

        return await by_key(load_known_orders, batch.context, [parent.row.order_id for parent in parents])

    @batched(description="The cart that it went into, when MERGED.")
    @staticmethod
    async def merged_into(parents: Sequence["Cart"], batch: Batch[Context]) -> list["Cart | None"]:
        return await by_key(load_carts, batch.context, [parent.row.merged_into_id for parent in parents])

    @batched(
        description="What changed under the shopper since the lines were added: price moved, stock short, item "
        "withdrawn."
    )
    @staticmethod
    async def notices(parents: Sequence["Cart"], batch: Batch[Context]) -> list[list[CartNotice]]:
        context = batch.context
        views = await views_of(context, [parent.row for parent in parents])
        holds = await holds_of(context, [view.basket.id for view in views])
        found = await notices_of(context.db, views, context.now, holds=holds)
        return [
            [CartNotice.of(notice, view.basket.row.currency, context.locale) for notice in found[view.basket.id]]
            for view in views
        ]

    @batched(description="The channels that have touched this cart, in order.")
    @staticmethod
    async def journey(parents: Sequence["Cart"], batch: Batch[Context]) -> list[list[CartVisit] | None]:
        rows = await queries.visits(batch.context.db, [parent.row.id for parent in parents])
        return [[CartVisit.of(row) for row in rows.get(parent.row.id, ())] for parent in parents]

    @batched(
        description="Until then the cart sells at these prices in any channel. After it the cart is quoted anew, and a "
        "difference is told; null: the prices shown are today's and not promised."
    )
    @staticmethod
    async def prices_promised_until(parents: Sequence["Cart"], batch: Batch[Context]) -> list[datetime | None]:
        views = await views_of(batch.context, [parent.row for parent in parents])
        return [view.promised_until for view in views]


def _delivery(view: CartView, delivery_id: UUID) -> Delivery:
    basket = view.basket
    delivery = next(each for each in basket.deliveries if each.id == delivery_id)
    line_ids = [ids.encode("CartLine", line.id) for line in basket.lines_of(delivery)]
    return Delivery.of(delivery, currency=basket.row.currency, line_ids=line_ids)


@loads("Cart")
async def load_carts(context: Context, keys: Sequence[UUID]) -> list[Cart | None]:
    """Carts that the caller may open, holding their ids."""
    rows = await rows_of(context, keys)
    actor = context.actor
    return [Cart.of(row, context) if row is not None and may_open(actor, row) else None for row in map(rows.get, keys)]


@loads("CartLine")
async def load_cart_lines(context: Context, keys: Sequence[UUID]) -> list[CartLine | None]:
    """Lines of carts that the caller may find: a line's id is no capability, not even to a guest's cart."""
    found: dict[UUID, CartLine] = {}
    for view in await _views_found(context, await queries.carts_of_lines(context.db, keys)):
        found |= {line.id: CartLine.of(line, view, context) for line in view.basket.lines}
    return [found.get(key) for key in keys]


async def load_cart_deliveries(context: Context, keys: Sequence[UUID]) -> list[Delivery | None]:
    """Deliveries of carts that the caller may find; `app.api.orders` knows those of orders."""
    found: dict[UUID, Delivery] = {}
    for view in await _views_found(context, await queries.carts_of_deliveries(context.db, keys)):
        found |= {delivery.id: _delivery(view, delivery.id) for delivery in view.basket.deliveries}
    return [found.get(key) for key in keys]


async def _views_found(context: Context, cart_of: dict[UUID, UUID]) -> list[CartView]:
    rows = await queries.carts_by_ids(context.db, set(cart_of.values()))
    return await views_of(context, [row for row in rows.values() if may_find(context.actor, row)])
