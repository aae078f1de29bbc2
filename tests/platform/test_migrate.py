"""Migrating: once, by one process at a time, and to what the tables say."""

import asyncio
import importlib

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from app.platform import migrate
from app.platform.db import metadata
from app.platform.reach import DatabaseUnavailable, plain_engine, reach
from tests.databases import Servers

PUBLISHED = """
WITH shop AS (
    INSERT INTO channel
        (id, code, name, kind, currency, country, prices_include_tax, order_prefix, created_at, updated_at)
    SELECT gen_random_uuid(), code, code, 'WEB', 'BRL', 'BR', true, upper(code), now(), now()
    FROM unnest(ARRAY['web', 'app']) AS code
    RETURNING id, code
), goods AS (
    INSERT INTO product (id, slug, status, created_at, updated_at)
    SELECT gen_random_uuid(), slug, CASE slug WHEN 'draft' THEN 'DRAFT' ELSE 'ACTIVE' END, now(), now()
    FROM unnest(ARRAY['begins', 'ends', 'lasts', 'draft', 'nowhere']) AS slug
    RETURNING id, slug
)
INSERT INTO publication (product_id, channel_id, starts_at, ends_at)
SELECT goods.id, shop.id, starts_at::timestamptz, ends_at::timestamptz
FROM (VALUES
    ('begins', 'web', '2990-06-01', NULL), ('begins', 'app', '2991-06-01', NULL),
    ('ends', 'web', '2020-06-01', '2992-06-01'), ('ends', 'app', '2020-06-01', '2021-06-01'),
    ('lasts', 'web', '2020-06-01', NULL), ('draft', 'web', '2990-06-01', NULL)
) AS given (slug, code, starts_at, ends_at)
JOIN goods USING (slug) JOIN shop USING (code)
"""


WORDED = """
WITH goods AS (
    INSERT INTO product (id, slug, status, created_at, updated_at)
    SELECT gen_random_uuid(), 'p' || n, 'ACTIVE', now(), now() FROM generate_series(1, 6000) AS n
    RETURNING id, slug
), sizes AS (
    INSERT INTO variant (id, product_id, position, sku, barcode, created_at, updated_at)
    SELECT gen_random_uuid(), id, 1, CASE slug WHEN 'p7' THEN 'ARROZ' ELSE 'Cod-' || slug END, slug, now(), now()
    FROM goods
)
INSERT INTO product_text (product_id, locale, name, name_key, search_words)
SELECT id, 'pt-BR', '', 'arroz doce', 'arroz doce grao-fino 5kg 350ml a '
    || CASE slug WHEN 'p7' THEN '' WHEN 'p5999' THEN 'cod-p5999 feijao ' ELSE 'cod-' || slug || ' ' END || slug
FROM goods
"""


@pytest.fixture(params=["embedded", "postgres15"])
def empty_database(request, postgres_servers: Servers):
    with postgres_servers.empty_database(request.param) as url:
        yield url


async def run(url, work):
    engine = plain_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def test_processes_that_start_at_once_migrate_once(empty_database):
    assert not await migrate.is_current(empty_database)
    await asyncio.gather(*(migrate.upgrade(empty_database) for _ in range(3)))
    assert await migrate.is_current(empty_database)
    assert await migrate.upgrade(empty_database) is False


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
async def test_the_migrations_make_what_the_tables_say(empty_database):
    for tables in (migrate.ROOT / "app").glob("*/tables.py"):
        importlib.import_module(f"app.{tables.parent.name}.tables")
    await migrate.upgrade(empty_database)
    differences = await run(
        empty_database,
        lambda connection: compare_metadata(
            MigrationContext.configure(connection, opts={"include_name": migrate.compared}), metadata
        ),
    )
    assert differences == []


async def test_products_that_were_there_get_the_moment_at_which_the_clock_publishes_them(empty_database):
    async with migrate.alone(empty_database) as connection:
        await connection.run_sync(lambda sync: command.upgrade(migrate.configuration(sync), "0002"))
        await connection.exec_driver_sql(PUBLISHED)
        await connection.commit()
    await migrate.upgrade(empty_database)
    found = await run(
        empty_database, lambda connection: connection.exec_driver_sql("SELECT slug, next_at FROM product").all()
    )
    years = {row.slug: row.next_at and row.next_at.year for row in found}
    assert years == {"begins": 2990, "ends": 2992, "lasts": None, "draft": None, "nowhere": None}


async def test_the_words_of_what_was_there_are_learned_once(empty_database):
    async with migrate.alone(empty_database) as connection:
        await connection.run_sync(lambda sync: command.upgrade(migrate.configuration(sync), "0009"))
        await connection.exec_driver_sql(WORDED)
        await connection.commit()
    learned = "SELECT word FROM search_word ORDER BY word"
    # Cut short before it was noted that it was done, it is done again.
    for begins in ("0009", "0010", "0009"):
        async with migrate.alone(empty_database) as connection:
            await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{begins}'")
            await connection.commit()
        await migrate.upgrade(empty_database)
        words = await run(empty_database, lambda connection: connection.exec_driver_sql(learned).scalars().all())
        assert words == ["5kg", "arroz", "doce", "feijao", "grao-fino"]


async def test_products_that_were_there_are_numbered_in_the_order_of_their_ids(empty_database):
    count = 1_234
    made = f"""INSERT INTO product (id, slug, status, created_at, updated_at)
        SELECT md5(n::text)::uuid, n, 'DRAFT', now(), now() FROM generate_series(1, {count}) n"""
    async with migrate.alone(empty_database) as connection:
        await connection.run_sync(lambda sync: command.upgrade(migrate.configuration(sync), "0009"))
        await connection.exec_driver_sql(made)
        await connection.commit()
    await migrate.upgrade(empty_database)
    numbers = "SELECT number FROM product ORDER BY id"
    found = await run(empty_database, lambda connection: connection.exec_driver_sql(numbers).scalars().all())
    assert found == list(range(1, count + 1))
    # Half done, it runs again, and leaves what has a number alone.
    async with migrate.alone(empty_database) as connection:
        await connection.exec_driver_sql("ALTER TABLE product ALTER COLUMN number DROP NOT NULL")
        await connection.exec_driver_sql("UPDATE product SET number = NULL WHERE number > 1000")
        await connection.run_sync(lambda sync: command.stamp(migrate.configuration(sync), "0009"))
        await connection.commit()
    await migrate.upgrade(empty_database)
    again = await run(empty_database, lambda connection: connection.exec_driver_sql(numbers).scalars().all())
    assert again[:1000] == found[:1000]
    assert again[1000:] == list(range(count + 1, 2 * count - 1000 + 1))


async def test_a_migrating_process_is_waited_for(empty_database):
    async with migrate.alone(empty_database):
        waiting = asyncio.create_task(migrate.upgrade(empty_database))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert not await migrate.is_current(empty_database)
    assert await waiting


async def test_who_waits_to_migrate_holds_no_snapshot(database_url):
    """Else an index that is built concurrently would wait for it, and it for the index, for ever."""
    async with migrate.alone(database_url) as connection:
        waiting = asyncio.create_task(_wait(database_url))
        await asyncio.sleep(0.5)
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        async with asyncio.timeout(10):
            await connection.execute(text("CREATE INDEX CONCURRENTLY trial ON product (id)"))
    await waiting


async def _wait(url):
    async with migrate.alone(url):
        return


async def test_a_database_that_is_not_there_is_told_in_one_line(postgres_url_admin):
    with pytest.raises(DatabaseUnavailable, match="does not exist") as missing:
        await reach(postgres_url_admin.rpartition("/")[0] + "/nowhere")
    assert "\n" not in str(missing.value)
