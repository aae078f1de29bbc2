"""Writing webhooks."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.perform import Result, perform
from app.api.webhooks.inputs import (
    WebhookCreateInput,
    WebhookCreatePayload,
    WebhookDeleteInput,
    WebhookDeletePayload,
    WebhookDeliveryRedeliverInput,
    WebhookDeliveryRedeliverPayload,
    WebhookPauseInput,
    WebhookPausePayload,
    WebhookReplayInput,
    WebhookReplayPayload,
    WebhookResumeInput,
    WebhookResumePayload,
    WebhookSecretRotateInput,
    WebhookSecretRotatePayload,
    WebhookTestInput,
    WebhookTestPayload,
    WebhookUpdateInput,
    WebhookUpdatePayload,
)
from app.api.webhooks.shaping import checker
from app.api.written import written
from app.events.webhooks import deliveries, webhooks
from app.events.webhooks.webhooks import NewSecret
from app.identity.access import works_everywhere
from app.identity.errors import BeyondReach
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import NotFound, Path

P = TypeVar("P", WebhookCreatePayload, WebhookSecretRotatePayload)


def _fields(given: WebhookCreateInput | WebhookUpdateInput) -> Any:
    found = written(given, "name", "url", "topics", "actions", "channel_ids", "location_ids", "document")
    for name, path, kind in (("channel_ids", "channelIds", "Channel"), ("location_ids", "locationIds", "Location")):
        if found.get(name) is not None:
            found[name] = [ids.require(kind, key, (path, str(index))) for index, key in enumerate(found[name])]
    return found


def _webhook(actor: Actor, given: str) -> UUID:
    """The id of a webhook of the actor's to see. Raises NotFound for whoever works at some places only."""
    return _own(actor, "Webhook", given, ("webhookId",))


def _own(actor: Actor, kind: str, given: str, path: Path) -> UUID:
    key = ids.require(kind, given, path)
    if not works_everywhere(actor.principal):
        raise NotFound("There is none that you may see.", path=path)
    return key


async def _with_secret(
    info: Info, payload: type[P], given: Any, draw: Callable[[Tx, Actor], Awaitable[NewSecret]]
) -> P:
    """The payload with the secret that was drawn, which is not among what is stored: it leaves the server once."""
    made: NewSecret | None = None

    async def command(tx: Tx, actor: Actor) -> Result:
        nonlocal made
        made = await draw(tx, actor)
        return {"webhook": made.id}

    answered = await perform(info, payload, given, command)
    if made is not None and answered.key("webhook") == made.id and not answered.replayed:
        answered.secret = made.secret
    return answered


@strawberry.type
class WebhookMutations:
    @strawberry.mutation(description="Make a webhook. Its secret is answered once.")
    async def webhook_create(self, info: Info, input: WebhookCreateInput) -> WebhookCreatePayload | None:
        async def draw(tx: Tx, actor: Actor) -> NewSecret:
            if not works_everywhere(actor.principal):
                raise BeyondReach("a view of the whole shop")
            return await webhooks.create(
                tx,
                _fields(input),
                now=actor.now,
                by=actor.key,
                allowed=info.context.webhook_allow,
                check=checker(info.schema._schema),
                after=input.after,
            )

        return await _with_secret(info, WebhookCreatePayload, input, draw)

    @strawberry.mutation(description="Change a webhook: where it is sent, what, and in which shape.")
    async def webhook_update(self, info: Info, input: WebhookUpdateInput) -> WebhookUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = await webhooks.update_webhook(
                tx,
                _fields(input),
                webhook_id=_webhook(actor, input.webhook_id),
                now=actor.now,
                allowed=info.context.webhook_allow,
                check=checker(info.schema._schema),
                expected_version=input.expected_version,
            )
            return {"webhook": webhook_id}

        return await perform(info, WebhookUpdatePayload, input, command)

    @strawberry.mutation(description="Send a webhook nothing until it is resumed. Nothing is lost meanwhile.")
    async def webhook_pause(self, info: Info, input: WebhookPauseInput) -> WebhookPausePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = _webhook(actor, input.webhook_id)
            return {"webhook": await webhooks.pause(tx, webhook_id=webhook_id, now=actor.now)}

        return await perform(info, WebhookPausePayload, input, command)

    @strawberry.mutation(description="Let a webhook go on where it stopped, at once.")
    async def webhook_resume(self, info: Info, input: WebhookResumeInput) -> WebhookResumePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = _webhook(actor, input.webhook_id)
            return {"webhook": await webhooks.resume(tx, webhook_id=webhook_id, now=actor.now)}

        return await perform(info, WebhookResumePayload, input, command)

    @strawberry.mutation(description="Draw a new secret. It is answered once; the one before signs on for a while.")
    async def webhook_secret_rotate(
        self, info: Info, input: WebhookSecretRotateInput
    ) -> WebhookSecretRotatePayload | None:
        async def draw(tx: Tx, actor: Actor) -> NewSecret:
            webhook_id = _webhook(actor, input.webhook_id)
            return await webhooks.rotate(tx, webhook_id=webhook_id, now=actor.now, hours=input.previous_live_hours)

        return await _with_secret(info, WebhookSecretRotatePayload, input, draw)

    @strawberry.mutation(description="End a webhook, for good, with its log.")
    async def webhook_delete(self, info: Info, input: WebhookDeleteInput) -> WebhookDeletePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = _webhook(actor, input.webhook_id)
            return {"webhook": await webhooks.delete(tx, webhook_id=webhook_id, now=actor.now)}

        return await perform(info, WebhookDeletePayload, input, command)

    @strawberry.mutation(description="Send a webhook again what changed after a position.")
    async def webhook_replay(self, info: Info, input: WebhookReplayInput) -> WebhookReplayPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = _webhook(actor, input.webhook_id)
            return {"webhook": await deliveries.replay(tx, webhook_id=webhook_id, after=input.after, now=actor.now)}

        return await perform(info, WebhookReplayPayload, input, command)

    @strawberry.mutation(description="Send a webhook `webhook.tested`, even a paused one: one attempt, soon after.")
    async def webhook_test(self, info: Info, input: WebhookTestInput) -> WebhookTestPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            webhook_id = _webhook(actor, input.webhook_id)
            return {"delivery": await deliveries.trial(tx, webhook_id=webhook_id, now=actor.now)}

        return await perform(info, WebhookTestPayload, input, command)

    @strawberry.mutation(description="Send a delivery again under its id, or at once what waits for another attempt.")
    async def webhook_delivery_redeliver(
        self, info: Info, input: WebhookDeliveryRedeliverInput
    ) -> WebhookDeliveryRedeliverPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = _own(actor, "WebhookDelivery", input.webhook_delivery_id, ("webhookDeliveryId",))
            return {"delivery": await deliveries.redeliver(tx, delivery_id=key, now=actor.now)}

        return await perform(info, WebhookDeliveryRedeliverPayload, input, command)
