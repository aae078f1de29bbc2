"""Many rows as one statement's parameters: an array a column, all of one length; or all of them as one JSON."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    TableValuedAlias,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, Insert, insert
from sqlalchemy.types import TypeEngine


def unnested(name: str, columns: Sequence[Column[Any]]) -> TableValuedAlias:
    """A table `name` of rows that `arrays` made, with columns named and typed as these."""
    given = [bindparam(f"{each.name}s", type_=ARRAY(each.type)) for each in columns]
    made = func.unnest(*given).table_valued(*(column(each.name, each.type) for each in columns), name=name)
    return made.render_derived()


def arrays(columns: Sequence[Column[Any]], rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The parameters of `unnested`."""
    rows = list(rows)
    return {f"{each.name}s": [row[each.name] for row in rows] for each in columns}


def among(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """For a column to be equal to: any of an array parameter, into which the planner cannot look.

    To PostgreSQL an array of three looks cheaper than one that it does not know yet, so it plans anew whatever is
    looked up by an array that it can see. Here all look alike, and the plan is kept: to make one costs three times what
    it takes to find some rows by their keys.
    """
    return any_(cast(select(bindparam(name, type_=ARRAY(kind))).scalar_subquery(), ARRAY(kind)))


def insert_records(table: Table, *, without: Collection[str] = ()) -> Insert:
    """Insert rows into a table, the parameter `records`: mappings by column, one shape for any number of rows.

    A column that a record leaves out is null; `without` are those that begin as the table says.
    """
    columns = [each for each in table.c if each.name not in without]
    given = func.json_to_recordset(bindparam("records", type_=JSON))
    records = given.table_valued(*(column(each.name, each.type) for each in columns), name="records")
    records = records.render_derived(with_types=True)
    names = [each.name for each in columns]
    return insert(table).from_select(names, select(*(records.c[name] for name in names)), include_defaults=False)
