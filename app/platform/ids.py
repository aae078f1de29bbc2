"""Ids: UUIDv7 made here, and the opaque form in which the API gives them out."""

import secrets
import threading
import time
from typing import Final
from uuid import UUID

from asyncpg.pgproto import pgproto

from app.platform.errors import InvalidInput

# What an id of each GraphQL type begins with. An id that was given out must stay readable for ever: add, never change.
PREFIXES = {
    "Product": "prod",
    "Variant": "var",
    "Category": "cat",
    "Collection": "coll",
    "Media": "media",
    "Channel": "chan",
    "Location": "loc",
    "StockLevel": "lvl",
    "StockMovement": "mov",
    "Cart": "cart",
    "CartLine": "cline",
    "Delivery": "dlv",
    "Order": "order",
    "OrderLine": "oline",
    "OrderEvent": "oevt",
    "Payment": "pay",
    "Refund": "refund",
    "Fulfillment": "ful",
    "Return": "ret",
    "Customer": "cust",
    "CustomerGroup": "group",
    "Address": "addr",
    "Staff": "staff",
    "Device": "dev",
    "ApiClient": "client",
    "Token": "token",
    "Register": "reg",
    "RegisterSession": "sess",
    "CashMovement": "cash",
    "Conflict": "conf",
    "PriceList": "plist",
    "Price": "price",
    "TaxClass": "taxc",
    "TaxRate": "taxr",
    "DeliveryMethod": "dmet",
    "Promotion": "promo",
    "Follower": "foll",
    "Webhook": "hook",
    "WebhookDelivery": "hookd",
}
_TYPES = {prefix: name for name, prefix in PREFIXES.items()}
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH = 26
# Fifteen bits at a time: a snapshot writes a million of them.
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_TRIPLES: Final = tuple(pair + third for pair in _PAIRS for third in _ALPHABET)
_LOW: Final = (1 << 75) - 1


# Above the random bits, so that what one process makes within a millisecond sorts in the order in which it was made.
_COUNTER_BITS: Final = 12
_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A UUIDv7: milliseconds, a counter, random bits. Ids made later sort later; those of one process, always."""
    global _last
    stamp = time.time_ns() // 1_000_000 << _COUNTER_BITS
    with _lock:
        # When more were made than the counter holds, or the clock was set back, they run ahead of the clock.
        _last = max(stamp, _last + 1)
        stamp = _last
    millisecond, counter = stamp >> _COUNTER_BITS, stamp & (1 << _COUNTER_BITS) - 1
    return UUID(int=millisecond << 80 | 0x7 << 76 | counter << 64 | 0x2 << 62 | secrets.randbits(62))


def new_secret_id() -> UUID:
    """128 random bits, for an id whose holder may act on the thing: a guest's cart."""
    return UUID(bytes=secrets.token_bytes(16))


def native(value: UUID) -> UUID:
    """The same as the database's driver has it, which it sends and compares several times faster."""
    own: UUID = pgproto.UUID(value.bytes)
    return own


def encode(type_name: str, value: UUID) -> str:
    """The public id of an entity: its type's prefix and 26 characters of Crockford's base32."""
    return f"{PREFIXES[type_name]}_{digits(value.int)}"


def digits(number: int) -> str:
    """128 bits as 26 characters of Crockford's base32."""
    high, low = number >> 75, number & _LOW
    return (
        f"{_PAIRS[high >> 45]}{_TRIPLES[high >> 30 & 32767]}{_TRIPLES[high >> 15 & 32767]}{_TRIPLES[high & 32767]}"
        f"{_TRIPLES[low >> 60]}{_TRIPLES[low >> 45 & 32767]}{_TRIPLES[low >> 30 & 32767]}"
        f"{_TRIPLES[low >> 15 & 32767]}{_TRIPLES[low & 32767]}"
    )


def decode_any(text: str) -> tuple[str, UUID] | None:
    """Type name and UUID of a public id; None when it is none."""
    prefix, separator, digits = text.rpartition("_")
    name = _TYPES.get(prefix)
    if not separator or name is None or len(digits) != _LENGTH:
        return None
    number = 0
    for character in digits:
        digit = _DIGITS.get(character)
        if digit is None:
            return None
        number = number << 5 | digit
    return (name, UUID(int=number)) if number < 1 << 128 else None


def decode(type_name: str, text: str) -> UUID | None:
    """The UUID in a public id of this type; None for another type's or a malformed one."""
    found = decode_any(text)
    return found[1] if found is not None and found[0] == type_name else None


def named(type_name: str) -> str:
    """A type's name with its article, for messages: a Cart, an Order."""
    return f"{'an' if type_name[0] in 'AEIOU' else 'a'} {type_name}"


def require(type_name: str, text: str, path: tuple[str, ...]) -> UUID:
    """The UUID in an id of a mutation's input. Raises InvalidInput (INVALID_ID) at `path`."""
    found = decode(type_name, text)
    if found is None:
        raise InvalidInput(f"This is not the id of {named(type_name)}.", path=path, code="INVALID_ID")
    return found
