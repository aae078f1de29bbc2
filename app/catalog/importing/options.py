"""A file's options beside those that the product has: the same name in other letters, or in another language, is the
same option or value, so that no variant loses its identity to a spelling."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from app.catalog.drafts import KEEP, Kept, OptionDraft, OptionValueDraft, Texts
from app.catalog.formats.records import ProductRecord
from app.catalog.names import value_key
from app.catalog.options import Option
from app.catalog.whole import Values as Row
from app.platform.texts import name_of

Values = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options to give the product (KEEP: those that it has), and the values of each of the record's variants.

    `places`: where each option stood so far; `were`: how each variant's values were called so far. None: new.
    """

    drafts: Sequence[OptionDraft] | Kept
    values: Sequence[Values]
    places: Sequence[int | None]
    were: Sequence[tuple[str | None, ...]]

    def find(self, rows: Iterable[Row]) -> list[Row | None]:
        """For each of the record's variants the one that it is, among the product's; archived ones last."""
        known: dict[tuple[str, ...], Row] = {}
        if None not in self.places:
            places = [place for place in self.places if place is not None]
            for row in sorted(rows, key=lambda row: bool(row["archived"])):
                held = row["option_values"]
                known.setdefault(tuple(held[place] if place < len(held) else "" for place in places), row)
        return [known.get(cast(tuple[str, ...], were)) for were in self.were]


@dataclass(frozen=True, slots=True)
class _Spelled:
    """An option as drafted, and by each spelling in the file the value that it is, and was."""

    draft: OptionDraft
    keys: Mapping[str, str]
    were: Mapping[str, str | None]


def options_of_file(there: Sequence[Option], record: ProductRecord, locale: str) -> Chosen:
    """The options that the file names, in its order, with the texts in other languages that they have already."""
    known = _matched([option["name"] for option in there], record.options, locale)
    spelled = [_spelled(there[at] if at is not None else None, record, place, locale) for place, at in enumerate(known)]
    rows = [[value.casefold() for value in variant.option_values] for variant in record.variants]
    return Chosen(
        [one.draft for one in spelled],
        [tuple(one.keys[value] for one, value in zip(spelled, row, strict=True)) for row in rows],
        known,
        [tuple(one.were[value] for one, value in zip(spelled, row, strict=True)) for row in rows],
    )


def options_kept(there: Sequence[Option], record: ProductRecord, locale: str) -> Chosen:
    """The product's options stay; the record's variants name them, or follow them by place."""
    if record.options:
        found = _matched([option["name"] for option in there], record.options, locale)
        places = {place: at for place, at in enumerate(found) if at is not None}
        if len(places) < max(len(record.options), len(there)):
            named = [dict(zip(record.options, variant.option_values, strict=True)) for variant in record.variants]
            return Chosen(KEEP, named, (None,), [(None,)] * len(named))
        order = sorted(places, key=lambda place: places[place])
    else:
        order = list(range(len(there)))
    rows = [
        [variant.option_values[place] for place in order]
        if len(variant.option_values) == len(order)
        else list(variant.option_values)
        for variant in record.variants
    ]
    values = [_known_values(there, row, locale) for row in rows]
    return Chosen(KEEP, values, range(len(there)), values)


def _known_values(there: Sequence[Option], row: Sequence[str], locale: str) -> tuple[str, ...]:
    if len(row) != len(there):
        return tuple(row)
    return tuple(_known_value(option["values"], value, locale) for option, value in zip(there, row, strict=True))


def _known_value(values: Sequence[Texts], value: str, locale: str) -> str:
    (at,) = _matched(values, (value,), locale)
    return value if at is None else value_key(values[at])


def _spelled(old: Option | None, record: ProductRecord, place: int, locale: str) -> _Spelled:
    had: Sequence[Texts] = old["values"] if old else ()
    spellings: dict[str, str] = {}
    for variant in record.variants:
        value = variant.option_values[place]
        spellings.setdefault(value.casefold(), value)
    drafts: list[OptionValueDraft] = []
    for value, at in zip(spellings.values(), _matched(had, list(spellings.values()), locale), strict=True):
        before = had[at] if at is not None else {}
        drafts.append(OptionValueDraft(texts={**before, locale: value}, was=value_key(before) if before else None))
    name: Texts = old["name"] if old else {}
    option = OptionDraft(
        texts={**name, locale: record.options[place]}, values=drafts, was=value_key(name) if name else None
    )
    keys = {spelling: value_key(draft.texts) for spelling, draft in zip(spellings, drafts, strict=True)}
    return _Spelled(option, keys, {spelling: draft.was for spelling, draft in zip(spellings, drafts, strict=True)})


def _matched(there: Sequence[Texts], names: Sequence[str], locale: str) -> list[int | None]:
    """Which of the texts each name is: by the file's language first, then by any other; none is taken twice."""
    found: list[int | None] = [None] * len(names)
    free = dict.fromkeys(range(len(there)))
    own = {name_of(there[at], locale).casefold(): at for at in reversed(free)}
    for place, name in enumerate(names):
        at = own.get(name.casefold())
        if at is not None and at in free:
            found[place] = at
            del free[at]
    others = {text.casefold(): at for at in reversed(free) for text in there[at].values()}
    for place, name in enumerate(names):
        at = others.get(name.casefold())
        if found[place] is None and at is not None and at in free:
            found[place] = at
            del free[at]
    return found
