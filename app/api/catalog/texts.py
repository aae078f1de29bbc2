"""Texts in several languages, for those who write them."""

from collections.abc import Mapping
from typing import Any, TypeVar

import strawberry
from sqlalchemy import Row

from app.browse.documents import TextFacts
from app.platform.texts import LOCALES


@strawberry.type(description="A text in one language.")
class LocalizedText:
    locale: str = strawberry.field(description="The language: pt-BR.")
    text: str = strawberry.field(description="The text.")

    @classmethod
    def all_of(cls, texts: Mapping[str, str]) -> "list[LocalizedText]":
        """The shop's languages in their order, then any others."""
        order = {locale: place for place, locale in enumerate(LOCALES)}
        ordered = sorted(texts.items(), key=lambda item: (order.get(item[0], len(order)), item[0]))
        return [cls(locale=locale, text=text) for locale, text in ordered]


@strawberry.type(description="A product's texts in one language.")
class ProductText:
    locale: str = strawberry.field(description="The language: pt-BR.")
    name: str = strawberry.field(description="The product's name.")
    description: str = strawberry.field(description="Its description, HTML as it was written.")
    seo_title: str | None = strawberry.field(description="The title that search engines are told.")
    seo_description: str | None = strawberry.field(description="The description that search engines are told.")

    @classmethod
    def all_of(cls, rows: Mapping[str, "Row[Any] | TextFacts"]) -> "list[ProductText]":
        """From rows by locale, the shop's languages in their order."""
        return [cls.of(rows[locale]) for locale in LOCALES if locale in rows]

    @classmethod
    def of(cls, row: Row[Any] | TextFacts) -> "ProductText":
        """From a row of `product_text`."""
        return cls(
            locale=row.locale,
            name=row.name,
            description=row.description,
            seo_title=row.seo_title,
            seo_description=row.seo_description,
        )


R = TypeVar("R", Row[Any], TextFacts)


def best(rows: Mapping[str, R], locale: str) -> R | None:
    """The row of `product_text` to show a reader of this language: as `texts.name_of` chooses."""
    if not rows:
        return None
    if locale in rows:
        return rows[locale]
    language = locale.partition("-")[0]
    near = (row for tag, row in rows.items() if tag.partition("-")[0] == language)
    return next(near, None) or rows.get(LOCALES[0]) or next(iter(rows.values()))
