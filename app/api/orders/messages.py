"""What happened to an order, in words, in the shop's languages."""

from collections.abc import Mapping
from typing import Any

from app.platform.texts import name_of

_MESSAGES: Mapping[str, Mapping[str, str]] = {
    "placed": {"pt-BR": "Pedido {number} feito.", "en": "Order {number} was placed."},
    "paid": {"pt-BR": "Pagamento recebido.", "en": "A payment was received."},
    "fulfilled": {"pt-BR": "Mercadoria entregue ou enviada.", "en": "Goods were handed over or shipped."},
    "cancelled": {"pt-BR": "Pedido cancelado.", "en": "The order was cancelled."},
}


def message_of(kind: str, details: Mapping[str, Any], locale: str) -> str:
    """The sentence for an event of this kind."""
    texts = _MESSAGES.get(kind)
    return name_of(texts, locale).format_map({"number": "", **details}) if texts else kind
