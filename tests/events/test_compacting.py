"""What a reader is told of rows of the feed, one by one and compacted."""

from uuid import UUID

import pytest

from app.events.feed import Compacted, Every, FeedRow, told
from app.events.outbox import Action, Topic
from app.platform import clock

READER = {Topic.PRODUCT: frozenset({"sold:web", "public"}), Topic.CART: frozenset({"location:centro"})}
UPSERT, DELETE = Action.UPSERT, Action.DELETE
A, B, C = (UUID(int=number) for number in (1, 2, 3))


def rows(*changes: tuple[UUID, str, str]) -> list[FeedRow]:
    """Changes of products: the entity, who saw it before, who sees it after."""
    return [
        FeedRow(
            position,
            position,
            Topic.PRODUCT,
            UPSERT,
            key,
            position,
            frozenset(was.split()),
            frozenset(now.split()),
            clock.now(),
        )
        for position, (key, was, now) in enumerate(changes, start=1)
    ]


def page(kind: type[Every] | type[Compacted], *changes: tuple[UUID, str, str], most: int = 100):
    collect = kind(READER, most)
    taken = [collect.take(row) for row in rows(*changes)]
    return taken, [(one.entity_id, one.action, one.position) for one in collect.changes()]


@pytest.mark.parametrize(
    ("was", "now", "action"),
    [
        ("", "staff", None),
        ("", "staff sold:web", UPSERT),
        ("staff", "staff sold:web", UPSERT),
        ("staff sold:web", "staff sold:web sold:app", UPSERT),
        ("staff sold:web", "staff sold:app", DELETE),
        ("staff sold:app", "staff", None),
        ("public", "staff", DELETE),
    ],
)
def test_who_may_no_longer_see_it_is_told_delete_and_who_never_did_nothing(was, now, action) -> None:
    (row,) = rows((A, was, now))
    assert told(row, READER) is action


def test_a_topic_that_is_not_the_readers_is_never_told() -> None:
    (row,) = rows((A, "sold:web", "sold:web"))
    assert told(row, {}) is None
    assert Compacted({}, 1).take(row)


def test_an_entity_that_came_and_went_within_the_range_is_gone() -> None:
    gone = [(A, "staff", "staff sold:web"), (A, "staff sold:web", "staff"), (A, "staff", "staff")]
    assert page(Compacted, *gone)[1] == [(A, DELETE, 3)]
    assert page(Every, *gone)[1] == [(A, UPSERT, 1), (A, DELETE, 2)]


def test_an_entity_that_was_lost_stays_lost_whatever_happens_to_it_out_of_sight() -> None:
    assert page(Compacted, (A, "sold:web", "staff"), (A, "staff", "staff"), (A, "staff", "sold:app"))[1] == [
        (A, DELETE, 3)
    ]


def test_an_entity_that_came_back_is_there() -> None:
    assert page(Compacted, (A, "sold:web", "staff"), (A, "staff", "staff"), (A, "staff", "sold:web"))[1] == [
        (A, UPSERT, 3)
    ]


def test_of_each_entity_the_newest_is_told_and_the_newest_stand_last() -> None:
    seen = "sold:web"
    assert page(Compacted, (A, "", seen), (B, seen, seen), (A, seen, seen), (C, "", "staff"))[1] == [
        (B, UPSERT, 2),
        (A, UPSERT, 3),
    ]


def test_a_page_that_is_full_takes_what_it_has_again_but_nothing_new() -> None:
    seen = "sold:web"
    changes = [
        (A, seen, seen),
        (B, seen, seen),
        (A, seen, seen),
        (C, "", "staff"),
        (B, seen, "staff"),
        (C, "staff", seen),
    ]
    taken, told_of = page(Compacted, *changes, most=2)
    assert taken == [True, True, True, True, True, False]
    assert told_of == [(A, UPSERT, 3), (B, DELETE, 5)]
    assert page(Every, *changes, most=2)[0] == [True, True, False, True, False, False]
