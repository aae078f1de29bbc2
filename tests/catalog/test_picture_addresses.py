"""Addresses of pictures in a file: the web's, and the shop's own."""

import pytest

from app.catalog.formats.values import BadValue, address


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://cdn.example/a.jpg?v=1", "https://cdn.example/a.jpg?v=1"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("/media/demo/tomate.svg", "/media/demo/tomate.svg"),
    ],
)
def test_an_address_is_read_as_it_is_meant(written: str, read: str) -> None:
    assert address(written) == read


@pytest.mark.parametrize("written", ["/images/a.jpg", "a.jpg", "ftp://cdn.example/a.jpg", "https://", "/media/a b.jpg"])
def test_what_leads_nowhere_is_told(written: str) -> None:
    with pytest.raises(BadValue):
        address(written)
