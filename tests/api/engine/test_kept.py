"""Rows that are kept: written down once, told with what is live, and made in the plain way where that goes wrong."""

from app.api.engine import forms as engine_forms
from app.api.engine.forms import MOST_FORMS, Shelf
from tests.api.engine.books import PRAISED, Book, Library, Reader


async def test_what_lasts_is_asked_once_and_what_is_live_each_time(library: Library) -> None:
    assert await library.made_by(Reader()) == 3
    assert await library.made_by(Reader()) == 0
    data, errors = await library.ask(Reader(there={"a": 1, "c é": 7}))
    assert errors == []
    assert [book["there"] for book in data["shelves"]["books"]] == [1, 0, 7]
    assert [page["lent"] for page in data["shelves"]["books"][0]["pages"]] == [False, True]
    assert data["shelves"]["books"][1]["price"] == "50% off first"


async def test_a_plan_that_ran_once_or_twice_is_not_written_down() -> None:
    library = Library()
    assert [await library.made_by(Reader()) for _ in range(4)] == [3, 3, 3, 0]


async def test_another_token_other_variables_and_another_time_are_asked_anew(library: Library) -> None:
    assert await library.made_by(Reader()) == 3
    assert await library.made_by(Reader(edition="second")) == 3
    assert await library.made_by(Reader(), first=3) == 3
    assert await library.made_by(Reader(), first=3) == 0
    assert await library.made_by(Reader(day=4)) == 0
    assert await library.made_by(Reader(day=5)) == 3
    # It lasts no longer by being asked for.
    assert await library.made_by(Reader(day=5)) == 3
    assert await library.made_by(Reader()) == 0


async def test_what_is_left_out_is_not_what_is_null(library: Library) -> None:
    for _ in range(2):
        data, errors = await library.ask(Reader(), PRAISED)
        assert (data["shelves"]["books"][0]["praise"], errors) == ("us on a", [])
        data, errors = await library.ask(Reader(), PRAISED, by=None)
        assert (data["shelves"]["books"][0], len(errors)) == (None, 3)


async def test_nothing_is_written_down_under_words_without_end(library: Library) -> None:
    await library.ask(Reader(), PRAISED, by="x" * 500)
    size = library.size
    assert size
    for _ in range(3):
        data, errors = await library.ask(Reader(), PRAISED, by="x" * 1_001)
        assert (data["shelves"]["books"][0]["praise"], errors) == ("x" * 1_001 + " on a", [])
    assert library.size == size


async def test_what_fails_is_told_as_ever_and_not_written_down(library: Library) -> None:
    data, errors = await library.ask(Reader(fails="a"))
    assert (data["shelves"]["books"][0], len(errors)) == (None, 1)
    assert library.size == 0
    await library.ask(Reader())
    size = library.size
    assert size
    data, errors = await library.ask(Reader(fails="c é"))
    assert data["shelves"]["books"][2] is None
    assert errors[0]["path"] == ["shelves", "books", 2, "there"]
    data, errors = await library.ask(Reader(lost=True))
    assert data["shelves"]["books"] == [None, None, None]
    assert [error["path"] for error in errors] == [["shelves", "books", place, "there"] for place in range(3)]
    assert library.size == size


async def test_some_of_a_page_may_be_written_down_and_some_not(library: Library) -> None:
    await library.ask(Reader())
    library.books.insert(1, Book(kept=Shelf(library._grow), title="new", made=library.made))
    library.books[3].kept = Shelf(library._grow)
    data, errors = await library.ask(Reader(there={"new": 4, "a": 2}))
    assert errors == []
    assert [book["there"] for book in data["shelves"]["books"]] == [2, 4, 0, 0]
    data, errors = await library.ask(Reader(fails="new"))
    assert data["shelves"]["books"][1] is None
    library.books[0].kept = None
    data, _ = await library.ask(Reader(there={"a": 9}))
    assert data["shelves"]["books"][0]["there"] == 9


async def test_what_is_kept_of_one_object_is_bounded(library: Library) -> None:
    for first in range(3 * MOST_FORMS):
        await library.ask(Reader(), first=first)
    most = library.size
    for first in range(3 * MOST_FORMS):
        await library.ask(Reader(), first=first)
    assert library.size == most
    assert all(len(book.kept._forms) == MOST_FORMS for book in library.books if book.kept is not None)


async def test_no_title_can_pass_for_a_hole(library: Library) -> None:
    library.books[0].title = f'{engine_forms._MARK[:8]}:0" %b %s %(a)d \\"'
    for _ in range(3):
        data, errors = await library.ask(Reader())
        assert errors == []
        assert data["shelves"]["books"][0]["title"] == library.books[0].title
