"""The floor: a plain ASGI handler that returns the JSON of a listing, built by PostgreSQL from the same tables.

    python -m benchmarks.floor PORT      (FEIRA_DATABASE_URL names the database)

What any framework on this stack would have to beat or come near to.
"""

import asyncio
import os
import sys
from typing import Any

import asyncpg
import uvicorn
from sqlalchemy.engine import make_url

LISTING = """
WITH page AS (
    SELECT t.product_id, t.name, p.slug
    FROM product_text t
    JOIN product p ON p.id = t.product_id
    JOIN publication u ON u.product_id = p.id AND u.channel_id = $1
    WHERE t.locale = 'pt-BR' AND p.status = 'ACTIVE'
    ORDER BY t.name_key, t.product_id
    LIMIT 20
), variants AS (
    SELECT v.product_id, json_agg(json_build_object(
        'id', v.id, 'sku', v.sku, 'price', c.amount,
        'available', (
            SELECT sum(greatest(0, l.on_hand - l.reserved - l.safety_stock))
            FROM stock_level l WHERE l.variant_id = v.id
        )
    ) ORDER BY v.position) AS variants
    FROM variant v
    JOIN page ON page.product_id = v.product_id
    LEFT JOIN channel_price c ON c.variant_id = v.id AND c.channel_id = $1
    WHERE NOT v.archived
    GROUP BY v.product_id
)
SELECT json_build_object('data', json_build_object('products', json_build_object('nodes', json_agg(json_build_object(
    'id', page.product_id, 'slug', page.slug, 'name', page.name, 'variants', variants.variants
)))))::text
FROM page LEFT JOIN variants USING (product_id)
"""


class Floor:
    """One connection pool, one statement."""

    def __init__(self, url: str) -> None:
        self.dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.pool: asyncpg.Pool | None = None
        self.channel: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        assert self.pool is not None
        body = (await self.pool.fetchval(LISTING, self.channel)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(self.dsn, min_size=4, max_size=10)
        self.channel = await self.pool.fetchval("SELECT id FROM channel WHERE is_default")
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
