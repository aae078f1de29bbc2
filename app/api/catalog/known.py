"""What is known of a product that came from the followed catalog: worked out once for a language, then only told.

It hangs on the entry of the product's document, and goes with it. Everybody who reads that language is given the same
objects: nothing in them depends on the caller, and nobody writes to them.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from app.api.engine.forms import Shelf
from app.browse.documents import Document, VariantFacts
from app.browse.facts import Entry
from app.pricing.frame import Frame
from app.pricing.quotes import VariantQuote

if TYPE_CHECKING:
    from app.api.catalog.media import Media
    from app.api.catalog.texts import ProductText
    from app.api.catalog.variants import SelectedOption, Variant
    from app.api.pricing.prices import VariantPrice

PRODUCT: Final = 1_700
VARIANT: Final = 900
MEDIA: Final = 1_000
PRICED: Final = 1_500
"""Bytes that one of these takes, about."""


@dataclass(slots=True, eq=False)
class Priced:
    """What one unit costs in a channel, under the prices' `frame` and the channel's `version`: the same at all moments
    from `since` to just before `until` (None: without end).
    """

    frame: Frame
    version: int
    since: datetime
    until: datetime | None
    quote: VariantQuote | None
    shown: "VariantPrice | None"


@dataclass(slots=True, eq=False)
class KnownVariant:
    """`prices`: by channel and location, where anybody buys one unit. `kept`: how it has been shown."""

    entry: Entry
    document: Document
    facts: VariantFacts
    name: str
    selected_options: "list[SelectedOption]"
    media: "list[Media]"
    kept: Shelf
    prices: dict[Hashable, Priced] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class KnownProduct:
    """Texts in the language; `variants` and `media` in their order. `kept`: how it has been shown."""

    entry: Entry
    document: Document
    name: str
    description: str
    seo_title: str | None
    seo_description: str | None
    texts: "list[ProductText]"
    media: "list[Media]"
    variants: "list[Variant]"
    kept: Shelf


T = TypeVar("T")


def told(
    parents: Sequence[Any], known: Callable[[Any], T], read: Callable[[Sequence[Any]], Awaitable[Sequence[T]]]
) -> list[T]:
    """Each parent's value: at once where all are known, else `later`, when the others' are read, all together."""
    rest = [parent for parent in parents if parent.known is None]
    if not rest:
        return [known(parent.known) for parent in parents]
    return later(_mixed(parents, known, read(rest)))


def later(values: Sequence[T] | Awaitable[Sequence[T]]) -> list[T]:
    """What a batch function answers that may have to read, where others of its answers are there: either will do."""
    return cast("list[T]", values)


async def _mixed(parents: Sequence[Any], known: Callable[[Any], T], reading: Awaitable[Sequence[T]]) -> list[T]:
    left = iter(await reading)
    return [next(left) if parent.known is None else known(parent.known) for parent in parents]
