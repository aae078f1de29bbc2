"""The scalars of the API: exact decimals, quantities in thousandths, UTC times, codes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NewType
from uuid import UUID

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode, print_ast
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from app.platform import money, quantities
from app.platform.errors import InvalidInput

Quantity = NewType("Quantity", int)
"""Thousandths of the variant's unit inside, a JSON number with at most three decimals outside."""
CurrencyCode = NewType("CurrencyCode", str)
CountryCode = NewType("CountryCode", str)
Position = NewType("Position", int)
"""A number inside, a string of digits outside: JavaScript's numbers do not hold 64 bits."""
HIGHEST_POSITION: Final = 2**63 - 1
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
END: Final = datetime.max.replace(tzinfo=UTC)

__all__ = ["JSON", "SCALARS", "CountryCode", "CurrencyCode", "Position", "Quantity"]


def parse_decimal(value: Any) -> Decimal:
    """A Decimal from a JSON string, or from a number whose exact text is at hand."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise GraphQLError('Decimal must be a string such as "19.90".')
    number = _decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > 30 or len(number.as_tuple().digits) > 40:
        raise GraphQLError('Decimal must be an exact decimal number such as "19.90".')
    return number


def _decimal(value: str | int | Decimal) -> Decimal:
    """What the value says; NaN for text that is no number, or has an exponent beyond what a Decimal can have."""
    try:
        return Decimal(value)
    except InvalidOperation:
        return Decimal("NaN")


def parse_quantity(value: Any) -> Quantity:
    """Thousandths from a JSON number."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise GraphQLError("Quantity must be a number with at most three decimals.")
    try:
        return Quantity(quantities.parse_quantity(value))
    except InvalidInput as error:
        raise GraphQLError(error.message) from error


def parse_datetime(value: Any) -> datetime:
    """A time with its zone (RFC 3339), in UTC."""
    if not isinstance(value, str):
        raise GraphQLError("DateTime must be a string such as 2026-05-17T09:30:00Z.")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError("DateTime must be an RFC 3339 time such as 2026-05-17T09:30:00Z.") from error
    if moment.tzinfo is None:
        raise GraphQLError("DateTime must have a zone, such as Z.")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = BEGINNING
    # The database's driver gives the very first and last moment back as infinities, without a zone.
    if not BEGINNING < moment < END:
        raise GraphQLError("DateTime is out of range.")
    return moment


def format_datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_uuid(value: Any) -> UUID:
    try:
        return UUID(value) if isinstance(value, str) and len(value) == 36 else _no_uuid()
    except ValueError:
        return _no_uuid()


def _no_uuid() -> UUID:
    raise GraphQLError("UUID must be a string such as 0198c9a0-3b1e-7cc0-a7a4-5f0e1d2c3b4a.")


def parse_currency(value: Any) -> CurrencyCode:
    if not isinstance(value, str) or not money.is_currency(value):
        raise GraphQLError("CurrencyCode must be an ISO 4217 code such as BRL.")
    return CurrencyCode(value)


def parse_country(value: Any) -> CountryCode:
    if not (isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha() and value.isupper()):
        raise GraphQLError("CountryCode must be an ISO 3166-1 alpha-2 code such as BR.")
    return CountryCode(value)


def parse_position(value: Any) -> Position:
    """A position from its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19
    if not digits or int(value) > HIGHEST_POSITION:
        raise GraphQLError('Position must be a string of digits such as "1042".')
    return Position(int(value))


def _decimal_literal(node: ValueNode, _: Mapping[str, Any] | None = None) -> Decimal:
    return parse_decimal(_number_text(node))


def _quantity_literal(node: ValueNode, _: Mapping[str, Any] | None = None) -> Quantity:
    return parse_quantity(_number_text(node))


def _number_text(node: ValueNode) -> Any:
    match node:
        case IntValueNode():
            return int(node.value) if len(node.value) <= 40 else Decimal("NaN")
        case FloatValueNode():
            return _decimal(node.value)
        case StringValueNode():
            return node.value
    raise GraphQLError(f"A number was expected, found {print_ast(node)[:40]}.")


SCALARS: Mapping[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number, as a string: "19.90".',
        serialize=lambda value: f"{value:f}",
        parse_value=parse_decimal,
        parse_literal=_decimal_literal,
    ),
    Quantity: strawberry.scalar(
        name="Quantity",
        description="How many, in the variant's unit: a JSON number with at most three decimals (1, 0.350).",
        serialize=quantities.format_quantity,
        parse_value=parse_quantity,
        parse_literal=_quantity_literal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339 time in UTC.",
        serialize=format_datetime,
        parse_value=parse_datetime,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    ),
    UUID: strawberry.scalar(
        name="UUID", description="A UUID made by the client.", serialize=str, parse_value=parse_uuid
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode", description="ISO 4217 code.", serialize=str, parse_value=parse_currency
    ),
    CountryCode: strawberry.scalar(
        name="CountryCode", description="ISO 3166-1 alpha-2 code.", serialize=str, parse_value=parse_country
    ),
    Position: strawberry.scalar(
        name="Position",
        description="A place in the shop's one ordered change feed: a 64-bit number as a string.",
        serialize=str,
        parse_value=parse_position,
    ),
}
