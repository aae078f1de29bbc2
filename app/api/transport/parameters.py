"""What a client asks: the parameters of a GraphQL request, from a JSON body, a WebSocket message or a query string."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.api.engine.numbers import exact_number

_MOST_PARAMETERS = 20


class Malformed(Exception):
    """The request is not one that GraphQL over HTTP knows. `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = headers


class Parameters(msgspec.Struct, frozen=True):
    """A GraphQL request. Floats among the variables are Decimals with the digits of the JSON text.

    Which document it is about is `persisted.Persisted` to say. `id` and `doc_id` are Relay's names for `documentId`;
    elsewhere they may mean anything, and count only where nothing else names a document.
    """

    query: str | None = None
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815
    extensions: dict[str, Any] | None = None
    documentId: str | None = None  # noqa: N815
    id: Any = None
    doc_id: Any = None


_body = msgspec.json.Decoder(Parameters, float_hook=exact_number)
_object = msgspec.json.Decoder(dict[str, Any] | None, float_hook=exact_number)
_encoder = msgspec.json.Encoder(decimal_format="number")

encode_json = _encoder.encode


def from_json(body: bytes | str) -> Parameters:
    """The parameters of a POST body or of a WebSocket payload. Malformed 400 for anything else."""
    try:
        return _body.decode(body)
    except msgspec.ValidationError as error:
        raise Malformed(_explained(error, body)) from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The body is not valid JSON: {_short(error)}.") from None


def from_query_string(query_string: bytes) -> Parameters:
    """The parameters of a GET; `variables` and `extensions` are JSON in themselves. Malformed 400."""
    try:
        pairs = parse_qsl(
            query_string.decode(),
            keep_blank_values=True,
            errors="strict",
            encoding="utf-8",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise Malformed(f"The query string cannot be read: {_short(error)}.") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Malformed(f"The parameter `{name[:40]}` is given twice.")
        given[name] = value
    return Parameters(
        query=given.get("query"),
        variables=_json_parameter(given, "variables"),
        operationName=given.get("operationName") or None,
        extensions=_json_parameter(given, "extensions"),
        documentId=given.get("documentId"),
        id=given.get("id"),
        doc_id=given.get("doc_id"),
    )


def _json_parameter(given: dict[str, str], name: str) -> dict[str, Any] | None:
    text = given.get(name)
    if not text:
        return None
    try:
        found: dict[str, Any] | None = _object.decode(text)
        return found
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The parameter `{name}` must be a JSON object: {_short(error)}.") from None


def _explained(error: msgspec.ValidationError, body: bytes | str) -> str:
    opening = body.lstrip()[:1]
    if opening in (b"[", "["):
        return "Batches of operations are not supported: send one request for each, or one operation with aliases."
    if opening not in (b"{", "{"):
        return "The body must be a JSON object."
    return f"The request is malformed: {_short(error)}."


def _short(error: BaseException) -> str:
    return str(error)[:200].rstrip(".")
