"""Multipart responses, by the multipart subscription protocol (`subscriptionSpec=1.0`) that Apollo's clients speak."""

from typing import Any

from .desk import Answer
from .parameters import encode_json
from .streams import Framing

_DASHES = b"--graphql"
# The boundary follows each part at once: clients take a part for whole only when they see it.
_PART = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n%b\r\n" + _DASHES


class Multipart(Framing):
    """Each result is a part `{"payload": …}`; an empty object keeps the connection alive.

    A query or mutation that is answered so stands in its one part as it is, without `payload`.
    """

    opening = _DASHES
    keep_alive = _PART % b"{}"
    closing = b"--\r\n"

    def __init__(self, *, subscription: bool) -> None:
        self._subscription = subscription
        parameters = ";subscriptionSpec=1.0" if subscription else ""
        self.media_type = f"multipart/mixed;boundary=graphql{parameters}"
        if not subscription:
            self.keep_alive = b""

    def answer(self, answer: Answer) -> bytes:
        """A part with the result."""
        body = answer.body()
        return _PART % encode_json({"payload": body} if self._subscription else body)

    def refused(self, errors: list[dict[str, Any]]) -> bytes:
        """A part that tells why the operation ended; no more follow."""
        return _PART % encode_json({"payload": None, "errors": errors} if self._subscription else {"errors": errors})
