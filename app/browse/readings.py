"""Reading sets of products whole, and looking again at those of them that have changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop
from typing import Any, Final, TypeVar
from uuid import UUID

from pyroaring import BitMap

from app.browse import atoms, priced
from app.browse.atoms import Atom, Key, unpacked
from app.browse.priced import Priced
from app.platform.db import Reader
from app.platform.texts import LOCALES

AT_ONCE: Final = 500
"""Products that are looked at by one statement: more would keep others in the process waiting."""
AHEAD: Final = timedelta(days=1)
"""So far ahead it is read when products begin or end to be sold."""

T = TypeVar("T")


def in_turn(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many at once."""
    for start in range(0, len(all_), AT_ONCE):
        yield all_[start : start + AT_ONCE]


async def read_atoms(db: Reader, keys: Sequence[Key], moment: datetime, mark: int, price_mark: int) -> list[Atom]:
    """Each of these sets. The marks: how far in what the feed tells of products, and of prices, was heard before."""
    read: list[Atom] = []
    for name, statement in atoms.BY_VALUE.items():
        values = [key[1] for key in keys if key[0] == name]
        if values:
            found = {row.value: row.numbers for row in await db.rows(statement, {"values": values})}
            read += [Atom((name, value), unpacked(found.get(value)), mark) for value in values]
    for key in keys:
        match key:
            case "sold", _:
                read.append(await _read_sold(db, key, moment, mark))
            case "prices", _:
                read.append(await priced.read_prices(db, key, mark, price_mark))
            case "part", locale, part:
                row = await db.row(atoms.PART[str(locale)], {"part": part})
                assert row is not None, "aggregates"
                atom = Atom(key, unpacked(row.numbers), mark)
                atom.ignored = row.nodes == 0
                read.append(atom)
            case "code", (*codes,), barcode, scale_code:
                given = {"codes": codes, "barcode": barcode, "scale_code": scale_code}
                read.append(Atom(key, unpacked(await db.value(atoms.CODE, given)), mark))
    return read


async def _read_sold(db: Reader, key: Key, moment: datetime, mark: int) -> Atom:
    given = {"channel_id": key[1], "moment": moment}
    atom = Atom(key, unpacked(await db.value(atoms.SOLD, given)), mark)
    atom.until = moment + AHEAD
    row = await db.row(atoms.COMING, given | {"until": atom.until})
    _note(atom, row)
    return atom


def _note(atom: Atom, row: Any) -> None:
    """What a row of `COMING` tells besides what is known."""
    if row.past is not None and (atom.since is None or atom.since < row.past):
        atom.since = row.past
    atom.coming += zip(row.times or (), row.numbers or (), strict=True)
    heapify(atom.coming)
    if len(row.times or ()) >= atoms.MOST_COMING:
        # There may be more.
        atom.until = min(atom.until or row.times[-1], row.times[-1])


@dataclass(slots=True)
class Again:
    """What was found of products that were looked at again: of each set those that belong to it, of all that were; of
    each channel the prices of these, and of those of which prices were told.
    """

    looked: BitMap
    fits: dict[Key, BitMap] = field(default_factory=dict)
    coming: dict[Key, Any] = field(default_factory=dict)
    moments: dict[Key, datetime] = field(default_factory=dict)
    prices: dict[Key, list[Any]] = field(default_factory=dict)

    def apply(self, atom: Atom) -> None:
        """Put it into a set that it was found for."""
        if isinstance(atom, Priced):
            atom.write(self.prices[atom.key])
            return
        looked = self.looked
        if (at := self.moments.get(atom.key)) is not None:
            looked = looked.copy()
            while atom.coming and atom.coming[0][0] <= at:
                atom.since, number = heappop(atom.coming)
                looked.add(number)
            _note(atom, self.coming[atom.key])
        atom.numbers -= looked
        atom.numbers |= self.fits[atom.key]


def is_due(atom: Atom, moment: datetime) -> bool:
    """Whether the time of one of its products has come."""
    return bool(atom.coming) and atom.coming[0][0] <= moment


async def look_again(
    db: Reader, kept: Sequence[Atom], ids: Sequence[UUID], variant_ids: Sequence[UUID], moment: datetime
) -> Again:
    """Look at these products again, and at those whose time has come, for each of these sets but what codes name; for
    prices at those of these variants too.
    """
    again = Again(BitMap(), {atom.key: BitMap() for atom in kept})
    fits = again.fits
    for some in in_turn(ids):
        for row in await db.rows(atoms.FACTS, {"ids": some}):
            again.looked.add(row.number)
            for key in atoms.values_of(row):
                if key in fits:
                    fits[key].add(row.number)
    await _look_at_prices(db, again, kept, variant_ids)
    numbers = list(again.looked)
    for locale in LOCALES:
        keys = [key for key in fits if key[:2] == ("part", locale)]
        for few in in_turn(numbers if keys else []):
            asked = {"numbers": few, "parts": [key[2] for key in keys]}
            for row in await db.rows(atoms.PARTS_AMONG[locale], asked):
                fits[keys[row.place - 1]] |= unpacked(row.numbers)
    for atom in kept:
        if atom.key[0] == "sold":
            at = again.moments[atom.key] = max(moment, atom.since or moment)
            due = again.looked | BitMap([number for time, number in atom.coming if time <= at])
            given = {"channel_id": atom.key[1], "moment": at, "numbers": list(due)}
            fits[atom.key] = unpacked(await db.value(atoms.SOLD_AMONG, given))
            again.coming[atom.key] = await db.row(atoms.COMING_AMONG, given | {"until": atom.until})
    return again


async def _look_at_prices(db: Reader, again: Again, kept: Sequence[Atom], variant_ids: Sequence[UUID]) -> None:
    channels = [atom for atom in kept if isinstance(atom, Priced)]
    numbers = again.looked.copy()
    for some in in_turn(variant_ids if channels else []):
        numbers |= BitMap([row.number for row in await db.rows(priced.NUMBERS_OF, {"variant_ids": some})])
    for atom in channels:
        rows = again.prices[atom.key] = []
        for few in in_turn(list(numbers)):
            rows += await db.rows(priced.PRICES_AMONG, {"channel_id": atom.key[1], "numbers": few})
