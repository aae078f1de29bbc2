"""Which channels sell a product, as was told of it last.

Everything that is told of a product, of its variants' prices and of their availability must name the same channels,
whichever process tells it and whatever its clock says. So none of them asks the time: what was told last stands until
the product's `next_at`, the next moment at which a publication of it begins or ends; who writes the product, or the
clock's job (`publication.tell_due`), tells what came of it and moves `next_at` on, under the product's lock.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, any_, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import product, publication, variant

NEVER: Final = datetime.max.replace(tzinfo=UTC)

Publication = Mapping[str, Any]
"""A row of `publication`."""

_variant, _product = variant.alias("seen_variant"), product.alias("seen_product")
_until = func.coalesce(_product.c.next_at, literal_column("'infinity'::timestamptz"))
_sells = and_(
    publication.c.product_id == _product.c.id,
    _product.c.status == "ACTIVE",
    publication.c.starts_at < _until,
    or_(publication.c.ends_at.is_(None), publication.c.ends_at >= _until),
)


def next_change(publications: Iterable[Publication], now: datetime) -> datetime | None:
    """When one of these next begins or ends; None: never."""
    instants = (row[name] for row in publications for name in ("starts_at", "ends_at"))
    return min((instant for instant in instants if instant is not None and instant > now), default=None)


def selling(publications: Iterable[Publication], next_at: datetime | None) -> frozenset[UUID]:
    """The channels of those that last before `next_at`, until when nothing begins or ends."""
    until = next_at or NEVER
    return frozenset(
        row["channel_id"]
        for row in publications
        if row["starts_at"] < until and (row["ends_at"] is None or row["ends_at"] >= until)
    )


def sold_in(variant_id: ColumnElement[UUID]) -> ColumnElement[list[UUID]]:
    """The channels that sell a variant, as an array: a subquery for a statement that names variants."""
    found = (
        select(publication.c.channel_id)
        .select_from(_variant)
        .join(_product, _product.c.id == _variant.c.product_id)
        .join(publication, _sells)
        .where(_variant.c.id == variant_id, ~_variant.c.archived)
        .correlate_except(_variant, _product, publication)
    )
    return func.array(found.scalar_subquery(), type_=ARRAY(Uuid))


def sold_there(channel_ids: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether one of these channels sells a row of `variant`."""
    return (
        select(1)
        .select_from(_product)
        .join(publication, _sells)
        .where(
            _product.c.id == variant.c.product_id, ~variant.c.archived, publication.c.channel_id == any_(channel_ids)
        )
        .correlate(variant)
        .exists()
    )
