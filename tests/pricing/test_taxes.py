"""Tax classes and rates: rates end and begin, history stays, prices follow."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.catalog.tables import product
from app.platform import clock
from app.platform.errors import InvalidInput, NotFound, Refusal, VersionConflict
from app.platform.ids import new_id
from app.pricing.prices import PriceChange
from app.pricing.queries import all_tax_classes, rates_of_classes
from app.pricing.quotes import tax_rates
from app.pricing.tables import priced_variant
from app.pricing.taxes import RateChange, create_tax_class, set_tax_rate, update_tax_class
from tests.pricing.pricing import actor_at, listed, put, told
from tests.shop import Shop

NOW = clock.now()
HOUR = timedelta(hours=1)
ICMS = {"pt-BR": "ICMS"}


async def rate(shop: Shop, ppm: int | None, *, tax_class_id: UUID | None = None, moment: Any = NOW, **more: Any) -> Any:
    values: Any = {"country": "BR", "region": None, "name": ICMS} | more
    change = RateChange(tax_class_id=tax_class_id or shop.tax_class_id, rate_ppm=ppm, **values)
    return await shop.db.run(lambda tx: set_tax_rate(tx, actor_at(shop, moment), change))


async def make(shop: Shop, code: str, **given: Any) -> UUID:
    fields: Any = given
    return await shop.db.run(lambda tx: create_tax_class(tx, actor_at(shop, NOW), code=code, given=fields))


async def alter(shop: Shop, key: UUID, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    await shop.db.run(
        lambda tx: update_tax_class(tx, actor_at(shop, NOW), tax_class_id=key, given=fields, expected_version=version)
    )


async def due(shop: Shop, moment: Any, *, region: str | None = None, key: UUID | None = None) -> list[int]:
    found = await tax_rates(shop.db, [key], country="BR", region=region, moment=moment)
    return [each.rate_ppm for each in found[key]]


async def test_a_rate_ends_and_another_begins_and_history_stays(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1180))
    before = len(await told(shop))
    key = await rate(shop, 120_000)
    old, new = (await rates_of_classes(shop.db, [shop.tax_class_id]))[shop.tax_class_id]
    assert (old.rate_ppm, old.starts_at, old.ends_at) == (180_000, None, NOW)
    assert (new.id, new.rate_ppm, new.starts_at, new.ends_at) == (key, 120_000, NOW, None)
    assert [await due(shop, NOW - HOUR), await due(shop, NOW)] == [[180_000], [120_000]]
    row = await listed(shop, "A")
    assert row is not None
    assert row.tax == 126
    assert (await told(shop))[before:] == [(a, 2)]
    assert await rate(shop, 120_000, moment=NOW + HOUR) == key
    assert len(await told(shop)) == before + 1


async def test_a_planned_rate_stays_when_the_one_before_it_changes(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    await put(shop, NOW, PriceChange(a, 1180))
    await rate(shop, 100_000, starts_at=NOW + 2 * HOUR)
    assert await shop.db.value(select(priced_variant.c.next_at)) == NOW + 2 * HOUR
    await rate(shop, 150_000, moment=NOW + HOUR)
    moments = [NOW, NOW + HOUR, NOW + 2 * HOUR]
    assert [await due(shop, moment) for moment in moments] == [[180_000], [150_000], [100_000]]


async def test_taxes_of_other_names_and_places_stand_beside_each_other(shop: Shop) -> None:
    await rate(shop, 20_000, name={"en": "City tax"}, region="SP")
    await rate(shop, 10_000, name={"en": "Federal"})
    assert await due(shop, NOW, region="SP") == [10_000, 180_000, 20_000]
    assert await due(shop, NOW, region="RJ") == [10_000, 180_000]
    await rate(shop, 70_000, name={"en": "City tax"}, region="BR-SP", replaces_country=True)
    assert await due(shop, NOW, region="SP") == [70_000]
    assert await rate(shop, None, name={"en": "City tax"}, region="SP") is None
    assert await due(shop, NOW, region="SP") == [10_000, 180_000]
    assert await rate(shop, None, name={"en": "City tax"}, region="SP") is None


@pytest.mark.parametrize(
    ("ppm", "more", "path"),
    [
        (-1, {}, ("rate",)),
        (10_000_001, {}, ("rate",)),
        (1, {"country": "ZZ"}, ("country",)),
        (1, {"name": {}}, ("names",)),
        (1, {"starts_at": NOW - HOUR}, ("startsAt",)),
        (1, {"tax_class_id": new_id()}, ("taxClassId",)),
    ],
)
async def test_a_wrong_rate_is_refused(shop: Shop, ppm: int, more: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        await rate(shop, ppm, **more)
    assert refused.value.path == path
    assert await due(shop, NOW) == [180_000]


async def test_another_default_class_is_that_of_all_without_one(shop: Shop) -> None:
    a = await shop.variant("A", price=None)
    async with shop.db.transaction() as tx:
        await tx.execute(product.update().values(tax_class_id=None))
    await put(shop, NOW, PriceChange(a, 1000))
    food = await make(shop, "food", name={"en": "Food"})
    await rate(shop, 70_000, tax_class_id=food)
    await alter(shop, food, is_default=True)
    assert {row.code: row.is_default for row in await all_tax_classes(shop.db)} == {"food": True, "standard": False}
    row = await listed(shop, "A")
    assert row is not None
    assert row.tax == 65
    assert (await told(shop))[-1] == (a, 2)
    with pytest.raises(InvalidInput):
        await alter(shop, food, is_default=False)
    with pytest.raises(VersionConflict):
        await alter(shop, food, 1, name={"en": "F"})
    with pytest.raises(NotFound):
        await alter(shop, new_id())
    with pytest.raises(InvalidInput):
        await make(shop, "food", name={"en": "F"})
