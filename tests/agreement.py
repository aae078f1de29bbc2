"""Both executors at once: what is asked inside `agreeing()` is answered by a plan and by graphql-core, and compared.

A query is planned three times: as it is, with rows that are written down to be kept, and from those.

A mutation changes things once: what its root resolvers came to is remembered, and both executors complete it.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import msgspec
from graphql import GraphQLObjectType, print_ast

from app.api.engine import kept
from app.api.engine.documents import Operation
from app.api.engine.execute import Engine, Result
from app.api.engine.run import is_awaitable
from app.api.engine.ways import Kind

# As answers are written, and what no answer can hold as it is.
_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=repr).encode
Told = tuple[tuple[str | int, ...], str, str]
_done: ContextVar[dict[Any, Any] | None] = ContextVar("done", default=None)


@dataclass
class Agreement:
    """How many operations were compared, how many had no plan, how many answers were made of rows that were kept, and
    where the executors did not agree.
    """

    compared: int = 0
    kept: int = 0
    unplanned: int = 0
    differences: list[str] = field(default_factory=list)

    def check(self, at_least: int = 1) -> None:
        assert not self.differences, "\n\n".join(self.differences[:3])
        assert self.compared >= at_least, (self.compared, self.unplanned)


@contextmanager
def agreeing() -> Iterator[Agreement]:
    """Compare all that engines made within the block execute; check what it yields afterwards."""
    agreement = Agreement()
    begin, execute = Engine.__init__, Engine.execute

    def made(self: Engine, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        _remember_roots(self)

    async def both(
        self: Engine, operation: Operation, variables: Mapping[str, Any], context: Any, *, to_encode: bool = False
    ) -> Result:
        token = _done.set({} if operation.is_mutation else None)
        try:
            result = await execute(self, operation, variables, context, to_encode=to_encode)
            if not result.planned:
                agreement.unplanned += 1
                return result
            values = self._values(operation, variables)
            found = []
            # Something else may change what is read in between: only what differs again does differ.
            for attempt in range(3):
                planned = result if attempt == 0 else await execute(self, operation, variables, _fresh(context))
                core = await self._by_core(operation, values, _fresh(context))
                found = disagreements(planned, core)
                for _ in range(0 if self._lasting is None or operation.is_mutation else 2):
                    again = await execute(self, operation, variables, _fresh(context), to_encode=True)
                    found += [f"kept: {each}" for each in disagreements(again, core)]
                    agreement.kept += _has_kept(again.data)
                if not found:
                    break
            agreement.compared += 1
            if found:
                said = f"{print_ast(operation.node)}\n{dict(variables)}"
                agreement.differences.append("\n".join([*found, said]))
            return result
        finally:
            _done.reset(token)

    # Written down at the first run, not only once a plan has run again and again.
    at_once = patch.object(kept, "_RUNS", 0)
    with patch.object(Engine, "__init__", made), patch.object(Engine, "execute", both), at_once:
        yield agreement


def _has_kept(data: Any) -> bool:
    if isinstance(data, dict | list):
        return any(_has_kept(each) for each in (data.values() if isinstance(data, dict) else data))
    return isinstance(data, msgspec.Raw)


def _fresh(context: Any) -> Any:
    fresh = copy.copy(context)
    if hasattr(fresh, "memory"):
        fresh.memory = {}
    return fresh


def _remember_roots(engine: Engine) -> None:
    """Give each root field of the mutations a memory of what it came to, for the executor that comes second."""
    root = engine.schema.mutation_type
    if engine._planner is None or not isinstance(root, GraphQLObjectType):
        return
    for name, field_ in root.fields.items():
        way = engine._planner._ways["Mutation", name]
        if way.kind is Kind.CALL:
            way.function = _remembering(way.function)
        field_.resolve = _remembering(field_.resolve)


def _remembering(resolve: Any) -> Any:
    def remembered(source: Any, info: Any, *given: Any, **arguments: Any) -> Any:
        done = _done.get()
        if done is None:
            return resolve(source, info, *given, **arguments)
        key = id(info.field_nodes[0])
        if key in done:
            if isinstance(done[key], Exception):
                raise done[key]
            return done[key]
        return _noted(done, key, lambda: resolve(source, info, *given, **arguments))

    return remembered


async def _noted(done: dict[Any, Any], key: Any, resolve: Any) -> Any:
    try:
        value = resolve()
        done[key] = await value if is_awaitable(value) else value
    except Exception as error:
        done[key] = error
        raise
    return done[key]


def disagreements(planned: Result, core: Result) -> list[str]:
    """How two answers to one operation differ: data to the byte, errors by path, code and message.

    Where a null has gone up, each has at least one error of what is below; which ones is a matter of who came first.
    """
    found = []
    ours, theirs = _encode(planned.data), _encode(core.data)
    if ours != theirs:
        found.append(f"planned: {ours[:2_000].decode()}\ncore: {theirs[:2_000].decode()}")
    told, expected = _told(planned), _told(core)
    for one, other, whose in ((told, expected, "planned"), (expected, told, "core")):
        for error in one - other:
            above = _nulled(planned.data, error[0])
            if above is None or not any(path[: len(above)] == above for path, _, _ in other):
                found.append(f"only {whose} says: {error}")
    return found


def _told(result: Result) -> set[Told]:
    return {(tuple(error.get("path") or ()), error["extensions"]["code"], error["message"]) for error in result.errors}


def _nulled(data: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    """The place above the path where the answer is null; None where the path is in the answer."""
    for steps in range(len(path)):
        if data is None:
            return path[:steps]
        try:
            data = data[path[steps]]
        except (KeyError, IndexError, TypeError):
            return None
    return None
