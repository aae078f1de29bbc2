"""Registers: a place in a channel, at a location of that channel; every change is told."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from app.channels.tables import channel_location
from app.events.scopes import register_scopes
from app.events.tables import outbox
from app.identity.principal import Actor
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from app.pos import registers
from app.pos.queries import all_registers, registers_by_codes, registers_by_ids
from tests.shop import Shop


async def put_up(shop: Shop, actor: Actor, code: str = "centro-3", **given: Any) -> UUID:
    places = {"location_id": shop.locations["centro"], "channel_id": shop.channels["pos"]} | given
    return await shop.db.run(lambda tx: registers.create(tx, actor, code=code, name="Caixa 3", **places))


async def change(shop: Shop, actor: Actor, code: str, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    register_id = shop.registers[code]
    await shop.db.run(
        lambda tx: registers.update_register(tx, actor, register_id=register_id, given=fields, expected_version=version)
    )


async def test_every_change_of_a_register_is_told_to_where_it_was_and_is(shop: Shop) -> None:
    owner = shop.actor("owner")
    register_id = await put_up(shop, owner)
    shop.registers["centro-3"] = register_id
    await change(shop, owner, "centro-3", location_id=shop.locations["praia"])
    await change(shop, owner, "centro-3", active=False)
    told = await shop.db.rows(select(outbox).order_by(outbox.c.id))
    centro, praia = (register_scopes(shop.locations[code], active=True) for code in ("centro", "praia"))
    closed = register_scopes(shop.locations["praia"], active=False)
    assert not set(closed) & set(praia)
    assert [(row.topic, row.entity_id, row.version, row.scopes_before, row.scopes_after) for row in told] == [
        ("REGISTER", register_id, 1, [], centro),
        ("REGISTER", register_id, 2, centro, praia),
        ("REGISTER", register_id, 3, praia, closed),
    ]


async def test_a_code_is_one_registers_even_when_two_are_put_up_at_once(shop: Shop) -> None:
    owner = shop.actor("owner")
    results = await asyncio.gather(*(put_up(shop, owner) for _ in range(4)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, InvalidInput)]
    assert [(one.code, one.path) for one in refused] == [("ALREADY_TAKEN", ("code",))] * 3
    assert len(await shop.db.rows(select(outbox))) == 1


async def test_a_register_stands_where_its_channel_sells_from(shop: Shop) -> None:
    owner = shop.actor("owner")
    async with shop.db.transaction() as tx:
        await tx.execute(delete(channel_location).where(channel_location.c.location_id == shop.locations["cd"]))
    with pytest.raises(InvalidInput) as refused:
        await put_up(shop, owner, location_id=shop.locations["cd"])
    assert refused.value.code == "NOT_SOLD_FROM_HERE"
    unknowns: list[dict[str, Any]] = [{"location_id": new_id()}, {"channel_id": new_id()}]
    for unknown in unknowns:
        with pytest.raises((InvalidInput, NotFound)):
            await put_up(shop, owner, **unknown)


async def test_who_works_at_some_locations_writes_their_registers(shop: Shop) -> None:
    local = shop.actor("owner", location_ids=frozenset({shop.locations["centro"]}))
    await change(shop, local, "centro-1", 1, name="Caixa Um")
    with pytest.raises(VersionConflict):
        await change(shop, local, "centro-1", 1, name="Outro")
    with pytest.raises(NotFound):
        await change(shop, local, "praia-1", name="Minha")
    with pytest.raises(NotFound):
        await change(shop, local, "centro-1", location_id=shop.locations["praia"])
    with pytest.raises(NotFound):
        await put_up(shop, local, location_id=shop.locations["praia"])


async def test_batches_answer_what_there_is(shop: Shop) -> None:
    assert [row.code for row in await all_registers(shop.db)] == ["centro-1", "centro-2", "praia-1"]
    assert set(await registers_by_codes(shop.db, ["praia-1", "x"])) == {"praia-1"}
    register_id = shop.registers["praia-1"]
    assert set(await registers_by_ids(shop.db, [register_id, new_id()])) == {register_id}
