"""What products are filtered and sorted by, and what such a filter means."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from decimal import Context as Arithmetic
from enum import Enum
from typing import Final
from uuid import UUID

import strawberry

from app.api.catalog.enums import ProductStatus
from app.api.catalog.sight import followed, sees_all, sight_of
from app.api.context import Context
from app.api.engine.errors import Code, RequestError
from app.api.inventory.availability import places_of
from app.browse.matching import Matching, OptionChoice
from app.browse.search import LONGEST, read_search
from app.browse.slugs import ids_of_slugs
from app.catalog.fields import storable
from app.platform import ids
from app.platform.money import MAX_MINOR, exponent

MOST_NAMED: Final = 100
"""Values of one field of a filter."""
MOST_OPTIONS: Final = 10
LONGEST_NAMED: Final = 500
"""Characters of one of them."""

_EXACT: Final = Arithmetic(prec=100)
field = strawberry.field
value = strawberry.enum_value


@strawberry.enum(description="What products are sorted by.")
class ProductSortKey(Enum):
    RELEVANCE = value(
        "RELEVANCE",
        description="How well they fit the search, the best first; without one, NAME. Where more than 1,000 are found, "
        "the newest of them and those that are named so are listed; the other sorts list all.",
    )
    NAME = value("NAME", description="Their names in the caller's language, from A to Z.")
    PRICE = value("PRICE", description="Their lowest prices, the lowest first; what has no price comes last.")
    CREATED_AT = value("CREATED_AT", description="When they were first written, the oldest first.")
    UPDATED_AT = value("UPDATED_AT", description="When they were last written, the oldest first.")


@strawberry.input(description="How to sort products. Left out: RELEVANCE with a search, else NAME.")
class ProductSort:
    key: ProductSortKey = field(description="What by.")
    descending: bool = field(default=False, description="The other way round.")


@strawberry.input(description="From `min` to `max`, both included; what is left out is open.")
class DecimalRange:
    min: Decimal | None = field(default=None, description="The least.")
    max: Decimal | None = field(default=None, description="The most.")


@strawberry.input(
    description="An option and some of its values, both in the shop's default language, as facets name them."
)
class OptionFilter:
    name: str = field(description="The option: Tamanho.")
    values: list[str] = field(description="Any of these values; empty: whatever.")


@strawberry.input(
    description="`categories` and `collections` are slugs; a category takes its descendants along. "
    "Within a field any, between fields all; each option is a field. An empty list asks for nothing in particular, "
    "but `ids`: none. Options, price and stock must fit one and the same variant. At most 100 values a field."
)
class ProductFilter:
    categories: list[str] | None = field(default=None, description="In one of these categories or below it.")
    collections: list[str] | None = field(default=None, description="In one of these collections.")
    brands: list[str] | None = field(default=None, description="Of one of these brands.")
    tags: list[str] | None = field(default=None, description="With one of these tags.")
    price: DecimalRange | None = field(default=None, description="With a price in this range, as the channel shows it.")
    options: list[OptionFilter] | None = field(default=None, description="With these options, at most 10.")
    in_stock: bool | None = field(
        default=None,
        description="Whether the channel can promise some of it now: what is there, or may be backordered. "
        "A page looks at no more than 5,000 products: where few of them are as asked it may be short, or empty, and "
        "goes on behind `endCursor` while `hasNextPage` says so. Of more than 20,000 it is not counted which are: "
        "`totalCount` and `facets` are null.",
    )
    ids: list[strawberry.ID] | None = field(default=None, description="One of these products.")
    status: list[ProductStatus] | None = field(
        default=None,
        description="In one of these states, wherever published, instead of what the channel sells; "
        "for those who may see it.",
    )
    published: bool | None = field(
        default=None,
        description="Whether the channel sells it now, instead of only what it sells; for those who may see it.",
    )


async def matching_of(context: Context, search: str | None, given: ProductFilter | None, *, stock: bool) -> Matching:
    """What is looked for in the request's channel and language. `stock`: it will be asked what is in stock.

    Raises BAD_REQUEST for malformed ids and for what is too long or too many, FORBIDDEN for `status` and `published`
    without `catalog.read`.
    """
    if search is not None and len(search) > LONGEST:
        raise RequestError(Code.BAD_REQUEST, f"`search` may have at most {LONGEST} characters.")
    wanted = given or ProductFilter()
    if (wanted.status is not None or wanted.published is not None) and not sees_all(context):
        raise RequestError(Code.FORBIDDEN, "This needs the permission 'catalog.read'.")
    categories, collections = await _shelves(
        context, _named("categories", wanted.categories), _named("collections", wanted.collections)
    )
    price = wanted.price or DecimalRange()
    return Matching(
        sight=sight_of(context),
        locale=context.locale,
        location_ids=await _location_ids(context) if stock or wanted.in_stock is not None else (),
        ignores_safety_stock=context.channel.ignores_safety_stock,
        search=read_search(search),
        ids=None if wanted.ids is None else _ids(wanted.ids),
        category_ids=categories,
        collection_ids=collections,
        brands=_named("brands", wanted.brands),
        tags=_named("tags", wanted.tags),
        price_min=_minor(price.min, context, ROUND_CEILING),
        price_max=_minor(price.max, context, ROUND_FLOOR),
        options=_options(wanted.options or ()),
        in_stock=wanted.in_stock,
        statuses=tuple(status.name for status in wanted.status) if wanted.status is not None else None,
        published=wanted.published,
    )


async def _shelves(
    context: Context, categories: tuple[str, ...] | None, collections: tuple[str, ...] | None
) -> tuple[tuple[UUID, ...] | None, tuple[UUID, ...] | None]:
    if categories is None and collections is None:
        return None, None
    if (catalog := followed(context)) is not None:
        return await catalog.shelves(categories, collections, context.now)
    return await ids_of_slugs(context.db, categories=categories, collections=collections)


async def _location_ids(context: Context) -> tuple[UUID, ...]:
    return tuple(row.id for row in await places_of(context))


def _named(name: str, given: Iterable[str] | None) -> tuple[str, ...] | None:
    """A field's values; None for none. What the database cannot hold is nobody's."""
    values = tuple(dict.fromkeys(given or ()))
    if len(values) > MOST_NAMED:
        raise RequestError(Code.BAD_REQUEST, f"`filter.{name}` may have at most {MOST_NAMED} values.")
    if any(len(one) > LONGEST_NAMED for one in values):
        raise RequestError(Code.BAD_REQUEST, f"A value of `filter.{name}` may have at most {LONGEST_NAMED} characters.")
    return tuple(one for one in values if storable(one)) if values else None


def _ids(given: Iterable[str]) -> tuple[UUID, ...]:
    keys = []
    for text in given:
        key = ids.decode("Product", text)
        if key is None:
            raise RequestError(Code.BAD_REQUEST, "`filter.ids` holds what is not the id of a Product.")
        keys.append(key)
    if len(keys) > MOST_NAMED:
        raise RequestError(Code.BAD_REQUEST, f"`filter.ids` may have at most {MOST_NAMED} values.")
    return tuple(keys)


def _options(given: Iterable[OptionFilter]) -> tuple[OptionChoice, ...]:
    """One choice for each option; an option named twice has the values of both."""
    chosen: dict[str, list[str]] = {}
    for one in given:
        chosen.setdefault(one.name, []).extend(one.values)
    if len(chosen) > MOST_OPTIONS:
        raise RequestError(Code.BAD_REQUEST, f"`filter.options` may name at most {MOST_OPTIONS} options.")
    choices = []
    for name, values in chosen.items():
        names, some = _named("options", [name]), _named("options", values)
        if some is not None:
            choices.append(OptionChoice(name if names else "", some))
    return tuple(choices)


def _minor(amount: Decimal | None, context: Context, rounding: str) -> int | None:
    """Minor units of the channel's currency, rounded into the range."""
    if amount is None:
        return None
    minor = amount.scaleb(exponent(context.channel.currency), _EXACT).to_integral_value(rounding, _EXACT)
    return int(max(Decimal(-1), min(Decimal(MAX_MINOR + 1), minor)))
