"""What seldom changes, kept by this process while it stands as it was read.

A write may not decide on settings that are older than itself, so what is kept of them is trusted neither by its age nor
by what the feed has told so far. The statement that reads ahead (`platform.ahead`) asks for the *state* of their tables
along with all else, in one snapshot: only where that is the state at which they were kept are they used, else they are
read anew. So a write decides on what it would have read, at the cost of a few pages that are always in memory.

The state is a sum, over all rows of the tables, of a hash of `xmin`: the transaction that wrote that version of a row.
Whoever adds, changes or deletes a row changes it, whatever the column, from whichever process or prompt, and no command
has to say so. Rows are added up, not XORed: two rows that one transaction wrote would cancel each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Executable, Row, ScalarSelect, Select, Table, Text, cast, func, literal_column, select, union_all

from app.platform.ahead import Made, Parameters, Question, Questions

if TYPE_CHECKING:
    from app.platform.db import Tx


class Whole:
    """A statement that is going to be asked for the rows of some keys, and what finds the rows of all.

    `whole`: the one that does, with columns alike; left out, `asked` itself, with the parameters `given`. `by` and
    `column` as in `Question`; without `by`, all rows do no harm to who asks for some. `same`: parameters of `asked`
    that must be as `given`.
    """

    def __init__(
        self,
        asked: Select[Any],
        whole: Select[Any] | None = None,
        *,
        by: str | None = None,
        column: str = "id",
        given: Parameters | None = None,
        same: Sequence[str] = (),
    ) -> None:
        self.asked: Final = asked
        self.by: Final = by
        self.column: Final = column
        self.given: Final[Parameters] = given or {}
        self.same: Final = same
        self.question: Final = Question(asked if whole is None else whole)


class Kept:
    """All rows of one `Whole`. It answers as what was read ahead does."""

    lasting: Final = True

    def __init__(self, whole: Whole, rows: Made) -> None:
        self.whole = whole
        self.rows = rows

    def to(self, asked: Parameters) -> Sequence[Row[Any]] | None:
        """The rows for these parameters; None where something else is asked than was read."""
        whole = self.whole
        if any(asked.get(name) != whole.given.get(name) for name in whole.same):
            return None
        if whole.by is None or asked[whole.by] is None:
            return self.rows
        wanted = asked[whole.by]
        if len(wanted) == 1:
            return self._by_key.get(wanted[0], ())
        keys = set(wanted)
        return [row for row in self.rows if getattr(row, whole.column) in keys]

    @cached_property
    def _by_key(self) -> Mapping[Any, Sequence[Row[Any]]]:
        found: dict[Any, list[Row[Any]]] = {}
        for row in self.rows:
            found.setdefault(getattr(row, self.whole.column), []).append(row)
        return found


Answers = Mapping[Executable, Kept]


class Standing:
    """Some tables, each of few rows, and what is asked of them."""

    def __init__(self, tables: Iterable[Table], *wholes: Whole) -> None:
        self.state: Final = state_of(*tables)
        self._wholes: Final = wholes
        questions = Questions(*(each.question for each in wholes))
        self._statement: Final = questions.statement.add_columns(self.state.label("state"))
        self._given: Final = {name: value for each in wholes for name, value in each.given.items()}
        # By the engine: of each database that this process writes to.
        self._kept: WeakKeyDictionary[Any, tuple[Any, Answers]] = WeakKeyDictionary()

    def last(self, tx: "Tx") -> Answers:
        """What was kept last, however old it is: for a guess that is checked."""
        kept = self._kept.get(tx.connection.sync_engine)
        return {} if kept is None else kept[1]

    async def answers(self, tx: "Tx", state: Any) -> Answers:
        """What is kept, where the tables are in this state; else what they hold now."""
        engine = tx.connection.sync_engine
        kept: tuple[Any, Answers] | None = self._kept.get(engine)
        if kept is None or kept[0] != state:
            row = await tx.row(self._statement, self._given)
            assert row is not None
            dialect = tx.connection.dialect
            read: dict[Executable, Kept] = {
                whole.asked: Kept(whole, Made(whole.question.read(records, dialect)))
                for whole, records in zip(self._wholes, row, strict=False)
            }
            kept = self._kept[engine] = row.state, read
        return kept[1]


def state_of(*tables: Table) -> ScalarSelect[Any]:
    """A value that is another once any row of these tables is."""
    rows = [
        # The seed tells the tables apart: rows that one transaction wrote may move from one to another.
        select(
            func.hashtextextended(cast(literal_column(f'"{table.name}".xmin'), Text), literal_column(str(seed))).label(
                "written"
            )
        ).select_from(table)
        for seed, table in enumerate(tables)
    ]
    written = union_all(*rows).subquery("rows")
    return select(func.sum(written.c.written)).scalar_subquery()
