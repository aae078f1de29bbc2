"""The scalars at their edges: what cannot be held exactly is refused, in words of the API."""

from datetime import datetime
from decimal import Decimal

import pytest
from graphql import FloatValueNode, GraphQLError

from app.api.scalars import SCALARS, Quantity

BEYOND = "1e99999999999999999999"


@pytest.mark.parametrize("scalar", [Decimal, Quantity])
@pytest.mark.parametrize("text", [BEYOND, f"-{BEYOND}", "0e-99999999999999999999", "1e400"])
def test_a_literal_beyond_all_exponents_is_refused_in_our_words(scalar: object, text: str) -> None:
    parse = SCALARS[scalar].parse_literal
    assert parse is not None
    with pytest.raises(GraphQLError, match=r"^(Decimal must be|A quantity is|The quantity is too large)"):
        parse(FloatValueNode(value=text), None)


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"],
)
def test_moments_that_the_database_takes_for_infinity_are_out_of_range(text: str) -> None:
    parse = SCALARS[datetime].parse_value
    assert parse is not None
    with pytest.raises(GraphQLError, match="out of range"):
        parse(text)
    assert parse("9999-12-31T23:59:59Z").year == 9999
