"""Values as they stood in the JSON text: floats decode to `Decimal`, which the standard scalars must then accept; and
text that no database takes is refused where it comes in.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql import GraphQLError, specified_scalar_types

_LONGEST = 128
_LARGEST_EXPONENT = 400


def exact_number(text: str) -> Decimal:
    """The `float_hook` of our JSON decoders. ValueError for a number so large that arithmetic on it is an attack."""
    if len(text) > _LONGEST:
        raise ValueError(f"A number has {len(text)} characters, the limit is {_LONGEST}")
    try:
        number = Decimal(text)
    except InvalidOperation:
        # The exponent is beyond what a Decimal can have.
        number = None
    if number is None or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"Number out of range: {text}")
    return number


def accept_exact_numbers() -> None:
    """Lets Int, Float and ID take a `Decimal` variable for the float that it stands for. May be called many times.

    graphql-core keeps one instance of each standard scalar for all schemas and knows ints and floats only.
    """
    for scalar in specified_scalar_types.values():
        if not isinstance(scalar.coerce_input_value, _ExactInput):
            scalar.coerce_input_value = _ExactInput(scalar.coerce_input_value)
            literal = scalar.coerce_input_literal or scalar.parse_literal
            scalar.coerce_input_literal = _StorableLiteral(literal)


def _storable(value: Any) -> Any:
    """The same value. PostgreSQL has no character zero, and would fail on it far from whoever sent it."""
    if type(value) is str and "\0" in value:
        raise GraphQLError("A text must not contain the character U+0000.")
    return value


class _ExactInput:
    __slots__ = ("_coerce",)

    def __init__(self, coerce: Callable[[Any], Any]) -> None:
        self._coerce = coerce

    def __call__(self, value: Any) -> Any:
        return _storable(self._coerce(float(value) if type(value) is Decimal else value))


class _StorableLiteral:
    __slots__ = ("_coerce",)

    def __init__(self, coerce: Callable[..., Any]) -> None:
        self._coerce = coerce

    def __call__(self, *node: Any) -> Any:
        return _storable(self._coerce(*node))
