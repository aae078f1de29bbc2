"""Server-sent events, by the graphql-sse protocol's distinct connections mode: one operation, one event stream."""

from typing import Any

from .desk import Answer
from .parameters import encode_json
from .streams import Framing


class EventStream(Framing):
    """`next` events with results, then `complete`; a comment keeps the connection alive."""

    media_type = "text/event-stream; charset=utf-8"
    keep_alive = b":\n\n"
    closing = b"event: complete\ndata:\n\n"

    def answer(self, answer: Answer) -> bytes:
        """A `next` event."""
        return b"event: next\ndata: %b\n\n" % answer.encoded()

    def refused(self, errors: list[dict[str, Any]]) -> bytes:
        """A `next` event with errors alone, as the protocol tells of what keeps an operation from running."""
        return b"event: next\ndata: %b\n\n" % encode_json({"errors": errors})
