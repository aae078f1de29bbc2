"""What is kept of the catalog: read once for all who ask, thrown away when it changed meanwhile, bounded, dropped."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import update

from app.browse import followed
from app.browse.facts import Found
from app.browse.followed import ATTEMPTS, IDS
from app.catalog.drafts import ProductDraft, TextDraft
from app.catalog.products import save_product
from app.events import follower
from app.events.tables import feed_head
from app.platform import clock
from app.pricing.prices import PriceChange
from tests.api.keeping import Keeping, keeping
from tests.events.telling import tell
from tests.pricing.pricing import put
from tests.shop import Shop

NOW = clock.now()


@pytest_asyncio.fixture
async def keeps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keeping]:
    monkeypatch.setattr(follower, "TRUSTED_FOR", 600)
    async with keeping(shop) as keeping_:
        yield keeping_


async def products(shop: Shop, many: int) -> list[UUID]:
    return [await product(shop, f"p{number}") for number in range(many)]


async def product(shop: Shop, slug: str) -> UUID:
    draft = ProductDraft(slug=slug, status="ACTIVE", texts=[TextDraft(locale="pt-BR", name=slug)])
    saved = await shop.db.run(lambda tx: save_product(tx, shop.actor(), draft))
    assert saved.product_id is not None
    return saved.product_id


async def brand(keeps: Keeping, key: UUID, name: str) -> None:
    draft = ProductDraft(id=key, mode="update", brand=name)
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))


async def brands(keeps: Keeping, *keys: UUID) -> list[str | None]:
    found = await keeps.catalog.documents(keys, NOW)
    return [found[key].value.brand for key in keys]


def overtaking(monkeypatch: pytest.MonkeyPatch, what: Any, times: int) -> None:
    """Let `what` happen between a read's snapshot and its return, so many times."""
    left = times

    async def read(db: Any, keys: Collection[Any], moment: datetime) -> Found:
        nonlocal left
        found = await IDS.read(db, keys, moment)
        if left:
            left -= 1
            await what(left)
        return found

    monkeypatch.setattr(followed, "IDS", replace(IDS, read=read))


async def test_what_changed_while_it_was_read_is_read_again(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = await products(keeps.shop, 2)
    await brand(keeps, key, "before")
    await keeps.catch_up()

    async def change(_: int) -> None:
        await brand(keeps, key, "after")
        await keeps.catch_up()

    overtaking(monkeypatch, change, 1)
    assert await brands(keeps, key, other) == ["after", None]
    assert keeps.catalog.spoiled == 1
    with keeps.counted() as sent:
        assert await brands(keeps, key, other) == ["after", None]
    assert sent == []


async def test_what_goes_on_changing_is_read_and_not_kept(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = await products(keeps.shop, 1)

    async def change(left: int) -> None:
        await brand(keeps, key, f"{left} to go")
        await keeps.catch_up()

    overtaking(monkeypatch, change, ATTEMPTS)
    assert await brands(keeps, key) == ["0 to go"]
    assert len(keeps.catalog) == 0


async def test_a_price_that_came_while_it_was_read_is_not_missed(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = keeps.shop
    variant = await shop.variant("CANECA", price=1990)
    key = next(iter((await keeps.catalog.documents_of([variant], NOW)).values())).value.id
    keeps.catalog.clear()

    async def change(_: int) -> None:
        await put(shop, clock.now(), PriceChange(variant, 900))
        await keeps.catch_up()

    overtaking(monkeypatch, change, 1)
    entry = (await keeps.catalog.documents([key], NOW))[key]
    assert {row.amount for row in entry.value.variants[0].prices} == {1990, 900}


async def test_nobody_joins_a_read_of_before_they_asked(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks after the process has read of a change is never given what was read before it, whoever asked first."""
    (key,) = await products(keeps.shop, 1)
    late: list[asyncio.Task[list[str | None]]] = []

    async def change(_: int) -> None:
        await brand(keeps, key, "after")
        await keeps.catch_up()
        late.append(asyncio.create_task(brands(keeps, key)))
        await asyncio.sleep(0)

    overtaking(monkeypatch, change, 1)
    first = await brands(keeps, key)
    assert (first, await late[0]) == (["after"], ["after"])


async def test_a_thousand_who_ask_at_once_are_one_read(keeps: Keeping) -> None:
    keys = await products(keeps.shop, 5)
    with keeps.counted() as sent:
        answers = await asyncio.gather(*(brands(keeps, *keys[: 1 + number % 5]) for number in range(1_000)))
    # Those who asked first for one, then for two, and so on: each product was asked for once.
    assert len(sent) == 5
    assert all(set(each) == {None} for each in answers)
    assert (keeps.catalog.misses, keeps.catalog.hits) == (3_000, 0)


async def test_a_read_that_fails_is_nobody_elses(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = await products(keeps.shop, 1)

    async def fail(_: int) -> None:
        raise ConnectionError("gone")

    overtaking(monkeypatch, fail, 1)
    failed = await asyncio.gather(*(brands(keeps, key) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in failed] == [ConnectionError] * 3
    assert await brands(keeps, key) == [None]


async def test_a_follower_that_begins_anew_takes_all_along(keeps: Keeping) -> None:
    (key,) = await products(keeps.shop, 1)
    assert await brands(keeps, key) == [None]
    # The database was put back: nothing is told of what is other than before.
    await keeps.shop.db.run(lambda tx: tx.execute(update(feed_head).values(epoch="another")))
    await keeps.feed._look()
    assert keeps.catalog.reaches(0)
    assert (len(keeps.catalog), keeps.catalog.size) == (0, 0)


async def test_what_is_kept_is_used_only_while_the_follower_is_up_to_date(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, feed = keeps.catalog, keeps.feed
    assert catalog.reaches(feed.position)
    assert not catalog.reaches(feed.position + 1)
    # A write of this process that has no number yet.
    written = await tell(keeps.shop.db)
    assert await feed.numbered(written, 0.01) is None
    assert not catalog.reaches(0)
    await keeps.catch_up()
    assert catalog.reaches(feed.position)
    # It has not looked for a while.
    monkeypatch.setattr(follower, "TRUSTED_FOR", 0)
    assert not catalog.reaches(0)


async def test_a_feed_that_nobody_numbers_is_not_believed(keeps: Keeping) -> None:
    """The head stands still while others write: two looks show it."""
    feed = keeps.feed
    await keeps.catch_up()
    for _ in range(3):
        feed._confirmed = float("-inf")
        await tell(keeps.shop.db)
        await feed._look()
    assert not keeps.catalog.reaches(0)
    await keeps.catch_up()
    await feed._look()
    assert keeps.catalog.reaches(feed.position)


async def test_a_request_from_before_what_is_remembered_is_read_for(keeps: Keeping) -> None:
    """Prices that ended a while before the read are not in it: whose moment is older is given a read of their own."""
    (key,) = await products(keeps.shop, 1)
    await keeps.catalog.documents([key], NOW)
    early = NOW - timedelta(hours=1)
    with keeps.counted() as sent:
        found = await keeps.catalog.documents([key], early)
    assert len(sent) == 1
    since = found[key].since
    assert since is not None
    assert since < early


async def test_it_is_bounded_and_the_least_used_goes_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "TRUSTED_FOR", 600)
    keys = await products(shop, 40)
    async with keeping(shop, limit=40_000) as keeps:
        catalog = keeps.catalog
        for key in keys:
            await catalog.documents([keys[0]], NOW)
            await catalog.documents([key], NOW)
            assert catalog.size <= 40_000
        assert 1 < len(catalog) < 40
        with keeps.counted() as sent:
            await catalog.documents([keys[0], keys[-1]], NOW)
            await catalog.documents([keys[1]], NOW)
        assert len(sent) == 1
        await catalog.document_at("p5", NOW)
        catalog.clear()
        assert (len(catalog), catalog.size, catalog._slugs, catalog._variants) == (0, 0, {}, {})


async def test_what_is_too_large_is_known_to_be_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read from the tables, page by page, and not read whole again and again."""
    monkeypatch.setattr(follower, "TRUSTED_FOR", 600)
    variant = await shop.variant("CANECA")
    async with keeping(shop, limit=40_000) as keeps:
        query = '{ product(by: {slug: "caneca"}) { name variants(first: 3) { nodes { sku name } } } }'
        for _ in range(2):
            found = await keeps.ask(query, NOW)
            assert found["product"]["variants"]["nodes"] == [{"sku": "CANECA", "name": "Caneca"}]
        for entry in (
            await keeps.catalog.document_at("caneca", NOW),
            (await keeps.catalog.documents_of([variant], NOW))[variant],
        ):
            assert entry is not None
            assert entry.value is None
        with keeps.counted() as sent:
            await keeps.ask(query, NOW)
        assert not [statement for statement in sent if "json_build_object" in statement]
