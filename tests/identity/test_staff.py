"""Nobody gives more than they have, and the shop always keeps an owner."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.identity import staff
from app.identity.errors import BeyondReach, LastOwner
from app.identity.permissions import ROLES
from app.identity.principal import Actor, Principal
from app.identity.tables import staff as table
from app.platform.errors import InvalidInput, NotFound, Refusals, VersionConflict
from app.platform.ids import new_id
from tests.shop import Shop


async def hire(shop: Shop, actor: Actor, email: str = "ana@feira.example", **given: Any) -> UUID:
    fields: Any = {"name": "Ana", "email": email, "role": "cashier", "location_ids": None, "channel_ids": None} | given
    return await shop.db.run(lambda tx: staff.create(tx, actor, fields))


async def change(shop: Shop, actor: Actor, staff_id: UUID, version: int | None = None, **given: Any) -> UUID:
    fields: Any = given
    return await shop.db.run(
        lambda tx: staff.update_staff(tx, actor, staff_id=staff_id, given=fields, expected_version=version)
    )


def local(shop: Shop) -> Actor:
    return shop.actor(
        "owner",
        location_ids=frozenset({shop.locations["centro"]}),
        channel_ids=frozenset({shop.channels["pos"], shop.channels["web"]}),
    )


async def test_nobody_hires_beyond_their_own_places(shop: Shop) -> None:
    actor = local(shop)
    centro, praia, web, app = (
        shop.locations["centro"], shop.locations["praia"], shop.channels["web"], shop.channels["app"],
    )  # fmt: skip
    attempts: list[tuple[dict[str, Any], str]] = [
        ({"location_ids": None, "channel_ids": [web]}, "locationIds"),
        ({"location_ids": [centro, praia], "channel_ids": [web]}, "locationIds"),
        ({"location_ids": [centro], "channel_ids": None}, "channelIds"),
        ({"location_ids": [centro], "channel_ids": [web, app]}, "channelIds"),
    ]
    for places, path in attempts:
        with pytest.raises(BeyondReach) as beyond:
            await hire(shop, actor, **places)
        assert beyond.value.path == (path,)
    await hire(shop, actor, location_ids=[centro], channel_ids=[web])


async def test_nobody_widens_their_own_scope(shop: Shop) -> None:
    owner, actor = shop.actor("owner"), local(shop)
    places: dict[str, Any] = {"location_ids": [shop.locations["centro"]], "channel_ids": [shop.channels["pos"]]}
    own = await hire(shop, owner, role="owner", **places)
    for wider in ({"location_ids": None}, {"channel_ids": None}, {"location_ids": [shop.locations["praia"]]}):
        with pytest.raises(BeyondReach):
            await change(shop, actor, own, **wider)


async def test_nobody_touches_staff_beyond_their_reach(shop: Shop) -> None:
    owner, actor = shop.actor("owner"), local(shop)
    elsewhere = await hire(shop, owner, location_ids=[shop.locations["praia"]], channel_ids=[shop.channels["pos"]])
    everywhere = await hire(shop, owner, "bia@feira.example")
    for staff_id in (elsewhere, everywhere, new_id()):
        with pytest.raises(NotFound):
            await change(shop, actor, staff_id, name="Mine")


async def test_nobody_gives_or_changes_a_role_that_may_more(shop: Shop) -> None:
    owner = shop.actor("owner")
    principal = Principal(kind="staff", role="manager", id=new_id(), permissions=ROLES["manager"] | {"staff.write"})
    actor = Actor(principal=principal, channel_id=owner.channel_id, locale="en", now=owner.now)
    with pytest.raises(BeyondReach):
        await hire(shop, actor, role="owner")
    boss = await hire(shop, owner, "boss@feira.example", role="owner")
    await hire(shop, owner, "other@feira.example", role="owner")
    with pytest.raises(BeyondReach):
        await change(shop, actor, boss, role="readonly")
    cashier = await hire(shop, actor, role="cashier")
    with pytest.raises(BeyondReach):
        await change(shop, actor, cashier, role="owner")


@pytest.mark.parametrize("given", [{"active": False}, {"role": "manager"}, {"location_ids": "centro"}])
async def test_the_last_owner_stays(shop: Shop, given: dict[str, Any]) -> None:
    owner = shop.actor("owner")
    if "location_ids" in given:
        given = {"location_ids": [shop.locations["centro"]]}
    boss = await hire(shop, owner, role="owner")
    await hire(shop, owner, "local@feira.example", role="owner", location_ids=[shop.locations["centro"]])
    with pytest.raises(LastOwner):
        await change(shop, owner, boss, **given)
    await hire(shop, owner, "second@feira.example", role="owner")
    await change(shop, owner, boss, **given)


async def test_two_owners_cannot_depose_one_another(shop: Shop) -> None:
    owner = shop.actor("owner")
    for round_number in range(5):
        pair = [await hire(shop, owner, f"{round_number}{name}@feira.example", role="owner") for name in "ab"]
        for old in await shop.db.rows(select(table.c.id).where(table.c.id.not_in(pair), table.c.active)):
            await change(shop, owner, old.id, active=False)
        results = await asyncio.gather(
            *(change(shop, owner, staff_id, role="cashier") for staff_id in pair), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in results) == ["LastOwner", "UUID"]


async def test_an_email_address_is_one_staffs_even_when_two_hire_at_once(shop: Shop) -> None:
    owner = shop.actor("owner")
    addresses = ["Ana@feira.example", "ana@feira.example", "ANA@FEIRA.EXAMPLE"]
    results = await asyncio.gather(*(hire(shop, owner, email) for email in addresses), return_exceptions=True)
    refused = [one for one in results if isinstance(one, InvalidInput)]
    assert {(one.code, one.path) for one in refused} == {("ALREADY_TAKEN", ("email",))}
    assert len(refused) == 2
    assert await shop.db.value(select(func.count()).select_from(table)) == 1


async def test_what_is_wrong_is_told_at_once_and_nothing_is_written(shop: Shop) -> None:
    with pytest.raises(Refusals) as refused:
        await hire(shop, shop.actor("owner"), "not an address", name=" ", role="king")
    found = {(one.path, one.code) for one in refused.value.refusals}
    assert found == {(("name",), "REQUIRED"), (("email",), "INVALID_EMAIL"), (("role",), "UNKNOWN_VALUE")}
    assert await shop.db.value(select(func.count()).select_from(table)) == 0


async def test_unknown_places_are_refused(shop: Shop) -> None:
    with pytest.raises(NotFound) as refused:
        await hire(shop, shop.actor("owner"), location_ids=[shop.locations["centro"], new_id()])
    assert refused.value.path == ("locationIds", "1")


async def test_a_stale_version_is_refused_and_each_write_counts(shop: Shop) -> None:
    owner = shop.actor("owner")
    staff_id = await hire(shop, owner)
    await change(shop, owner, staff_id, 1, name="Ana Lima")
    with pytest.raises(VersionConflict) as stale:
        await change(shop, owner, staff_id, 1, name="Ana Souza")
    assert stale.value.current_version == 2
    assert await shop.db.value(select(table.c.name)) == "Ana Lima"
