"""What variants are called: their product's name and their option values, in every language that the product has."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.platform.texts import DEFAULT_LOCALE, name_of

SEPARATOR = " / "


def value_key(value: Mapping[str, str]) -> str:
    """How a variant names an option's value: its text in the default language, else the best there is."""
    return name_of(value, DEFAULT_LOCALE)


def localized_values(options: Sequence[Mapping[str, Any]], values: Sequence[str], locale: str) -> list[str]:
    """A variant's option values in a language, in the options' order."""
    shown = []
    for option, value in zip(options, values, strict=False):
        found = next((texts for texts in option["values"] if value_key(texts) == value), None)
        shown.append(name_of(found, locale) if found else value)
    return shown


def variant_names(
    product_names: Mapping[str, str], options: Sequence[Mapping[str, Any]], values: Sequence[str]
) -> dict[str, str]:
    """By locale: "Camiseta Feira / M / Azul"; the product's name alone where there are no options."""
    return {
        locale: SEPARATOR.join([name, *localized_values(options, values, locale)])
        for locale, name in product_names.items()
    }
