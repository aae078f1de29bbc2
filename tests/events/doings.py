"""What happens in a shop in an hour: commands drawn by lot, on whatever is there, by whoever may."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.carts.carts import create_cart, set_customer
from app.carts.lines import NewLine
from app.carts.tables import cart
from app.catalog.categories import CategoryDraft, archive_category, create_category
from app.catalog.collections import CollectionDraft, add_products, archive_collection, create_collection
from app.catalog.drafts import ProductDraft, PublicationDraft, TextDraft, VariantDraft
from app.catalog.products import archive_product, save_products, unarchive_product
from app.catalog.publication import publish_product, unpublish_product
from app.catalog.tables import category, collection, product, variant
from app.catalog.variants import archive_variant
from app.customers import customers
from app.customers.tables import customer
from app.fulfillment.create import create as fulfill
from app.identity.principal import Actor
from app.inventory.levels import StockChange, adjust
from app.orders.cancel import cancel
from app.orders.settle import settle
from app.orders.tables import order
from app.payments.tables import payment
from app.platform.ids import new_id
from app.pos.registers import create as put_up
from app.pos.registers import update_register
from app.pos.tables import register
from app.pricing.prices import PriceChange
from tests.carts.selling import ADDRESS, UNIT, deliver
from tests.checkout.counter import guest, sell, till
from tests.pricing.pricing import put
from tests.shop import Shop

HOUR = timedelta(hours=1)


@dataclass
class Doings:
    """One shop's. `moment`: what the clock says. `done`: what was not refused."""

    shop: Shop
    roll: random.Random
    moment: datetime
    tag: str = field(default_factory=lambda: new_id().hex[-10:])
    made: int = 0
    done: list[str] = field(default_factory=list)

    def owner(self) -> Actor:
        return replace(self.shop.actor(), now=self.moment)

    def place(self) -> str:
        return self.roll.choice(list(self.shop.locations))

    def name(self) -> str:
        self.made += 1
        return f"{self.tag}-{self.made}"

    async def some(self, table: Any) -> UUID | None:
        """The id of any row, but not of the mug, which is always for sale."""
        rows = {row.id for row in await self.shop.db.rows(select(table.c.id))}
        mug = self.shop.variants["CANECA"]
        rows -= {mug, await self.shop.db.value(select(variant.c.product_id).where(variant.c.id == mug))}
        return self.roll.choice(sorted(rows)) if rows else None

    def window(self) -> dict[str, Any]:
        """From now or from later, for ever or for some hours."""
        starts = self.roll.choice([None, None, self.moment + self.roll.randint(1, 3) * HOUR])
        ends = self.roll.choice([None, None, (starts or self.moment) + self.roll.randint(1, 3) * HOUR])
        return {"starts_at": starts, "ends_at": ends}

    def publications(self) -> list[PublicationDraft]:
        codes = self.roll.sample(list(self.shop.channels), self.roll.randint(0, 2))
        return [PublicationDraft(channel_id=self.shop.channels[code], **self.window()) for code in codes]

    # --- the catalog

    async def draft(self, tx: Any) -> None:
        name = self.name()
        status: Any = self.roll.choice(["ACTIVE", "ACTIVE", "DRAFT"])
        variants = (VariantDraft(sku=name, track_stock=self.roll.random() < 0.7),)
        texts = (TextDraft(locale="pt-BR", name=name),)
        made = ProductDraft(slug=name, status=status, texts=texts, variants=variants, publish=self.publications())
        await save_products(tx, self.owner(), [made])

    async def edit(self, tx: Any) -> None:
        status: Any = self.roll.choice(["ACTIVE", "DRAFT"])
        draft = ProductDraft(id=await self.some(product), mode="update", status=status, brand=self.name())
        await save_products(tx, self.owner(), [draft])

    async def publish(self, tx: Any) -> None:
        key = await self.some(product)
        if key is not None:
            await publish_product(tx, self.owner(), key, self.publications())

    async def unpublish(self, tx: Any) -> None:
        key = await self.some(product)
        channels = self.roll.sample(list(self.shop.channels.values()), 2)
        if key is not None:
            await unpublish_product(tx, self.owner(), key, channels)

    async def put_away(self, tx: Any) -> None:
        key = await self.some(product)
        if key is not None:
            await self.roll.choice([archive_product, unarchive_product])(tx, self.owner(), key)

    async def put_variant_away(self, tx: Any) -> None:
        key = await self.some(variant)
        if key is not None:
            await archive_variant(tx, self.owner(), key, archived=self.roll.random() < 0.5)

    async def shelve(self, tx: Any) -> None:
        await create_category(tx, self.owner(), CategoryDraft(name={"pt-BR": self.name()}))
        await create_collection(tx, self.owner(), CollectionDraft(name={"pt-BR": self.name()}))

    async def unshelve(self, tx: Any) -> None:
        archived = self.roll.random() < 0.6
        if (key := await self.some(category)) is not None:
            await archive_category(tx, self.owner(), key, archived=archived)
        if (key := await self.some(collection)) is not None:
            await archive_collection(tx, self.owner(), key, archived=archived)

    async def collect(self, tx: Any) -> None:
        key, member = await self.some(collection), await self.some(product)
        if key is not None and member is not None:
            await add_products(tx, self.owner(), key, [member])

    # --- prices, stock, registers, customers

    async def price(self, _: Any) -> None:
        key = await self.some(variant)
        if key is not None:
            await put(self.shop, self.moment, PriceChange(key, self.roll.randint(100, 900), **self.window()))

    async def count(self, tx: Any) -> None:
        key = await self.some(variant)
        if key is not None:
            place = self.shop.locations[self.place()]
            change = StockChange(key, place, delta=self.roll.randint(1, 9) * UNIT)
            await adjust(tx, self.owner(), changes=[change], kind="RECEIPT")

    async def move_register(self, tx: Any) -> None:
        pos, place = self.shop.channels["pos"], self.shop.locations[self.place()]
        if self.roll.random() < 0.3:
            await put_up(tx, self.owner(), code=self.name(), name="Caixa", location_id=place, channel_id=pos)
            return
        # Not the one that the till of this shop stands at.
        keys = [row.id for row in await self.shop.db.rows(select(register))]
        key = self.roll.choice([key for key in keys if key != self.shop.registers["centro-1"]])
        given: Any = {"location_id": place, "active": self.roll.random() < 0.6}
        await update_register(tx, self.owner(), register_id=key, given=given)

    async def meet(self, tx: Any) -> None:
        await customers.create(tx, self.owner(), {"first_name": self.name()})

    # --- selling

    async def open_cart(self, tx: Any) -> None:
        seller = self.roll.choice(
            [
                guest(self.shop),
                guest(self.shop, "app"),
                till(self.shop),
                till(self.shop, "praia-1"),
                self.shop.actor(channel="app"),
            ]
        )
        place = self.shop.locations[self.place()] if self.roll.random() < 0.4 else None
        lines = [NewLine(variant_id=self.shop.variants["CANECA"], quantity=UNIT)]
        key = await create_cart(tx, replace(seller, now=self.moment), lines=lines, location_id=place)
        if self.roll.random() < 0.4 and (who := await self.some(customer)) is not None:
            given = {"customer_id": who}
            await set_customer(tx, self.owner(), cart_id=key, expected_version=None, buyer=given)

    async def sell(self, _: Any) -> None:
        """Ship, hand out for pickup, or carry out."""
        rows = await self.shop.db.rows(select(cart).where(cart.c.status == "ACTIVE").order_by(cart.c.created_at))
        if not rows:
            return
        row, who = self.roll.choice(rows), self.owner()
        way = self.roll.choice(["SHIP", "PICKUP", "AS IT IS"])
        if way == "SHIP":
            await deliver(self.shop, who, row.id, "SHIP", option="sedex", address=ADDRESS)
        elif way == "PICKUP":
            await deliver(self.shop, who, row.id, "PICKUP", at=self.roll.choice(["centro", "praia"]))
        await sell(self.shop, self.roll.choice([who, replace(guest(self.shop), now=self.moment)]), row.id)

    async def send(self, tx: Any) -> None:
        """From anywhere: what is allocated elsewhere is taken where it leaves."""
        key, place = await self.some(order), self.shop.locations[self.place()]
        await fulfill(tx, self.owner(), order_id=key, expected_version=None, location_id=place, parts=None)

    async def call_off(self, tx: Any) -> None:
        await cancel(tx, self.owner(), order_id=await self.some(order), expected_version=None, reason=None)

    async def settle(self, tx: Any) -> None:
        found = await self.shop.db.row(select(payment).where(payment.c.status == "PENDING").limit(1))
        if found is not None:
            given = {"order_id": found.order_id, "payment_id": found.id, "reference": None}
            await settle(tx, self.owner(), expected_version=None, **given)


ALL = (
    Doings.draft, Doings.draft, Doings.edit, Doings.publish, Doings.publish, Doings.unpublish, Doings.put_away,
    Doings.put_variant_away, Doings.shelve, Doings.unshelve, Doings.collect, Doings.price, Doings.price, Doings.count,
    Doings.count, Doings.move_register, Doings.meet, *[Doings.open_cart] * 4, *[Doings.sell] * 5, *[Doings.send] * 3,
    Doings.call_off, Doings.settle,
)  # fmt: skip
