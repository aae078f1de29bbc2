"""From a token to whom it stands for: scopes, expiry, revocation, and what is kept for a moment."""

import asyncio
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.identity import authentication, clients, devices, staff, tokens
from app.identity.authentication import authenticate
from app.identity.principal import Actor
from app.identity.recent import Recent
from app.identity.tables import token
from app.identity.tokens import Bearer, NewToken
from app.platform import clock
from app.platform.db import Tx
from app.pos import registers
from tests.shop import Shop


@pytest.fixture
def owner(shop: Shop) -> Actor:
    return shop.actor("owner")


async def cashier(shop: Shop, owner: Actor, **columns: Any) -> UUID:
    given: Any = {"name": "Ana", "email": f"{len(columns)}ana@feira.example", "role": "cashier"}

    async def command(tx: Tx) -> UUID:
        return await staff.create(tx, owner, {"location_ids": None, "channel_ids": None} | given | columns)

    return await shop.db.run(command)


async def token_of(shop: Shop, owner: Actor, bearer: Bearer, **given: Any) -> NewToken:
    return await shop.db.run(lambda tx: tokens.create(tx, owner, bearer=bearer, **given))


async def eventually_refused(shop: Shop, secret: str) -> None:
    """Two seconds are promised."""
    async with asyncio.timeout(2):
        while await authenticate(shop.db, secret, clock.now()) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_staff_are_who_their_token_says_with_role_and_places(shop: Shop, owner: Actor) -> None:
    places = {"location_ids": [shop.locations["centro"]], "channel_ids": [shop.channels["pos"]]}
    staff_id = await cashier(shop, owner, **places)
    made = await token_of(shop, owner, Bearer("staff", staff_id))
    principal = await authenticate(shop.db, made.secret, clock.now())
    assert principal is not None
    assert (principal.kind, principal.role, principal.id, principal.name) == ("staff", "cashier", staff_id, "Ana")
    assert principal.works_at(shop.locations["centro"])
    assert not principal.works_at(shop.locations["praia"])
    assert principal.works_in(shop.channels["pos"])
    assert not principal.works_in(shop.channels["web"])
    assert principal.may("payments.settle")
    assert not principal.may("staff.write")


async def test_a_device_is_bound_to_its_register_and_moves_with_it(shop: Shop, owner: Actor) -> None:
    given: devices.DeviceFields = {"name": "Till", "register_id": shop.registers["centro-1"]}
    device_id = await shop.db.run(lambda tx: devices.create(tx, owner, given))
    made = await token_of(shop, owner, Bearer("device", device_id))
    before = await authenticate(shop.db, made.secret, clock.now())
    assert before is not None
    assert (before.register_id, before.channel_id) == (shop.registers["centro-1"], shop.channels["pos"])
    assert before.location_ids == frozenset({shop.locations["centro"]})
    moved: registers.RegisterFields = {"location_id": shop.locations["praia"]}
    register_id = shop.registers["centro-1"]
    await shop.db.run(lambda tx: registers.update_register(tx, owner, register_id=register_id, given=moved))
    await asyncio.sleep(authentication.FRESH_SECONDS + 0.1)
    after = await authenticate(shop.db, made.secret, clock.now())
    assert after is not None
    assert after.location_ids == frozenset({shop.locations["praia"]})


async def test_a_client_is_bound_to_its_channel_and_may_nothing_of_the_back_office(shop: Shop, owner: Actor) -> None:
    channel_id = shop.channels["app"]
    client_id = await shop.db.run(lambda tx: clients.create(tx, owner, name="App", channel_id=channel_id))
    made = await token_of(shop, owner, Bearer("client", client_id))
    principal = await authenticate(shop.db, made.secret, clock.now())
    assert principal is not None
    assert (principal.kind, principal.channel_id, principal.permissions) == ("client", channel_id, frozenset())


async def test_a_revoked_token_is_refused_within_two_seconds(shop: Shop, owner: Actor) -> None:
    made = await token_of(shop, owner, Bearer("staff", await cashier(shop, owner)))
    assert await authenticate(shop.db, made.secret, clock.now()) is not None
    await shop.db.run(lambda tx: tokens.revoke(tx, owner, token_id=made.id))
    await eventually_refused(shop, made.secret)


async def test_who_leaves_is_refused_and_does_not_come_back_with_an_old_token(shop: Shop, owner: Actor) -> None:
    staff_id = await cashier(shop, owner)
    made = await token_of(shop, owner, Bearer("staff", staff_id))
    for active in (False, True):
        given: staff.StaffFields = {"active": active}
        await shop.db.run(partial(staff.update_staff, actor=owner, staff_id=staff_id, given=given))
    await eventually_refused(shop, made.secret)


async def test_a_closed_register_refuses_its_devices(shop: Shop, owner: Actor) -> None:
    register_id = shop.registers["centro-1"]
    given: devices.DeviceFields = {"name": "Till", "register_id": register_id}
    device_id = await shop.db.run(lambda tx: devices.create(tx, owner, given))
    made = await token_of(shop, owner, Bearer("device", device_id))
    assert await authenticate(shop.db, made.secret, clock.now()) is not None
    closed: registers.RegisterFields = {"active": False}
    await shop.db.run(lambda tx: registers.update_register(tx, owner, register_id=register_id, given=closed))
    await eventually_refused(shop, made.secret)


async def test_a_token_ends_when_it_expires_even_while_it_is_remembered(shop: Shop, owner: Actor) -> None:
    expires_at = owner.now + timedelta(hours=1)
    made = await token_of(shop, owner, Bearer("staff", await cashier(shop, owner)), expires_at=expires_at)
    assert await authenticate(shop.db, made.secret, expires_at - timedelta(seconds=1)) is not None
    assert await authenticate(shop.db, made.secret, expires_at) is None


async def test_what_is_no_token_stands_for_nobody(shop: Shop) -> None:
    for secret in ("", "fst_", "fst_" + "0" * 43, "fst_" + "é" * 43, "x" * 100_000, "' OR 1=1 --", "\0"):
        assert await authenticate(shop.db, secret, clock.now()) is None


async def test_a_demo_token_is_refused_where_demo_tokens_are_not_taken(shop: Shop, owner: Actor) -> None:
    assert not await tokens.has_demo_tokens(shop.db, clock.now())
    made = await token_of(shop, owner, Bearer("staff", await cashier(shop, owner)), demo=True)
    assert await tokens.has_demo_tokens(shop.db, clock.now())
    assert await authenticate(shop.db, made.secret, clock.now()) is not None
    assert await authenticate(shop.db, made.secret, clock.now(), demo_tokens=False) is None
    await shop.db.run(lambda tx: tokens.revoke(tx, owner, token_id=made.id))
    assert not await tokens.has_demo_tokens(shop.db, clock.now())


async def test_use_is_noted_once_a_minute(shop: Shop, owner: Actor) -> None:
    made = await token_of(shop, owner, Bearer("staff", await cashier(shop, owner)))
    used = select(token.c.last_used_at).where(token.c.id == made.id)
    now = clock.now()
    await authenticate(shop.db, made.secret, now)
    assert await shop.db.value(used) == now
    authentication._known.clear()
    await authenticate(shop.db, made.secret, now + timedelta(seconds=59))
    assert await shop.db.value(used) == now
    authentication._known.clear()
    await authenticate(shop.db, made.secret, now + timedelta(seconds=60))
    assert await shop.db.value(used) == now + timedelta(seconds=60)


async def test_a_request_does_not_wait_long_to_note_its_use(shop: Shop, owner: Actor) -> None:
    made = await token_of(shop, owner, Bearer("staff", await cashier(shop, owner)))
    async with shop.db.transaction() as tx:
        await tx.execute(update(token).where(token.c.id == made.id).values(label="locked"))
        async with asyncio.timeout(authentication.NOTE_SECONDS + 1):
            assert await authenticate(shop.db, made.secret, clock.now()) is not None


async def test_what_is_remembered_is_bounded_and_short_lived() -> None:
    recent: Recent[int, str] = Recent(seconds=0.05, most=2)
    now = monotonic()
    for key in range(3):
        recent.keep(key, str(key), since=now)
    assert (len(recent), recent.get(0), recent.get(2)) == (2, None, "2")
    await asyncio.sleep(0.06)
    assert recent.get(2) is None
