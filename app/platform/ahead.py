"""Reading ahead: many questions in one statement, each answered from it when it is asked.

Functions that read go on asking what they ask. A command that knows what will be asked reads it all at once, after its
locks, and the transaction answers from that: an answer is the rows that the question's own statement would have found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import BindParameter, ColumnElement, Row, Select, SelectBase, func, select
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.visitors import replacement_traverse

if TYPE_CHECKING:
    from app.platform.standing import Standing

T = TypeVar("T")
Parameters = Mapping[str, Any]


class Made(list[Row[Any]]):
    """Rows that are kept, with what was made of them (`made_of`)."""

    def __init__(self, rows: Iterable[Row[Any]]) -> None:
        super().__init__(rows)
        self.made: dict[Callable[..., Any], Any] = {}


def made_of(rows: Iterable[Row[Any]], make: Callable[[Iterable[Row[Any]]], T]) -> T:
    """What a function makes of all these rows: once, where they are kept. Nobody may change it."""
    if not isinstance(rows, Made):
        return make(rows)
    if make not in rows.made:
        rows.made[make] = make(rows)
    found: T = rows.made[make]
    return found


class Question:
    """A statement that is going to be asked for the rows of some keys, and how they are found beforehand.

    `by`: its parameter that lists the keys, none where it takes no keys. `keys`: a selection that stands in its place.
    `column`: where a row has its key. `once`: the key, by the name of a parameter, where there is one that may have no
    row; else a key is only known when it has one. Not `lasting`: what was
    found answers one who asks, as a number that is drawn. `only`: what must be so for it to be asked beforehand.
    """

    def __init__(
        self,
        asked: Select[Any],
        *,
        by: str | None = None,
        keys: SelectBase | None = None,
        column: str | None = None,
        once: str | None = None,
        lasting: bool = True,
        only: ColumnElement[bool] | None = None,
    ) -> None:
        self.asked: Final = asked
        self.by: Final = by
        self.column: Final = column
        self.once: Final = once
        self.lasting: Final = lasting
        found = asked if keys is None else _with_keys(asked, by or "", keys)
        columns = list(found.selected_columns)
        table = (found if only is None else found.where(only)).subquery()
        self.rows: Final = func.array(select(func.row(*table.c)).select_from(table).scalar_subquery())
        self._columns: Final = SimpleResultMetaData(
            [each.key or "" for each in columns], extra=[(each,) for each in columns]
        )
        self._types: Final = [each.type for each in columns]
        # None: not worked out yet. Every connection speaks the same dialect.
        self._processors: list[Any] | None = None

    def read(self, records: Sequence[Any], dialect: Any) -> list[Row[Any]]:
        """The rows that one column of records holds."""
        if self._processors is None:
            self._processors = [each._cached_result_processor(dialect, None) for each in self._types]
        columns, processors, keys = self._columns, self._processors, self._columns._key_to_index
        return [Row(columns, processors, keys, record) for record in records]


def _with_keys(asked: Select[Any], by: str, keys: SelectBase) -> Select[Any]:
    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.key == by:
            return func.array(keys.scalar_subquery(), type_=element.type)
        return None

    return cast("Select[Any]", replacement_traverse(asked, {}, replace))


class Questions:
    """Some questions, and the one statement that reads them all.

    `standing`: what else will be asked, of tables that are read only when they have changed.
    """

    def __init__(self, *questions: Question, standing: "Standing | None" = None) -> None:
        self.all: Final = questions
        self.standing: Final = standing
        statement = select(*(question.rows.label(f"answer_{place}") for place, question in enumerate(questions)))
        self.statement: Final[Select[Any]] = (
            statement if standing is None else statement.add_columns(standing.state.label("state"))
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read ahead for one question, with the parameters that it was read with."""

    question: Question
    parameters: Parameters
    rows: Sequence[Row[Any]]

    @property
    def lasting(self) -> bool:
        return self.question.lasting

    def to(self, asked: Parameters) -> Sequence[Row[Any]] | None:
        """The rows for these parameters; None where something else is asked than was read."""
        by = self.question.by
        if any(name != by and self.parameters.get(name) != value for name, value in asked.items()):
            return None
        if by is None:
            return self.rows if self.rows or self.question.lasting else None
        wanted = set(asked[by])
        if self.question.once is not None:
            return self.rows if wanted == {self.parameters[self.question.once]} else None
        name = self.question.column or "id"
        found = [row for row in self.rows if getattr(row, name) in wanted]
        return found if len({getattr(row, name) for row in found}) == len(wanted) else None
