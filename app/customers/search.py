"""Finding customers: by any part of name, e-mail address, phone or tax number, without accents, a typo forgiven."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
)

from app.customers.tables import customer
from app.platform.db import Reader
from app.platform.texts import key_of

MOST_CHARACTERS: Final = 100
MOST_WORDS: Final = 6
# The shortest word in which a typo is forgiven: shorter ones resemble too much.
LEAST_FOR_TYPO: Final = 4
LEAST_TO_RANK: Final = 3
_NUMBER: Final = re.compile(r"[+\d\s().\-/]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: after the customer of this rank and id."""

    rank: int
    id: UUID


async def search(db: Reader, text: str | None, *, size: int, after: Place | None = None) -> Sequence[Row[Any]]:
    """Customers that match every word of `text`, or all for none; each row with its `rank`.

    Rank 0: the text begins a word; 1: every word stands somewhere; 2: one resembles. Within a rank the newest first.
    Words of one or two characters alone are not ranked.
    """
    words = _words(text)
    place = {"rank_after": after.rank if after else None, "id_after": after.id if after else None}
    return await db.rows(_page(_forgiving(words), _ranked(words)), _parameters(words) | place | {"size": size})


async def count(db: Reader, text: str | None, *, most: int) -> int:
    """How many match; counts no further than `most`."""
    words = _words(text)
    return int(await db.value(_count(_forgiving(words)), _parameters(words) | {"most": most}))


def _words(text: str | None) -> list[str]:
    """What to look for: a number whole without its punctuation, else words. NUL is in no text."""
    key = key_of((text or "").replace("\0", " ")[:MOST_CHARACTERS])
    if key and _NUMBER.fullmatch(key):
        digits = re.sub(r"\D", "", key)
        return [digits] if digits else []
    return key.split()[:MOST_WORDS]


def _parameters(words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"whole": f"% {_escaped(' '.join(words))}%"} if words else {}
    for index, word in enumerate(words):
        found[f"part{index}"] = f"%{_escaped(word)}%"
        if _forgives(word):
            found[f"word{index}"] = word
    return found


def _forgives(word: str) -> bool:
    return len(word) >= LEAST_FOR_TYPO and word.isalpha()


def _forgiving(words: Sequence[str]) -> tuple[bool, ...]:
    """For each word whether a typo in it is forgiven. One statement is built for each such tuple."""
    return tuple(map(_forgives, words))


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _contains(index: int) -> ColumnElement[bool]:
    return customer.c.search_key.like(bindparam(f"part{index}"))


def _resembles(index: int) -> ColumnElement[bool]:
    return bindparam(f"word{index}").op("<%", is_comparison=True)(customer.c.search_key)


def _ranked(words: Sequence[str]) -> bool:
    """Not for a letter or two: no index finds those, and to rank them all customers would have to be read."""
    return any(len(word) >= LEAST_TO_RANK for word in words)


def _matches(forgiving: tuple[bool, ...]) -> ColumnElement[bool]:
    found = (
        or_(_contains(index), _resembles(index)) if typo else _contains(index) for index, typo in enumerate(forgiving)
    )
    return and_(true(), *found)


@cache
def _page(forgiving: tuple[bool, ...], ranked_words: bool) -> Select[Any]:
    if ranked_words:
        begins = (" " + customer.c.search_key).like(bindparam("whole"))
        everything = and_(*(_contains(index) for index in range(len(forgiving))))
        rank: ColumnElement[int] = case((begins, 0), (everything, 1), else_=2)
    else:
        rank = literal(0, Integer)
    ranked = select(customer, rank.label("rank")).where(_matches(forgiving)).subquery()
    rank_after, id_after = bindparam("rank_after", type_=BigInteger), bindparam("id_after", type_=Uuid)
    return (
        select(ranked)
        .where(
            or_(
                rank_after.is_(None),
                ranked.c.rank > rank_after,
                and_(ranked.c.rank == rank_after, ranked.c.id < id_after),
            )
        )
        .order_by(ranked.c.rank, ranked.c.id.desc())
        .limit(bindparam("size"))
    )


@cache
def _count(forgiving: tuple[bool, ...]) -> Select[Any]:
    some = select(literal(1).label("one")).select_from(customer).where(_matches(forgiving)).limit(bindparam("most"))
    return select(func.count()).select_from(some.subquery())
