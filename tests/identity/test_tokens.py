"""Tokens are drawn at random, stored as a hash alone, and made for nobody beyond the maker's reach."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text

from app.identity import clients, devices, staff, tokens
from app.identity.errors import BeyondReach
from app.identity.permissions import ROLES
from app.identity.principal import Actor, Principal
from app.identity.tables import token
from app.identity.tokens import Bearer
from app.platform.db import Database
from app.platform.errors import InvalidInput, NotFound
from tests.shop import Shop

ANA: staff.StaffFields = {
    "name": "Ana",
    "email": "ana@feira.example",
    "role": "cashier",
    "location_ids": None,
    "channel_ids": None,
}


async def everything_stored(db: Database) -> str:
    """Every row of every table, as text."""
    tables = await db.rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    rows = [await db.rows(text(f'SELECT t::text AS row FROM "{one.tablename}" t')) for one in tables]
    return "\n".join(row.row for some in rows for row in some)


def test_secrets_are_long_random_and_say_their_kind() -> None:
    drawn = {tokens.draw("staff") for _ in range(100)}
    assert len(drawn) == 100
    assert all(secret.startswith("fst_") and len(secret) == 47 for secret in drawn)
    assert tokens.draw("device").startswith("fdv_")
    assert tokens.draw("client").startswith("fcl_")


async def test_a_secret_is_nowhere_in_the_database(shop: Shop) -> None:
    owner = shop.actor("owner")
    staff_id = await shop.db.run(lambda tx: staff.create(tx, owner, ANA))
    made = await shop.db.run(lambda tx: tokens.create(tx, owner, bearer=Bearer("staff", staff_id), label="Balcão"))
    stored = await everything_stored(shop.db)
    assert "Balcão" in stored
    assert made.secret not in stored
    assert made.secret[12:] not in stored
    assert made.secret.encode().hex() not in stored
    assert made.secret not in repr(made)
    row = await shop.db.row(select(token).where(token.c.id == made.id))
    assert row is not None
    assert row.hash == tokens.digest(made.secret)


async def test_a_token_is_made_for_the_active_and_into_the_future(shop: Shop) -> None:
    owner = shop.actor("owner")
    bearer = Bearer("staff", await shop.db.run(lambda tx: staff.create(tx, owner, ANA)))
    with pytest.raises(InvalidInput) as past:
        await shop.db.run(lambda tx: tokens.create(tx, owner, bearer=bearer, expires_at=owner.now))
    assert (past.value.code, past.value.path) == ("IN_THE_PAST", ("expiresAt",))
    given: staff.StaffFields = {"active": False}
    await shop.db.run(lambda tx: staff.update_staff(tx, owner, staff_id=bearer.id, given=given))
    with pytest.raises(InvalidInput) as gone:
        await shop.db.run(lambda tx: tokens.create(tx, owner, bearer=bearer))
    assert gone.value.code == "INACTIVE"


async def test_no_token_survives_a_deactivation_that_runs_beside_it(shop: Shop) -> None:
    owner = shop.actor("owner")
    bearer = Bearer("staff", await shop.db.run(lambda tx: staff.create(tx, owner, ANA)))
    given: staff.StaffFields = {"active": False}
    for _ in range(10):
        await asyncio.gather(
            shop.db.run(lambda tx: tokens.create(tx, owner, bearer=bearer)),
            shop.db.run(lambda tx: staff.update_staff(tx, owner, staff_id=bearer.id, given=given)),
            return_exceptions=True,
        )
        assert await shop.db.row(select(token).where(token.c.revoked_at.is_(None))) is None
        back: staff.StaffFields = {"active": True}
        await shop.db.run(partial(staff.update_staff, actor=owner, staff_id=bearer.id, given=back))


def somewhere(shop: Shop, **columns: Any) -> Actor:
    """An owner at `centro`, in the channel `pos` only, unless told otherwise."""
    places = {
        "location_ids": frozenset({shop.locations["centro"]}),
        "channel_ids": frozenset({shop.channels["pos"]}),
    }
    return shop.actor("owner", channel="pos", **places | columns)


async def test_nobody_makes_or_revokes_a_token_of_bearers_beyond_their_reach(shop: Shop) -> None:
    owner, local = shop.actor("owner"), somewhere(shop)
    praia: devices.DeviceFields = {"name": "Praia", "register_id": shop.registers["praia-1"]}
    web = shop.channels["web"]
    beyond = [
        Bearer("staff", await shop.db.run(lambda tx: staff.create(tx, owner, ANA))),
        Bearer("device", await shop.db.run(lambda tx: devices.create(tx, owner, praia))),
        Bearer("client", await shop.db.run(lambda tx: clients.create(tx, owner, name="Site", channel_id=web))),
    ]
    for bearer in beyond:
        with pytest.raises(NotFound):
            await shop.db.run(partial(tokens.create, actor=local, bearer=bearer))
        made = await shop.db.run(partial(tokens.create, actor=owner, bearer=bearer))
        with pytest.raises(NotFound):
            await shop.db.run(partial(tokens.revoke, actor=local, token_id=made.id))
    assert await shop.db.row(select(token).where(token.c.revoked_at.is_not(None))) is None


async def test_nobody_makes_a_token_of_a_role_that_may_more(shop: Shop) -> None:
    owner = shop.actor("owner")
    boss: staff.StaffFields = {**ANA, "role": "owner"}
    bearer = Bearer("staff", await shop.db.run(lambda tx: staff.create(tx, owner, boss)))
    clerk = Principal(kind="staff", role="manager", id=bearer.id, permissions=ROLES["manager"] | {"staff.write"})
    actor = Actor(principal=clerk, channel_id=owner.channel_id, locale="en", now=owner.now)
    with pytest.raises(BeyondReach):
        await shop.db.run(lambda tx: tokens.create(tx, actor, bearer=bearer))


async def test_revoking_twice_keeps_the_first_time(shop: Shop) -> None:
    owner = shop.actor("owner")
    bearer = Bearer("staff", await shop.db.run(lambda tx: staff.create(tx, owner, ANA)))
    made = await shop.db.run(lambda tx: tokens.create(tx, owner, bearer=bearer))
    await shop.db.run(lambda tx: tokens.revoke(tx, owner, token_id=made.id))
    later = Actor(
        principal=owner.principal, channel_id=owner.channel_id, locale="en", now=owner.now + timedelta(days=1)
    )
    await shop.db.run(lambda tx: tokens.revoke(tx, later, token_id=made.id))
    assert await shop.db.value(select(token.c.revoked_at)) == owner.now
