"""A receiver that is down: it is called again and again, and left alone in between."""

from app.events.webhooks import queue
from app.events.webhooks.send import Sending
from app.platform.ids import new_id
from app.platform.outbound.address import NOTHING


def test_a_receiver_that_fails_again_and_again_is_left_alone_for_a_while(database, monkeypatch):
    """However much waits for it: it is not called without a pause, and its log does not fill."""
    now = 1_000.0
    monkeypatch.setattr("app.events.webhooks.send.monotonic", lambda: now)
    monkeypatch.setattr("app.events.webhooks.queue.random.uniform", lambda _, bound: bound)
    one, dead = Sending(database, None, NOTHING), new_id()  # type: ignore[arg-type]
    waiting = [queue.Due(new_id(), dead, "https://dead.example/", failing=True)]
    well = [queue.Due(new_id(), new_id(), "https://dead.example/", failing=False)]
    for _ in range(queue.ALARMS_AFTER - 1):
        one._rest(dead, queue.Outcome(1, error="refused"))
        assert one._choose(waiting) == [waiting[0].id]
    for longest in (10.0, 20.0, 40.0, 60.0, 60.0):
        one._rest(dead, queue.Outcome(1, error="refused"))
        assert one._choose([*waiting, *well]) == [well[0].id]
        now += longest - 0.1
        assert one._choose(waiting) == []
        now += 0.2
        assert one._choose(waiting) == [waiting[0].id]
    one._rest(dead, queue.Outcome(1, error="refused"))
    assert one._choose(waiting) == []
    one._rest(dead, queue.Outcome(1, status_code=200))
    assert one._choose(waiting) == [waiting[0].id]
