"""Products whose words are spelled nearly as what was typed: looked up in the shop's words, not in its texts.

Each typed word stands for the words of the shop that are alike (`search_word`), and a text is found that has one of
them for each. First the most alike alone, then some, then all, until enough are found; and of what very many have, the
newest. A number, and what looks like a code, is meant as it is typed, and finds nothing that is spelled nearly so.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Float,
    FromClause,
    ScalarSelect,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import product, product_text, search_word

NEARLY: Final = 0.33
"""The least share of trigrams that a typed word and a word of the shop have in common.

"asucar" finds "acucar" with 0.40, "leyte" finds "leite" with 0.33, "chocolte" finds "chocolate" with 0.58; "arroz" and
"arruda" share 0.30.
"""
SWAPPED: Final = 0.9
"""How alike a word is of which two letters beside one another were typed the other way round, whatever its trigrams."""
SWAPPED_FROM: Final = 4
"""Letters of the shortest word that is looked for so."""
TIERS: Final = (1, 5, 30)
"""Looked for are the texts that have the most alike word, then one of so many, then of so many."""
ENOUGH: Final = 100
"""Where so many texts are found by words that are more alike, no others are looked for."""
NEWEST: Final = 4_000
"""Among so many texts of the newest products those that have the most alike word are looked for first."""
LOOKED_AT: Final = 2_000
"""So many texts are looked at that the index finds; of more, whichever stand first in the table."""
MET: Final = 500
"""So many texts are found in each way, the newest first or as they come."""

_ALIKE: Final = "pg_trgm.strict_word_similarity_threshold"
_BEST: Final = 1.0


def typed_word(place: int) -> ColumnElement[str]:
    """One of the words that were typed."""
    return cast(bindparam(f"word_{place}", type_=Text), Text)


def words_of(text: FromClause) -> ColumnElement[Any]:
    """The bare words of a row of `product_text`, as they are indexed."""
    return func.string_to_array(text.c.search_words, literal_column("' '"), type_=ARRAY(Text))


@lru_cache
def alike(place: int) -> CTE:
    """The shop's words that are spelled nearly as the typed one, each with its `share` and the `tier` that it is in."""
    typed, meant = typed_word(place), typed_word(place) == any_(bindparam("meant", type_=ARRAY(Text)))
    # Set for this statement alone, and before its scan begins: an uncorrelated subquery in a condition without columns.
    threshold = select(func.set_config(_ALIKE, str(NEARLY), True)).scalar_subquery()
    share = func.strict_word_similarity(typed, search_word.c.word, type_=Float)
    near = (
        select(search_word.c.word, share.label("share"))
        .where(threshold.is_not(None), ~meant, typed.bool_op("<<%")(search_word.c.word))
        .distinct()
        .order_by(share.desc(), search_word.c.word)
        .limit(_number(TIERS[-1]))
        .subquery(f"near_{place}")
    )
    itself = select(typed.label("word"), literal_column(str(_BEST), Float).label("share")).where(meant)
    swaps = any_(bindparam(f"swapped_{place}", type_=ARRAY(Text)))
    turned = select(search_word.c.word, literal_column(str(SWAPPED), Float)).where(search_word.c.word == swaps)
    ways = union_all(select(near.c.word, near.c.share), turned, itself).subquery(f"ways_{place}")
    best = select(ways.c.word, func.max(ways.c.share).label("share")).group_by(ways.c.word)
    known = best.subquery(f"known_{place}")
    tier = func.rank().over(order_by=known.c.share.desc())
    return select(known.c.word, known.c.share, tier.label("tier")).cte(f"alike_{place}")


def swapped(word: str) -> list[str]:
    """The words of which this one is if two letters beside one another were typed the other way round."""
    if len(word) < SWAPPED_FROM:
        return []
    places = range(len(word) - 1)
    return [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places if word[at] != word[at + 1]]


def alikeness(place: int, text: FromClause) -> ColumnElement[float]:
    """How alike the most alike of a text's words is; null where none is."""
    words = alike(place)
    best = select(func.max(words.c.share)).where(words.c.word == any_(words_of(text)))
    return best.correlate(text).scalar_subquery()


def by_spelling(words: int, asked: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The `product_id` of products that are spelled nearly so, some twice; of those of which all is true that is asked
    of rows of `product`.
    """
    ways: list[CTE] = []
    each = and_(*(exists(literal_column("1")).select_from(alike(place)) for place in range(words)))
    for number, tier in enumerate(TIERS):
        # Nothing is looked for again where no other word is alike.
        before = TIERS[number - 1] if number else 0
        more = or_(*(_some(alike(place), before, tier) for place in range(words)))
        looks = [_newest, _any] if number == 0 else [_any]
        for look in looks:
            few = and_(*(_count(way) < _number(ENOUGH) for way in ways)) if ways else true()
            ways.append(_wanted(look(words, tier, and_(each, more, few)), asked, len(ways)))
    return select(union_all(*(select(way.c.product_id) for way in ways)).subquery("spelled").c.product_id)


def _number(number: int) -> ColumnElement[int]:
    return literal_column(str(number))


def _some(words: CTE, behind: int, tier: int) -> ColumnElement[bool]:
    return (
        exists(literal_column("1"))
        .select_from(words)
        .where(words.c.tier > _number(behind), words.c.tier <= _number(tier))
    )


def _count(way: CTE) -> ScalarSelect[int]:
    return select(func.count()).select_from(way).scalar_subquery()


def _has(words: int, tier: int, text: FromClause) -> list[ColumnElement[bool]]:
    """For each typed word a row of `product_text` has one that is alike."""
    return [words_of(text).bool_op("&&")(_words(alike(place), tier, alike(place).c.word)) for place in range(words)]


def _words(words: CTE, tier: int, of: ColumnElement[Any]) -> ScalarSelect[Any]:
    return select(func.array_agg(of)).where(words.c.tier <= _number(tier)).scalar_subquery()


def _newest(words: int, tier: int, when: ColumnElement[bool]) -> Select[Any]:
    text = product_text.alias("newest_text")
    rows = (
        select(text.c.product_id, text.c.locale, text.c.search_words)
        .where(when)
        .order_by(text.c.product_id.desc(), text.c.locale.desc())
        .limit(_number(NEWEST))
        .subquery("newest")
    )
    # Letters beside one another are found far sooner than words are taken apart.
    letters = [
        rows.c.search_words.like(any_(cast(_words(alike(place), tier, _anywhere(alike(place).c.word)), ARRAY(Text))))
        for place in range(words)
    ]
    found = select(rows.c.product_id).where(*letters).offset(_number(0)).add_columns(rows.c.search_words)
    likely = found.subquery("likely")
    return select(likely.c.product_id).where(*_has(words, tier, likely))


def _anywhere(word: ColumnElement[str]) -> ColumnElement[str]:
    escaped: ColumnElement[str] = func.replace(word, literal_column(r"'\'"), literal_column(r"'\\'"))
    return literal_column("'%'").concat(escaped).concat(literal_column("'%'"))


def _any(words: int, tier: int, when: ColumnElement[bool]) -> Select[Any]:
    text = product_text.alias("spelled_text")
    return select(text.c.product_id).where(when, *_has(words, tier, text)).limit(_number(LOOKED_AT))


def _wanted(some: Select[Any], asked: Sequence[ColumnElement[bool]], number: int) -> CTE:
    """Of these, those of which it is true, one after the other until there are `MET`."""
    found = some.subquery(f"looked_at_{number}")
    # OFFSET 0: looked up by its id, whatever the planner thinks that they are many or few.
    one = select(product.c.id).where(product.c.id == found.c.product_id, *asked).offset(_number(0)).lateral()
    met = select(found.c.product_id).select_from(found.join(one, true())).limit(_number(MET))
    return met.cte(f"met_{number}")
