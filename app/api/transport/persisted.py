"""Which document a request is about: its text, the id of a trusted one, or the hash of one that was sent before.

`documentId` is that of GraphQL over HTTP (`sha256:` and the hash of the text), `id` and `doc_id` are Relay's names for
it, `extensions.persistedQuery` is that of Apollo's automatic persisted queries. What a hash stands for is checked
before it is remembered, so that nobody can make it stand for anything else.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from app.api.engine.errors import Code, Refused, RequestError
from app.api.engine.shelves import Shelves

from .parameters import Malformed, Parameters
from .trusted import Trusted, digest

NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
"""The one code beside the five: by it, or by its message, Apollo's clients know that they must send the text too."""

_VERSION: Final = 1
_PREFIX: Final = "sha256:"
_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID: Final = re.compile(r"(?:[A-Za-z0-9._~-]+:)?[A-Za-z0-9._~-]+", re.ASCII)
_LONGEST_ID: Final = 200

Source: TypeAlias = Literal["trusted", "automatic", "text"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The text of a document and how it came. `remember`: the hash to know it by, once it has proved good."""

    text: str
    source: Source
    remember: str | None = None


class Texts:
    """A bounded memory of texts by hash: see `Shelves`."""

    def __init__(self, entries: int = 2_000, size: int = 8 * 1_048_576) -> None:
        """At most so many texts, and `size` characters."""
        self._shelves: Shelves[str] = Shelves(entries, size, len)

    def get(self, hash_: str) -> str | None:
        return self._shelves.get(hash_)

    def put(self, hash_: str, text: str) -> None:
        if self.get(hash_) is None:
            self._shelves.put(hash_, text)

    def __len__(self) -> int:
        return len(self._shelves)

    @property
    def size(self) -> int:
        return self._shelves.weight


class Persisted:
    """The trusted documents of the shop, and the texts that clients sent with their hash."""

    def __init__(self, trusted: Trusted | None = None) -> None:
        self.trusted = trusted if trusted is not None else Trusted()
        self.texts = Texts()

    def find(self, given: Parameters, *, trusted_only: bool) -> Asked:
        """What the request asks for. `trusted_only`: its caller may send trusted documents alone.

        Raises Malformed for what no protocol knows; Refused for a hash of something else (BAD_REQUEST), an unknown
        document (BAD_REQUEST, PERSISTED_QUERY_NOT_FOUND), and what the caller may not send (FORBIDDEN).
        """
        hash_ = _persisted_query(given.extensions)
        if given.documentId is not None:
            return self._by_id(_document_id(given), given.query, hash_, trusted_only)
        if hash_ is not None:
            return self._by_hash(hash_, given.query, trusted_only)
        if given.query:
            return self._by_text(given.query, trusted_only)
        if given.id is None and given.doc_id is None:
            raise Malformed(
                "The request has no query: send a document as the parameter `query`, or a trusted document's id as "
                "`documentId`."
            )
        return self._by_id(_document_id(given), None, None, trusted_only)

    def remember(self, asked: Asked) -> None:
        """Know a text by its hash from now on, where it came with one."""
        if asked.remember is not None:
            self.texts.put(asked.remember, asked.text)

    def _by_id(self, id_: str, query: str | None, hash_: str | None, trusted_only: bool) -> Asked:
        if query:
            raise Malformed("Send `documentId` or `query`, not both.")
        if hash_ is not None and hash_ != id_:
            raise Malformed("`documentId` and `extensions.persistedQuery` name two documents: send one of them.")
        text = self.trusted.by_id(id_)
        if text is None:
            raise _unknown(id_, trusted_only)
        return Asked(text, "trusted")

    def _by_hash(self, hash_: str, query: str | None, trusted_only: bool) -> Asked:
        if query and digest(query) != hash_:
            raise _bad_request("provided sha does not match query")
        text = self.trusted.by_id(hash_)
        if text is not None:
            return Asked(text, "trusted")
        if trusted_only:
            raise _unknown(hash_, trusted_only)
        if query:
            return Asked(query, "automatic", hash_)
        text = self.texts.get(hash_)
        if text is None:
            raise Refused([{"message": "PersistedQueryNotFound", "extensions": {"code": NOT_FOUND}}])
        return Asked(text, "automatic")

    def _by_text(self, query: str, trusted_only: bool) -> Asked:
        text = self.trusted.by_text(query)
        if text is not None:
            return Asked(text, "trusted")
        if trusted_only:
            raise Refused.by(
                RequestError(
                    Code.FORBIDDEN,
                    "This caller may send trusted documents only, and this is none: register it with the shop, and "
                    "send its id as `documentId`.",
                )
            )
        return Asked(query, "text")


def _persisted_query(extensions: dict[str, Any] | None) -> str | None:
    """The hash in `extensions.persistedQuery`. Malformed for what is none; Refused for another version."""
    found = extensions.get("persistedQuery") if extensions else None
    if found is None:
        return None
    if not isinstance(found, dict):
        raise Malformed("`extensions.persistedQuery` must be an object with `version` and `sha256Hash`.")
    if type(found.get("version")) is not int or found["version"] != _VERSION:
        raise _bad_request("Unsupported persisted query version")
    hash_ = found.get("sha256Hash")
    if not isinstance(hash_, str) or _HEX.fullmatch(hash_) is None:
        raise Malformed("`sha256Hash` must be 64 hexadecimal digits in lower case.")
    return hash_


def _document_id(given: Parameters) -> str:
    """The one document that the request names. Malformed for what is no id, and for several."""
    names = {"documentId": given.documentId, "id": given.id, "doc_id": given.doc_id}
    if given.documentId is not None:
        names = {"documentId": given.documentId}
    found = {_checked_id(name, value) for name, value in names.items() if value is not None}
    if len(found) > 1:
        raise Malformed("`id` and `doc_id` name two documents: send one of them.")
    return found.pop()


def _checked_id(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ID or _ID.fullmatch(value) is None:
        raise Malformed(f"`{name}` must be a document's id, such as `{_PREFIX}` and the SHA-256 of its text.")
    if not value.startswith(_PREFIX):
        return value
    hash_ = value.removeprefix(_PREFIX)
    if _HEX.fullmatch(hash_) is None:
        raise Malformed(f"`{_PREFIX}` must be followed by 64 hexadecimal digits in lower case.")
    return hash_


def _unknown(id_: str, trusted_only: bool) -> Refused:
    if trusted_only:
        return Refused.by(
            RequestError(
                Code.FORBIDDEN,
                f"This caller may send trusted documents only, and none has the id {id_!r}: register it with the shop.",
            )
        )
    return _bad_request(
        f"No trusted document has the id {id_!r}: register it with the shop, or send its text as `query`."
    )


def _bad_request(message: str) -> Refused:
    return Refused.by(RequestError(Code.BAD_REQUEST, message))
