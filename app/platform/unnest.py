"""Many rows as one statement's parameters: an array a column, all of one length."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, TableValuedAlias, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY


def unnested(name: str, columns: Sequence[Column[Any]]) -> TableValuedAlias:
    """A table `name` of rows that `arrays` made, with columns named and typed as these."""
    given = [bindparam(f"{each.name}s", type_=ARRAY(each.type)) for each in columns]
    made = func.unnest(*given).table_valued(*(column(each.name, each.type) for each in columns), name=name)
    return made.render_derived()


def arrays(columns: Sequence[Column[Any]], rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The parameters of `unnested`."""
    rows = list(rows)
    return {f"{each.name}s": [row[each.name] for row in rows] for each in columns}
