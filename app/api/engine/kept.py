"""Kept rows: what the answer shows of an object that outlives the request, as JSON with holes for what is live.

An object that has a `kept` shelf stays the same for many requests, until whoever keeps it drops it. Of its row much is
lasting too: fields that are read from it, and those whose batch function is declared `lasting`. After a plan has run a
few times, each such object's row is written down once, as a form: JSON in which a hole stands for each value of a
field that is not lasting. From then on only those fields are asked, and their values are put into the holes.

A form is used for the same plan, the same variables and the same token: what `Lasting.token` says that everything
lasting depends on, beside the object. Some fields last for a time (`Lasts`): the form holds as long as all of them do.
Permissions are checked as ever. Where anything goes wrong with a field, the rows are made anew in the plain way, so
that errors, their paths and nulls are what they always are.
"""

import re
import secrets
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from .batch import Batch
from .columns import Column, Filled, LeafColumn, TypeNameColumn, Values, all_filled
from .levels import Level
from .objects import ObjectColumn, Rows
from .ways import Check, Kind

if TYPE_CHECKING:
    from .planned import Planned

MOST_FORMS: Final = 8
"""Of one object; the one made first goes first."""
_RUNS: Final = 2
"""A plan that has run no more often is not written down: it may never be run again."""
_LONGEST: Final = 1_000
"""Characters of what is given for variables that a form is kept under: no more than who asks in earnest sends."""
_UNSAID: Final = object()
_MARK: Final = secrets.token_hex(16)
_HOLE: Final = re.compile(f'"{_MARK}:([0-9]+)"'.encode())
_numbers = count()

Window: TypeAlias = tuple[Any, Any]
"""From which moment, and until just before which one; None: always."""
Lasts: TypeAlias = Callable[..., Window | None]
"""Given what a batch function is given: how long its values hold; None: they do not."""
Token: TypeAlias = Callable[[Any], tuple[Hashable, Any] | None]
"""Of a context: what all that lasts depends on beside its object, and the request's moment; None: nothing lasts."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What the app tells of lasting things: the `token`, and how the answer is encoded."""

    token: Token
    encode: Callable[[Any], bytes]


class Form:
    """One object's row. `format`: its JSON as a bytes format. `parents`: of each live column. `order`: the columns of
    the holes as they follow each other. `raw`: the row, where it has no holes.
    """

    __slots__ = ("format", "order", "parents", "raw", "since", "until")

    def __init__(self, parts: Sequence[bytes], parents: Sequence[list[Any]], order: list[int], window: Window) -> None:
        self.format = b"%b".join(part.replace(b"%", b"%%") for part in parts)
        self.raw = None if order else msgspec.Raw(parts[0])
        self.parents = parents
        self.order = order
        self.since, self.until = window

    def holds_at(self, moment: Any) -> bool:
        """Whether all that it shows still does."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    @property
    def size(self) -> int:
        """In bytes, about."""
        return 300 + len(self.format) + 16 * sum(map(len, self.parents))


class Shelf:
    """The forms of one object. `grow` is told of bytes that come and go."""

    __slots__ = ("_forms", "_grow")

    def __init__(self, grow: Callable[[int], None]) -> None:
        self._forms: dict[Hashable, Form | None] = {}
        self._grow = grow

    def get(self, key: Hashable) -> Form | None:
        return self._forms.get(key)

    def put(self, key: Hashable, form: Form) -> None:
        gone = self._forms.pop(key, None)
        if gone is None and len(self._forms) >= MOST_FORMS:
            gone = self._forms.pop(next(iter(self._forms)))
        self._forms[key] = form
        self._grow(form.size - (gone.size if gone is not None else 0))


class Kept(Protocol):
    """An object that outlives the request; its shelf is None where this one does not. Its class has the attribute."""

    kept: Shelf | None


class _Seen:
    """What was found of one object while its row was made: where each live column's values stand in it, by the steps
    that lead there, and whose they are; and how long the rest holds.
    """

    __slots__ = ("holes", "parents", "window")

    def __init__(self, holes: list[list[tuple[Any, ...]]], parents: list[list[Any]]) -> None:
        self.holes = holes
        self.parents = parents
        self.window: Window | None = (None, None)


class Layout:
    """What of the rows at one place of a plan is lasting, for a time, and live."""

    def __init__(self, rows: Rows) -> None:
        self.number = next(_numbers)
        # Rows of their own: these lead to this layout.
        self.rows = rows.plain()
        self.live: list[Column] = []
        self.timed: list[Column] = []
        self.checks: list[Check] = []
        self.variables: list[str] = []
        self.runs = 0
        self.is_lasting = self._looks_lasting(rows)
        if self.is_lasting:
            for column in (*self.live, *self.timed):
                column.watched = True

    def _looks_lasting(self, rows: Rows) -> bool:
        return all(self._has_place(column) for column in rows.columns)

    def _has_place(self, column: Column) -> bool:
        if isinstance(column, TypeNameColumn):
            return True
        way = column.way
        if way.kind is Kind.CALL:
            return False
        if way.kind is Kind.BATCH and not way.lasting:
            self.live.append(column)
            return True
        if way.check is not None and way.check not in self.checks:
            self.checks.append(way.check)
        if callable(way.lasting):
            self.timed.append(column)
        self.variables += column.arguments.variables
        if isinstance(column, LeafColumn):
            return True
        below = column.known_rows if isinstance(column, ObjectColumn) else None
        return below is not None and self._looks_lasting(below)

    def key(self, run: "Planned", token: Hashable) -> Hashable:
        """Of forms: None where the variables cannot tell, or are too long to be kept with each form."""
        if not self.variables:
            return self.number, token
        # Who leaves one out is given the argument's default, and not what null is given.
        given = tuple([run.variable_values.coerced.get(name, _UNSAID) for name in self.variables])
        if sum([len(each) for each in given if type(each) is str]) > _LONGEST:
            return None
        try:
            hash(given)
        except TypeError:
            return None
        return self.number, token, given

    def fill(self, run: "Planned", level: Level, parents: Sequence[Kept]) -> Filled | None:
        """As `Rows.fill`, but of what is kept its JSON; None where nothing of it is."""
        lasting = run.lasting
        if lasting is None or run.seen is not None or (said := lasting.token(run.context_value)) is None:
            return None
        shelves = [parent.kept for parent in parents]
        if None in shelves:
            return None
        self.runs += self.runs <= _RUNS
        if self.runs <= _RUNS:
            return None
        token, moment = said
        key = self.key(run, token)
        if key is None:
            return None
        try:
            for check in self.checks:
                check(run.context_value)
        except Exception:  # told by the columns, each in its place
            return None
        forms = [shelf.get(key) for shelf in shelves if shelf is not None]
        missing = [place for place, form in enumerate(forms) if form is None or not form.holds_at(moment)]
        if not missing:
            return self._from(run, level, parents, forms)
        return self._some(run, level, parents, forms, missing, key)

    def _from(self, run: "Planned", level: Level, parents: Sequence[Any], forms: Sequence[Form | None]) -> Filled:
        """The rows of these forms, their holes filled; all made in the plain way where that goes wrong."""
        some = [form for form in forms if form is not None]
        apart = run.apart()
        filled = [
            column.fill(apart, level, [parent for form in some for parent in form.parents[place]])
            for place, column in enumerate(self.live)
        ]
        for each in filled:
            if type(each) is not list:
                return self._later(run, apart, level, parents, some, filled)
        return self._put(run, apart, level, parents, some, filled)

    async def _later(
        self, run: "Planned", apart: "Planned", level: Level, parents: Sequence[Any], forms: list[Form], filled: Any
    ) -> Values:
        done = self._put(run, apart, level, parents, forms, await all_filled(filled))
        return done if type(done) is list else await done  # type: ignore[misc]

    def _put(
        self, run: "Planned", apart: "Planned", level: Level, parents: Sequence[Any], forms: list[Form], filled: Any
    ) -> Filled:
        if len(apart.faults):
            return self.rows.fill_plainly(run, level, parents)
        assert run.lasting is not None
        encode, raw = run.lasting.encode, msgspec.Raw
        rows: Values = []
        if len(filled) == 1:
            values, begin = list(map(encode, filled[0])), 0
            for form in forms:
                end = begin + len(form.parents[0])
                rows.append(form.raw or raw(form.format % tuple(values[begin:end])))
                begin = end
            return rows
        columns = [iter(list(map(encode, values))) for values in filled]
        for form in forms:
            if form.raw is not None:
                rows.append(form.raw)
            else:
                rows.append(raw(form.format % tuple([next(columns[place]) for place in form.order])))
        return rows

    def _some(
        self,
        run: "Planned",
        level: Level,
        parents: Sequence[Any],
        forms: list[Form | None],
        missing: list[int],
        key: Hashable,
    ) -> Filled:
        """Some rows from forms, the others in the plain way, which are written down."""
        among = missing if level.present is None else [level.present[place] for place in missing]
        part = Level(level.up, level.key, level.lengths, among)
        watched = run.watched()
        plainly = self.rows.fill_plainly(watched, part, [parents[place] for place in missing])
        left_out = set(missing)
        there = [place for place in range(len(parents)) if place not in left_out]
        known: Filled = []
        if there:
            among = there if level.present is None else [level.present[place] for place in there]
            others = Level(level.up, level.key, level.lengths, among)
            known = self._from(run, others, [parents[place] for place in there], [forms[place] for place in there])
        return self._some_later(run, watched, part, parents, (missing, there), (plainly, known), key)

    async def _some_later(
        self,
        run: "Planned",
        watched: "Planned",
        part: Level,
        parents: Sequence[Any],
        places: tuple[list[int], list[int]],
        filled: tuple[Filled, Filled],
        key: Hashable,
    ) -> Values:
        done = await all_filled(filled)
        rows: Values = [None] * len(parents)
        for some, values in zip(places, done, strict=True):
            for place, row in zip(some, values, strict=True):
                rows[place] = row
        said = run.lasting.token(run.context_value) if run.lasting is not None else None
        # What was told while something that all depends on changed may be of both.
        if not len(run.faults) and said is not None and self.key(run, said[0]) == key:
            self._write(watched, part, [parents[place] for place in places[0]], done[0], key)
        return rows

    def _write(self, run: "Planned", part: Level, parents: Sequence[Kept], rows: Values, key: Hashable) -> None:
        """A form of each of these rows, where all of it holds for a while."""
        assert run.lasting is not None
        for parent, row, seen in zip(parents, rows, self._seen(run, part, len(parents)), strict=True):
            if parent.kept is None or seen.window is None:
                continue
            form = _form(row, seen, run.lasting.encode)
            if form is not None:
                parent.kept.put(key, form)

    def _seen(self, run: "Planned", part: Level, parents: int) -> "list[_Seen]":
        """What was found of each parent, told by the columns that were watched."""
        found = [_Seen([[] for _ in self.live], [[] for _ in self.live]) for _ in range(parents)]
        paths = {tuple(part.path(place)): seen for place, seen in enumerate(found)}
        depth = len(next(iter(paths)))
        numbers = {id(column): place for place, column in enumerate(self.live)}
        timed = set(map(id, self.timed))
        for column, level, those in run.seen or ():
            number = numbers.get(id(column))
            if number is None and id(column) not in timed:
                # It stands below one that is live.
                continue
            groups: dict[int, tuple[_Seen, list[Any]]] = {}
            for place, parent in enumerate(those):
                path = tuple(level.path(place))
                mine = paths[path[:depth]]
                if number is None:
                    groups.setdefault(id(mine), (mine, []))[1].append(parent)
                else:
                    mine.holes[number].append((*path[depth:], column.key))
                    mine.parents[number].append(parent)
            for mine, some in groups.values():
                mine.window = _narrowed(mine.window, _window(run, column, some))
        return found


def _window(run: "Planned", column: Column, parents: list[Any]) -> Window | None:
    batch: Batch[Any] = Batch(run, column, column.parent, column.nodes)
    lasts: Lasts = column.way.lasting
    return lasts(parents, batch, **column.arguments.of(run))


def _narrowed(one: Window | None, other: Window | None) -> Window | None:
    if one is None or other is None:
        return None
    begins = [each for each in (one[0], other[0]) if each is not None]
    ends = [each for each in (one[1], other[1]) if each is not None]
    return max(begins, default=None), min(ends, default=None)


def _form(row: Any, seen: _Seen, encode: Callable[[Any], bytes]) -> Form | None:
    """None where the holes do not follow each other as the values will."""
    marked, columns = _copied(row), list[int]()
    for column, paths in enumerate(seen.holes):
        for *way, last in paths:
            place = marked
            for step in way:
                place = place[step]
            place[last] = f"{_MARK}:{len(columns)}"
            columns.append(column)
    pieces = _HOLE.split(encode(marked))
    found = [int(each) for each in pieces[1::2]]
    for column in range(len(seen.holes)):
        own = [each for each in found if columns[each] == column]
        if len(own) != len(seen.holes[column]) or own != sorted(own):
            return None
    assert seen.window is not None
    return Form(pieces[::2], seen.parents, [columns[each] for each in found], seen.window)


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    if type(value) is list:
        return [_copied(each) for each in value]
    return value
