"""What is sent, verified with the official library of Standard Webhooks, also while a secret is rotated."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.events.webhooks import webhooks
from app.events.webhooks.tables import webhook
from app.platform import clock
from tests.events.webhooks.rig import all_done, change, products, sending, subscribe, tell, until
from tests.platform.outbound.receiver import Received, receiving


def verifies(secret: str, got: Received) -> bool:
    try:
        said = Webhook(secret).verify(got.body, got.headers)
    except WebhookVerificationError:
        return False
    assert said == got.said
    return True


async def test_both_secrets_verify_while_rotating_and_one_before_and_after(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        first = hook.secret
        await tell(database, change(product, 1))
        await until(lambda: all_done(database, hook.id, 1))
        rotate = partial(webhooks.rotate, webhook_id=hook.id, now=clock.now(), hours=24)
        second = (await database.run(rotate)).secret
        await tell(database, change(product, 2))
        await until(lambda: all_done(database, hook.id, 2))
        async with database.transaction() as tx:
            await tx.execute(update(webhook).values(previous_until=clock.now() - timedelta(seconds=1)))
        await tell(database, change(product, 3))
        await until(lambda: all_done(database, hook.id, 3))
    seen = [(verifies(first, got), verifies(second, got)) for got in receiver.received]
    assert seen == [(True, False), (True, True), (False, True)]


async def test_what_was_tampered_with_does_not_verify(database):
    [product] = products(1)
    async with receiving() as receiver, sending(database):
        hook = await subscribe(database, receiver.url())
        await tell(database, change(product, 1))
        await until(lambda: receiver.received)
    [got] = receiver.received
    assert verifies(hook.secret, got)
    for name, value in (
        ("webhook-id", "hookd_other"),
        ("webhook-timestamp", str(int(got.headers["webhook-timestamp"]) + 1)),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(hook.secret).verify(got.body, got.headers | {name: value})
    with pytest.raises(WebhookVerificationError):
        Webhook(hook.secret).verify(got.body.replace(b'"version":1', b'"version":2'), got.headers)
