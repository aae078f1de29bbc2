"""A product's options: what its variants may differ in. Names and values are texts in several languages; variants name
values by their text in the default language."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.catalog.drafts import OptionDraft, Texts, VariantDraft
from app.catalog.fields import MAX_NAME, MAX_OPTION_VALUES, MAX_OPTIONS, Problems, check_count, check_texts
from app.catalog.names import value_key
from app.catalog.whole import Values, Whole
from app.platform.errors import InvalidInput, Path
from app.platform.texts import DEFAULT_LOCALE

Option = dict[str, Any]
"""{"name": texts, "values": [texts, …]}, as `product.options` holds them."""


def set_options(problems: Problems, whole: Whole, drafts: Sequence[OptionDraft], *, follow: bool) -> None:
    """Give the product these options; its variants follow where an option or a value only changed its name.

    A variant that no longer fits is a problem of the options, or, with `follow`, archived.
    """
    if not _check_drafts(problems, drafts):
        return
    old: Sequence[Option] = whole.product["options"]
    places = [_place_of(old, draft) for draft in drafts]
    new = [
        _merged(draft, old[place] if place is not None else None, follow)
        for draft, place in zip(drafts, places, strict=True)
    ]
    renamed = [{value.was: value_key(value.texts) for value in draft.values if value.was} for draft in drafts]
    whole.product["options"] = new
    for row in whole.variants.values():
        held = row["option_values"]
        row["option_values"] = [
            "" if place is None or place >= len(held) else names.get(held[place], held[place])
            for place, names in zip(places, renamed, strict=True)
        ]


def _check_drafts(problems: Problems, drafts: Sequence[OptionDraft]) -> bool:
    before = len(problems)
    check_count(problems, drafts, ("options",), most=MAX_OPTIONS)
    names: set[str] = set()
    for place, draft in enumerate(drafts[:MAX_OPTIONS]):
        path: Path = ("options", str(place))
        check_texts(problems, draft.texts, (*path, "names"), most=MAX_NAME)
        _check_new(problems, names, draft.texts, path)
        if check_count(problems, draft.values, (*path, "values"), most=MAX_OPTION_VALUES):
            values: set[str] = set()
            for at, value in enumerate(draft.values):
                check_texts(problems, value.texts, (*path, "values", str(at), "names"), most=MAX_NAME)
                _check_new(problems, values, value.texts, (*path, "values", str(at)))
    return len(problems) == before


def _check_new(problems: Problems, seen: set[str], texts: Texts, path: Path) -> None:
    key = value_key(texts)
    if key in seen:
        problems.append(InvalidInput(f"“{key}” is there twice.", path=path, code="DUPLICATE"))
    seen.add(key)


def _place_of(old: Sequence[Option], draft: OptionDraft) -> int | None:
    name = draft.was or value_key(draft.texts)
    return next((place for place, option in enumerate(old) if value_key(option["name"]) == name), None)


def _merged(draft: OptionDraft, old: Option | None, follow: bool) -> Option:
    """The option as drafted, with the texts in other languages that it had; with `follow` its other values too."""
    if old is None:
        return {"name": dict(draft.texts), "values": [dict(value.texts) for value in draft.values]}
    had = {value_key(texts): texts for texts in old["values"]}
    values = {
        value.was or value_key(value.texts): had.get(value.was or value_key(value.texts), {}) | value.texts
        for value in draft.values
    }
    return {
        "name": old["name"] | draft.texts,
        "values": [*((had | values).values() if follow else values.values())],
    }


def values_of(problems: Problems, whole: Whole, draft: VariantDraft, path: Path) -> list[str] | None:
    """A variant's option values in the options' order; None, and a problem, where they don't fit the options' names."""
    options: Sequence[Option] = whole.product["options"]
    values = draft.option_values
    if isinstance(values, Mapping):
        names = {name: place for place, option in enumerate(options) for name in option["name"].values()}
        chosen = {names[name]: value for name, value in values.items() if name in names}
        if len(chosen) == len(values) == len(options):
            return [chosen[place] for place in range(len(options))]
    elif isinstance(values, Sequence) and len(values) == len(options):
        return list(values)
    wanted = ", ".join(value_key(option["name"]) for option in options) or "none: the product has no options"
    problems.append(
        InvalidInput(
            f"One value for each option is needed ({wanted}).", path=(*path, "selectedOptions"), code="OPTIONS"
        )
    )
    return None


def follow_variants(whole: Whole, kept: Sequence[UUID]) -> None:
    """Let the options have all values that these variants use, and archive other variants that don't fit."""
    options: list[Option] = [{**option, "values": list(option["values"])} for option in whole.product["options"]]
    known = [{value_key(texts) for texts in option["values"]} for option in options]
    for key in kept:
        for option, values, value in zip(options, known, whole.variants[key]["option_values"], strict=False):
            if value and value not in values:
                values.add(value)
                language = DEFAULT_LOCALE if DEFAULT_LOCALE in option["name"] else next(iter(option["name"]))
                option["values"].append({language: value})
    whole.product["options"] = options
    for key, row in whole.variants.items():
        if key not in kept and not row["archived"] and not fits(options, row["option_values"]):
            row["archived"] = True


def fits(options: Sequence[Option], values: Sequence[str]) -> bool:
    """Whether there is one known value for each option."""
    return len(values) == len(options) and all(
        any(value_key(texts) == value for texts in option["values"])
        for option, value in zip(options, values, strict=True)
    )


def check_fit(problems: Problems, whole: Whole, paths: Mapping[UUID, Path], *, fallback: Path) -> None:
    """Every variant that is not archived has one known value for each option, and no two have the same."""
    options: Sequence[Option] = whole.product["options"]
    known = [{value_key(texts) for texts in option["values"]} for option in options]
    seen: dict[tuple[str, ...], Values] = {}
    for key, row in whole.variants.items():
        if row["archived"]:
            continue
        values = tuple(row["option_values"])
        path = (*paths[key], "selectedOptions") if key in paths else fallback
        if len(values) != len(known) or any(value not in of for value, of in zip(values, known, strict=True)):
            shown = " / ".join(values) or row["sku"]
            problems.append(InvalidInput(f"“{shown}” has no value of the options.", path=path, code="OPTIONS"))
        elif values in seen:
            shown = " / ".join(values) or "one without options"
            problems.append(InvalidInput(f"Two variants would be {shown}.", path=path, code="TAKEN"))
        seen[values] = row
