"""What a search finds where that is not much, in one statement: its page with the stock of it, how many there are, and
what facets are counted of.

All of them are ranked by the texts that have the words, which are read anyway. What finds more texts than are read
first, or more products than are ranked, is left to `listing`, which says of those which are.
"""

from dataclasses import dataclass
from struct import iter_unpack
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import (
    CTE,
    ColumnElement,
    LargeBinary,
    ScalarSelect,
    Select,
    SmallInteger,
    and_,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from app.browse.listing import MOST, Keys, Order, in_order, is_behind
from app.browse.matching import Matching, Shape, looked_up
from app.browse.pages import Asked, Found, arrays_of, found_of, stock_parameters
from app.browse.search import EXACT, FEW, RANKED, by_code, in_locale, materialized, once, tsquery, worth
from app.browse.sight import sold
from app.browse.stocked import NEVER, NOT_NOW, state_of
from app.catalog.tables import product, product_text
from app.inventory.availability import raw
from app.platform.db import Reader
from app.platform.statements import built
from app.platform.texts import LOCALES

TEXTS: Final = 2_000
"""Texts in each language that are read first. Where there are so many, nothing else is done."""
_EACH: Final = ">16sqih"


@dataclass(frozen=True, slots=True)
class Matched:
    """All products that match: their ids' bytes with their versions, their numbers by what there is of them
    (`stocked.state_of`), and how many have nothing that can be bought.
    """

    versions: dict[bytes, int]
    states: dict[int, BitMap]
    sold_out: int

    @property
    def numbers(self) -> BitMap:
        return BitMap.union(*self.states.values()) if self.states else BitMap()


@dataclass(frozen=True, slots=True)
class Hits:
    """`page` and `total` of what is found, where it is not too much: else None. `matched`: where it was asked for.

    `sold`: how many products the channel sells that the words find, whatever else is asked, counted up to `FEW`;
    perhaps too few where it is too much.
    """

    page: Found | None
    total: int
    sold: int
    matched: Matched | None


async def find_hits(
    db: Reader,
    matching: Matching,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    stock: Asked | None,
    counted: bool,
) -> Hits:
    """The page of `first` products behind `after`, as `find_products` has it by RELEVANCE; `counted`: and what
    facets are counted of, for a shape that is plain.
    """
    assert matching.search is not None, "looked for"
    assert not matching.loosely, "not for words spelled nearly so"
    place = {} if after is None else {"after_key": after[0], "after_id": after[1]}
    parameters = {**matching.parameters, **stock_parameters(stock), **place, "most": first + 1}
    statement = _statement(matching.shape, not descending, after is not None, stock is not None, counted)
    row = await db.row(statement, parameters)
    assert row is not None, "aggregates"
    if row.total is None:
        return Hits(None, 0, row.sold, None)
    matched = _matched(row) if counted else None
    return Hits(found_of([row], first, stocks=stock is not None), row.total, row.sold, matched)


def _matched(row: Any) -> Matched:
    each = list(iter_unpack(_EACH, row.matched or b""))
    states: dict[int, BitMap] = {}
    for _, _, number, state in each:
        states.setdefault(state, BitMap()).add(number)
    out = sum(len(states.get(state, ())) for state in (NEVER, NOT_NOW))
    return Matched({key: version for key, version, _, _ in each}, states, out)


@built(128)
def _statement(shape: Shape, downwards: bool, paged: bool, stocks: bool, counted: bool) -> Select[Any]:
    texts = [_texts(place) for place in range(len(LOCALES))]
    few = and_(*(_count(each) < TEXTS for each in texts))
    ranked = _ranked(texts, few)
    one = looked_up(shape, ranked.c.product_id, [product.c.id, product.c.version, product.c.number])
    matched = materialized(one.add_columns(ranked.c.rank, ranked.c.worded), "matched")
    total = _count(matched)
    rank, id_ = matched.c.rank, matched.c.id
    page = select(id_, matched.c.version, rank.label("listed_by")).where(total <= RANKED)
    if paged:
        page = page.where(is_behind(Order.RELEVANCE, rank, id_, downwards))
    page = page.order_by(*in_order(rank, id_, downwards)).limit(MOST)
    found = select(
        select(total).where(few, total <= RANKED).scalar_subquery().label("total"),
        _sold(shape, texts, few, ranked, matched),
    )
    if counted:
        found = found.add_columns(_facts(matched, total))
    told = found.subquery("told")
    arrays = arrays_of(page, stocks, downwards).subquery("arrays")
    return select(*arrays.c, *told.c).select_from(arrays.join(told, true()))


def _count(of: CTE) -> ScalarSelect[int]:
    return select(func.count()).select_from(of).scalar_subquery()


def _texts(place: int) -> CTE:
    """Texts in a language that have the words."""
    text = product_text.alias(f"text_{place}")
    columns = text.c.product_id, text.c.locale, text.c.name_key, text.c.search
    some = select(*columns).where(in_locale(text, LOCALES[place])).limit(literal_column(str(TEXTS)))
    return materialized(some, f"texts_{place}")


def _ranked(texts: list[CTE], few: ColumnElement[bool]) -> CTE:
    """The products of these texts, and those that codes name, with what each is worth, and whether words find it."""
    named = by_code().subquery("named")
    ways = [
        select(
            each.c.product_id,
            worth(each, once(tsquery(LOCALES[place], "tswanted"))).label("rank"),
            literal_column("true").label("worded"),
        ).where(few)
        for place, each in enumerate(texts)
    ]
    ways.append(select(named.c.product_id, literal_column(str(EXACT)), literal_column("false")))
    every = union_all(*ways).subquery("every")
    best = select(
        every.c.product_id, func.max(every.c.rank).label("rank"), func.bool_or(every.c.worded).label("worded")
    ).group_by(every.c.product_id)
    return materialized(best, "ranked")


def _sold(shape: Shape, texts: list[CTE], few: ColumnElement[bool], ranked: CTE, matched: CTE) -> ColumnElement[int]:
    if not shape.asked and not shape.options:
        # Of these the channel sells each.
        exact = _few_of(select(matched.c.id).where(matched.c.worded))
    else:
        exact = _few_of(_sold_of(ranked).where(ranked.c.worded))
    # Where too much is found, of the texts that were read in one language; in the next one's only where these are few.
    *before, last = (_few_of(_sold_of(each)) for each in texts)
    return case((few, exact), *((each >= FEW, each) for each in before), else_=last).label("sold")


def _sold_of(found: CTE) -> Select[Any]:
    # OFFSET 0: one after the other, only as many as it takes.
    each = select(product.c.id).where(product.c.id == found.c.product_id, sold()).offset(literal_column("0"))
    one = each.lateral("one_sold")
    return select(one.c.id).select_from(found.join(one, true()))


def _few_of(some: Select[Any]) -> ScalarSelect[int]:
    counted = some.limit(literal_column(str(FEW))).subquery("some_sold")
    return select(func.count()).select_from(counted).scalar_subquery()


def _facts(matched: CTE, total: ScalarSelect[int]) -> ColumnElement[bytes]:
    """The id, the version, the number and the state of each, as `_EACH` packs them."""
    version: ColumnElement[bytes] = func.int8send(matched.c.version, type_=LargeBinary)
    number: ColumnElement[bytes] = func.int4send(matched.c.number, type_=LargeBinary)
    state: ColumnElement[bytes] = func.int2send(cast(state_of(matched.c.id), SmallInteger), type_=LargeBinary)
    each = raw(matched.c.id).op("||")(version).op("||")(number).op("||")(state)
    packed = func.string_agg(each, literal_column("''::bytea"), type_=LargeBinary)
    return select(packed).where(total <= RANKED).scalar_subquery().label("matched")
