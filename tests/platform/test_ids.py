"""Ids sort in the order in which they were made, and are read back from the form in which they are given out."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from app.platform import ids
from app.platform.errors import InvalidInput


def test_ids_of_one_process_sort_in_the_order_in_which_they_were_made():
    made = [ids.new_id() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}


def test_a_clock_that_is_set_back_changes_no_order(monkeypatch: pytest.MonkeyPatch):
    before = ids.new_id()
    monkeypatch.setattr("app.platform.ids.time.time_ns", lambda: 0)
    assert ids.new_id() > before


def test_threads_make_no_id_twice():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new_id(), range(8_000)))
    assert len(set(made)) == len(made)


def test_an_id_tells_its_type_and_nothing_else_reads_it():
    key = ids.new_id()
    public = ids.encode("Product", key)
    assert ids.decode_any(public) == ("Product", key)
    assert ids.decode("Variant", public) is None
    for wrong in ("", "prod_", public[:-1], public + "0", public.upper(), "prod_" + "z" * 26, "nope_" + public[5:]):
        assert ids.decode_any(wrong) is None
    assert ids.decode("Product", ids.encode("Product", UUID(int=0))) == UUID(int=0)


def test_a_type_is_named_with_its_article() -> None:
    with pytest.raises(InvalidInput, match="not the id of an Order"):
        ids.require("Order", "x", ("id",))
    with pytest.raises(InvalidInput, match="not the id of a Cart"):
        ids.require("Cart", "x", ("id",))
