"""A process that keeps the catalog, in a test: asked through what it keeps, and past it, at any moment."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import patch

import msgspec
import strawberry
from sqlalchemy import event, select
from strawberry.schema.config import StrawberryConfig

from app.api.catalog.queries import CatalogQueries
from app.api.catalog.sight import lasting_token
from app.api.context import Context
from app.api.engine import kept as engine_kept
from app.api.engine.execute import Engine
from app.api.engine.kept import Lasting
from app.api.engine.limits import Limits
from app.api.events.queries import EventQueries
from app.api.scalars import SCALARS
from app.api.transport.parameters import encode_json
from app.browse.followed import Catalog
from app.catalog.categories import CategoryDraft, archive_category, update_category
from app.catalog.collections import CollectionDraft, archive_collection, remove_products, update_collection
from app.catalog.drafts import MediaDraft, OptionDraft, OptionValueDraft, ProductDraft, TextDraft, VariantDraft
from app.catalog.media import archive_media, set_product_media, set_variant_media, update_media
from app.catalog.products import save_products
from app.catalog.queries import media_of_products, variants_of_products
from app.catalog.tables import category, collection, media, product, variant
from app.catalog.variants import VariantChange, save_variant
from app.channels import channels, locations
from app.channels.queries import channels_by_codes
from app.channels.tables import channel, location
from app.events.follower import Follower
from app.events.sequencer import Sequencer
from app.identity.principal import Principal
from app.inventory.levels import StockChange, adjust
from app.pricing.listing import change_frame, refresh
from app.pricing.price_lists import create_price_list, update_price_list
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import price_list, tax_class
from app.pricing.taxes import RateChange, create_tax_class, set_tax_rate, update_tax_class
from tests.api.counter import NodeQueries
from tests.events.doings import HOUR, Doings
from tests.events.telling import sequencing
from tests.shop import Shop


@strawberry.type
class Query(NodeQueries, CatalogQueries, EventQueries):
    pass


ENGINE = Engine(
    strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS)),
    limits=Limits(cost=1_000_000, aliases=1_000),
    lasting=Lasting(lasting_token, encode_json),
)

PRODUCT = """
  id slug status brand productType tags version createdAt updatedAt taxClassId name description seoTitle seoDescription
  texts { locale name description } options { name values names { text } } media { id kind url alt alts { text } }
  category { id slug name archived parent { slug name } children { slug } } collections { id slug name version }
  priceRange { min { amount } max { amount } } availability
  variants(first: 20) { pageInfo { hasNextPage endCursor } edges { cursor } nodes {
    id sku barcode name unit quantityStep weightGrams trackStock version taxClassId backorderAllowance
    media { id url } selectedOptions { name value } product { slug name }
    price { unitPrice { amount currency } taxed { net { amount } tax { amount } } compareAt { amount } validUntil }
    dozen: price(quantity: 12) { unitPrice { amount } validUntil }
    availability { status available } shelves: availability { byLocation { location { code name } available } }
  } }
"""
ALL = f"query($filter: ProductFilter) {{ products(first: 100, filter: $filter) {{ nodes {{ {PRODUCT} }} }} }}"
ONE = f"query($slug: String!) {{ product(by: {{slug: $slug}}) {{ {PRODUCT} }} }}"
COUNTED = """{ products(first: 100) { nodes { slug
  variants(first: 20) { totalCount nodes { name availability { status } } } } } }"""
SHEET = """{ products(first: 100) { nodes {
  slug availability category { slug name parent { slug name } } collections { slug name } media { url(maxWidth: 480) }
  variants(first: 3) { nodes { sku price { unitPrice { amount } } media { url } availability { status available }
    shelves: availability { byLocation { location { code name } status available offersPickup } } } } } } }"""
"""What is live of it is told as it was filled last, where nothing of it changed (`engine.sheets`)."""
SEARCH = """query($search: String!, $filter: ProductFilter) { products(first: 5, search: $search, filter: $filter) {
  nodes { slug name availability } pageInfo { hasNextPage endCursor } totalCount
  facets { name label field values { value label count } } } }"""
LIST = """query($search: String, $filter: ProductFilter, $sort: ProductSort) {
  products(first: 4, search: $search, filter: $filter, sort: $sort) { totalCount pageInfo { hasNextPage endCursor }
    nodes { slug name variants(first: 2) { nodes { sku availability { status available } } } } } }"""
LISTS: list[dict[str, Any]] = [
    *({"sort": {"key": key, "descending": down}} for key in ("NAME", "PRICE", "UPDATED_AT") for down in (False, True)),
    {"filter": {"price": {"min": "1", "max": "20"}}},
    {"filter": {"inStock": True}, "sort": {"key": "NAME"}},
    {"search": "g", "sort": {"key": "NAME"}},
    {"search": "nova"},
]
"""Lists whose pages are kept, and one whose are not."""
VARIANT = "query($sku: String!) { variant(by: {sku: $sku}) { sku name price { unitPrice { amount } } media { id } } }"


@dataclass
class Keeping:
    """`catalog`: what is kept; `feed`: the follower that drops it, when it is let."""

    shop: Shop
    feed: Follower
    catalog: Catalog
    sequencer: Sequencer
    # How many rows were told as they were written down.
    rows: int = 0

    async def number(self) -> int:
        """Number all that was committed; the head."""
        while await self.sequencer.number():
            pass
        return self.sequencer.position

    async def catch_up(self) -> None:
        """Number all that was committed, and read it."""
        head = await self.number()
        await self.feed._look()
        while self.feed.position < head:
            await self.feed._read()

    async def write(self, command: Callable[[Any], Awaitable[Any]]) -> Any:
        """Carry it out, under the eyes of the triggers."""
        return await self.shop.watched.run(command)

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The statements that are read by meanwhile, but for the test's own looks at the channel."""
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "channel.code = ANY" not in statement:
                sent.append(statement)

        engines = [self.shop.db.reads.sync_engine, self.shop.db.writes.sync_engine]
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", note)

    async def context(
        self,
        moment: datetime,
        *,
        kept: bool,
        who: Principal | None = None,
        code: str = "web",
        locale: str = "pt-BR",
        least: int = 0,
    ) -> Context:
        return Context(
            db=self.shop.db,
            principal=who or self.shop.actor("anonymous").principal,
            channel=(await channels_by_codes(self.shop.db, [code]))[code],
            locale=locale,
            now=moment,
            base_url="http://127.0.0.1:8000",
            feed=self.feed,
            catalog=self.catalog if kept else None,
            least=least,
        )

    async def ask(self, document: str, moment: datetime, *, kept: bool = True, **how: Any) -> Any:
        """The data, which must have come without errors. `kept`: of what is kept, rows that are written down too."""
        variables = how.pop("variables", {})
        context = await self.context(moment, kept=kept, **how)
        result = await ENGINE.execute(ENGINE.operation(document), variables, context, to_encode=kept)
        assert not result.errors, result.errors
        data = encode_json(result.data)
        self.rows += str(result.data).count("msgspec.Raw")
        return msgspec.json.decode(data)

    async def check(self, moment: datetime, said: Any = None) -> int:
        """What is kept says the same as the tables to everybody; how many products were looked at."""
        till = self.shop.actor("device").principal
        slugs = [row.slug for row in await self.shop.db.rows(select(product.c.slug))]
        shelves = [row.slug for row in await self.shop.db.rows(select(category.c.slug))][:3]
        looks: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            (ALL, {}, {}),
            (ALL, {}, {"locale": "en"}),
            (ALL, {}, {"code": "app"}),
            (ALL, {}, {"code": "pos", "who": till}),
            (ALL, {"filter": {"categories": shelves}}, {}),
            (COUNTED, {}, {}),
            (SHEET, {}, {}),
            (SHEET, {}, {"code": "pos", "who": till}),
            # "G" is a size that is drawn by lot.
            (SEARCH, {"search": "g"}, {}),
            (SEARCH, {"search": "g"}, {"locale": "en"}),
            (SEARCH, {"search": "g", "filter": {"categories": shelves}}, {"code": "app"}),
            (SEARCH, {"search": "caneca"}, {}),
            *((LIST, variables, {}) for variables in LISTS),
            *((ONE, {"slug": slug}, {}) for slug in (slugs[-1], "nothing")),
            *((VARIANT, {"sku": sku}, {"code": "app"}) for sku in list(self.shop.variants)[:1]),
        ]
        seen = 0
        for document, variables, how in looks:
            there = await self.ask(document, moment, kept=False, variables=variables, **how)
            # A list is asked for again, as it is kept by then.
            for _ in range(2 if document in (SEARCH, LIST, SHEET) else 1):
                kept = await self.ask(document, moment, variables=variables, **how)
                assert kept == there, (said, variables, differences(kept, there))
            seen += len((there.get("products") or {"nodes": ()})["nodes"])
        return seen


def differences(kept: Any, there: Any, at: str = "") -> list[str]:
    """Where two answers differ."""
    if isinstance(kept, dict) and isinstance(there, dict):
        return [line for name in there for line in differences(kept[name], there[name], f"{at}.{name}")]
    if isinstance(kept, list) and isinstance(there, list) and len(kept) == len(there):
        pairs = enumerate(zip(kept, there, strict=True))
        return [line for place, (one, two) in pairs for line in differences(one, two, f"{at}[{place}]")]
    return [] if kept == there else [f"{at}: kept {kept}, in the tables {there}"]


@asynccontextmanager
async def keeping(shop: Shop, *, limit: int = 64 << 20) -> AsyncIterator[Keeping]:
    """A follower that reads and a sequencer that numbers when they are told to, and what is kept."""
    feed = Follower(shop.db)
    # Rows are written down at the first look, not only once a plan has run again and again.
    with patch.object(engine_kept, "_RUNS", 0):
        async with sequencing(shop.db) as sequencer:
            await feed.begin()
            yield Keeping(shop, feed, Catalog(feed, limit), sequencer)


@dataclass
class Writing(Doings):
    """Commands that write what a document, a shelf or the settings show; `Doings` has those of the feed."""

    async def say(self, tx: Any) -> None:
        texts = [TextDraft(locale=self.roll.choice(["pt-BR", "en"]), name=self.name(), description=self.name())]
        slug = self.name()
        draft = ProductDraft(id=await self.some(product), mode="update", slug=slug, texts=texts, tags=[self.name()])
        await save_products(tx, self.owner(), [draft])

    async def equip(self, tx: Any) -> None:
        """Options, variants of them, pictures."""
        size = self.name()
        values = [OptionValueDraft(texts={"pt-BR": each, "en": f"{each} en"}) for each in (size, "G")]
        draft = ProductDraft(
            slug=self.name(),
            status="ACTIVE",
            texts=[TextDraft(locale="pt-BR", name=self.name())],
            options=[OptionDraft(texts={"pt-BR": "Tamanho", "en": "Size"}, values=values)],
            variants=[VariantDraft(option_values=[each], sku=self.name()) for each in (size, "G")],
            media=[MediaDraft(url=f"/media/{self.name()}.jpg")],
            category_id=await self.some(category),
            publish=self.publications(),
        )
        await save_products(tx, self.owner(), [draft])

    async def picture(self, tx: Any) -> None:
        key = await self.some(media)
        if key is not None and self.roll.random() < 0.5:
            await update_media(tx, self.owner(), key, {"pt-BR": self.name()})
        elif key is not None:
            await archive_media(tx, self.owner(), key, archived=self.roll.random() < 0.5)

    async def hang(self, tx: Any) -> None:
        """Pictures on variants, or off products."""
        key = await self.some(product)
        pictures = [row.id for row in (await media_of_products(tx, [key] if key else [])).get(key, ())] if key else []
        if key is not None and self.roll.random() < 0.7:
            for row in (await variants_of_products(tx, [key]))[key][:1]:
                await set_variant_media(tx, self.owner(), row.id, pictures)
        elif key is not None:
            await set_product_media(tx, self.owner(), key, pictures[:1])

    async def vary(self, tx: Any) -> None:
        draft = VariantDraft(
            id=await self.some(variant),
            mode="update",
            sku=self.name(),
            barcode=self.name(),
            weight_grams=self.roll.randint(1, 99),
            backorder_allowance=self.roll.choice([None, 0, 5000]),
            tax_class_id=self.roll.choice([None, await self.some(tax_class)]),
        )
        await save_variant(tx, self.owner(), VariantChange(draft))

    async def shelve_again(self, tx: Any) -> None:
        if (key := await self.some(category)) is not None:
            draft = CategoryDraft(name={"pt-BR": self.name()}, slug=self.name(), parent_id=await self.some(category))
            await update_category(tx, self.owner(), key, draft)

    async def shelve_away(self, tx: Any) -> None:
        if (key := await self.some(category)) is not None:
            await archive_category(tx, self.owner(), key, archived=self.roll.random() < 0.4)
        if (key := await self.some(collection)) is not None:
            await archive_collection(tx, self.owner(), key, archived=self.roll.random() < 0.4)

    async def file(self, tx: Any) -> None:
        draft = ProductDraft(id=await self.some(product), mode="update", category_id=await self.some(category))
        await save_products(tx, self.owner(), [draft])

    async def collect_again(self, tx: Any) -> None:
        if (key := await self.some(collection)) is not None:
            await update_collection(tx, self.owner(), key, CollectionDraft(name={"pt-BR": self.name()}))
            if (member := await self.some(product)) is not None and self.roll.random() < 0.4:
                await remove_products(tx, self.owner(), key, [member])

    async def list_prices(self, tx: Any) -> None:
        given: Any = {"name": {"pt-BR": self.name()}, "priority": self.roll.randint(0, 3), **self.window()}
        given["channel_ids"] = self.roll.choice([None, [self.shop.channels["app"]]])
        given["location_ids"] = self.roll.choice([None, None, [self.shop.locations["centro"]]])
        made = {"currency": "BRL", "includes_tax": self.roll.random() < 0.5, "given": given}
        await create_price_list(tx, self.owner(), code=f"l{self.name()}", **made)

    async def list_again(self, tx: Any) -> None:
        keys = [row.id for row in await tx.rows(select(price_list).where(~price_list.c.is_base))]
        given: Any = {"priority": self.roll.randint(0, 3), "active": self.roll.random() < 0.7, **self.window()}
        await update_price_list(tx, self.owner(), price_list_id=self.roll.choice(keys), given=given)

    async def price_more(self, tx: Any) -> None:
        """In any list, at once or from 5 on, now or planned."""
        rows = await tx.rows(select(price_list.c.id))
        mug = self.shop.variants["CANECA"]
        change = PriceChange(
            self.roll.choice([mug, await self.some(variant) or mug]),
            self.roll.randint(100, 9_000),
            compare_at_minor=self.roll.choice([None, 9_900]),
            min_quantity=self.roll.choice([0, 0, 5_000]),
            **self.window(),
        )
        key = self.roll.choice(sorted(row.id for row in rows))
        await set_prices(tx, self.owner(), price_list_id=key, changes=[change])

    async def tax(self, tx: Any) -> None:
        region = self.roll.choice([None, "SP"])
        change = RateChange(
            tax_class_id=await self.some(tax_class) or self.shop.tax_class_id,
            country="BR",
            region=region,
            name={"pt-BR": self.roll.choice(["ICMS", "ISS"])},
            rate_ppm=self.roll.choice([None, self.roll.randint(0, 300_000)]),
            starts_at=self.roll.choice([None, self.moment + self.roll.randint(1, 3) * HOUR]),
        )
        await set_tax_rate(tx, self.owner(), change)

    async def tax_class(self, tx: Any) -> None:
        if self.roll.random() < 0.5:
            given: Any = {"name": {"pt-BR": self.name()}, "is_default": self.roll.random() < 0.5}
            await create_tax_class(tx, self.owner(), code=f"t{self.name()}", given=given)
        elif (key := await self.some(tax_class)) is not None:
            await update_tax_class(tx, self.owner(), tax_class_id=key, given={"is_default": True})

    async def channel(self, tx: Any) -> None:
        """As `channelUpdate` does it."""
        key = await self.some(channel)
        given: Any = {"prices_include_tax": self.roll.random() < 0.5, "region": self.roll.choice([None, "SP"])}
        given |= {"shows_quantities": self.roll.random() < 0.7, "low_stock": self.roll.randint(0, 9_000)}
        await change_frame(tx)
        await channels.update_channel(tx, self.owner(), channel_id=key, given=given)  # type: ignore[arg-type]
        await refresh(tx, None, [key], self.moment)  # type: ignore[list-item]

    async def sell_from(self, tx: Any) -> None:
        key = self.shop.channels[self.roll.choice(list(self.shop.channels))]
        places = self.roll.sample(list(self.shop.locations.values()), self.roll.randint(1, 3))
        await channels.set_locations(tx, self.owner(), channel_id=key, location_ids=places)

    async def place_again(self, tx: Any) -> None:
        key = self.roll.choice(list(self.shop.locations.values()))
        given: Any = {"name": self.name(), "region": self.roll.choice(["SP", "RJ"])}
        await locations.update_location(tx, self.owner(), location_id=key, given=given)

    async def close(self, tx: Any) -> None:
        key = await self.some(location)
        given: Any = {"active": self.roll.random() < 0.5}
        await locations.update_location(tx, self.owner(), location_id=key, given=given)  # type: ignore[arg-type]

    async def receive(self, tx: Any) -> None:
        place = self.shop.locations[self.place()]
        keys = [row.id for row in await tx.rows(select(variant.c.id).where(variant.c.track_stock))]
        change = StockChange(self.roll.choice(sorted(keys)), place, delta=self.roll.randint(1, 9_000))
        await adjust(tx, self.owner(), changes=[change], kind="RECEIPT")


Doing = Callable[[Writing, Any], Awaitable[None]]
WRITES: tuple[Doing, ...] = (
    Writing.say, Writing.equip, Writing.equip, Writing.picture, Writing.hang, Writing.vary, Writing.shelve_again,
    Writing.shelve_away, Writing.file, Writing.collect_again, Writing.list_prices, Writing.list_again,
    Writing.price_more, Writing.price_more, Writing.tax, Writing.tax_class, Writing.channel, Writing.sell_from,
    Writing.place_again, Writing.close, Writing.receive, Writing.draft, Writing.edit, Writing.publish,
    Writing.unpublish, Writing.put_away, Writing.put_variant_away, Writing.shelve, Writing.collect, Writing.open_cart,
)  # fmt: skip


def writing(shop: Shop, seed: int, moment: datetime) -> Writing:
    """Commands drawn by lot from this seed."""
    return Writing(shop, random.Random(seed), moment)
