"""A real server on the loopback over the whole application, and clients of it that send the shop's own documents."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpx

from app.api.documents import document
from app.identity import devices, staff, tokens
from app.identity.tokens import Bearer
from app.main import create_app
from app.platform import ids
from app.platform.config import Settings
from tests.listening import listening
from tests.shop import Shop

GRAPHQL: Final = "application/graphql-response+json"
# What a mutation's payload says in any case.
REFUSED = "userErrors { __typename code path message } replayed"


@dataclass
class Server:
    """`tokens`: by who calls, nobody's for a guest. `executed`: the documents that were answered without errors."""

    shop: Shop
    url: str
    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)
    executed: set[str] = field(default_factory=set)

    def headers(self, who: str | None = None, **more: str) -> dict[str, str]:
        token = {"authorization": f"Bearer {self.tokens[who]}"} if who is not None else {}
        return {"accept": GRAPHQL, **token, **more}

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, who: str | None = None, **headers: str
    ) -> httpx.Response:
        body = {"query": query, "variables": dict(variables or {})}
        return await self.client.post("/graphql", json=body, headers=self.headers(who, **headers))

    async def ask(
        self, query: str, variables: Mapping[str, Any] | None = None, *, who: str | None = None, **headers: str
    ) -> Any:
        """The data, which must have come without errors."""
        response = await self.post(query, variables, who=who, **headers)
        body = response.json()
        assert response.status_code == 200, (response.status_code, body)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def run(self, name: str, *, who: str | None = None, channel: str | None = None, **variables: Any) -> Any:
        """Send a document of graphql/, such as "pos/sell", as its client would; the root field's value."""
        headers = {"feira-channel": channel} if channel else {}
        data = await self.ask(document(*name.split("/")), variables, who=who, **headers)
        self.executed.add(name)
        [value] = data.values()
        return value

    async def done(self, name: str, *, who: str | None = None, channel: str | None = None, **given: Any) -> Any:
        """The payload of a mutation's document with this input, which must not be refused."""
        payload = await self.run(name, who=who, channel=channel, input=given)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    async def write(self, mutation: str, given: Mapping[str, Any], answer: str = "", *, who: str | None = None) -> Any:
        """What a mutation's payload says."""
        kind = mutation[0].upper() + mutation[1:]
        query = f"mutation Write($input: {kind}Input!) {{ {mutation}(input: $input) {{ {REFUSED} {answer} }} }}"
        return (await self.ask(query, {"input": dict(given)}, who=who))[mutation]

    def location(self, code: str) -> str:
        return ids.encode("Location", self.shop.locations[code])

    def variant(self, sku: str) -> str:
        return ids.encode("Variant", self.shop.variants[sku])

    async def hire(self, name: str, role: str, *places: str) -> None:
        """Staff with a token under `name`, everywhere or at these locations."""
        reach = [self.shop.locations[code] for code in places] or None
        given: Any = {"name": name, "email": f"{name}@feira.example", "role": role}
        given |= {"location_ids": reach, "channel_ids": None}
        key = await self.shop.db.run(partial(staff.create, actor=self.shop.actor(), given=given))
        await self._token(name, Bearer("staff", key))

    async def install(self, name: str, register: str) -> None:
        """A till at this register, with a token under `name`."""
        given: Any = {"name": name, "register_id": self.shop.registers[register]}
        key = await self.shop.db.run(partial(devices.create, actor=self.shop.actor(), given=given))
        await self._token(name, Bearer("device", key))

    async def _token(self, name: str, bearer: Bearer) -> None:
        made = await self.shop.db.run(partial(tokens.create, actor=self.shop.actor(), bearer=bearer))
        self.tokens[name] = made.secret


@asynccontextmanager
async def serving(
    shop: Shop, database_url: str, *, working: bool = False, beside: Server | None = None
) -> AsyncIterator[Server]:
    """The application on this database, with an owner, a cashier of centro, and the tills centro-1 and praia-1.

    `beside`: one that serves the same database, whose tokens this one takes.
    """
    app = create_app(Settings(database_url=database_url, log_format="json"), working=working)
    limits = httpx.Limits(max_connections=250, max_keepalive_connections=250)
    async with listening(app) as url, httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        server = Server(shop, url, client)
        if beside is not None:
            server.tokens = beside.tokens
            yield server
            return
        await server.hire("owner", "owner")
        await server.hire("cashier", "cashier", "centro")
        await server.install("till", "centro-1")
        await server.install("praia", "praia-1")
        yield server


def money(minor: int) -> dict[str, str]:
    """As `MoneyInput` takes it."""
    return {"amount": f"{minor / 100:.2f}", "currency": "BRL"}


def tender(minor: int, method: str = "CASH", **more: Any) -> dict[str, Any]:
    return {"method": method, "amount": money(minor), **more}
