"""Trusted documents: those that the operator vouches for, by the ids that clients send in their place."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import structlog

from app.api.engine.documents import Document

log = structlog.get_logger("feira.documents")


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    """A document and where it was found. `ids`: what an app's own tools call it, beside the SHA-256 of its text."""

    name: str
    text: str
    ids: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        return digest(self.text)


def digest(text: str) -> str:
    """What a document is known by: the SHA-256 of its source text in UTF-8, in lower-case hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Trusted:
    """Documents by id. Each is known from the start, and left out once it is found not to fit the schema."""

    def __init__(self, documents: Iterable[TrustedDocument] = ()) -> None:
        self._by_id: dict[str, TrustedDocument] = {}
        # Without the blanks around them, which mean nothing: those that differ in nothing else are one.
        self._by_text: dict[str, TrustedDocument] = {}
        for document in documents:
            self._add(document)

    def by_id(self, id_: str) -> str | None:
        """The text that this id stands for. Always the same object, which caches know at a glance."""
        document = self._by_id.get(id_)
        return document.text if document is not None else None

    def by_text(self, text: str) -> str | None:
        """The trusted document that this text is, but for blanks around it, which some clients cut off."""
        document = self._by_text.get(text.strip())
        return document.text if document is not None else None

    def __len__(self) -> int:
        return len(self._by_text)

    def ids(self) -> Iterator[tuple[str, TrustedDocument]]:
        """Every id with its document."""
        return iter(self._by_id.items())

    async def settle(self, keep: Callable[[str], Document]) -> None:
        """Have all of them made ready to run, one by one, so that whoever asks meanwhile waits for one at most.

        `keep` makes a document and keeps it. One that does not fit the schema is told in the log and left out.
        """
        for document in list(self._by_text.values()):
            errors = keep(document.text).errors
            if errors is not None:
                log.warning("document.left_out", document=document.name, reason=errors[0]["message"])
                self._leave_out(document)
            await asyncio.sleep(0)

    def _add(self, document: TrustedDocument) -> None:
        known = self._by_text.setdefault(document.text.strip(), document)
        for id_ in (document.sha256, *document.ids):
            other = self._by_id.setdefault(id_, known)
            if other is not known:
                # Neither can be meant for certain; the SHA-256 of each still can.
                log.warning("document.id_taken", document=document.name, id=id_, by=other.name)

    def _leave_out(self, document: TrustedDocument) -> None:
        del self._by_text[document.text.strip()]
        self._by_id = {id_: other for id_, other in self._by_id.items() if other is not document}
