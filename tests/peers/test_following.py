"""Law 5 with other people's clients: whose connection is cut again and again is told each change once, in order."""

import asyncio
import os
from typing import Any

import pytest
from sqlalchemy import select

from app.events.tables import feed, outbox
from tests.api.server import serving
from tests.peers.npm import node
from tests.shop import Shop

CUTS = os.environ.get("FEIRA_PROOF_CUTS", "100")


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_subscriber_who_is_cut_off_a_hundred_times_misses_and_repeats_nothing(
    shop: Shop, database_url: str, kind: str
) -> None:
    await shop.variant("CANECA", price=4990, stock={"centro": 20_000})
    async with serving(shop, database_url) as server:
        stopped = asyncio.Event()

        async def write() -> None:
            given = {"variant": {"sku": "CANECA"}, "locationId": server.location("centro"), "amount": {"delta": 1}}
            while not stopped.is_set():
                await server.write("stockAdjust", {"kind": "RECEIPT", "changes": [given]}, who="owner")

        writers = [asyncio.create_task(write()) for _ in range(2)]
        try:
            url, token = f"{server.url}/graphql", server.tokens["owner"]
            told: Any = await node("follow.mjs", kind, url, token, CUTS, "STOCK", seconds=60 + float(CUTS))
        finally:
            stopped.set()
            await asyncio.gather(*writers)
        rows = await shop.db.rows(
            select(feed.c.position)
            .join(outbox, outbox.c.id == feed.c.outbox_id)
            .where(outbox.c.topic == "STOCK", feed.c.position <= int(told["after"]))
            .order_by(feed.c.position)
        )
        assert told["cut"] == int(CUTS)
        assert len(rows) > int(CUTS)
        assert [int(position) for position in told["found"]] == [row.position for row in rows]
