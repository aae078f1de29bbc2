"""Texts in several languages, and the keys that they are sorted and searched by."""

import unicodedata
from collections.abc import Mapping

LOCALES = ("pt-BR", "en")
DEFAULT_LOCALE = LOCALES[0]


# Letters and a symbol that are drawn as nothing; Unicode counts them among what is seen.
_EMPTY = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def is_blank(text: str) -> bool:
    """Whether nobody sees anything of it: spaces, control and format characters, marks with nothing to stand on."""
    return all(
        character in _EMPTY or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me")
        for character in text
    )


def name_of(texts: Mapping[str, str], locale: str) -> str:
    """The best text for a language tag: its own, its language's, the default language's, any; empty for none."""
    if locale in texts:
        return texts[locale]
    language = locale.partition("-")[0]
    for tag, text in texts.items():
        if tag.partition("-")[0] == language:
            return text
    return texts.get(DEFAULT_LOCALE) or next(iter(texts.values()), "")


def negotiate(accept_language: str | None) -> str:
    """The shop's language that an Accept-Language header likes best; the default language for none of them."""
    ranked: list[tuple[float, int, str]] = []
    for order, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        ranked.append((-quality, order, tag.strip().lower()))
    for quality, _, tag in sorted(ranked):
        if quality == 0:
            continue
        language = tag.partition("-")[0]
        for locale in LOCALES:
            if language == locale.lower().partition("-")[0]:
                return locale
        if tag == "*":
            return DEFAULT_LOCALE
    return DEFAULT_LOCALE


def key_of(text: str) -> str:
    """Lower case without accents or doubled spaces: the same order and the same match on every database."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())
