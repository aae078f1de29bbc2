"""A write that reads first: no transaction until the first lock, and the claim with it."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update

from app.platform import operations
from app.platform.db import Database, Tx
from app.platform.errors import OperationIdReused
from app.platform.operations import Outdated, Repeated
from app.platform.statements import Root
from app.platform.tables import operation
from app.pricing.tables import tax_class
from tests.shop import STAMPS, Shop

NOW = select(func.now())
CLASSES = select(tax_class.c.id).order_by(tax_class.c.id).with_for_update()
AS_READ = select(tax_class.c.id).where(tax_class.c.version == 1).with_for_update()


def claimed(key: UUID, *, principal: str = "staff:1") -> dict[str, object]:
    return operations.claimed(key, principal=principal, mutation="test", fingerprint=b"1", outcome={"did": "it"})


@pytest.fixture
async def database(shop: Shop) -> Database:
    # A statement goes to the driver when it is met again.
    for _ in range(2):
        async with shop.db.transaction() as tx:
            await tx.rows(NOW)
    await shop.db.run(lambda tx: tx.execute(insert(tax_class), {"id": uuid4(), "code": "x", "name": {}, **STAMPS}))
    await shop.db.run(lambda tx: tx.execute(update(tax_class).values(version=1)))
    return shop.db


async def claims(database: Database, key: UUID) -> int:
    found: int = await database.value(select(func.count()).select_from(operation).where(operation.c.id == key))
    return found


async def test_reading_first_begins_no_transaction_and_the_first_lock_does(database: Database) -> None:
    key = uuid4()
    async with database.transaction() as tx:
        await operations.read_first(tx, claimed(key))
        assert await tx.value(NOW) < await tx.value(NOW)
        assert not operations.is_claimed(tx)
        assert len(await operations.locked(tx, CLASSES, tax_class, {})) >= 1
        assert operations.is_claimed(tx)
        assert await tx.value(NOW) == await tx.value(NOW)
    assert await claims(database, key) == 1


async def test_whatever_is_written_first_comes_after_the_claim(database: Database) -> None:
    key = uuid4()
    await database.run(lambda tx: operations.claim(tx, claimed(key)))

    async def write(tx: Tx) -> None:
        await operations.read_first(tx, claimed(key))
        await tx.execute(update(tax_class).values(version=7))

    with pytest.raises(Repeated):
        await database.run(write)
    assert await database.value(select(func.max(tax_class.c.version))) == 1


async def test_a_lock_with_nothing_to_lock_still_claims(database: Database) -> None:
    key = uuid4()
    async with database.transaction() as tx:
        await operations.read_first(tx, claimed(key))
        nothing = select(tax_class.c.id).where(tax_class.c.version == 99).with_for_update()
        assert await operations.locked(tx, nothing, tax_class, {}) == []
    assert await claims(database, key) == 1


async def lock_as_read(tx: Tx, key: UUID) -> int:
    await operations.read_first(tx, claimed(key))
    operations.lock_later(tx, Root(AS_READ, tax_class, {}))
    return len(await operations.locked(tx, CLASSES, tax_class, {}))


async def test_a_root_that_was_written_since_leaves_no_claim(database: Database) -> None:
    key = uuid4()
    await database.run(lambda tx: tx.execute(update(tax_class).values(version=2)))
    with pytest.raises(Outdated):
        await database.run(lambda tx: lock_as_read(tx, key))
    assert await claims(database, key) == 0


async def test_who_claimed_before_is_told_before_it_is_told_that_the_root_has_changed(database: Database) -> None:
    key = uuid4()
    assert await database.run(lambda tx: lock_as_read(tx, key)) >= 1
    await database.run(lambda tx: tx.execute(update(tax_class).values(version=2)))
    with pytest.raises(Repeated) as repeated:
        await database.run(lambda tx: lock_as_read(tx, key))
    assert repeated.value.stored == {"did": "it"}


async def test_another_caller_is_told_nothing_of_it(database: Database) -> None:
    key = uuid4()
    await database.run(lambda tx: lock_as_read(tx, key))

    async def steal(tx: Tx) -> None:
        await operations.read_first(tx, claimed(key, principal="staff:2"))
        await operations.locked(tx, CLASSES, tax_class, {})

    with pytest.raises(OperationIdReused):
        await database.run(steal)
