"""What a product is once a draft is carried out: pure, without the database. Problems are collected, not raised.

What only the database can tell (whether a SKU is taken, whether a category exists) is not looked at here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.catalog.drafts import KEEP, Kept, MediaDraft, ProductDraft, TextDraft, given
from app.catalog.fields import (
    MAX_COLLECTIONS,
    MAX_DESCRIPTION,
    MAX_MEDIA,
    MAX_NAME,
    MAX_PIXELS,
    MAX_SEO,
    MAX_TAG,
    MAX_TAGS,
    MAX_VARIANTS,
    Problems,
    check_count,
    check_locale,
    check_number,
    check_slug,
    check_text,
    check_texts,
    check_url,
    check_window,
)
from app.catalog.formats.handles import handle_of
from app.catalog.merge_variants import merge_variants
from app.catalog.options import check_fit, follow_variants, set_options
from app.catalog.whole import Values, Whole
from app.platform.errors import InvalidInput, NotFound, Path, check_version
from app.platform.errors import VersionConflict as Stale
from app.platform.ids import new_id
from app.platform.texts import DEFAULT_LOCALE, key_of, name_of

PLAIN_FIELDS: Final = ("status", "brand", "product_type", "category_id", "tax_class_id", "import_digest")


@dataclass(slots=True)
class Merged:
    """A draft's outcome: the product `before` (None: new) and `after`, or what is wrong.

    `made_slug` and `made_skus` (by variant id: the option values that they come from) are ours to change where taken.
    """

    draft: ProductDraft
    before: Whole | None
    after: Whole
    problems: Problems = field(default_factory=list)
    variant_ids: tuple[UUID, ...] = ()
    variant_paths: dict[UUID, Path] = field(default_factory=dict)
    made_slug: bool = False
    made_skus: dict[UUID, tuple[str, ...]] = field(default_factory=dict)


def merge(draft: ProductDraft, before: Whole | None, now: datetime, media: Mapping[UUID, Values]) -> Merged:
    """What the draft makes of the product that is there, or of none. `media`: rows of those that it names by id."""
    after = before.copy() if before else Whole(product=_blank(now))
    merged = Merged(draft, before, after)
    if not _may(merged):
        return merged
    _merge_texts(merged)
    _merge_product(merged)
    _merge_media(merged, media)
    if not isinstance(draft.options, Kept):
        set_options(merged.problems, after, draft.options, follow=draft.options_follow)
    merge_variants(merged, now)
    if draft.options_follow:
        follow_variants(after, merged.variant_ids)
    if not merged.problems:
        check_fit(merged.problems, after, merged.variant_paths, fallback=("options",))
    check_count(
        merged.problems,
        [row for row in after.variants.values() if not row["archived"]],
        ("variants",),
        most=MAX_VARIANTS,
    )
    _merge_publication(merged, now)
    return merged


def _blank(now: datetime) -> Values:
    return {
        "id": new_id(), "slug": "", "status": "DRAFT", "brand": None, "product_type": None, "tags": [],
        "category_id": None, "tax_class_id": None, "options": [], "extra": {}, "import_digest": None,
        "next_at": None, "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip


def _may(merged: Merged) -> bool:
    draft, before = merged.draft, merged.before
    if before is None and (draft.mode == "update" or draft.id is not None):
        merged.problems.append(NotFound("There is no such product.", path=("productId",)))
    elif before is not None and draft.mode == "create":
        merged.problems.append(InvalidInput("Another product has this slug.", path=("slug",), code="TAKEN"))
    elif before is not None:
        try:
            check_version(draft.expected_version, before.product["version"], "Product", before.id)
        except Stale as stale:
            merged.problems.append(stale)
    return not merged.problems


def _merge_texts(merged: Merged) -> None:
    problems, texts = merged.problems, merged.after.texts
    for place, draft in enumerate(merged.draft.texts):
        path: Path = ("texts", str(place))
        check_locale(problems, draft.locale, (*path, "locale"))
        row = texts.get(draft.locale)
        if row is None and isinstance(draft.name, Kept):
            problems.append(InvalidInput("A name is needed.", path=(*path, "name"), code="REQUIRED"))
            continue
        row = row or {"product_id": merged.after.id, "locale": draft.locale, "name": "", "description": ""}
        texts[draft.locale] = _text(merged.problems, row, draft, path)
    if not texts and not problems:
        problems.append(InvalidInput("A name in at least one language is needed.", path=("texts",), code="REQUIRED"))


def _text(problems: Problems, row: Values, draft: TextDraft, path: Path) -> Values:
    name, description = given(draft.name, row["name"]), given(draft.description, row["description"])
    title = given(draft.seo_title, row.get("seo_title"))
    summary = given(draft.seo_description, row.get("seo_description"))
    check_text(problems, name, (*path, "name"), most=MAX_NAME, least=1)
    check_text(problems, description, (*path, "description"), most=MAX_DESCRIPTION)
    check_text(problems, title or "", (*path, "seoTitle"), most=MAX_SEO)
    check_text(problems, summary or "", (*path, "seoDescription"), most=MAX_SEO)
    return {
        "product_id": row["product_id"], "locale": draft.locale, "name": name, "name_key": key_of(name),
        "description": description, "seo_title": title, "seo_description": summary,
    }  # fmt: skip


def _merge_product(merged: Merged) -> None:
    draft, product, problems = merged.draft, merged.after.product, merged.problems
    for name in PLAIN_FIELDS:
        product[name] = given(getattr(draft, name), product[name])
    for name in ("brand", "product_type"):
        check_text(problems, product[name] or "", (_camel(name),), most=MAX_NAME)
        product[name] = (product[name] or "").strip() or None
    if not isinstance(draft.extra, Kept):
        product["extra"] = dict(draft.extra)
    if not isinstance(draft.tags, Kept) and check_count(problems, draft.tags, ("tags",), most=MAX_TAGS):
        for place, tag in enumerate(draft.tags):
            check_text(problems, tag, ("tags", str(place)), most=MAX_TAG, least=1)
        product["tags"] = list(dict.fromkeys(tag.strip() for tag in draft.tags))
    if not isinstance(draft.slug, Kept):
        product["slug"] = draft.slug
    elif not product["slug"] and merged.after.texts:
        names = {locale: row["name"] for locale, row in merged.after.texts.items()}
        product["slug"] = handle_of(name_of(names, DEFAULT_LOCALE))[:200].strip("-_.") or product["id"].hex[-12:]
        merged.made_slug = True
    if product["slug"] or not isinstance(draft.slug, Kept):
        check_slug(problems, product["slug"])
    if not isinstance(draft.collection_ids, Kept) and check_count(
        problems, draft.collection_ids, ("collectionIds",), most=MAX_COLLECTIONS
    ):
        merged.after.collections = frozenset(draft.collection_ids)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _merge_media(merged: Merged, media: Mapping[UUID, Values]) -> None:
    """The product's media in the order given; one that is drafted again by its url keeps its id."""
    draft, after, problems = merged.draft, merged.after, merged.problems
    kept = list(after.product_media) if isinstance(draft.media, Kept) else []
    wanted = [*kept, *(() if isinstance(draft.media, Kept) else draft.media), *draft.media_added]
    if not check_count(problems, wanted, ("media",), most=MAX_MEDIA + len(draft.media_added)):
        return
    by_url = {row["url"]: key for key, row in after.media.items()}
    order: dict[UUID, None] = {}
    for place, item in enumerate(wanted):
        path: Path = ("media", str(place - len(kept)))
        if isinstance(item, UUID):
            if item in media:
                after.media.setdefault(item, dict(media[item]))
            elif item not in after.media:
                problems.append(NotFound("There is no such media.", path=path))
            order[item] = None
            continue
        there = by_url.get(item.url)
        row = media_row(problems, after.media[there] if there else None, item, path)
        by_url[item.url] = row["id"]
        after.media[row["id"]] = row
        order[row["id"]] = None
    after.product_media = tuple(order)
    check_count(problems, after.product_media, ("media",), most=MAX_MEDIA)
    for key, own in after.variant_media.items():
        after.variant_media[key] = tuple(one for one in own if one in order)


def media_row(problems: Problems, row: Values | None, draft: MediaDraft, path: Path) -> Values:
    """A media's row, new or changed as drafted. Times are set when it is written."""
    alt = given(draft.alt, row["alt"] if row else {})
    check_url(problems, draft.url, (*path, "url"))
    check_texts(problems, alt, (*path, "alt"), most=MAX_NAME, least=0)
    width = given(draft.width, row["width"] if row else None)
    height = given(draft.height, row["height"] if row else None)
    check_number(problems, width, (*path, "width"), least=1, most=MAX_PIXELS)
    check_number(problems, height, (*path, "height"), least=1, most=MAX_PIXELS)
    base: Values = row or {"id": new_id(), "archived": False, "version": 1, "created_at": None, "updated_at": None}
    return base | {"kind": draft.kind, "url": draft.url, "alt": dict(alt), "width": width, "height": height}


def _merge_publication(merged: Merged, now: datetime) -> None:
    after = merged.after
    for key in merged.draft.unpublish:
        after.publications.pop(key, None)
    for place, draft in enumerate(merged.draft.publish):
        there: Any = after.publications.get(draft.channel_id)
        starts_at = draft.starts_at or (there["starts_at"] if there else now)
        ends_at = given(draft.ends_at, there["ends_at"] if there else None)
        if there and draft.starts_at is None and draft.ends_at is KEEP and ends_at is not None and ends_at <= now:
            starts_at, ends_at = now, None
        check_window(merged.problems, starts_at, ends_at, ("publish", str(place), "endsAt"))
        after.publications[draft.channel_id] = {
            "product_id": after.id, "channel_id": draft.channel_id, "starts_at": starts_at, "ends_at": ends_at,
        }  # fmt: skip
