"""What is written of webhooks, and what is answered."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.errors import Payload
from app.api.events.types import ChangeAction, Topic
from app.api.scalars import Position
from app.api.webhooks.types import Webhook, WebhookDelivery
from app.api.written import one
from app.platform import ids

field = strawberry.field

URL = "Where to send it: https, a public address. The operator may allow others."
TOPICS = "Only these topics; null: all."
ACTIONS = "Only these actions; null: all."
CHANNELS = (
    "Only what is shown or sold in one of these channels; null: all. What leaves them is told as DELETE; what belongs "
    "to no channel, such as a customer, is not sent."
)
LOCATIONS = "Only what is, is sold or is served at one of these locations; null: all."
DOCUMENT = (
    "A query whose answer is sent as `data`, run as the shop's owner when it is sent. It may declare "
    "`$id: ID!` (the entity), `$position: Position`, `$topic: Topic`, `$action: ChangeAction`, `$version: Int`. Null: "
    "the change itself is the data."
)
SHOWN_ONCE = (
    "What its receiver verifies with: `whsec_…`. Shown in the answer that made it and never again: a repeat of the "
    "operation finds null. Lost on the way, rotate it."
)


@strawberry.input(description="A new webhook. It is sent what changes from now on, or after a position.")
class WebhookCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    name: str = field(description="Its name.")
    url: str = field(description=URL)
    topics: list[Topic] | None = field(default=None, description=TOPICS)
    actions: list[ChangeAction] | None = field(default=None, description=ACTIONS)
    channel_ids: list[strawberry.ID] | None = field(default=None, description=CHANNELS)
    location_ids: list[strawberry.ID] | None = field(default=None, description=LOCATIONS)
    document: str | None = field(default=None, description=DOCUMENT)
    after: Position | None = field(default=None, description="Begin behind this position, such as a snapshot's.")


@strawberry.input(
    description="Changes to a webhook. What is left out stays. They apply to what is planned from now on."
)
class WebhookUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name.")
    url: str | None = field(default=UNSET, description=URL)
    topics: list[Topic] | None = field(default=UNSET, description=TOPICS)
    actions: list[ChangeAction] | None = field(default=UNSET, description=ACTIONS)
    channel_ids: list[strawberry.ID] | None = field(default=UNSET, description=CHANNELS)
    location_ids: list[strawberry.ID] | None = field(default=UNSET, description=LOCATIONS)
    document: str | None = field(default=UNSET, description=DOCUMENT)


@strawberry.input(description="A webhook that is to be sent nothing for a while.")
class WebhookPauseInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")


@strawberry.input(description="A webhook that is to go on where it stopped.")
class WebhookResumeInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")


@strawberry.input(description="A webhook that gets a new secret.")
class WebhookSecretRotateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")
    previous_live_hours: int = field(
        default=24, description="How long the secret before signs as well: 0 to 168. At most two are live at a time."
    )


@strawberry.input(description="A webhook that is ended, for good, with its log.")
class WebhookDeleteInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")


@strawberry.input(description="A webhook that is sent what it was sent before.")
class WebhookReplayInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")
    after: Position = field(description="Every change after this position is sent again, under new ids.")


@strawberry.input(description="A webhook to try.")
class WebhookTestInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_id: strawberry.ID = field(description="The webhook.")


@strawberry.input(description="A delivery to send again.")
class WebhookDeliveryRedeliverInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    webhook_delivery_id: strawberry.ID = field(description="The delivery.")


@strawberry.interface(description="The webhook as written.")
class WebhookPayload(Payload):
    @strawberry.field(description="The webhook; null when refused.")
    async def webhook(self, info: Info) -> Webhook | None:
        return await one(Webhook, info.context, self.key("webhook"))


@strawberry.type(description="The webhook made, with its secret, this once.")
class WebhookCreatePayload(WebhookPayload):
    secret: str | None = field(default=None, description=SHOWN_ONCE)


@strawberry.type(description="The webhook as written.")
class WebhookUpdatePayload(WebhookPayload):
    pass


@strawberry.type(description="The webhook as paused.")
class WebhookPausePayload(WebhookPayload):
    pass


@strawberry.type(description="The webhook as resumed.")
class WebhookResumePayload(WebhookPayload):
    pass


@strawberry.type(description="The webhook with its new secret, this once.")
class WebhookSecretRotatePayload(WebhookPayload):
    secret: str | None = field(default=None, description=SHOWN_ONCE)


@strawberry.type(description="The webhook as it begins again.")
class WebhookReplayPayload(WebhookPayload):
    pass


@strawberry.type(description="What was deleted.")
class WebhookDeletePayload(Payload):
    @strawberry.field(description="The id that it had; null when refused.")
    def webhook_id(self) -> strawberry.ID | None:
        key = self.key("webhook")
        return None if key is None else strawberry.ID(ids.encode("Webhook", key))


@strawberry.type(description="The test on its way: `webhook.tested`, one attempt.")
class WebhookTestPayload(Payload):
    @strawberry.field(description="The delivery, to be asked for until it is over; null when refused.")
    async def delivery(self, info: Info) -> WebhookDelivery | None:
        return await one(WebhookDelivery, info.context, self.key("delivery"))


@strawberry.type(description="The delivery on its way again, under the same id.")
class WebhookDeliveryRedeliverPayload(Payload):
    @strawberry.field(description="The delivery; null when refused.")
    async def delivery(self, info: Info) -> WebhookDelivery | None:
        return await one(WebhookDelivery, info.context, self.key("delivery"))
