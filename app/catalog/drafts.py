"""What a caller wants a product to be: drafts that the writing commands take, for one product or thousands.

Every field may be left out (`KEEP`): on an existing product it stays as it is, on a new one it takes its default.
Quantities are in thousandths of the variant's unit, weights in grams, times have a zone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from app.platform.errors import Refusal

T = TypeVar("T")


class Kept(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"


KEEP: Final = Kept.KEEP
"""Left out: what is there stays."""

Texts = Mapping[str, str]
"""Texts by language tag."""

Mode = Literal["create", "update", "upsert"]
"""What to do about what is there: refuse, require, or take either way."""


def given(value: T | Kept, kept: T) -> T:
    """The draft's value, or what is kept when it was left out."""
    return kept if isinstance(value, Kept) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDraft:
    """A product's texts in one language. The description is HTML of the shop's own staff, given out as it came."""

    locale: str
    name: str | Kept = KEEP
    description: str | Kept = KEEP
    seo_title: str | Kept | None = KEEP
    seo_description: str | Kept | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionValueDraft:
    """A value that variants may take. `was`: how it was called so far; the variants follow."""

    texts: Texts
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDraft:
    """What variants may differ in. `was`: how the option was called so far."""

    texts: Texts
    values: Sequence[OptionValueDraft]
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDraft:
    """A picture, video or file by its address, which is also its identity among a product's media."""

    url: str
    kind: Literal["IMAGE", "VIDEO", "FILE"] = "IMAGE"
    alt: Texts | Kept = KEEP
    width: int | Kept | None = KEEP
    height: int | Kept | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDraft:
    """A variant, found by its id, else by its option values among its product's variants.

    `option_values` are in the options' order, or by the option's name; texts of the default language. A SKU left out
    is made from slug and option values when the variant is new; `sku_made` says that the caller made it: an existing
    variant keeps the one it has, a new one gets a suffix where it is taken. `media` are ids of the product's media, or
    the urls of media in the same draft.
    """

    id: UUID | None = None
    mode: Mode = "upsert"
    option_values: Sequence[str] | Mapping[str, str] | Kept = KEEP
    sku: str | Kept = KEEP
    sku_made: bool = False
    barcode: str | Kept | None = KEEP
    scale_code: str | Kept | None = KEEP
    unit: str | Kept = KEEP
    quantity_step: int | Kept = KEEP
    weight_grams: int | Kept | None = KEEP
    requires_shipping: bool | Kept = KEEP
    track_stock: bool | Kept = KEEP
    backorder_allowance: int | Kept | None = KEEP
    tax_class_id: UUID | Kept | None = KEEP
    position: int | Kept = KEEP
    archived: bool | Kept = KEEP
    media: Sequence[UUID | str] | Kept = KEEP
    extra: Mapping[str, Any] | Kept = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationDraft:
    """A channel sells the product from `starts_at` (left out: as it is, else now) up to `ends_at` (None: no end)."""

    channel_id: UUID
    starts_at: datetime | None = None
    ends_at: datetime | Kept | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDraft:
    """A product, found by its id, else by its slug. A slug left out is made from the name.

    `options_follow`: the options' values are those that the variants use, in that order after what is there, and
    variants that no longer fit the options are archived: what a file says of a product. `media` and `collection_ids`
    are all of them, in their order, but `media_added` come after those that are there; `publish` and `unpublish` touch
    only the channels that they name.
    """

    id: UUID | None = None
    mode: Mode = "upsert"
    slug: str | Kept = KEEP
    status: Literal["DRAFT", "ACTIVE", "ARCHIVED"] | Kept = KEEP
    brand: str | Kept | None = KEEP
    product_type: str | Kept | None = KEEP
    tags: Sequence[str] | Kept = KEEP
    category_id: UUID | Kept | None = KEEP
    tax_class_id: UUID | Kept | None = KEEP
    texts: Sequence[TextDraft] = ()
    options: Sequence[OptionDraft] | Kept = KEEP
    options_follow: bool = False
    variants: Sequence[VariantDraft] = ()
    media: Sequence[MediaDraft | UUID] | Kept = KEEP
    media_added: Sequence[MediaDraft | UUID] = ()
    collection_ids: Sequence[UUID] | Kept = KEEP
    publish: Sequence[PublicationDraft] = ()
    unpublish: Sequence[UUID] = ()
    extra: Mapping[str, Any] | Kept = KEEP
    import_digest: bytes | Kept | None = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a draft: refused and not written, or there, `changed` or as it was before.

    `variant_ids` are those of the draft's variants, in its order. Paths of refusals begin at the draft.
    """

    product_id: UUID | None = None
    version: int = 0
    created: bool = False
    changed: bool = False
    variant_ids: tuple[UUID, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())
