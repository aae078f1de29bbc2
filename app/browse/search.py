"""What a shopper typed, and the products that it finds: codes first, then words in any of the shop's languages, then,
when words find few, words that are spelled nearly so.

Words are the letters and digits of the text, in lower case and without accents; all of them must be found, the last one
may be the beginning of a word. `"two words"` must stand together, `-word` must not be there. Stems, stop words and
weights (name before brand, tags and codes, before category, before description) are PostgreSQL's, in each language's
own way; texts in another language than the caller's are found too, and come after.

Of very many that are found, the newest are ranked, and those that are named so (`RANKED`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.sight import Sight, sold
from app.browse.spelling import alikeness, by_spelling, swapped, typed_word
from app.catalog.barcodes import barcode_key, read_scale_label
from app.catalog.search_text import CONFIGURATIONS, is_spelled
from app.catalog.tables import product, product_text, variant
from app.platform.db import Reader
from app.platform.texts import LOCALES, key_of

LONGEST: Final = 200
"""The most characters of a search."""
MOST_WORDS: Final = 12
"""Words that must be there, and words that must not; those beyond these are left out of account."""
FEW: Final = 3
"""Where words find fewer products than this, words spelled nearly so are looked for too."""
RANKED: Final = 1_000
"""Of more products than these, the newest are ranked, with those that a code names and those whose name begins so."""
BEGINNING: Final = 100
"""In each language as many products whose name begins with what was typed are ranked, however old they are."""
PEEKED: Final = 2_000
"""So many that are found are read first; where there are no more, no slices are made."""
SLICES: Final = (16_000, 64_000)
"""Among so many of the newest products the newest that are found are looked for first, then among so many."""

BEHIND_ALL: Final[ColumnElement[str]] = literal_column("U&'\\+10FFFF'")
"""The last character that there is, and so behind every name that begins with what stands before it."""

EXACT: Final = 1_000_000
"""What a product is worth that a code names."""
_FOUND: Final = 1_000

_PART = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Search:
    """A text that was typed: `query` is for to_tsquery, `words` are those that must be found, `text` is all of it.

    `wanted` is the query without what must be absent, which would spoil the rank; `parts` is all of which it is made,
    what must be absent begins with "!".

    `exacting`: with quotes or a minus it means what it says, spelling included.
    """

    text: str
    query: str
    wanted: str
    words: tuple[str, ...]
    exacting: bool
    codes: tuple[str, ...]
    barcode: str
    scale_code: str | None
    parts: tuple[str, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of what the conditions and scores of this module name."""
        return {
            "tsquery": self.query,
            "tswanted": self.wanted,
            "typed": self.text,
            "codes": list(self.codes),
            "barcode": self.barcode,
            "scale_code": self.scale_code,
        }

    @property
    def spelled(self) -> dict[str, Any]:
        """Values of what `spelling` names besides."""
        values: dict[str, Any] = {"meant": [word for word in self.words if not is_spelled(word)]}
        for place, word in enumerate(self.words):
            values[f"word_{place}"] = word
            values[f"swapped_{place}"] = swapped(word) if is_spelled(word) else []
        return values


def read_search(typed: str | None) -> Search | None:
    """None where nothing can be looked for: no text, or one without a letter or digit that must be there."""
    text = (typed or "").replace("\0", " ").strip()[:LONGEST]
    parts: list[str] = []
    words: list[str] = []
    unwanted: list[str] = []
    open_end = exacting = False
    for minus, quoted, bare in _PART.findall(text):
        among = unwanted if minus else words
        found = _WORD.findall(key_of(quoted or bare))[: MOST_WORDS - len(among)]
        if not found:
            continue
        exacting |= bool(minus or quoted)
        if minus:
            unwanted += found
            parts.append("!(" + " <-> ".join(f"'{word}'" for word in found) + ")")
            continue
        words += found
        parts.append("(" + (" <-> " if quoted else " & ").join(f"'{word}'" for word in found) + ")")
        open_end = not quoted and len(found[-1]) > 1
    if not words:
        return None
    positive = [place for place, part in enumerate(parts) if not part.startswith("!")]
    if open_end:
        parts[positive[-1]] = parts[positive[-1]][:-1] + ":*)"
    label = read_scale_label(text)
    return Search(
        text=key_of(text),
        query=" & ".join(parts),
        wanted=" & ".join(parts[place] for place in positive),
        words=tuple(dict.fromkeys(words)),
        exacting=exacting,
        codes=tuple(dict.fromkeys((text, text.upper(), text.lower()))),
        barcode=barcode_key(text),
        scale_code=label.scale_code if label else None,
        parts=tuple(parts),
    )


def materialized(statement: Select[Any], name: str) -> CTE:
    """Worked out once, when it is first read, whatever the planner thinks of the tables."""
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def tsquery(locale: str, name: str = "tsquery") -> ColumnElement[Any]:
    """What was typed, for texts in this language."""
    configuration = CONFIGURATIONS.get(locale.partition("-")[0], "simple")
    return func.to_tsquery(literal_column(f"'{configuration}'::regconfig"), bindparam(name, type_=Text))


def once(query: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same, worked out once for the statement: where each row asks for it and no index does."""
    return select(query).scalar_subquery()


# Under names of their own, so that no statement around them takes them for its rows.
_text = product_text.alias("found_text")
_coded = variant.alias("coded")


@dataclass(frozen=True, slots=True)
class Slice:
    """Products by how new they are, as their ids tell: of the newest `most` (None: all) but the newest `skipped`."""

    skipped: int = 0
    most: int | None = None

    def holds(self, id_: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """Whether it has the product. Where there are no more than it skips, nothing is looked at."""
        asked: list[ColumnElement[bool]] = []
        if self.skipped:
            asked += [_behind(self.skipped).is_not(None), id_ <= _behind(self.skipped)]
        if self.most:
            asked.append(id_ > func.coalesce(_behind(self.most), literal_column(f"'{UUID(int=0)}'::uuid")))
        return asked


EVERYTHING: Final = Slice()


def _behind(newest: int) -> ScalarSelect[Any]:
    """The id of the newest product that is older than so many; null where there are no more than these."""
    return select(_BEHIND[newest].c.id).scalar_subquery()


_dated = product.alias("dated")
_BEHIND: Final = {
    newest: materialized(
        select(_dated.c.id).order_by(_dated.c.id.desc()).offset(literal_column(str(newest))).limit(literal_column("1")),
        f"behind_{newest}",
    )
    for newest in SLICES
}


def in_locale(text: FromClause, locale: str, name: str = "tsquery") -> ColumnElement[bool]:
    """A row of `product_text` is in this language, and has the words."""
    # Not as an equation, for which the planner would read through the names of half the shop beside the words.
    return and_(
        text.c.locale.is_not_distinct_from(literal_column(f"'{locale}'")),
        text.c.search.bool_op("@@")(tsquery(locale, name)),
    )


def _by_words(place: int, within: Slice) -> Select[Any]:
    """Products whose text in this language has the words, and whose texts in those before it do not."""
    statement = select(_text.c.product_id).where(*within.holds(_text.c.product_id), in_locale(_text, LOCALES[place]))
    for before in LOCALES[:place]:
        other = product_text.alias("other_text")
        # Looked up for each: as NOT EXISTS it would become a join with all that have the words.
        same = (
            select(literal_column("true"))
            .where(
                other.c.product_id == _text.c.product_id,
                other.c.locale == before,
                other.c.search.bool_op("@@")(once(tsquery(before))),
            )
            .limit(literal_column("1"))
            .correlate(_text)
            .scalar_subquery()
        )
        statement = statement.where(same.is_(None))
    return statement


def by_code() -> Select[Any]:
    """The `product_id` of what a code names."""
    return select(_coded.c.product_id).where(
        ~_coded.c.archived,
        or_(
            _coded.c.sku == any_(bindparam("codes", type_=ARRAY(Text(collation="C")))),
            _coded.c.barcode_key == bindparam("barcode", type_=Text),
            _coded.c.scale_code == bindparam("scale_code", type_=Text),
        ),
    )


def found(
    words: int, *, loosely: bool, within: Slice | None = None, asked: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """The `product_id` of each product that is found, once; `loosely`: by spelling too. `words`: how many there are.

    Unless `loosely` it costs what is read of it. `within`: of a slice, those that the words find. `asked`: what must be
    true of what spelling finds, for there is an end to that.
    """
    ways = [_by_words(place, within or EVERYTHING) for place in range(len(LOCALES))]
    if within is not None:
        return select(union_all(*ways).subquery("found_within").c.product_id)
    ways = [by_code().distinct(), *(way.where(_text.c.product_id.not_in(by_code())) for way in ways)]
    if not loosely:
        return select(union_all(*ways).subquery("found_once").c.product_id)
    ways.append(by_spelling(words, asked))
    return select(union_all(*ways).subquery("found_some").c.product_id).distinct()


def beginning() -> CompoundSelect[Any]:
    """The `product_id` of products that are named what was typed, or whose names begin so, and that the words find."""
    typed, key = bindparam("typed", type_=Text), _text.c.name_key
    ways = [
        select(_text.c.product_id)
        .where(_text.c.locale == locale, key >= typed, key < typed + BEHIND_ALL, in_locale(_text, locale))
        .order_by(key)
        .limit(literal_column(str(BEGINNING)))
        .subquery(f"beginning_{place}")
        for place, locale in enumerate(LOCALES)
    ]
    return union_all(by_code(), *(select(each.c.product_id) for each in ways))


def worth(text: FromClause, wanted: ColumnElement[Any]) -> ColumnElement[int]:
    """How well a text fits that has the words; `wanted` are these, for its language."""
    typed, key = bindparam("typed", type_=Text), text.c.name_key
    fit = cast(func.round(1000 * func.ts_rank(text.c.search, wanted)), Integer)
    named = case((key == typed, 2_000), (func.starts_with(key, typed), 500), else_=0)
    native = case((text.c.locale == bindparam("locale", type_=Text), 250), else_=0)
    return _FOUND + fit + named + native


def score(words: int, *, loosely: bool) -> ColumnElement[int]:
    """How well a row of `product_text` fits, a whole number; a product has its best text's."""
    query, wanted = (
        case(*((product_text.c.locale == locale, once(tsquery(locale, name))) for locale in LOCALES))
        for name in ("tsquery", "tswanted")
    )
    key = product_text.c.name_key
    stemmed = product_text.c.search.bool_op("@@")(query)
    nearly: Any = 0
    if loosely:
        each = [
            func.greatest(
                func.strict_word_similarity(typed_word(place), key),
                0.8 * alikeness(place, product_text),
            )
            for place in range(words)
        ]
        nearly = cast(func.round(sum(each[1:], each[0]) * (_FOUND - 1) / words), Integer)
    return case(
        (product_text.c.product_id.in_(by_code()), EXACT),
        (stemmed, worth(product_text, wanted)),
        else_=nearly,
    )


_hits = found(0, loosely=False, within=EVERYTHING).subquery("hits")
# OFFSET 0: one after the other, only as many as it takes to tell that there are not few.
_sold = (
    select(product.c.id).where(product.c.id == _hits.c.product_id, sold()).offset(literal_column("0")).lateral("sold")
)
_words_found = select(_sold.c.id).select_from(_hits.join(_sold, true())).limit(FEW).subquery("words_found")
WORDS_FOUND: Final = select(func.count()).select_from(_words_found)


async def is_loose(db: Reader, search: Search, sight: Sight) -> bool:
    """Whether words spelled nearly so are to be looked for: the channel sells too few products that the words find.

    Other filters do not count, so that narrowing a list never widens its search.
    """
    if search.exacting:
        return False
    parameters = {"tsquery": search.query, "channel_id": sight.channel_id, "moment": sight.moment}
    return int(await db.value(WORDS_FOUND, parameters)) < FEW


def rank_of(words: int, candidates: Select[Any], *, loosely: bool) -> Select[Any]:
    """The `id` and `rank` of each of these candidates (a select of product ids, as `id`)."""
    of = candidates.subquery("candidates")
    return (
        select(of.c.id, func.max(score(words, loosely=loosely)).label("rank"))
        .join(product_text, product_text.c.product_id == of.c.id)
        .group_by(of.c.id)
    )
