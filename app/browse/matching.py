"""Which products a list is of: the conditions of its filter and search, built once for each shape of them.

Within a field any, between fields all. What concerns variants (options, price, stock) must be true of one and the same
variant: "size M, under 50, in stock" does not find a product whose M is sold out. Each option that is named is a field
of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.browse.search import Search, Slice, found, materialized
from app.browse.sight import Sight, sold
from app.catalog.tables import collection_product, product, variant
from app.inventory.guard import MOMENT
from app.inventory.tables import hold, stock_level
from app.platform.db import Reader
from app.platform.statements import built
from app.platform.texts import DEFAULT_LOCALE, LOCALES
from app.pricing.tables import channel_price

COUNTED: Final = 10_000
"""Matches are counted up to here."""
LOOKED_THROUGH: Final = 20_000
"""Of no more products than these it is counted which are in stock or sold out: the levels of each have to be looked at.
"""


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """An option by its name and some of its values, in the default language."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """What is looked for. None: whatever; an empty tuple: nothing matches.

    Prices are minor units, as the channel shows them. `category_ids` have their descendants with them. Without
    `statuses` and `published` it is what the channel sells, for everybody; with one of them it is any product of that
    status, that is sold there now or is not.
    """

    sight: Sight
    locale: str
    location_ids: tuple[UUID, ...] = ()
    ignores_safety_stock: bool = False
    search: Search | None = None
    loosely: bool = False
    ids: tuple[UUID, ...] | None = None
    category_ids: tuple[UUID, ...] | None = None
    collection_ids: tuple[UUID, ...] | None = None
    brands: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    price_min: int | None = None
    price_max: int | None = None
    options: tuple[OptionChoice, ...] = ()
    in_stock: bool | None = None
    statuses: tuple[str, ...] | None = None
    published: bool | None = None

    def made_loose(self, loosely: bool) -> "Matching":
        """The same, found by spelling too or not."""
        return self if loosely is self.loosely else replace(self, loosely=loosely)

    def without(self, name: str) -> "Matching":
        """The same, but for what this field asks."""
        left: dict[str, Any] = {name: None}
        return replace(self, **left)

    @property
    def shape(self) -> "Shape":
        asked = {name for name in _PLAIN if getattr(self, name) is not None}
        for name in ("in_stock", "published"):
            if (wanted := getattr(self, name)) is not None:
                asked.add(name if wanted else f"not {name}")
        # How many they are matters where each of them is compared.
        words = 0 if self.search is None else len(self.search.words) if self.loosely else 1
        return Shape(frozenset(asked), len(self.options), words, self.loosely)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of all that the conditions name, and the locale."""
        values: dict[str, Any] = {
            **{f"shown_{place}": locale for place, locale in enumerate(locales_shown(self.locale))},
            "locale": self.locale,
            "channel_id": self.sight.channel_id,
            "moment": self.sight.moment,
            "location_ids": list(self.location_ids),
            "ignores_safety_stock": self.ignores_safety_stock,
        }
        for name in _PLAIN:
            if (wanted := getattr(self, name)) is not None:
                values[name] = list(wanted) if isinstance(wanted, tuple) else wanted
        for place, choice in enumerate(self.options):
            values[f"option_{place}"] = choice.name
            values[f"values_{place}"] = list(choice.values)
        if self.search is not None:
            values |= self.search.parameters
            if self.loosely:
                values |= self.search.spelled
        return values


def locales_shown(locale: str) -> tuple[str, ...]:
    """Every language of the shop in the order in which a reader of this one is shown them (`texts.name_of`)."""
    language = locale.partition("-")[0]
    near = [one for one in LOCALES if one.partition("-")[0] == language]
    return tuple(dict.fromkeys((locale, *near, DEFAULT_LOCALE, *LOCALES)))


class Shape(NamedTuple):
    """What a `Matching` asks for, without the values: statements differ by it alone."""

    asked: frozenset[str]
    options: int
    words: int
    loosely: bool


_PLAIN: Final = (
    "ids", "category_ids", "collection_ids", "brands", "tags", "price_min", "price_max", "statuses",
)  # fmt: skip


def _any(name: str, type_: Any) -> Any:
    return any_(bindparam(name, type_=ARRAY(type_)))


_PRODUCT: Final[dict[str, ColumnElement[bool]]] = {
    "ids": product.c.id == _any("ids", Uuid),
    "category_ids": product.c.category_id == _any("category_ids", Uuid),
    "collection_ids": exists().where(
        collection_product.c.product_id == product.c.id,
        collection_product.c.collection_id == _any("collection_ids", Uuid),
    ),
    "brands": product.c.brand == _any("brands", Text),
    "tags": product.c.tags.bool_op("&&")(bindparam("tags", type_=ARRAY(Text))),
    "statuses": product.c.status == _any("statuses", Text),
    "published": sold(),
    "not published": not_(sold()),
}
_NARROW: Final = frozenset({"ids", "category_ids", "collection_ids", "brands", "tags"})


@lru_cache(4)
def conditions(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    """On rows of `product`: it matches. The same expressions for all of a statement: what is found is one CTE."""
    if not shape.words:
        return _unsearched(shape)
    # Evaluated once, whatever the planner thinks of the tables: without statistics it would be so for each product.
    ids = materialized(found(shape.words, loosely=shape.loosely, asked=_sight(shape)), "found")
    return (*_unsearched(shape), product.c.id.in_(select(ids.c.product_id)))


def matches(shape: Shape, *columns: ColumnElement[Any], within: Slice | None = None) -> Select[Any]:
    """These columns of `product`, of those that match; of a search `within` a slice, without what codes name.

    What is found is looked up one after the other, so that who needs no more than some reads no more.
    """
    if not shape.words or (within is None and not is_wide(shape)):
        return select(*columns).where(*conditions(shape))
    each = found(shape.words, loosely=shape.loosely, within=within, asked=_sight(shape)).subquery("each_found")
    return looked_up(shape, each.c.product_id, columns)


def looked_up(shape: Shape, id_: ColumnElement[Any], columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """These columns of the products that have these ids, and match but for the search."""
    # OFFSET 0: one after the other by its id, whatever the planner thinks that they are many or few.
    one = select(*columns).where(product.c.id == id_, *_unsearched(shape)).offset(literal_column("0")).lateral()
    return select(*one.c).select_from(id_.table.join(one, true()))


def is_wide(shape: Shape) -> bool:
    """Whether a list is searched, and nothing else that is asked may leave but few products."""
    return bool(shape.words) and not is_narrow(shape)


def is_narrow(shape: Shape) -> bool:
    """Whether what is asked of products and options may leave so few that they are better looked at one by one."""
    return bool(shape.options) or not shape.asked.isdisjoint(_NARROW)


def is_plain(shape: Shape) -> bool:
    """Whether nothing is asked of variants: no option, no price, no stock."""
    return not shape.options and shape.asked.isdisjoint({"price_min", "price_max", "in_stock", "not in_stock"})


def is_priced(shape: Shape) -> bool:
    """Whether a price is asked for."""
    return not shape.asked.isdisjoint({"price_min", "price_max"})


def _unsearched(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    asked = [_PRODUCT[name] for name in sorted(shape.asked) if name in _PRODUCT]
    asked += _sight(shape)
    own = variant_conditions(shape)
    if "in_stock" in shape.asked or own:
        asked.append(some_variant(*own, *([buyable()] if "in_stock" in shape.asked else [])))
    if "not in_stock" in shape.asked:
        asked.append(has_none(shape))
    return tuple(asked)


def _sight(shape: Shape) -> list[ColumnElement[bool]]:
    """On rows of `product`: the caller may see it; what else is asked does not count."""
    return [sold()] if shape.asked.isdisjoint({"statuses", "published", "not published"}) else []


def has_none(shape: Shape) -> ColumnElement[bool]:
    """On rows of `product`: of its variants that are looked for none can be bought."""
    return not_(some_variant(*variant_conditions(shape), buyable()))


def asks_stock(shape: Shape) -> bool:
    """Whether it is asked for what is in stock, or for what is not."""
    return not shape.asked.isdisjoint({"in_stock", "not in_stock"})


def with_any_stock(shape: Shape) -> Shape:
    """The same, whether it is sold out or not, for who looks through all of it."""
    return shape._replace(asked=shape.asked - {"in_stock", "not in_stock"} | {"looked through"})


def has_stock_asked(shape: Shape, of: FromClause) -> ColumnElement[bool]:
    """On rows with the `id` of a product that matches but for its stock: it is in stock, or is not, as is asked."""
    own = variant_conditions(shape)
    # Their conditions look at the product's options.
    where = (
        (product.c.id == of.c.id, variant.c.product_id == product.c.id) if own else (variant.c.product_id == of.c.id,)
    )
    some = exists(literal_column("1")).where(*where, ~variant.c.archived, *own, buyable()).correlate(of)
    return some if "in_stock" in shape.asked else not_(some)


def variant_conditions(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    """On rows of `variant` beside `product`: it has the options and the price; stock is not looked at."""
    asked = [_has_option(place) for place in range(shape.options)]
    if is_priced(shape):
        own = and_(
            channel_price.c.channel_id == bindparam("channel_id", type_=Uuid),
            channel_price.c.variant_id == variant.c.id,
        )
        asked.append(exists().where(own, *price_bounds(shape, channel_price)).correlate(variant))
    return tuple(asked)


def price_bounds(shape: Shape, prices: FromClause) -> list[ColumnElement[bool]]:
    """On rows of `channel_price`: it is within the bounds that are asked for."""
    low, high = (bindparam(name, type_=BigInteger) for name in ("price_min", "price_max"))
    bounds = {"price_min": prices.c.amount >= low, "price_max": prices.c.amount <= high}
    return [bound for name, bound in bounds.items() if name in shape.asked]


def some_variant(*wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """On rows of `product`: one of its variants is like this."""
    return (
        exists(literal_column("1"))
        .where(variant.c.product_id == product.c.id, ~variant.c.archived, *wanted)
        .correlate(product)
    )


def option_name(texts: Any) -> ColumnElement[str]:
    """How a filter names an option (or one of its values): its text in the default language, else in any other."""
    others = [locale for locale in LOCALES if locale != DEFAULT_LOCALE]
    return func.coalesce(*(texts.op("->>")(literal_column(f"'{locale}'")) for locale in (DEFAULT_LOCALE, *others)))


def _has_option(place: int) -> ColumnElement[bool]:
    values = bindparam(f"values_{place}", type_=ARRAY(Text))
    options = (
        func.jsonb_array_elements(product.c.options)
        .table_valued("option", with_ordinality="place", name=f"of_option_{place}")
        .render_derived()
    )
    name = option_name(func.jsonb_extract_path(options.c.option.cast(JSONB), literal_column("'name'")))
    named = (
        exists(literal_column("1"))
        .select_from(options)
        .where(
            name == bindparam(f"option_{place}", type_=Text),
            variant.c.option_values[options.c.place] == any_(values),
        )
        .correlate(product, variant)
    )
    # The first condition alone has an index to go by.
    return and_(variant.c.option_values.bool_op("&&")(values), named)


def buyable(released: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Whether a row of `variant` can be bought: it is not tracked, or one of the locations has some or may owe some.

    `released`: the holds that keep nothing back, on rows of `hold`; by themselves those that have expired.
    """
    level = stock_level.c
    here = and_(level.variant_id == variant.c.id, level.location_id == _any("location_ids", Uuid))
    kept_back = case((bindparam("ignores_safety_stock", type_=Boolean), 0), else_=level.safety_stock)
    expired = (
        select(func.coalesce(func.sum(hold.c.quantity), 0))
        .where(
            hold.c.variant_id == level.variant_id,
            hold.c.location_id == level.location_id,
            hold.c.expires_at <= MOMENT if released is None else released,
        )
        .correlate(stock_level)
        .scalar_subquery()
    )
    left = level.on_hand - level.reserved - kept_back + level.backorder_allowance
    some = (
        exists(literal_column("1"))
        .where(here, or_(left > 0, and_(level.reserved > 0, left + expired > 0)))
        .correlate(variant)
    )
    levels = select(func.count()).select_from(stock_level).where(here).correlate(variant).scalar_subquery()
    # Where there is no level yet, one would begin with the variant's allowance.
    new = and_(
        func.coalesce(variant.c.backorder_allowance, 1) > 0,
        func.cardinality(bindparam("location_ids", type_=ARRAY(Uuid))) > levels,
    )
    return or_(~variant.c.track_stock, some, new)


@built(256)
def _count(shape: Shape) -> Select[Any]:
    if asks_stock(shape):
        some, total = looked_through(shape, product.c.id)
        counted = select(func.count()).select_from(some.limit(COUNTED + 1).subquery("some")).scalar_subquery()
        return select(total(counted))
    return select(func.count()).select_from(matches(shape, product.c.id).limit(COUNTED + 1).subquery("some"))


def looked_through(
    shape: Shape, *columns: ColumnElement[Any]
) -> tuple[Select[Any], Callable[[ColumnElement[int]], ColumnElement[int]]]:
    """These columns, `id` among them, of what matches and has the stock that is asked for; and how many that is, by a
    count of up to `COUNTED` and one more: so many where too many would have to be looked at to tell.
    """
    looked = materialized(matches(with_any_stock(shape), *columns).limit(LOOKED_THROUGH + 1), "looked_through")
    few = select(func.count() <= LOOKED_THROUGH).select_from(looked).scalar_subquery()
    some = select(*looked.c).where(has_stock_asked(shape, looked))
    if "in_stock" in shape.asked:
        # Of many that are in stock it is soon seen that they are, and no more is looked at.
        return some, lambda counted: case((counted > COUNTED, COUNTED + 1), (few, counted), else_=COUNTED + 1)
    return some.where(few), lambda counted: case((few, counted), else_=COUNTED + 1)


async def count(db: Reader, matching: Matching) -> int | None:
    """How many match: exact up to `COUNTED`, else None; None too where the stock of too many would be looked at."""
    total = int(await db.value(_count(matching.shape), matching.parameters))
    return total if total <= COUNTED else None
