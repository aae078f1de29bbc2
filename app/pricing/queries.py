"""Reading price lists, prices with their history, tax classes and rates."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Text, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.db import Reader
from app.pricing.tables import price, price_list, tax_class, tax_rate

IDS = bindparam("ids", type_=ARRAY(Uuid))
CODES = bindparam("codes", type_=ARRAY(Text(collation="C")))
LISTS_BY_IDS = select(price_list).where(price_list.c.id == any_(IDS))
LISTS_BY_CODES = select(price_list).where(price_list.c.code == any_(CODES))
ALL_LISTS = select(price_list).order_by(price_list.c.code)
BASE_LIST = select(price_list).where(price_list.c.is_base, price_list.c.currency == bindparam("currency"))
PRICES = select(price, price_list.c.currency).join(price_list, price_list.c.id == price.c.price_list_id)
PRICES_BY_IDS = PRICES.where(price.c.id == any_(IDS))
CLASSES_BY_IDS = select(tax_class).where(tax_class.c.id == any_(IDS))
CLASSES_BY_CODES = select(tax_class).where(tax_class.c.code == any_(CODES))
ALL_CLASSES = select(tax_class).order_by(tax_class.c.code)
RATES_BY_IDS = select(tax_rate).where(tax_rate.c.id == any_(IDS))
RATES_OF_CLASSES = (
    select(tax_rate)
    .where(tax_rate.c.tax_class_id == any_(IDS))
    .order_by(tax_rate.c.country, tax_rate.c.region.nulls_first(), tax_rate.c.starts_at.nulls_first(), tax_rate.c.id)
)


async def price_lists_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Price lists by id, inactive ones too."""
    return {row.id: row for row in await db.rows(LISTS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def price_lists_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Price lists by code, inactive ones too."""
    return {row.code: row for row in await db.rows(LISTS_BY_CODES, {"codes": list(codes)})} if codes else {}


async def all_price_lists(db: Reader) -> list[Row[Any]]:
    """Every price list by code, inactive ones too."""
    return list(await db.rows(ALL_LISTS))


async def base_price_list(db: Reader, currency: str) -> Row[Any] | None:
    """The base list of a currency, where it has one."""
    return await db.row(BASE_LIST, {"currency": currency})


async def prices_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Prices by id, with their list's `currency`; those that ended too."""
    return {row.id: row for row in await db.rows(PRICES_BY_IDS, {"ids": list(ids)})} if ids else {}


async def page_of_prices(
    db: Reader, *, most: int, after: UUID | None, price_list_id: UUID | None, variant_id: UUID | None
) -> Sequence[Row[Any]]:
    """Prices of a list, of a variant or of both, the newest first, with their list's `currency`; after this id."""
    statement = _narrowed(PRICES, price_list_id, variant_id).order_by(price.c.id.desc()).limit(most)
    return await db.rows(statement if after is None else statement.where(price.c.id < after))


async def count_prices(db: Reader, *, most: int, price_list_id: UUID | None, variant_id: UUID | None) -> int | None:
    """How many there are; None beyond `most`."""
    some = _narrowed(select(price.c.id), price_list_id, variant_id).limit(most + 1).subquery()
    found: int = await db.value(select(func.count()).select_from(some))
    return found if found <= most else None


def _narrowed(statement: Select[Any], price_list_id: UUID | None, variant_id: UUID | None) -> Select[Any]:
    if price_list_id is not None:
        statement = statement.where(price.c.price_list_id == price_list_id)
    return statement if variant_id is None else statement.where(price.c.variant_id == variant_id)


async def tax_classes_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Tax classes by id."""
    return {row.id: row for row in await db.rows(CLASSES_BY_IDS, {"ids": list(ids)})} if ids else {}


async def tax_classes_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Tax classes by code."""
    return {row.code: row for row in await db.rows(CLASSES_BY_CODES, {"codes": list(codes)})} if codes else {}


async def all_tax_classes(db: Reader) -> list[Row[Any]]:
    """Every tax class by code."""
    return list(await db.rows(ALL_CLASSES))


async def tax_rates_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Tax rates by id, those that ended too."""
    return {row.id: row for row in await db.rows(RATES_BY_IDS, {"ids": list(ids)})} if ids else {}


async def rates_of_classes(db: Reader, class_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Each class's rates of all places and times, by country, region and start; each class asked for has a list."""
    found: dict[UUID, list[Row[Any]]] = {class_id: [] for class_id in class_ids}
    for row in await db.rows(RATES_OF_CLASSES, {"ids": list(found)}) if found else ():
        found[row.tax_class_id].append(row)
    return found
