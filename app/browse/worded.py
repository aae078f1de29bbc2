"""A search in another order than by relevance: places of what the words find.

Words have an index and an order has one, and none has both. A word that many products have fills a page soon where the
order is walked and each product's texts are looked at; of a word that few have, all that it finds is put in order. What
is not known is which it is, and to read all that is found of a common word is what costs. So:

1. `LOOKED_AT[0]` places are walked. Where that fills the page, it is done.
2. Where that finds next to nothing, as much is read of what the words find as tells whether it is little.
3. If not, `LOOKED_AT[1]` places are walked.
4. Only where that does not fill the page either, or little is found, all that is found is put in order: of many that is
   seldom, for it takes words that go by the order (names that begin with them).

Each is a part of one statement, that is not begun where those before it were enough.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from app.browse.matching import Shape, is_wide
from app.browse.search import PEEKED, by_code, found, in_locale, materialized, once, tsquery
from app.browse.walks import PLACES, Order, behind, first_of, in_order, listed
from app.catalog.tables import product_text
from app.platform.texts import LOCALES

LOOKED_AT: Final = (64, 512, 3_000)
"""Places that are walked at once; and where more is found than is read first."""
LIKELY: Final = 2
"""Where so many of the first places are of what is found, it is not asked whether that is little."""


def is_worded(shape: Shape) -> bool:
    """Whether its words alone may leave few products. What is spelled nearly so is never much."""
    return is_wide(shape) and not shape.loosely


def worded(shape: Shape, order: Order, descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
    """The `id`, `version` and `listed_by` of the first `most` in this order."""
    places, plain = PLACES[order], shape._replace(words=0)

    def fitting(each: FromClause) -> Select[Any]:
        # They come in order, and are looked at one after the other until there are enough.
        fits = places.fits(plain, each)
        statement = select(*listed(fits)).select_from(each.join(fits, true()))
        ordered = statement.order_by(*in_order(each.c.listed_by, each.c.id, descending))
        return first_of(plain, ordered, descending, most)

    def walked(looks: int) -> Select[Any]:
        each = places.walked(descending, paged, literal_column(str(looks), BigInteger)).subquery("walked")
        having = select(each).where(_is_found(each.c.id)).order_by(*in_order(each.c.listed_by, each.c.id, descending))
        return fitting(having.offset(literal_column("0")).subquery("having_words"))

    begun = materialized(walked(LOOKED_AT[0]), "begun")
    likely = _count(begun) >= LIKELY
    going_on = materialized(walked(LOOKED_AT[1]).where(_count(begun) < most, likely), "going_on")
    soon = case((likely, _count(going_on) >= most), else_=false())
    peeked = materialized(found(shape.words, loosely=False).limit(literal_column(str(PEEKED))), "peeked")
    few = _count(peeked) < PEEKED
    further = materialized(walked(LOOKED_AT[2]).where(and_(_count(begun) < most, ~soon, ~few)), "further")
    found_ = union_all(
        places.of(select(peeked.c.product_id).subquery("some_found"), True).where(few),
        places.of(_everything(order).subquery("all_found"), False).where(~few),
    ).subquery("found_places")
    sorted_ = behind(order, select(found_), found_.c.listed_by, found_.c.id, descending, paged)
    put_in_order = fitting(sorted_.offset(literal_column("0")).subquery("in_order"))
    none_is_full = and_(_count(begun) < most, ~soon, or_(few, _count(further) < most))
    ways = [
        select(*listed(begun)).where(_count(begun) >= most),
        select(*listed(going_on)).where(soon),
        select(*listed(further)).where(_count(further) >= most),
        select(*listed(put_in_order.where(none_is_full).subquery("put_in_order"))),
    ]
    either = union_all(*ways).subquery("either")
    return select(*either.c).order_by(*in_order(either.c.listed_by, either.c.id, descending)).limit(most)


def _count(of: CTE) -> ColumnElement[int]:
    return select(func.count()).select_from(of).scalar_subquery()


def _is_found(id_: ColumnElement[Any]) -> ColumnElement[bool]:
    """One of the product's texts has the words, or a code names it."""
    text = product_text.alias("its_text")
    query = case(*((text.c.locale == locale, once(tsquery(locale))) for locale in LOCALES))
    # Looked up for each of them: as EXISTS it might become a join with all that have the words.
    has = (
        select(literal_column("true"))
        .where(text.c.product_id == id_, text.c.search.bool_op("@@")(query))
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    return or_(has.is_not(None), id_.in_(by_code()))


def _everything(order: Order) -> Select[Any]:
    """The `product_id` of all that is found, once: as `found` has it, for who reads all of it. By NAME also the name in
    the caller's language where that is in a text that has the words.
    """
    text = product_text.alias("some_text")
    of_locale = text.c.locale == bindparam("locale", type_=Text)
    name = case((of_locale, text.c.name_key)) if order is Order.NAME else cast(null(), Text)
    texts = [select(text.c.product_id, name.label("own_name")).where(in_locale(text, locale)) for locale in LOCALES]
    coded = by_code().add_columns(cast(null(), Text))
    every = union_all(*texts, coded).subquery("every")
    return select(every.c.product_id, func.max(every.c.own_name).label("own_name")).group_by(every.c.product_id)
