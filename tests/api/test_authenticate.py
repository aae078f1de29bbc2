"""Contexts: credentials, and the channels and languages that follow from them or are named beside them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.api.authenticate import contexts
from app.api.context import Context
from app.api.engine.errors import RequestError
from app.channels import channels
from app.identity import clients, devices, staff, tokens
from app.identity.tokens import Bearer
from app.platform.db import Database
from tests.api.counter import request
from tests.api.market import GRAPHQL, open_market
from tests.shop import Shop

Ask = Callable[..., Awaitable[Context]]


class Asking:
    """Makes contexts, and tokens to make them with."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.context_for = contexts(shop.db)

    async def __call__(self, token: str | None = None, channel: str | None = None, **params: Any) -> Context:
        headers = {} if channel is None else {"Feira-Channel": channel}
        return await self.context_for(request(token, headers, **params))

    async def refused(self, code: str, token: str | None = None, channel: str | None = None, **params: Any) -> None:
        with pytest.raises(RequestError) as refused:
            await self(token, channel, **params)
        assert refused.value.code == code

    async def token(self, kind: str, place: str = "", **given: Any) -> str:
        owner = self.shop.actor("owner")

        async def command(tx: Any) -> str:
            match kind:
                case "device":
                    key = await devices.create(tx, owner, {"name": "x", "register_id": self.shop.registers[place]})
                case "client":
                    key = await clients.create(tx, owner, name="x", channel_id=self.shop.channels[place])
                case _:
                    row: Any = {
                        "name": "x",
                        "email": "x@feira.example",
                        "role": "cashier",
                        "location_ids": None,
                    } | given
                    key = await staff.create(tx, owner, {"channel_ids": None} | row)
            bearer: Any = Bearer(kind, key)  # type: ignore[arg-type]
            return (await tokens.create(tx, owner, bearer=bearer)).secret

        return await self.shop.db.run(command)


@pytest.fixture
def ask(shop: Shop) -> Asking:
    return Asking(shop)


async def test_without_a_token_a_shopper_is_in_the_default_channel_or_the_one_named(ask: Asking) -> None:
    context = await ask()
    assert (context.principal.kind, context.channel.code, context.principal.permissions) == (
        "anonymous",
        "web",
        frozenset(),
    )
    assert (await ask(channel="app")).channel.code == "app"


async def test_a_tills_channel_is_not_a_shoppers_to_name(ask: Asking) -> None:
    await ask.refused("BAD_REQUEST", channel="pos")
    assert (await ask(await ask.token("staff"), "pos")).channel.code == "pos"


async def test_a_bound_credential_is_in_its_channel_whatever_else_is_said(ask: Asking) -> None:
    till, app = await ask.token("device", "centro-1"), await ask.token("client", "app")
    assert (await ask(till)).channel.code == "pos"
    assert (await ask(till, "pos")).channel.code == "pos"
    assert (await ask(app)).channel.code == "app"
    for token, other in ((till, "web"), (app, "web"), (app, "pos"), (till, "nowhere"), (till, "pos, web")):
        await ask.refused("BAD_REQUEST", token, other)


async def test_staff_work_in_the_channels_of_their_scope_and_no_other(ask: Asking, shop: Shop) -> None:
    token = await ask.token("staff", channel_ids=[shop.channels["pos"], shop.channels["app"]])
    assert (await ask(token)).channel.code == "app"
    assert (await ask(token, "pos")).channel.code == "pos"
    await ask.refused("BAD_REQUEST", token, "web")


async def test_an_unknown_or_closed_channel_is_refused(ask: Asking, shop: Shop) -> None:
    app = await ask.token("client", "app")
    for channel in ("nowhere", "WEB", "web,app", "x" * 5_000, "' OR 1=1 --", "é"):
        await ask.refused("BAD_REQUEST", channel=channel)
    owner, channel_id = shop.actor("owner"), shop.channels["app"]
    await ask(channel="app")
    await shop.db.run(lambda tx: channels.update_channel(tx, owner, channel_id=channel_id, given={"active": False}))
    await asyncio.sleep(1.6)
    await ask.refused("BAD_REQUEST", channel="app")
    await ask.refused("UNAUTHENTICATED", app)


async def test_a_token_that_is_none_of_ours_is_refused_not_taken_for_a_shopper(ask: Asking) -> None:
    good = await ask.token("staff")
    bad = [good[:-1], good + "A", good.lower(), "fst_" + "A" * 43, "", " ", f"{good}, Bearer {good}"]
    for token in bad:
        await ask.refused("UNAUTHENTICATED", token)
    for header in ("Basic abc", good, "Bearer", "bearer", f"Token {good}"):
        with pytest.raises(RequestError) as refused:
            await ask.context_for(request(headers={"Authorization": header}))
        assert refused.value.code == "UNAUTHENTICATED"
    context = await ask.context_for(request(headers={"authorization": f"bearer  {good}"}))
    assert context.principal.kind == "staff"


async def test_production_takes_no_demo_tokens(shop: Shop) -> None:
    owner = shop.actor("owner")

    async def command(tx: Any) -> str:
        given: Any = {"name": "x", "email": "x@feira.example", "role": "owner"}
        key = await staff.create(tx, owner, given | {"location_ids": None, "channel_ids": None})
        return (await tokens.create(tx, owner, bearer=Bearer("staff", key), demo=True)).secret

    secret = await shop.db.run(command)
    assert (await contexts(shop.db)(request(secret))).principal.role == "owner"
    with pytest.raises(RequestError):
        await contexts(shop.db, production=True)(request(secret))


async def test_the_language_is_negotiated(ask: Asking) -> None:
    for wanted, locale in (("en-GB,pt;q=0.5", "en"), ("pt", "pt-BR"), ("fr", "pt-BR"), ("", "pt-BR")):
        context = await ask.context_for(request(headers={"Accept-Language": wanted}))
        assert context.locale == locale


async def test_a_websocket_says_in_its_init_what_others_say_in_headers(ask: Asking) -> None:
    token = await ask.token("staff")
    said: dict[str, Any] = {"Authorization": f"Bearer {token}", "Feira-Channel": "app", "Accept-Language": "en"}
    context = await ask(**said)
    assert (context.principal.kind, context.channel.code, context.locale) == ("staff", "app", "en")
    await ask.refused("BAD_REQUEST", **{"feira-channel": "nowhere"})
    nonsense: dict[str, Any] = {"Feira-Channel": ["app"], "Authorization": None}
    assert (await ask(**nonsense)).channel.code == "web"


async def test_a_shop_without_a_channel_says_so(database: Database) -> None:
    with pytest.raises(RequestError) as refused:
        await contexts(database)(request())
    assert (refused.value.code, refused.value.message) == ("BAD_REQUEST", "This shop has no channel yet.")


async def test_who_writes_their_credential_otherwise_pays_from_the_same_budget(database_url: str) -> None:
    async with open_market(database_url, cost_per_second=1) as market:
        asked = {"query": "{ products(first: 14) { nodes { id } } }"}
        statuses = []
        for scheme in ("Bearer ", "Bearer   ", "bearer ", "BEARER "):
            headers = {"accept": GRAPHQL, "authorization": scheme + market.tokens["client"]}
            statuses.append((await market.client.post("/graphql", json=asked, headers=headers)).status_code)
        assert statuses == [200, 429, 429, 429]
        assert (await market.client.post("/graphql", json=asked, headers={"accept": GRAPHQL})).status_code == 200
