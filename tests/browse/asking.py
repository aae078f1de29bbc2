"""Asking the catalog through the schema, as anybody, and counting the statements that it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import strawberry
from sqlalchemy import event
from strawberry.schema.config import StrawberryConfig

from app.api.catalog.queries import CatalogQueries
from app.api.context import Context
from app.api.engine.errors import Refused
from app.api.engine.execute import Engine, Result
from app.api.scalars import SCALARS
from app.channels.queries import channels_by_codes
from app.platform.clock import now
from tests.api.counter import NodeQueries
from tests.shop import Shop


@strawberry.type
class Query(NodeQueries, CatalogQueries):
    pass


ENGINE = Engine(strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS)))


class Asking:
    """One shop's catalog, asked by a role in a channel and a language."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def answer(
        self, document: str, *, role: str = "anonymous", channel: str = "web", locale: str = "pt-BR", **variables: Any
    ) -> Result:
        actor = self.shop.actor(role, channel=channel)
        row = (await channels_by_codes(self.shop.db, [channel]))[channel]
        context = Context(self.shop.db, actor.principal, row, locale, now(), base_url="http://127.0.0.1:8000")
        return await ENGINE.execute(ENGINE.operation(document), variables, context)

    async def ask(self, document: str, **how: Any) -> Any:
        """The data, which must have come without errors."""
        result = await self.answer(document, **how)
        assert not result.errors, result.errors
        return result.data

    async def refused(self, document: str, **how: Any) -> list[str]:
        """The codes of the errors, of which there must be some."""
        try:
            errors = (await self.answer(document, **how)).errors
        except Refused as refused:
            errors = refused.errors
        assert errors
        return [error["extensions"]["code"] for error in errors]

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The statements that are sent meanwhile."""
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            sent.append(statement)

        engine = self.shop.db.reads.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(engine, "before_cursor_execute", note)
