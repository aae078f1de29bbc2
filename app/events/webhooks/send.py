"""Sending: what is due goes out, so many at once, so few to one host that a slow one holds up nobody else."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy import Row

from app.events.feed import FeedRow
from app.events.webhooks import queue, sign
from app.events.webhooks.message import Message, Shape, message, trial_message
from app.events.webhooks.plan import MOST_WAITING, plan
from app.events.webhooks.queue import Due, Outcome, Pace
from app.platform import clock, ids
from app.platform.db import Database
from app.platform.outbound.address import Allowed, Unfit, target_of
from app.platform.outbound.post import Answer, Bounds, Unanswered, post

log = structlog.get_logger("feira.webhooks")

FAILED_PAUSE: Final = 1.0
APART: Final = 0.01
"""Seconds between two rounds at least: what ends in between is followed up together."""
TELLS_EVERY: Final = 15.0


def _unheard(_outcome: Outcome) -> None:
    return None


NEVER: Final = (0, 0.0)


def _uncounted(_waiting: int) -> None:
    return None


@dataclass
class Sending:
    """What sends for one process. `wake`, when set, says that there may be something to do."""

    database: Database
    shape: Shape
    allowed: Allowed
    pace: Pace = field(default_factory=Pace)
    bounds: Bounds = field(default_factory=Bounds)
    tls: ssl.SSLContext | None = None
    most_waiting: int = MOST_WAITING
    observe: Callable[[Outcome], None] = _unheard
    count: Callable[[int], None] = _uncounted
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[asyncio.Task[None], tuple[str, UUID]] = field(default_factory=dict)
    # Of webhooks that fail: how often in a row, and when the next attempt may be.
    _failing: dict[UUID, tuple[int, float]] = field(default_factory=dict)
    _told_at: float = 0.0
    # Whether there is a webhook at all, as far as the last round saw.
    _followed: bool = True

    async def run(self) -> None:
        """Plan and send until cancelled."""
        try:
            while True:
                self.wake.clear()
                try:
                    busy = await self._round()
                except Exception:
                    log.exception("webhooks failed")
                    await asyncio.sleep(FAILED_PAUSE)
                    continue
                if not busy:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self.pace.looks_every):
                            await self.wake.wait()
                            await asyncio.sleep(APART)
        finally:
            await self._end()

    def hear(self, _rows: Sequence[FeedRow]) -> None:
        """There is something new in the feed. Where nobody is sent it, that is nothing to wake for."""
        if self._followed:
            self.wake.set()

    async def _round(self) -> bool:
        now = clock.now()
        planned, self._followed = await plan(self.database, now, most=self.most_waiting)
        if monotonic() - self._told_at > TELLS_EVERY:
            self._told_at = monotonic()
            self.count(await queue.waiting(self.database))
        chosen: list[UUID] = []
        if len(self._tasks) < self.pace.at_once:
            found = await queue.due(self.database, now, each=self.pace.at_once_per_host, full=self._full())
            chosen = self._choose(found)
        begun = monotonic()
        taken = await queue.claim(self.database, chosen, now, self.pace)
        for delivery, webhook in taken:
            task = asyncio.create_task(self._send(delivery, webhook, begun), name="send a webhook")
            self._tasks[task] = (host_of(webhook.url), webhook.id)
            task.add_done_callback(self._ended)
        return bool(planned or taken)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        self.wake.set()

    def _full(self) -> set[UUID]:
        """Webhooks to whose hosts no more can be sent now."""
        hosts = Counter(host for host, _ in self._tasks.values())
        return {webhook for host, webhook in self._tasks.values() if hosts[host] >= self.pace.at_once_per_host}

    def _choose(self, found: Sequence[Due]) -> list[UUID]:
        """As many as there is room for. A webhook that fails gets one attempt at a time until it works again, and rests
        between these once it has failed some times in a row.
        """
        hosts = Counter(host for host, _ in self._tasks.values())
        webhooks = Counter(webhook for _, webhook in self._tasks.values())
        chosen: list[UUID] = []
        for each in _in_turn(found):
            host = host_of(each.url)
            if len(self._tasks) + len(chosen) >= self.pace.at_once:
                break
            if hosts[host] >= self.pace.at_once_per_host or (each.failing and webhooks[each.webhook_id]):
                continue
            if each.failing and self._failing.get(each.webhook_id, NEVER)[1] > monotonic():
                continue
            hosts[host] += 1
            webhooks[each.webhook_id] += 1
            chosen.append(each.id)
        return chosen

    def _rest(self, webhook_id: UUID, outcome: Outcome) -> None:
        if outcome.delivered:
            self._failing.pop(webhook_id, None)
            return
        failures = self._failing.get(webhook_id, NEVER)[0] + 1
        rests = queue.pause(failures - queue.ALARMS_AFTER, None, self.pace) if failures >= queue.ALARMS_AFTER else 0.0
        self._failing[webhook_id] = (failures, monotonic() + min(rests, self.pace.rests_at_most))

    async def _send(self, delivery: Row[Any], webhook: Row[Any], begun: float) -> None:
        try:
            outcome = await self._attempt(delivery, webhook, begun)
            if outcome is None:
                return
            self.observe(outcome)
            self._rest(webhook.id, outcome)
            now = clock.now()
            stored = partial(queue.record, sent=delivery, outcome=outcome, now=now, pace=self.pace)
            works = await self.database.run(stored)
        except Exception:
            # It is still claimed, and is sent again when that is over.
            log.exception("webhook attempt was lost", webhook=str(webhook.id), delivery=str(delivery.id))
            return
        if works is not None:
            tell = log.info if works else log.warning
            tell("webhook works again" if works else "webhook fails", webhook=str(webhook.id), reason=outcome.error)

    async def _attempt(self, delivery: Row[Any], webhook: Row[Any], begun: float) -> Outcome | None:
        """What became of it; None when it came too late to be ours still."""
        started = monotonic()
        made = await self._message(delivery, webhook)
        if monotonic() - begun > self.pace.claimed_for - self.bounds.whole:
            return None
        now = clock.now()
        head = sign.headers(keys_of(webhook, now), ids.encode("WebhookDelivery", delivery.id), now, made.body)
        try:
            target = target_of(webhook.url, self.allowed)
            answer = await post(target, head, made.body, allowed=self.allowed, bounds=self.bounds, tls=self.tls)
        except Unfit as error:
            return Outcome(_since(started), error=f"refused: {error}", document_error=made.error)
        except Unanswered as error:
            return Outcome(_since(started), error=str(error), document_error=made.error)
        return _outcome(answer, _since(started), made.error)

    async def _message(self, delivery: Row[Any], webhook: Row[Any]) -> Message:
        if delivery.kind == "TEST":
            return trial_message(webhook.id, webhook.name, delivery.created_at)
        return await message(delivery, webhook.document, webhook.channel_ids, self.shape)

    async def _end(self) -> None:
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=self.pace.ends_within)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _in_turn(found: Sequence[Due]) -> list[Due]:
    """The first of each webhook, then the second of each, …"""
    seen: Counter[UUID] = Counter()
    placed: list[tuple[int, int, Due]] = []
    for each in found:
        placed.append((seen[each.webhook_id], len(placed), each))
        seen[each.webhook_id] += 1
    return [each for *_, each in sorted(placed, key=lambda one: one[:2])]


def host_of(url: str) -> str:
    """What attempts are counted by."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return url


def keys_of(webhook: Row[Any], now: datetime) -> list[bytes]:
    """The keys that sign now: the newest first, and the one before while it is live."""
    keys = [webhook.secret]
    if webhook.previous_secret is not None and webhook.previous_until > now:
        keys.append(webhook.previous_secret)
    return keys


def _since(started: float) -> int:
    return round((monotonic() - started) * 1_000)


def _outcome(answer: Answer, milliseconds: int, document_error: str | None) -> Outcome:
    error = None
    if 300 <= answer.status < 400:
        error = f"it answered {answer.status}: redirects are not followed"
    elif not 200 <= answer.status < 300:
        error = f"it answered {answer.status}"
    # PostgreSQL takes all characters but this one.
    body = answer.body.decode("utf-8", "replace").replace("\0", "\ufffd")
    asked = answer.retry_after or ""
    return Outcome(
        milliseconds=milliseconds,
        status_code=answer.status,
        error=error,
        answer=body,
        document_error=document_error,
        retry_after=float(asked) if error and asked.isascii() and asked.isdigit() and len(asked) < 10 else None,
    )
