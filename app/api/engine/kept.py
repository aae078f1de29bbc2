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

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from .batch import Batch
from .columns import Column, Filled, LeafColumn, TypeNameColumn, Values, all_filled
from .forms import Form, Shelf, Window, told, written_down
from .levels import Level
from .objects import ObjectColumn, Rows
from .sheets import Sheet, Sheets, sheet_of
from .ways import Check, Kind

if TYPE_CHECKING:
    from .planned import Planned

_RUNS: Final = 2
"""A plan that has run no more often is not written down: it may never be run again."""
_LONGEST: Final = 1_000
"""Characters of what is given for variables that a form is kept under: no more than who asks in earnest sends."""
_MOST_KEYS: Final = 64
"""Of one layout: tokens, and values of variables. One more, and all forms are made anew."""
_UNSAID: Final = object()
_numbers = count()

Lasts: TypeAlias = Callable[..., Window | None]
"""Given what a batch function is given: how long its values hold; None: they do not."""
Token: TypeAlias = Callable[[Any], tuple[Hashable, Any] | None]
"""Of a context: what all that lasts depends on beside its object, and the request's moment; None: nothing lasts."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What the app tells of lasting things: the `token`, and how the answer is encoded. `sheets`: those kept."""

    token: Token
    encode: Callable[[Any], bytes]
    sheets: Sheets = field(default_factory=Sheets)


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


class _Filling(NamedTuple):
    """One level whose rows are told from forms; `apart`: the run with faults of its own."""

    run: "Planned"
    apart: "Planned"
    level: Level
    parents: Sequence[Any]
    forms: Sequence[Form]
    sheet: Sheet


class Layout:
    """What of the rows at one place of a plan is lasting, for a time, and live."""

    def __init__(self, rows: Rows) -> None:
        self._keys: dict[Hashable, int] = {}
        # Rows of their own: these lead to this layout.
        self.rows = rows.plain()
        self.live: list[Column] = []
        self.timed: list[Column] = []
        self.checks: list[Check] = []
        self.variables: list[str] = []
        self.runs = 0
        self.is_lasting = self._looks_lasting(rows)
        # Whether what is live follows from what its columns' functions answer, and from nothing else.
        self.is_steady = all(map(_is_steady, self.live))
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

    def key(self, run: "Planned", token: Hashable) -> int | None:
        """Of forms: None where the variables cannot tell, or are too long to be kept with each form."""
        if not self.variables:
            return self._key_of(token)
        # Who leaves one out is given the argument's default, and not what null is given.
        given = tuple([run.variable_values.coerced.get(name, _UNSAID) for name in self.variables])
        if sum([len(each) for each in given if type(each) is str]) > _LONGEST:
            return None
        try:
            hash(given)
        except TypeError:
            return None
        return self._key_of((token, given))

    def _key_of(self, said: Hashable) -> int:
        """A number is looked up in a fraction of the time that what it stands for takes, on each object's shelf."""
        key = self._keys.get(said)
        if key is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            key = self._keys[said] = next(_numbers)
        return key

    def fill(self, run: "Planned", level: Level, parents: Sequence[Kept]) -> Filled | None:
        """As `Rows.fill`, but of what is kept its JSON; None where nothing of it is."""
        lasting = run.lasting
        if lasting is None or run.seen is not None or (said := lasting.token(run.context_value)) is None:
            return None
        shelves = [parent.kept for parent in parents]
        if not shelves or None in shelves:
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
        assert run.lasting is not None
        some = [form for form in forms if form is not None]
        apart = run.apart()
        # Of what is not steady nothing is told again: its sheet is of this request alone.
        sheet = run.lasting.sheets.of(some, len(self.live)) if self.is_steady else sheet_of(some, len(self.live))
        filling = _Filling(run, apart, level, parents, some, sheet)
        answers = [column.ask(apart, those) for column, those in zip(self.live, sheet.parents, strict=True)]
        for answer in answers:
            if type(answer) is not list:
                return self._later(filling, answers)
        return self._put(filling, answers)

    async def _later(self, filling: "_Filling", answers: Sequence[Filled]) -> Values:
        done = self._put(filling, await all_filled(filling.run, answers))
        return done if type(done) is list else await done  # type: ignore[misc]

    def _put(self, filling: "_Filling", answers: Any) -> Filled:
        """The rows for what the live columns answered."""
        if (again := filling.sheet.again(answers)) is not None:
            return again
        filled = [
            column.complete(filling.apart, filling.level, answer)
            for column, answer in zip(self.live, answers, strict=True)
        ]
        for each in filled:
            if type(each) is not list:
                return self._completed_later(filling, answers, filled)
        return self._filled(filling, answers, filled)

    async def _completed_later(self, filling: "_Filling", answers: list[Values], filled: Sequence[Filled]) -> Values:
        done = self._filled(filling, answers, await all_filled(filling.run, filled))
        return done if type(done) is list else await done  # type: ignore[misc]

    def _filled(self, filling: "_Filling", answers: list[Values], filled: Any) -> Filled:
        run = filling.run
        if len(filling.apart.faults):
            return self.rows.fill_plainly(run, filling.level, filling.parents)
        assert run.lasting is not None
        rows = told(filling.forms, filled, run.lasting.encode)
        filling.sheet.filled(answers, rows)
        return list(rows)

    def _some(
        self,
        run: "Planned",
        level: Level,
        parents: Sequence[Any],
        forms: list[Form | None],
        missing: list[int],
        key: int,
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
        key: int,
    ) -> Values:
        done = await all_filled(run, filled)
        rows: Values = [None] * len(parents)
        for some, values in zip(places, done, strict=True):
            for place, row in zip(some, values, strict=True):
                rows[place] = row
        said = run.lasting.token(run.context_value) if run.lasting is not None else None
        # What was told while something that all depends on changed may be of both.
        if not len(run.faults) and said is not None and self.key(run, said[0]) == key:
            self._write(watched, part, [parents[place] for place in places[0]], done[0], key)
        return rows

    def _write(self, run: "Planned", part: Level, parents: Sequence[Kept], rows: Values, key: int) -> None:
        """A form of each of these rows, where all of it holds for a while."""
        assert run.lasting is not None
        for parent, row, seen in zip(parents, rows, self._seen(run, part, len(parents)), strict=True):
            if parent.kept is None or seen.window is None:
                continue
            form = written_down(row, seen.holes, seen.parents, seen.window, run.lasting.encode)
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


def _is_steady(column: Column) -> bool:
    below = column.known_rows if isinstance(column, ObjectColumn) else None
    return isinstance(column, LeafColumn) or (below is not None and all(map(_follows, below.columns)))


def _follows(column: Column) -> bool:
    """Whether what it shows follows from its parent."""
    if isinstance(column, TypeNameColumn):
        return True
    way = column.way
    if way.check is not None or column.arguments.variables:
        return False
    lasts = way.kind is Kind.READ or (way.kind is Kind.BATCH and way.lasting is True)
    return lasts and _is_steady(column)


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
