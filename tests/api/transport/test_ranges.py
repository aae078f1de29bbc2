"""Which part of a file a Range header asks for."""

import pytest

from app.api.transport.ranges import Unsatisfiable, matches, part_of


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=3-5", (3, 6)),
        ("Bytes=3-5", (3, 6)),
        ("bytes=3-3", (3, 4)),
        ("bytes=3-99", (3, 10)),
        (f"bytes=3-{'9' * 5000}", (3, 10)),
        (f"bytes={'0' * 5000}3-5", (3, 6)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
        (f"bytes=-{'9' * 5000}", (0, 10)),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
    ],
)
def test_one_part_is_given_and_of_several_the_whole(asked: str | None, part: tuple[int, int] | None) -> None:
    assert part_of(asked, 10) == part


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "bytes",
        "bytes=",
        "bytes 0-1",
        "bytes = 3 - 5",
        "bytes=1-2-3",
        "bytes=٣-٥",
        "",
    ],
)
def test_what_is_malformed_is_passed_over(asked: str) -> None:
    assert part_of(asked, 10) is None


@pytest.mark.parametrize(
    "asked", ["bytes=10-", "bytes=10-12", "bytes=-0", f"bytes={'9' * 30}-", f"bytes={'9' * 5000}-"]
)
def test_a_part_that_cannot_be_is_refused(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(asked, 10)


def test_nothing_is_no_part_of_an_empty_file() -> None:
    for asked in ("bytes=0-", "bytes=-1"):
        with pytest.raises(Unsatisfiable):
            part_of(asked, 0)


def test_a_tag_is_known_by_its_name_or_a_star() -> None:
    assert matches('"a", "b"', '"b"', weakly=False)
    assert matches("*", '"b"', weakly=False)
    assert matches('"a", W/"b"', '"b"', weakly=True)
    assert not matches('W/"b"', '"b"', weakly=False)
    assert not matches('"a"', '"b"', weakly=True)
