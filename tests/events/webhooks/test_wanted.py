"""Which changes pass a webhook's filter."""

from datetime import UTC, datetime

from app.events.feed import FeedRow
from app.events.outbox import Action, Topic
from app.events.scopes import PUBLIC, STAFF, channel_scope, location_scope, place_scope, sold_scope
from app.events.webhooks.wanted import ALL, Wanted, at_locations, in_channels, told
from app.platform.ids import new_id

WEB, POS, CENTRO, CD = (new_id() for _ in range(4))
UPSERT, DELETE = Action.UPSERT, Action.DELETE


def row(*after, before=None, topic=Topic.ORDER, action=UPSERT):
    seen = frozenset({STAFF, *after})
    return FeedRow(
        1, 1, topic, action, new_id(), 1, seen if before is None else frozenset(before), seen, datetime.now(UTC)
    )


def test_all_of_what_staff_are_told():
    assert told(row(), ALL) is UPSERT
    assert told(row(action=DELETE), ALL) is DELETE
    closed = FeedRow(
        1, 1, Topic.REGISTER, UPSERT, new_id(), 1, frozenset({STAFF}), frozenset({"closed"}), datetime.now(UTC)
    )
    assert told(closed, ALL) is UPSERT
    nobodys = FeedRow(1, 1, Topic.CART, UPSERT, new_id(), 1, frozenset(), frozenset(), datetime.now(UTC))
    assert told(nobodys, ALL) is None


def test_topics_and_actions():
    wanted = Wanted(topics=frozenset({Topic.ORDER}), actions=frozenset({DELETE}))
    assert told(row(action=DELETE), wanted) is DELETE
    assert told(row(), wanted) is None
    assert told(row(topic=Topic.CART, action=DELETE), wanted) is None


def test_a_channel():
    web = Wanted(channels=in_channels([WEB]))
    assert told(row(channel_scope(WEB)), web) is UPSERT
    assert told(row(sold_scope(WEB), topic=Topic.PRICE), web) is UPSERT
    assert told(row(PUBLIC, topic=Topic.CATEGORY), web) is UPSERT
    assert told(row(channel_scope(POS)), web) is None
    assert told(row(topic=Topic.CUSTOMER), web) is None


def test_what_leaves_the_channel_is_deleted_to_the_webhook():
    web = Wanted(channels=in_channels([WEB]))
    left = row(sold_scope(POS), before=(STAFF, sold_scope(WEB), sold_scope(POS)), topic=Topic.PRODUCT)
    assert told(left, web) is DELETE
    assert told(left, Wanted(channels=in_channels([WEB]), actions=frozenset({UPSERT}))) is None
    assert told(left, Wanted(channels=in_channels([POS]))) is UPSERT


def test_a_location_and_a_channel():
    both = Wanted(channels=in_channels([WEB, POS]), locations=at_locations([CENTRO]))
    assert told(row(channel_scope(POS), location_scope(CENTRO)), both) is UPSERT
    assert told(row(channel_scope(WEB), location_scope(CD), place_scope(CENTRO)), both) is UPSERT
    assert told(row(channel_scope(WEB), location_scope(CD)), both) is None
    assert told(row(location_scope(CENTRO), topic=Topic.STOCK), both) is None
