"""A snapshot is of one moment, whatever is written meanwhile, and of the position that the feed had then."""

import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select, update

from app.browse import snapshot
from app.browse.records.catalog import PRODUCTS
from app.browse.records.prices import PRICES
from app.browse.records.record import Source
from app.browse.records.stock import LEVELS, PROMISES
from app.browse.records.view import View, view_of
from app.browse.snapshot import Made, write_snapshot
from app.catalog.tables import product, publication
from app.channels.queries import channels_by_codes
from app.events.tables import feed_head, outbox
from app.identity.principal import ANONYMOUS, Principal
from app.inventory.levels import StockChange, adjust
from app.platform import clock
from app.platform.db import Reader
from app.pricing.prices import PriceChange
from tests.pricing.pricing import put
from tests.shop import Shop


async def write(
    shop: Shop,
    sources: Sequence[Source],
    meanwhile: Callable[[], Awaitable[Any]] | None = None,
    principal: Principal = ANONYMOUS,
) -> tuple[Made, list[Any]]:
    """Make a snapshot of the web's; `meanwhile` is done once its moment is fixed, and nothing of it is read yet."""

    async def look(reader: Reader, moment: datetime) -> View:
        if meanwhile is not None:
            await meanwhile()
        channel = (await channels_by_codes(reader, ["web"]))["web"]
        return await view_of(reader, principal, channel, moment)

    file = BytesIO()
    made = await write_snapshot(shop.db, sources, look, file)
    return made, [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]


async def test_what_is_written_meanwhile_is_not_in_it_and_has_a_position_above(shop: Shop) -> None:
    now = clock.now()
    await shop.variant("CANECA", stock={"centro": 5000})
    await put(shop, now, PriceChange(shop.variants["CANECA"], 1000))
    head = await shop.db.value(select(feed_head.c.position))

    async def sell_out() -> None:
        changes = [StockChange(shop.variants["CANECA"], shop.locations["centro"], on_hand=0)]
        await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=changes, kind="COUNT", reason="test"))
        await put(shop, clock.now(), PriceChange(shop.variants["CANECA"], 2000))
        async with shop.db.transaction() as tx:
            await tx.execute(update(product).values(status="ARCHIVED", version=2))
            await tx.execute(update(feed_head).values(position=head + 3))

    made, (first, *records, last) = await write(
        shop, [PRODUCTS, PRICES, PROMISES, LEVELS], sell_out, shop.actor("device").principal
    )
    told = {record["topic"]: record for record in records}
    assert told["PRODUCT"]["version"] == 1
    assert told["PRICE"]["unitPrice"] == "10.00"
    assert (told["AVAILABILITY"]["available"], told["STOCK"]["onHand"]) == ("5", "5")
    assert made.position == int(first["snapshot"]["position"]) == int(last["end"]["position"]) == head
    assert await shop.db.value(select(feed_head.c.position)) > made.position


async def test_what_is_committed_and_not_yet_numbered_is_in_it(shop: Shop) -> None:
    """It comes again with a position above, and says the same."""
    await shop.variant("CANECA", price=1990)
    await put(shop, clock.now(), PriceChange(shop.variants["CANECA"], 1000))
    made, (_, price, _) = await write(shop, [PRICES])
    assert made.position == 0
    told = await shop.db.rows(select(outbox.c.version).where(outbox.c.topic == "PRICE").order_by(outbox.c.id.desc()))
    assert (price["version"], price["unitPrice"]) == (told[0].version, "10.00")


@pytest.mark.parametrize(("at_first", "page_bytes"), [(1, 1), (3, 1), (5, 1 << 20), (7, 3000), (100, 1)])
async def test_each_stands_in_it_once_however_it_is_paged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, at_first: int, page_bytes: int
) -> None:
    monkeypatch.setattr(snapshot, "AT_FIRST", at_first)
    monkeypatch.setattr(snapshot, "PAGE_BYTES", page_bytes)
    monkeypatch.setattr(snapshot, "FEWEST", 2)
    for number in range(14):
        await shop.variant(f"SKU-{number:02}", stock={"centro": 1000})
        if number % 3 == 0:
            # Worked out one by one, not written by PostgreSQL.
            await put(shop, clock.now(), PriceChange(shop.variants[f"SKU-{number:02}"], 500, min_quantity=5000))
        else:
            await put(shop, clock.now(), PriceChange(shop.variants[f"SKU-{number:02}"], 1500))
    made, (_, *records, last) = await write(shop, [PRODUCTS, PRICES, PROMISES])
    assert made.records == len(records) == 42
    assert len({(record["topic"], record["id"]) for record in records}) == 42
    for topic in ("PRODUCT", "PRICE", "AVAILABILITY"):
        keys = [record["id"] for record in records if record["topic"] == topic]
        assert keys == sorted(keys)
        assert last["end"]["topics"][topic]["count"] == 14


async def test_it_is_good_until_the_clock_next_changes_something_in_it(shop: Shop) -> None:
    now = clock.now()
    await shop.variant("CANECA")
    assert (await write(shop, [PRICES]))[0].valid_until is None
    ends = now + timedelta(days=3)
    await put(shop, now, PriceChange(shop.variants["CANECA"], 990, ends_at=ends))
    assert (await write(shop, [PRICES]))[0].valid_until == ends
    sooner = now + timedelta(days=1)
    await shop.db.run(lambda tx: tx.execute(update(publication).values(ends_at=sooner)))
    made, (first, *_) = await write(shop, [PRICES])
    assert made.valid_until == sooner
    assert first["snapshot"]["validUntil"].startswith(sooner.isoformat(timespec="milliseconds")[:23])


async def test_a_snapshot_of_nothing_is_whole(shop: Shop) -> None:
    made, (first, last) = await write(shop, [PRODUCTS])
    assert made.records == 0
    assert first["snapshot"]["topics"] == ["PRODUCT"]
    assert last["end"]["topics"] == {"PRODUCT": {"count": 0, "digest": "0" * 32}}
