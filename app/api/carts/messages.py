"""What changed under the shopper of a cart, in words, in the shop's languages."""

from collections.abc import Mapping

from app.platform.texts import name_of

_MESSAGES: Mapping[str, Mapping[str, str]] = {
    "PRICE_CHANGED": {"pt-BR": "O preço mudou.", "en": "The price has changed."},
    "STOCK_SHORT": {"pt-BR": "Não há mais estoque para tudo isto.", "en": "There is not enough of this any more."},
    "WITHDRAWN": {"pt-BR": "Este item não está mais à venda.", "en": "This item is not for sale any more."},
}


def message_of(code: str, locale: str) -> str:
    """The sentence for a notice."""
    return name_of(_MESSAGES[code], locale)
