"""One response field of a plan: its values for all objects of a level at once, and how they are completed.

A column is filled in two steps. First it gets one value for each parent, by the field's `Way`. Then the values become
what the answer shows: leaves are coerced, lists are laid end to end so that the objects in them are one level more,
whose columns are filled in turn. Nothing waits that has not to: a column answers a list, or an awaitable of one.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution import Executor
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path as Linked
from graphql.pyutils import Undefined, is_iterable

from .batch import Batch, Pending
from .levels import BUBBLE, Level, Path
from .run import Info, is_awaitable
from .selection import variables_in
from .ways import Kind, Way

if TYPE_CHECKING:
    from .planned import Planned

Values: TypeAlias = list[Any]
Filled: TypeAlias = Values | Awaitable[Values]
Make: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]

# What nobody can change, so that one request can be given what another was given.
_LASTING = (str, int, float, bool, Decimal, Enum, UUID, datetime, date, type(None))
_WHOLE = {"String": str, "ID": str, "Boolean": bool}
_SMALLEST, _LARGEST = -(1 << 31), (1 << 31) - 1


class Arguments:
    """A field's arguments as its resolver takes them: coerced once where they name no variable."""

    __slots__ = ("_field", "_lasting", "_make", "_node", "_raw", "variables")

    def __init__(self, field: GraphQLField, node: FieldNode, make: Make) -> None:
        self._field = field
        self._node = node
        self._make = make
        self._raw: Mapping[str, Any] | None = None
        self._lasting: Mapping[str, Any] | None = None
        # The names of those that it takes values of.
        self.variables = variables_in(node.arguments or ())
        if not field.args:
            self._lasting = {}
        elif not self.variables:
            try:
                self._raw = get_argument_values(field, node)
                made = make(self._raw)
            except Exception:  # each run says what is wrong
                self._raw = None
                return
            if all(isinstance(value, _LASTING) for value in made.values()):
                self._lasting = made

    def of(self, run: "Planned") -> Mapping[str, Any]:
        """By the names that the resolver takes. Raises what coercion raises."""
        if self._lasting is not None:
            return self._lasting
        raw = self._raw
        if raw is None:
            raw = get_argument_values(self._field, self._node, run.variable_values, None, run.hide_suggestions)
        return self._make(raw)


class Place(Info):
    """The info of one parent's resolver, which finds its path when asked for it."""

    __slots__ = ("_column", "_level", "_place")

    def __init__(self, run: "Planned", column: "Column", level: Level, place: int) -> None:
        self.run = run  # type: ignore[assignment]
        self.field_nodes = column.nodes
        self.field_name = column.name
        self.return_type = column.field.type
        self.parent_type = column.parent
        self._column = column
        self._level = level
        self._place = place

    @property
    def path(self) -> Any:  # type: ignore[override]
        linked: Any = None
        for step in [*self._level.path(self._place), self._column.key]:
            linked = Linked(linked, step, None)
        return linked


class Column:
    """A response field of one object type. `nullable`: whether null may stand for it, and for what is in its lists.
    `watched`: whether a run that is watched (`kept`) notes what it was filled for.

    `shared`: the same field of the document stands at several places of the plan, by a fragment or an interface, so
    that parents from all of them are asked for together where they come by at the same time.
    """

    __slots__ = (
        "__weakref__",
        "arguments",
        "depth",
        "field",
        "key",
        "name",
        "nodes",
        "nullable",
        "parent",
        "shared",
        "watched",
        "way",
    )

    def __init__(
        self, key: str, parent: GraphQLObjectType, field: GraphQLField, nodes: list[FieldNode], way: Way, arguments: Any
    ) -> None:
        self.key = key
        self.name = nodes[0].name.value
        self.parent = parent
        self.field = field
        self.nodes = nodes
        self.way = way
        self.arguments: Arguments = arguments
        self.shared = self.watched = False
        self.nullable: list[bool] = []
        type_: Any = field.type
        while True:
            required = is_non_null_type(type_)
            self.nullable.append(not required)
            type_ = type_.of_type if required else type_
            if not is_list_type(type_):
                break
            type_ = type_.of_type
        self.depth = len(self.nullable) - 1

    def fill(self, run: "Planned", level: Level, parents: Sequence[Any]) -> Filled:
        """What the answer shows of this field for each parent, in their order."""
        way = self.way
        if run.seen is not None and self.watched:
            run.seen.append((self, level, parents))
        try:
            if way.check is not None:
                way.check(run.context_value)
            if way.kind is Kind.READ:
                values = list(map(way.function, parents))
                if values and hasattr(type(values[0]), "__await__"):
                    return self._later(run, level, len(parents), _all_of(values))
                return self.complete(run, level, values)
            if way.kind is Kind.CALL:
                return self._called(run, level, parents)
            answer = self._asked(run, parents)
            if isinstance(answer, Awaitable):
                return self._later(run, level, len(parents), answer)
            return self.complete(run, level, self._counted(answer, len(parents)))
        except Exception as error:
            failed = error
        if way.kind is Kind.READ and len(parents) > 1:
            return self._read_singly(run, level, parents)
        return self.complete(run, level, [failed] * len(parents))

    def ask(self, run: "Planned", parents: Sequence[Any]) -> Filled:
        """What the batch function answers for each parent, not completed; what it raises stands for all of them."""
        try:
            if self.way.check is not None:
                self.way.check(run.context_value)
            answer = self._asked(run, parents)
            if isinstance(answer, Awaitable):
                return self._answered(answer, len(parents))
            return self._counted(answer, len(parents))
        except Exception as error:
            return [error] * len(parents)

    async def _answered(self, answer: Awaitable[Sequence[Any]], parents: int) -> Values:
        try:
            return self._counted(await answer, parents)
        except Exception as error:
            return [error] * parents

    def _asked(self, run: "Planned", parents: Sequence[Any]) -> Awaitable[Sequence[Any]] | Sequence[Any]:
        if self.shared:
            return self._together(run, parents)
        batch: Batch[Any] = Batch(run, self, self.parent, self.nodes)
        return self.way.function(parents, batch, **self.arguments.of(run))  # type: ignore[no-any-return]

    def _counted(self, answer: Sequence[Any], parents: int) -> Values:
        if len(answer) != parents:
            raise RuntimeError(f"{self.parent.name}.{self.name} answered {len(answer)} values for {parents} parents")
        return answer if type(answer) is list else list(answer)

    def same(self) -> tuple[Any, ...]:
        """What makes columns one field of the document."""
        return (self.way.function, *map(id, self.nodes))

    def _together(self, run: "Planned", parents: Sequence[Any]) -> Awaitable[Values]:
        key = self.same()
        pending = run.batches.get(key)
        if pending is None:
            arguments = self.arguments.of(run)
            pending = Pending(run, key, (self.parent, self.nodes), self.way.function, arguments)
            run.batches[key] = pending
        return pending.add_all(parents)

    async def _later(self, run: "Planned", level: Level, parents: int, answer: Awaitable[Sequence[Any]]) -> Values:
        filled = self.complete(run, level, await self._answered(answer, parents))
        return filled if type(filled) is list else await filled  # type: ignore[misc]

    def _read_singly(self, run: "Planned", level: Level, parents: Sequence[Any]) -> Filled:
        """One failed: the others are to be had all the same."""
        way = self.way
        values: Values = []
        for parent in parents:
            try:
                if way.check is not None:
                    way.check(run.context_value)
                values.append(way.function(parent))
            except Exception as error:
                values.append(error)
        return self.complete(run, level, values)

    def _called(self, run: "Planned", level: Level, parents: Sequence[Any]) -> Filled:
        arguments, function = self.arguments.of(run), self.way.function
        values: Values = []
        waits = False
        for place, parent in enumerate(parents):
            try:
                value = function(parent, Place(run, self, level, place), arguments)
            except Exception as error:
                value = error
            waits = waits or hasattr(type(value), "__await__")
            values.append(value)
        return self._later(run, level, len(values), _all_of(values)) if waits else self.complete(run, level, values)

    def complete(self, run: "Planned", level: Level, values: Values) -> Filled:
        """What the answer shows of the resolvers' values."""
        raise NotImplementedError

    def fault(self, run: "Planned", error: Exception, path: Path, *, nullable: bool) -> Any:
        return run.faults.add(error, self.nodes, path, nullable=nullable)

    def missing(self) -> TypeError:
        return TypeError(f"Cannot return null for non-nullable field {self.parent.name}.{self.name}.")

    def no_list(self) -> GraphQLError:
        return GraphQLError(f"Expected Iterable, but did not find one for field '{self.parent.name}.{self.name}'.")


async def _all_of(values: Values) -> Values:
    """The values, with those awaited that have to be; what one raises stands in its place."""
    waiting = [place for place, value in enumerate(values) if is_awaitable(value)]
    if len(waiting) == 1:
        (place,) = waiting
        try:
            values[place] = await values[place]
        except Exception as error:
            values[place] = error
        return values
    results = await gather(*(values[place] for place in waiting), return_exceptions=True)
    for place, result in zip(waiting, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        values[place] = result
    return values


async def all_filled(run: "Planned", filled: Sequence[Filled]) -> list[Values]:
    """Columns that wait, at the same time; when one breaks, the others stop."""
    waiting = [place for place, column in enumerate(filled) if type(column) is not list]
    done: list[Any] = list(filled)
    if len(waiting) == 1:
        done[waiting[0]] = await done[waiting[0]]
        return done
    # Not asyncio.create_task: to look for the running loop is a system call in Python 3.11.
    tasks = [run.loop.create_task(done[place]) for place in waiting]
    try:
        for place, values in zip(waiting, await gather(*tasks), strict=True):
            done[place] = values
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    return done


class TypeNameColumn(Column):
    """`__typename`."""

    __slots__ = ("_type_name",)

    def __init__(self, key: str, type_name: str) -> None:
        self.key = key
        self.nullable = [False]
        self._type_name = type_name

    def fill(self, _run: "Planned", _level: Level, parents: Sequence[Any]) -> Filled:
        return [self._type_name] * len(parents)


class LeafColumn(Column):
    """A field whose values are scalars or enum values, or lists of them."""

    __slots__ = ("_coerce", "_is_int", "_leaf", "_seen", "_whole")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._leaf: GraphQLScalarType | GraphQLEnumType = get_named_type(self.field.type)  # type: ignore[assignment]
        # Shown as they are, where they are of exactly this class.
        self._whole = _WHOLE.get(self._leaf.name)
        self._is_int = self._leaf.name == "Int"
        self._coerce: Callable[[Any], Any] = self._leaf.coerce_output_value
        # Classes of values that could be coerced.
        self._seen: set[type] = set()

    def complete(self, run: "Planned", level: Level, values: Values) -> Filled:
        if self.depth == 0:
            if self._are_whole(values):
                return values
            if self._whole is None and self._seen.issuperset(map(type, values)):
                coerced = self._all_coerced(values)
                if None not in coerced:
                    return coerced
        return [self._one(run, level, place, value, ()) for place, value in enumerate(values)]

    def _are_whole(self, values: Values) -> bool:
        whole = self._whole
        # Loops: all() over a generator takes twice as long.
        if whole is not None:
            for value in values:  # noqa: SIM110
                if value.__class__ is not whole:
                    return False
            return True
        if self._is_int:
            for value in values:  # noqa: SIM110
                if value.__class__ is not int or not _SMALLEST <= value <= _LARGEST:
                    return False
            return True
        return False

    def _all_coerced(self, values: Values) -> Values:
        """With a None where one could not be: which one, and why, is looked at singly."""
        try:
            return list(map(self._coerce, values))
        except Exception:
            return [None]

    def _one(self, run: "Planned", level: Level, place: int, value: Any, indices: tuple[int, ...]) -> Any:
        if value.__class__ is self._whole and len(indices) == self.depth:
            return value
        nullable = self.nullable[len(indices)]
        try:
            if isinstance(value, Exception):
                raise value
            if value is None or value is Undefined:
                if nullable:
                    return None
                raise self.missing()
            if len(indices) == self.depth:
                shown = Executor.complete_leaf_value(self._leaf, value)
                self._seen.add(value.__class__)
                return shown
            if not is_iterable(value):
                raise self.no_list()
            items = [self._one(run, level, place, item, (*indices, index)) for index, item in enumerate(value)]
        except Exception as error:
            return self.fault(run, error, [*level.path(place), self.key, *indices], nullable=nullable)
        if run.faults.bubbling and any(item is BUBBLE for item in items):
            if not nullable:
                return BUBBLE
            run.faults.absorbed([*level.path(place), self.key, *indices])
            return None
        return items
