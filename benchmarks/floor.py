"""The floor: a plain ASGI handler that returns a page of a listing as JSON, built by PostgreSQL from the same tables.

    python -m benchmarks.floor PORT      (FEIRA_DATABASE_URL names the database)

What a good programmer would write by hand for this one question: one statement, prepared and planned once on each
connection (planned at each call it takes more than twice as long), that walks the index which has the order, and whose
JSON goes out as it came. It is asked for the same pages and gives
the same products, variants, prices and live stock as `questions.LISTING`; `benchmarks.shop` compares them before it
measures. It does less: it knows the channel, its language and its locations beforehand, takes a price that was worked
out when it was written (`channel_price`), and leaves amounts in minor units and quantities in thousandths.
"""

import asyncio
import os
import sys
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import uvicorn
from sqlalchemy.engine import make_url

LISTING: Final = """
WITH page AS (
    SELECT t.product_id, t.name, t.name_key, p.slug
    FROM product_text t
    JOIN product p ON p.id = t.product_id
    JOIN publication u ON u.product_id = t.product_id AND u.channel_id = $1
    WHERE t.locale = 'pt-BR' AND (t.name_key, t.product_id) > ($3::text COLLATE "C", $4::uuid)
        AND p.status = 'ACTIVE' AND u.starts_at <= now() AND (u.ends_at IS NULL OR u.ends_at > now())
    ORDER BY t.name_key, t.product_id
    LIMIT 20
)
SELECT json_build_object('data', json_build_object('products', json_build_object('nodes', json_agg(json_build_object(
    'id', page.product_id, 'slug', page.slug, 'name', page.name, 'variants', (
        SELECT json_agg(json_build_object('id', v.id, 'sku', v.sku, 'price', c.amount, 'available', (
            SELECT sum(greatest(0, l.on_hand - l.reserved - l.safety_stock))
            FROM stock_level l WHERE l.variant_id = v.id AND l.location_id = ANY($2)
        )) ORDER BY v.position)
        FROM variant v
        LEFT JOIN channel_price c ON c.variant_id = v.id AND c.channel_id = $1
        WHERE v.product_id = page.product_id AND NOT v.archived
    )
) ORDER BY page.name_key, page.product_id))))::text
FROM page
"""
CHANNEL: Final = "SELECT id FROM channel WHERE is_default"
LOCATIONS: Final = "SELECT array_agg(location_id) FROM channel_location WHERE channel_id = $1"
# Behind which product each page begins: every twentieth, in the order of the listing.
PLACES: Final = """
SELECT name_key, product_id FROM (
    SELECT t.name_key, t.product_id, row_number() OVER (ORDER BY t.name_key, t.product_id) AS place
    FROM product_text t
    JOIN product p ON p.id = t.product_id AND p.status = 'ACTIVE'
    JOIN publication u ON u.product_id = t.product_id AND u.channel_id = $1
    WHERE t.locale = 'pt-BR'
) AS listed WHERE place % 20 = 0 ORDER BY place LIMIT $2
"""


def plain(url: str) -> str:
    """The address in libpq's form."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def places(url: str, pages: int) -> list[tuple[str, str]]:
    """Behind which product each of so many pages begins."""
    connection = await asyncpg.connect(plain(url))
    try:
        channel = await connection.fetchval(CHANNEL)
        rows = await connection.fetch(PLACES, channel, pages - 1)
    finally:
        await connection.close()
    return [("", str(UUID(int=0))), *((row["name_key"], str(row["product_id"])) for row in rows)]


class Floor:
    """One connection pool, one statement."""

    def __init__(self, url: str) -> None:
        self.dsn = plain(url)
        self.pool: asyncpg.Pool | None = None
        self.channel: Any = None
        self.locations: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        message = await receive()
        given = message["body"]
        while message.get("more_body"):
            message = await receive()
            given += message["body"]
        name, product_id = msgspec.json.decode(given)["after"]
        assert self.pool is not None
        body = (await self.pool.fetchval(LISTING, self.channel, self.locations, name, product_id)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(
            self.dsn, min_size=4, max_size=10, server_settings={"plan_cache_mode": "force_generic_plan"}
        )
        self.channel = await self.pool.fetchval(CHANNEL)
        self.locations = await self.pool.fetchval(LOCATIONS, self.channel)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    config = uvicorn.Config(
        Floor(os.environ["FEIRA_DATABASE_URL"]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
    asyncio.run(uvicorn.Server(config).serve())
