"""Fixtures of those who browse."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.browse import sets
from app.events import follower
from tests.api.keeping import Keeping, keeping
from tests.shop import Shop


@pytest_asyncio.fixture
async def keeps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keeping]:
    """A shop, and a process that keeps what it browses."""
    monkeypatch.setattr(follower, "TRUSTED_FOR", 600)
    # Whatever the machine has to do besides, prices are waited for.
    monkeypatch.setattr(sets, "PATIENCE", 60)
    async with keeping(shop) as keeping_:
        yield keeping_
