"""A counter to ask at: an engine over some roots, called with a token as HTTP would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.api.authenticate import contexts
from app.api.context import Info
from app.api.engine.errors import RequestError
from app.api.engine.execute import Engine
from app.api.errors import InvalidInput, NotFound, VersionConflict
from app.api.nodes import Node, load_nodes
from app.api.scalars import SCALARS
from app.api.transport.request import Request, read_headers
from app.platform import ids
from app.platform.db import Database


@strawberry.type
class NodeQueries:
    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return (await load_nodes(info.context, [ids.decode_any(id)]))[0]


def request(token: str | None = None, headers: Mapping[str, str] | None = None, **params: Any) -> Request:
    """As it comes from the wire; `params` as of `connection_init`."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    scope: Any = {"type": "http", "headers": raw, "client": ("127.0.0.1", 1)}
    made = Request(scope, read_headers(scope))
    made.params = params
    return made


@dataclass
class Counter:
    db: Database
    engine: Engine
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, document: str, *, token: str | None = None, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> Any:
        """The data, which must have come without errors."""
        result = await self.answer(document, token=token, headers=headers, **variables)
        assert not result.errors, result.errors
        return result.data

    async def answer(
        self, document: str, *, token: str | None = None, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> Any:
        context = await contexts(self.db)(request(token, headers))
        return await self.engine.execute(self.engine.operation(document), variables, context)

    async def write(self, mutation: str, given: Mapping[str, Any], *, token: str | None, answer: str = "") -> Any:
        """What a mutation's payload says."""
        kind = mutation[0].upper() + mutation[1:]
        document = (
            f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) "
            f"{{ replayed userErrors {{ code path message __typename }} {answer} }} }}"
        )
        return (await self.ask(document, token=token, input=dict(given)))[mutation]


def counter(db: Database, query: type, mutation: type | None = None) -> Counter:
    refusals = [InvalidInput, NotFound, VersionConflict]
    schema = strawberry.Schema(query, mutation, types=refusals, config=StrawberryConfig(scalar_map=SCALARS))
    return Counter(db, Engine(schema))


__all__ = ["Counter", "NodeQueries", "RequestError", "counter", "request"]
