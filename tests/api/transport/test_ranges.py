"""Which part of a file a Range header asks for."""

import pytest

from app.api.transport.ranges import Unsatisfiable, matches, part_of


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=3-5", (3, 6)),
        ("Bytes = 3 - 5", (3, 6)),
        ("bytes=3-99", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
    ],
)
def test_one_part_is_given_and_of_several_the_whole(asked: str | None, part: tuple[int, int] | None) -> None:
    assert part_of(asked, 10) == part


@pytest.mark.parametrize(
    "asked", ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=a-b", "bytes", f"bytes={'9' * 30}-"]
)
def test_a_part_that_cannot_be_is_refused(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(asked, 10)


def test_a_tag_is_known_by_its_name_or_a_star() -> None:
    assert matches('"a", W/"b"', '"b"')
    assert matches("*", '"b"')
    assert not matches('"a"', '"b"')
    assert not matches(None, '"b"')
