"""A shop to test in: channels, locations, registers, tax, prices and stock, put there without any command of ours."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select

import app.browse.watched  # noqa: F401
from app.catalog.tables import product, product_text, publication, variant
from app.channels.tables import channel, channel_location, location
from app.identity.permissions import ROLES
from app.identity.principal import Actor, Principal
from app.inventory.tables import stock_level, stock_movement
from app.platform import clock
from app.platform.db import Database
from app.platform.ids import new_id
from app.platform.texts import key_of
from app.pos.tables import register
from app.pricing.tables import price, price_list, tax_class, tax_rate
from tests.telling import unwatched

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STAMPS = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
CHANNELS = {"web": ("WEB", "W", 30), "app": ("APP", "A", 30), "pos": ("POS", "P", 15)}
LOCATIONS = {"centro": "STORE", "praia": "STORE", "cd": "WAREHOUSE"}
REGISTERS = {"centro-1": "centro", "centro-2": "centro", "praia-1": "praia"}


@dataclass
class Shop:
    """`channels`, `locations`, `registers`: ids by code. Amounts in centavos, quantities in thousandths.

    Through `db` tests write rows as they like; what is written through `watched` must be told (`tests.telling`).
    """

    db: Database
    channels: dict[str, UUID] = field(default_factory=dict)
    locations: dict[str, UUID] = field(default_factory=dict)
    registers: dict[str, UUID] = field(default_factory=dict)
    variants: dict[str, UUID] = field(default_factory=dict)
    tax_class_id: UUID = field(default_factory=new_id)
    price_list_id: UUID = field(default_factory=new_id)
    _watched: Database | None = None

    @property
    def watched(self) -> Database:
        if self._watched is None:
            address = self.db.writes.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._watched = Database.open(address, reads=2, writes=4)
        return self._watched

    async def close(self) -> None:
        if self._watched is not None:
            await self._watched.close()

    async def open(self) -> "Shop":
        unwatched(self.db)
        async with self.db.transaction() as tx:
            for code, (kind, prefix, minutes) in CHANNELS.items():
                self.channels[code] = new_id()
                row = {
                    "id": self.channels[code], "code": code, "name": code.title(), "kind": kind, "currency": "BRL",
                    "country": "BR", "prices_include_tax": True, "order_prefix": prefix, "hold_minutes": minutes,
                    "is_default": code == "web",
                }  # fmt: skip
                await tx.execute(insert(channel).values(**row, **STAMPS))
            for priority, (code, kind) in enumerate(LOCATIONS.items()):
                self.locations[code] = new_id()
                row = {
                    "id": self.locations[code], "code": code, "name": code.title(), "kind": kind, "country": "BR",
                    "region": "SP", "offers_pickup": kind == "STORE",
                }  # fmt: skip
                await tx.execute(insert(location).values(**row, **STAMPS))
                for channel_id in self.channels.values():
                    link = {"channel_id": channel_id, "location_id": self.locations[code], "priority": priority}
                    await tx.execute(insert(channel_location).values(link))
            for code, place in REGISTERS.items():
                self.registers[code] = new_id()
                row = {"id": self.registers[code], "code": code, "name": code, "location_id": self.locations[place]}
                await tx.execute(insert(register).values(**row, channel_id=self.channels["pos"], **STAMPS))
            await tx.execute(
                insert(tax_class).values(
                    id=self.tax_class_id, code="standard", name={"pt-BR": "Padrão"}, is_default=True, **STAMPS
                )
            )
            rate = {"id": new_id(), "tax_class_id": self.tax_class_id, "country": "BR", "name": {"pt-BR": "ICMS"}}
            await tx.execute(insert(tax_rate).values(**rate, rate_ppm=180_000, created_at=LONG_AGO))
            base = {"id": self.price_list_id, "code": "base-brl", "name": {"pt-BR": "Base"}, "currency": "BRL"}
            await tx.execute(insert(price_list).values(**base, is_base=True, includes_tax=True, **STAMPS))
        return self

    async def variant(
        self,
        sku: str = "CANECA",
        *,
        price: int | None = 1990,
        stock: dict[str, int] | None = None,
        name: str | None = None,
        channels: tuple[str, ...] = ("web", "app", "pos"),
        **columns: Any,
    ) -> UUID:
        """A published product of one variant; columns of `variant` by name. Stock by location code, in thousandths."""
        product_id, variant_id = new_id(), new_id()
        text = name or sku.title()
        async with self.db.transaction() as tx:
            row = {"id": product_id, "slug": sku.lower(), "status": "ACTIVE", "tax_class_id": self.tax_class_id}
            await tx.execute(insert(product).values(**row, **STAMPS))
            for locale in ("pt-BR", "en"):
                words = {"name": text, "name_key": key_of(text), "description": ""}
                await tx.execute(insert(product_text).values(product_id=product_id, locale=locale, **words))
            for code in channels:
                link = {"product_id": product_id, "channel_id": self.channels[code], "starts_at": LONG_AGO}
                await tx.execute(insert(publication).values(link))
            row = {"id": variant_id, "product_id": product_id, "position": 1, "sku": sku}
            await tx.execute(insert(variant).values(**row | columns, **STAMPS))
            if price is not None:
                await self.price(tx, variant_id, price)
            for code, quantity in (stock or {}).items():
                await self.stock(tx, variant_id, code, quantity)
        self.variants[sku] = variant_id
        return variant_id

    async def price(self, tx: Any, variant_id: UUID, amount: int, **columns: Any) -> None:
        row = {"id": new_id(), "price_list_id": self.price_list_id, "variant_id": variant_id, "amount": amount}
        await tx.execute(insert(price).values(**row | {"starts_at": LONG_AGO, "created_at": LONG_AGO} | columns))

    async def stock(self, tx: Any, variant_id: UUID, code: str, quantity: int, **columns: Any) -> None:
        where = {"variant_id": variant_id, "location_id": self.locations[code]}
        level = {"id": new_id(), "on_hand": quantity, "updated_at": LONG_AGO, **where}
        await tx.execute(insert(stock_level).values(**level | columns))
        times = {"occurred_at": LONG_AGO, "recorded_at": LONG_AGO}
        row = {"id": new_id(), "kind": "RECEIPT", "quantity": quantity, "on_hand_after": quantity, **where, **times}
        if quantity:
            await tx.execute(insert(stock_movement).values(row))

    async def level(self, sku: str, code: str) -> Row[Any]:
        """The stock level as it is."""
        found = await self.db.row(
            select(stock_level).where(
                stock_level.c.variant_id == self.variants[sku], stock_level.c.location_id == self.locations[code]
            )
        )
        assert found is not None
        return found

    def actor(self, role: str = "owner", *, channel: str = "web", **columns: Any) -> Actor:
        """Somebody with this role: staff, `device` (at register centro-1), `client` or `anonymous`."""
        kind = role if role in ("device", "client", "anonymous") else "staff"
        if kind == "device":
            columns = {
                "register_id": self.registers["centro-1"],
                "channel_id": self.channels["pos"],
                "location_ids": frozenset({self.locations["centro"]}),
            } | columns
            channel = "pos"
        identity = None if kind == "anonymous" else new_id()
        principal = Principal(kind=kind, role=role, id=identity, permissions=ROLES[role], **columns)  # type: ignore[arg-type]
        return Actor(principal=principal, channel_id=self.channels[channel], locale="pt-BR", now=clock.now())
