"""Asks the library's schema through the engine alone."""

from typing import Any

from app.api.engine.execute import Engine, Result
from app.api.engine.limits import Limits
from tests.api.engine.library import Reader, make_schema

PLAIN = Engine(make_schema())


async def ask(
    text: str, variables: dict[str, Any] | None = None, *, engine: Engine = PLAIN, reader: Reader | None = None
) -> tuple[Result, Reader]:
    """The result of an operation and the context that it ran in."""
    reader = reader or Reader()
    operation = engine.operation(text)
    engine.cost(operation, variables or {})
    return await engine.execute(operation, variables or {}, reader), reader


async def data(text: str, variables: dict[str, Any] | None = None, *, engine: Engine = PLAIN) -> Any:
    """The data of an operation that must have no errors."""
    result, _ = await ask(text, variables, engine=engine)
    assert result.errors == []
    return result.data


def engine(production: bool = False, **limits: Any) -> Engine:
    """An engine with other limits."""
    return Engine(make_schema(), limits=Limits(**limits), production=production)
