"""Price lists: what is refused, and that a change of a list is a change of the prices in it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.platform import clock
from app.platform.errors import InvalidInput, NotFound, Refusal, Refusals, VersionConflict
from app.platform.ids import new_id
from app.pricing.price_lists import create_price_list, deactivate_price_list, update_price_list
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import price_lists_by_codes, price_lists_by_ids
from tests.pricing.pricing import actor_at, listed, put, quotes, told
from tests.shop import Shop

NOW = clock.now()
HOUR = timedelta(hours=1)


async def make(shop: Shop, code: str = "app", *, currency: str = "BRL", is_base: bool = False, **given: Any) -> UUID:
    fields: Any = {"name": {"pt-BR": "Tabela", "en": "List"}} | given
    return await shop.db.run(
        lambda tx: create_price_list(
            tx,
            actor_at(shop, NOW),
            code=code,
            currency=currency,
            includes_tax=True,
            is_base=is_base,
            given=fields,
        )
    )


async def alter(shop: Shop, key: UUID, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    await shop.db.run(
        lambda tx: update_price_list(tx, actor_at(shop, NOW), price_list_id=key, given=fields, expected_version=version)
    )


async def unit(shop: Shop, sku: str, code: str) -> int | None:
    row = await listed(shop, sku, code)
    (quote,) = await quotes(shop, sku, code=code, moment=NOW)
    assert (row.amount if row else None) == (quote.unit if quote else None)
    return row.amount if row else None


async def test_a_change_of_a_list_changes_and_tells_the_prices_in_it(shop: Shop) -> None:
    a, b = await shop.variant("A", price=None), await shop.variant("B", price=None)
    await put(shop, NOW, PriceChange(a, 1000), PriceChange(b, 1000))
    key = await make(shop, channel_ids=[shop.channels["app"]])
    await put(shop, NOW, PriceChange(a, 800), price_list_id=key)
    assert [await unit(shop, "A", code) for code in ("web", "app")] == [1000, 800]
    before = len(await told(shop))
    await alter(shop, key, 1, channel_ids=None)
    assert [await unit(shop, "A", code) for code in ("web", "app")] == [800, 800]
    assert (await told(shop))[before:] == [(a, 3)]
    await alter(shop, key, 2, name={"en": "Renamed"})
    assert len(await told(shop)) == before + 1
    await shop.db.run(lambda tx: deactivate_price_list(tx, actor_at(shop, NOW), price_list_id=key, expected_version=3))
    assert await unit(shop, "A", "app") == 1000
    row = (await price_lists_by_ids(shop.db, [key]))[key]
    assert (row.active, row.version, row.name) == (False, 4, {"en": "Renamed"})


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"code": "No Good"}, ("code",), "INVALID_CODE"),
        ({"code": "base-brl"}, ("code",), "ALREADY_TAKEN"),
        ({"is_base": True}, ("isBase",), "ALREADY_TAKEN"),
        ({"is_base": True, "currency": "USD", "channel_ids": []}, (), "BASE_LIST"),
        ({"is_base": True, "currency": "USD", "active": False}, ("active",), "BASE_LIST"),
        ({"currency": "XXX"}, ("currency",), "UNKNOWN_CURRENCY"),
        ({"name": {}}, ("names",), "REQUIRED"),
        ({"name": {"xx": "?"}}, ("names",), "UNKNOWN_LOCALE"),
        ({"priority": 10**9}, ("priority",), "OUT_OF_RANGE"),
        ({"min_quantity": -1}, ("minQuantity",), "OUT_OF_RANGE"),
        ({"starts_at": NOW, "ends_at": NOW}, ("endsAt",), "ENDS_BEFORE_IT_STARTS"),
        ({"channel_ids": [new_id()]}, ("channelIds", "0"), "NOT_FOUND"),
        ({"location_ids": [new_id()]}, ("locationIds", "0"), "NOT_FOUND"),
        ({"customer_group_ids": [new_id()]}, ("customerGroupIds", "0"), "NOT_FOUND"),
    ],
)
async def test_what_is_wrong_is_told_at_its_place(
    shop: Shop, given: dict[str, Any], path: tuple[str, ...], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await make(shop, **given)
    assert (refused.value.path, refused.value.code) == (path, code)
    assert set(await price_lists_by_codes(shop.db, ["app", "base-brl"])) == {"base-brl"}


async def test_unknown_lists_stale_versions_and_other_places_are_refused(shop: Shop) -> None:
    key = await make(shop)
    with pytest.raises(NotFound):
        await alter(shop, new_id(), active=False)
    with pytest.raises(VersionConflict):
        await alter(shop, key, 7, active=False)
    with pytest.raises(InvalidInput):
        await alter(shop, shop.price_list_id, active=False)
    local: Any = shop.actor("manager", location_ids=frozenset({shop.locations["centro"]}))
    a = await shop.variant("A")
    for change in (
        lambda tx: update_price_list(tx, local, price_list_id=key, given={"priority": 3}),
        lambda tx: update_price_list(tx, local, price_list_id=key, given={"location_ids": [shop.locations["praia"]]}),
    ):
        with pytest.raises((Refusal, Refusals)):
            await shop.db.run(change)
    with pytest.raises(Refusal):
        await shop.db.run(
            lambda tx: set_prices(tx, local, price_list_id=shop.price_list_id, changes=[PriceChange(a, 1)])
        )
    await alter(shop, key, location_ids=[shop.locations["centro"]])
    done = await shop.db.run(lambda tx: set_prices(tx, local, price_list_id=key, changes=[PriceChange(a, 1)]))
    assert done.variant_ids == [a]
