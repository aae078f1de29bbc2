"""The library's schema behind a real server on the loopback, mounted in Litestar as the app mounts its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from app.api.engine.errors import RequestError
from app.api.engine.limits import Limits
from app.api.transport.desk import Observation
from app.api.transport.request import Request
from app.api.transport.route import Example, GraphQLRoute
from tests.api.engine.library import Reader, make_schema
from tests.listening import listening

EXAMPLES = [
    Example("Hello", 'query Hello { hello(name: "</script>") }'),
    Example("Books", "query Books($first: Int!) { books(first: $first) { title } }", {"first": 2}, {"x-who": "ana"}),
    Example("Count", "subscription Count { count(to: 3) }"),
]


@dataclass
class Server:
    """A running server: where it is, what it observed, and every context that it made."""

    url: str
    route: GraphQLRoute
    observed: list[Observation] = field(default_factory=list)
    contexts: list[Reader] = field(default_factory=list)

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@asynccontextmanager
async def serving(limits: Limits | None = None, **settings: Any) -> AsyncIterator[Server]:
    """Starts a server and stops it again. The token "bad" is UNAUTHENTICATED, "banned" FORBIDDEN, "crash" crashes."""
    observed: list[Observation] = []
    contexts: list[Reader] = []

    async def context_for(request: Request) -> Reader:
        token = (request.authorization or "Bearer anyone").removeprefix("Bearer ")
        if token == "bad":
            raise RequestError("UNAUTHENTICATED", "Unknown token.")
        if token == "banned":
            raise RequestError("FORBIDDEN", "You are banned.")
        if token == "crash":
            raise RuntimeError("the password is hunter2")
        contexts.append(Reader(name=token))
        return contexts[-1]

    async def extensions_for(context: Reader) -> Mapping[str, Any]:
        return {"asOf": "42", "reader": context.name}

    route = GraphQLRoute(
        make_schema(),
        context_for=context_for,
        limits=limits,
        examples=EXAMPLES,
        observe=observed.append,
        extensions_for=extensions_for,
        extension_headers={"asOf": "Feira-Position"},
        vary=("Accept-Language",),
        **settings,
    )

    @asgi("/graphql", is_mount=True, copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await route(scope, receive, send)

    async with listening(Litestar([graphql])) as url:
        yield Server(f"{url}/graphql", route, observed, contexts)
