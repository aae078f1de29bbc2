"""Why a price is what it is: the steps of an explanation, and their texts in English and Portuguese."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Reason(StrEnum):
    """What a rule did, or why it did not apply. The names in the texts' braces are the step's parameters."""

    LIST_PRICE = "LIST_PRICE"
    LIST_UNKNOWN = "LIST_UNKNOWN"
    LIST_INACTIVE = "LIST_INACTIVE"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    OTHER_CHANNEL = "OTHER_CHANNEL"
    OTHER_LOCATION = "OTHER_LOCATION"
    OTHER_CUSTOMER_GROUP = "OTHER_CUSTOMER_GROUP"
    LIST_BELOW_MINIMUM = "LIST_BELOW_MINIMUM"
    LIST_NOT_STARTED = "LIST_NOT_STARTED"
    LIST_ENDED = "LIST_ENDED"
    NOT_PRICED = "NOT_PRICED"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    LARGER_MINIMUM_APPLIES = "LARGER_MINIMUM_APPLIES"
    REPLACED = "REPLACED"
    OVERRIDDEN = "OVERRIDDEN"
    LOWER_PRIORITY = "LOWER_PRIORITY"
    LESS_SPECIFIC = "LESS_SPECIFIC"
    HIGHER_PRICE = "HIGHER_PRICE"
    YOUNGER_LIST = "YOUNGER_LIST"
    TAX_ADDED = "TAX_ADDED"
    TAX_TAKEN_OFF = "TAX_TAKEN_OFF"


class PriceStep(Struct, frozen=True):
    """One rule that was looked at. `rule`: its kind and code ("price-list:vip"). `amount`: of one unit, minor units."""

    rule: str
    code: Reason
    applied: bool
    amount: int | None = None
    params: Mapping[str, str] = MappingProxyType({})


ENGLISH: Final[Mapping[Reason, str]] = {
    Reason.LIST_PRICE: "The price of this list applies.",
    Reason.LIST_UNKNOWN: "The price list is not known here.",
    Reason.LIST_INACTIVE: "The price list is switched off.",
    Reason.OTHER_CURRENCY: "The price list is in {currency}, the price was asked for in {asked}.",
    Reason.OTHER_CHANNEL: "The price list is for other channels.",
    Reason.OTHER_LOCATION: "The price list is for other locations.",
    Reason.OTHER_CUSTOMER_GROUP: "The price list is for customer groups that the customer is not in.",
    Reason.LIST_BELOW_MINIMUM: "The price list applies from {minimum} units; {quantity} were asked for.",
    Reason.LIST_NOT_STARTED: "The price list begins at {at}.",
    Reason.LIST_ENDED: "The price list ended at {at}.",
    Reason.NOT_PRICED: "The price list has no price for this variant.",
    Reason.BELOW_MINIMUM: "This price applies from {minimum} units; {quantity} were asked for.",
    Reason.NOT_STARTED: "This price begins at {at}.",
    Reason.ENDED: "This price ended at {at}.",
    Reason.LARGER_MINIMUM_APPLIES: "The price from {minimum} units in the same list goes before it.",
    Reason.REPLACED: "A later price in the same list goes before it, since {at}.",
    Reason.OVERRIDDEN: "The price list {list} overrides the base list.",
    Reason.LOWER_PRIORITY: "The price list {list} has the higher priority.",
    Reason.LESS_SPECIFIC: "The price list {list} of the same priority is more specific.",
    Reason.HIGHER_PRICE: "The price list {list} of the same rank has the lower price.",
    Reason.YOUNGER_LIST: "The price list {list} of the same rank and price is older.",
    Reason.TAX_ADDED: "The list's price is without tax; the channel shows it with tax.",
    Reason.TAX_TAKEN_OFF: "The list's price includes tax; the channel shows it without tax.",
}

PORTUGUESE: Final[Mapping[Reason, str]] = {
    Reason.LIST_PRICE: "Vale o preço desta tabela.",
    Reason.LIST_UNKNOWN: "A tabela de preços não é conhecida aqui.",
    Reason.LIST_INACTIVE: "A tabela de preços está desativada.",
    Reason.OTHER_CURRENCY: "A tabela de preços está em {currency}; o preço foi pedido em {asked}.",
    Reason.OTHER_CHANNEL: "A tabela de preços é de outros canais.",
    Reason.OTHER_LOCATION: "A tabela de preços é de outros locais.",
    Reason.OTHER_CUSTOMER_GROUP: "A tabela de preços é de grupos dos quais o cliente não faz parte.",
    Reason.LIST_BELOW_MINIMUM: "A tabela de preços vale a partir de {minimum} unidades; foram pedidas {quantity}.",
    Reason.LIST_NOT_STARTED: "A tabela de preços começa em {at}.",
    Reason.LIST_ENDED: "A tabela de preços terminou em {at}.",
    Reason.NOT_PRICED: "A tabela de preços não tem preço para esta variante.",
    Reason.BELOW_MINIMUM: "Este preço vale a partir de {minimum} unidades; foram pedidas {quantity}.",
    Reason.NOT_STARTED: "Este preço começa em {at}.",
    Reason.ENDED: "Este preço terminou em {at}.",
    Reason.LARGER_MINIMUM_APPLIES: "O preço a partir de {minimum} unidades da mesma tabela vem antes.",
    Reason.REPLACED: "Um preço posterior da mesma tabela vem antes, desde {at}.",
    Reason.OVERRIDDEN: "A tabela de preços {list} substitui a tabela base.",
    Reason.LOWER_PRIORITY: "A tabela de preços {list} tem prioridade maior.",
    Reason.LESS_SPECIFIC: "A tabela de preços {list}, de mesma prioridade, é mais específica.",
    Reason.HIGHER_PRICE: "A tabela de preços {list}, de mesma posição, tem o preço menor.",
    Reason.YOUNGER_LIST: "A tabela de preços {list}, de mesma posição e preço, é mais antiga.",
    Reason.TAX_ADDED: "O preço da tabela é sem impostos; o canal o mostra com impostos.",
    Reason.TAX_TAKEN_OFF: "O preço da tabela inclui impostos; o canal o mostra sem impostos.",
}


def reason_text(step: PriceStep, language: str = "en") -> str:
    """The step's reason in the language of a tag: "pt", "pt-BR" are Portuguese, anything else English."""
    texts = PORTUGUESE if language.lower().partition("-")[0] == "pt" else ENGLISH
    return texts[step.code].format_map(step.params)
