"""Fields of a plan that lead to objects: what is below them is one level more, whose rows are made all at once."""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from graphql import GraphQLObjectType, get_named_type, is_abstract_type
from graphql.pyutils import Undefined, is_iterable

from .columns import Column, Filled, Place, Values, all_filled
from .levels import BUBBLE, Level

if TYPE_CHECKING:
    from .kept import Layout
    from .planned import Planned

Below: TypeAlias = Callable[[GraphQLObjectType], "Rows"]


class Rows:
    """What the answer shows of objects of one type, at one place of the operation: its columns, in their order.

    `layout`: of objects that outlive the request, where their rows can be kept (`kept`).
    """

    __slots__ = ("_make", "_required", "columns", "keys", "layout", "type")

    def __init__(self, type_: GraphQLObjectType, columns: Sequence[Column]) -> None:
        self.type = type_
        self.columns = columns
        self.keys = tuple(column.key for column in columns)
        self._make = _maker(len(columns))
        self._required = [place for place, column in enumerate(columns) if not column.nullable[0]]
        self.layout: Layout | None = None

    def plain(self) -> "Rows":
        """The same without a layout."""
        return Rows(self.type, self.columns)

    def fill(self, run: "Planned", level: Level, parents: Sequence[Any]) -> Filled:
        """A dict for each parent, or its JSON where it is kept; BUBBLE where a field must not be null, and is."""
        if self.layout is not None and (kept := self.layout.fill(run, level, parents)) is not None:
            return kept
        return self.fill_plainly(run, level, parents)

    def fill_plainly(self, run: "Planned", level: Level, parents: Sequence[Any]) -> Filled:
        """The same, but always a dict."""
        filled: list[Any] = []
        waits = False
        for column in self.columns:
            values = column.fill(run, level, parents)
            waits = waits or type(values) is not list
            filled.append(values)
        return self._later(run, len(parents), filled) if waits else self.made(run, len(parents), filled)

    async def _later(self, run: "Planned", parents: int, filled: list[Any]) -> Values:
        return self.made(run, parents, await all_filled(run, filled))

    def made(self, run: "Planned", parents: int, filled: list[Values]) -> Values:
        """The rows of columns that are there."""
        if not filled:
            return [{} for _ in range(parents)]
        rows = self._make(self.keys, filled)
        if run.faults.bubbling:
            for place in self._required:
                for number, value in enumerate(filled[place]):
                    if value is BUBBLE:
                        rows[number] = BUBBLE
        return rows


@lru_cache(512)
def _maker(columns: int) -> Callable[[Sequence[str], list[Values]], Values]:
    """Makes dicts of so many columns: a display of the right length is several times faster than a loop over them."""
    if columns == 0:
        return lambda _keys, _filled: []
    keys = ", ".join(f"k{n}" for n in range(columns))
    values = ", ".join(f"v{n}" for n in range(columns))
    row = ", ".join(f"k{n}: v{n}" for n in range(columns))
    source = f"def make(keys, filled):\n ({keys},) = keys\n return [{{{row}}} for {values}, in zip(*filled)]\n"
    made: dict[str, Any] = {}
    # Made of numbers alone: nothing that a client sends is in it.
    exec(source, made)  # noqa: S102
    make: Callable[[Sequence[str], list[Values]], Values] = made["make"]
    return make


class _Spread(NamedTuple):
    """One depth of lists laid end to end. `marks`: what stands for the lists that are none."""

    lengths: list[int]
    marks: dict[int, Any]


class ObjectColumn(Column):
    """A field whose values are objects, or lists of them, of one type or of several."""

    __slots__ = ("_below", "_is_abstract", "_known", "_type", "_types")

    def __init__(self, *given: Any, below: Below) -> None:
        super().__init__(*given)
        self._type: Any = get_named_type(self.field.type)
        self._is_abstract: bool = is_abstract_type(self._type)
        # Where it may be of several types: whoever makes rows would be held, and hold this, else.
        self._below = below if self._is_abstract else None
        # Classes of values that have been found to be of a type, and those that are always.
        self._known: dict[type, Rows] = {}
        self._types: dict[str, Rows] = {}
        if isinstance(self._type, GraphQLObjectType):
            self._types[self._type.name] = below(self._type)

    @property
    def known_rows(self) -> Rows | None:
        """The rows of its objects, if they are all of one type."""
        return None if self._is_abstract else self._types[self._type.name]

    def complete(self, run: "Planned", level: Level, values: Values) -> Filled:
        spreads: list[_Spread] = []
        for depth in range(self.depth):
            values = self._spread(run, level, depth, values, spreads)
        # Nearly always all are of one class, and none is missing.
        known = self._known
        first = known.get(values[0].__class__) if values else None
        if first is not None:
            for value in values:
                if known.get(value.__class__) is not first:
                    break
            else:
                lengths = [spread.lengths for spread in spreads]
                return self._put(run, level, spreads, first.fill(run, Level(level, self.key, lengths), values))
        return self._sorted(run, level, spreads, values)

    def _spread(self, run: "Planned", level: Level, depth: int, values: Values, spreads: list[_Spread]) -> Values:
        for value in values:
            if value.__class__ is not list:
                break
        else:
            spreads.append(_Spread([len(value) for value in values], {}))
            return values[0] if len(values) == 1 else list(chain.from_iterable(values))
        lengths: list[int] = []
        marks: dict[int, Any] = {}
        items: Values = []
        for place, value in enumerate(values):
            try:
                found = self._listed(value, depth)
            except Exception as error:
                path = self._path(level, spreads, place)
                marks[place] = self.fault(run, error, path, nullable=self.nullable[depth])
                found = []
            else:
                if found is None:
                    marks[place] = None
                    found = []
            lengths.append(len(found))
            items += found
        spreads.append(_Spread(lengths, marks))
        return items

    def _listed(self, value: Any, depth: int) -> Values | None:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if self.nullable[depth]:
                return None
            raise self.missing()
        if not is_iterable(value):
            raise self.no_list()
        return list(value)

    def _sorted(self, run: "Planned", level: Level, spreads: list[_Spread], values: Values) -> Filled:
        """Values of several types, or some of which are missing: each type's are a level of its own."""
        marks: Values = [None] * len(values)
        groups: dict[str, tuple[Rows, list[int]]] = {}
        nullable = self.nullable[self.depth]
        for place, value in enumerate(values):
            try:
                if isinstance(value, Exception):
                    raise value
                if value is None or value is Undefined:
                    if not nullable:
                        raise self.missing()
                    continue
                rows = self._known.get(value.__class__) or self._rows(run, level, value)
            except Exception as error:
                marks[place] = self.fault(run, error, self._path(level, spreads, place), nullable=nullable)
            else:
                groups.setdefault(rows.type.name, (rows, []))[1].append(place)
        lengths = [spread.lengths for spread in spreads]
        filled: list[Any] = []
        waits = False
        for rows, places in groups.values():
            below = Level(level, self.key, lengths, None if len(places) == len(values) else places)
            done = rows.fill(run, below, [values[place] for place in places])
            waits = waits or type(done) is not list
            filled.append(done)
        placed = [places for _, places in groups.values()]
        if waits:
            return self._sorted_later(run, level, spreads, marks, placed, filled)
        return self._put(run, level, spreads, _scattered(marks, placed, filled))

    async def _sorted_later(
        self,
        run: "Planned",
        level: Level,
        spreads: list[_Spread],
        marks: Values,
        placed: list[list[int]],
        filled: list[Any],
    ) -> Values:
        rows = _scattered(marks, placed, await all_filled(run, filled))
        return self._put_now(run, level, spreads, rows)

    def _rows(self, run: "Planned", level: Level, value: Any) -> Rows:
        """The rows of a value's type. Raises what graphql-core would."""
        type_: Any = self._type
        cls = value.__class__
        info = Place(run, self, level, 0)
        lasting = True
        if self._is_abstract:
            name = type_.resolve_type(value, info, type_) if type_.resolve_type is not None else None
            found: Any = run.schema.get_type(name) if isinstance(name, str) else None
            if not isinstance(found, GraphQLObjectType) or not run.schema.is_sub_type(type_, found):
                raise TypeError(f"{type_.name} cannot tell the type of a {cls.__name__}, but says {name!r}")
            definition = getattr(cls, "__strawberry_definition__", None)
            lasting = definition is not None and not definition.is_graphql_generic
            type_ = found
        if type_.is_type_of is not None and not type_.is_type_of(value, info):
            raise TypeError(f"Expected value of type '{type_.name}' but got a {cls.__name__}")
        rows = self._types.get(type_.name)
        if rows is None:
            assert self._below is not None, "of an object type the rows are known"
            rows = self._types[type_.name] = self._below(type_)
        if lasting:
            self._known[cls] = rows
        return rows

    def _put(self, run: "Planned", level: Level, spreads: list[_Spread], rows: Filled) -> Filled:
        if type(rows) is not list:
            return self._put_later(run, level, spreads, rows)  # type: ignore[arg-type]
        return self._put_now(run, level, spreads, rows)

    async def _put_later(self, run: "Planned", level: Level, spreads: list[_Spread], rows: Awaitable[Values]) -> Values:
        return self._put_now(run, level, spreads, await rows)

    def _put_now(self, run: "Planned", level: Level, spreads: list[_Spread], rows: Values) -> Values:
        """The rows in their lists again, and nulls where they may stand."""
        bubbling = run.faults.bubbling
        if bubbling and self.nullable[self.depth]:
            for place, row in enumerate(rows):
                if row is BUBBLE:
                    run.faults.absorbed(self._path(level, spreads, place))
                    rows[place] = None
        for depth in range(self.depth - 1, -1, -1):
            lengths, marks = spreads[depth]
            lists: Values = []
            begin = 0
            for place, length in enumerate(lengths):
                part: Any = rows[begin : begin + length]
                begin += length
                if place in marks:
                    part = marks[place]
                elif bubbling and any(row is BUBBLE for row in part):
                    part = BUBBLE
                    if self.nullable[depth]:
                        run.faults.absorbed(self._path(level, spreads[:depth], place))
                        part = None
                lists.append(part)
            rows = lists
        return rows

    def _path(self, level: Level, spreads: list[_Spread], place: int) -> list[str | int]:
        return Level(level, self.key, [spread.lengths for spread in spreads]).path(place)


def _scattered(marks: Values, placed: list[list[int]], filled: list[Values]) -> Values:
    for places, rows in zip(placed, filled, strict=True):
        for place, row in zip(places, rows, strict=True):
            marks[place] = row
    return marks
