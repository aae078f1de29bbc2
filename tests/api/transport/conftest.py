"""One server for the tests of the wire, and a client on it."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.api.transport.serving import Server, serving


@pytest_asyncio.fixture(scope="session")
async def library() -> AsyncIterator[Server]:
    """Development, default limits."""
    async with serving(origins=["https://shop.example"]) as server:
        yield server


@pytest_asyncio.fixture
async def client(library: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the library; `Accept` is that of a GraphQL client."""
    headers = {"accept": "application/graphql-response+json"}
    async with httpx.AsyncClient(base_url=library.url, headers=headers, timeout=10) as client:
        yield client
