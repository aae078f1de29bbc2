"""Reading the documents that the shop trusts: its own clients' in `graphql/`, and those of `FEIRA_DOCUMENTS`.

A folder holds `.graphql` files, each sent with the fragments of its folder that it uses, and manifests, which are
called `persisted….json` there. A manifest is the JSON file in which an app's own tools list what it sends: Apollo's
`persisted-query-manifest.json`, Relay's `persisted_queries.json`, the `persisted-documents.json` of GraphQL Code
Generator (for urql and others).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    parse,
    visit,
)

from app.api.transport.trusted import Trusted, TrustedDocument, digest
from app.platform.config import ConfigError
from app.platform.migrate import ROOT

log = structlog.get_logger("feira.documents")

DOCUMENTS: Final = ROOT / "graphql"
APOLLO: Final = "apollo-persisted-query-manifest"
_SUFFIXES: Final = (".graphql", ".gql")
_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII | re.IGNORECASE)
_LONGEST_ID: Final = 200


def document(folder: str, name: str) -> str:
    """A document of one of our clients, together with the fragments of its folder that it uses."""
    return _assembled(DOCUMENTS / folder / f"{name}.graphql", fragments(DOCUMENTS / folder))


def trusted_documents(places: Iterable[Path] = ()) -> Trusted:
    """What the shop trusts: our clients' documents, and those of these folders and manifests.

    Raises ConfigError for a place that cannot be read. A document in it that cannot be is told in the log and left out.
    """
    found = [
        each for folder in sorted(DOCUMENTS.iterdir()) if folder.is_dir() for each in _in_folder(folder, DOCUMENTS)
    ]
    for place in places:
        found += _in_place(place)
    return Trusted(found)


@cache
def fragments(folder: Path) -> Mapping[str, str]:
    """The fragments that a folder's files define, by name."""
    found = {}
    for path in _files(folder, recursive=False):
        text = path.read_text(encoding="utf-8")
        parsed = _parsed(text)
        for definition in parsed.definitions if parsed is not None else ():
            if isinstance(definition, FragmentDefinitionNode) and definition.loc is not None:
                found[definition.name.value] = text[definition.loc.start : definition.loc.end]
    return found


def _in_place(place: Path) -> list[TrustedDocument]:
    try:
        if place.is_dir():
            manifests = [one for path in sorted(place.rglob("persisted*.json")) for one in _in_manifest(path)]
            return [*_in_folder(place, place), *manifests]
        if place.suffix in _SUFFIXES:
            return list(_in_file(place, place.name))
        return list(_in_manifest(place))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise ConfigError(f"FEIRA_DOCUMENTS: {place} cannot be read: {reason}") from error


def _in_folder(folder: Path, root: Path) -> Iterator[TrustedDocument]:
    for path in _files(folder, recursive=True):
        yield from _in_file(path, str(path.relative_to(root).with_suffix("")))


def _in_file(path: Path, name: str) -> Iterator[TrustedDocument]:
    """The document of a file; none for a file of fragments alone."""
    parsed = _parsed(path.read_text(encoding="utf-8"))
    if parsed is None:
        log.warning("document.left_out", document=name, reason="It is not GraphQL.")
    elif any(isinstance(part, OperationDefinitionNode) for part in parsed.definitions):
        yield TrustedDocument(name, _assembled(path, fragments(path.parent)))


def _files(folder: Path, *, recursive: bool) -> list[Path]:
    paths = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(path for path in paths if path.suffix in _SUFFIXES and path.is_file())


def _assembled(path: Path, known: Mapping[str, str]) -> str:
    """A file's text; where it uses fragments that stand elsewhere, these follow, in the order of their use."""
    text = path.read_text(encoding="utf-8")
    there, parts, new = set[str](), [text], text
    while new:
        parsed = parse(new)
        there |= {part.name.value for part in parsed.definitions if isinstance(part, FragmentDefinitionNode)}
        wanted = [name for name in _spreads(parsed) if name in known and name not in there]
        new = "\n\n".join(known[name] for name in wanted)
        parts.append(new)
    if not any(parts[1:]):
        return text
    return "\n".join(part.rstrip() for part in parts if part) + "\n"


def _spreads(parsed: DocumentNode) -> list[str]:
    """The names of the fragments that a document uses, each once, in the order of their use."""
    found: dict[str, None] = {}

    class Spreads(Visitor):
        def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
            found[node.name.value] = None

    visit(parsed, Spreads())
    return list(found)


def _parsed(text: str) -> DocumentNode | None:
    try:
        return parse(text)
    except (GraphQLSyntaxError, RecursionError):
        return None


def _in_manifest(path: Path) -> Iterator[TrustedDocument]:
    """The documents that a manifest lists. Raises ConfigError for JSON that is none."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"FEIRA_DOCUMENTS: {path} is no JSON: {str(error)[:100]}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"FEIRA_DOCUMENTS: {path} is no manifest of documents: it must be an object")
    listed: Iterable[tuple[object, object, object]]
    if "format" in found or "operations" in found:
        if found.get("format") != APOLLO or found.get("version") != 1 or not isinstance(found.get("operations"), list):
            raise ConfigError(f"FEIRA_DOCUMENTS: {path} is no {APOLLO} of version 1")
        rows = [row if isinstance(row, dict) else {} for row in found["operations"]]
        listed = ((row.get("id"), row.get("name"), row.get("body")) for row in rows)
    else:
        listed = ((id_, id_, text) for id_, text in found.items())
    for id_, name, text in listed:
        wrong = _wrong(id_, text)
        if wrong is not None:
            log.warning("document.left_out", document=f"{path.name}: {str(name)[:100]}", reason=wrong)
        else:
            yield TrustedDocument(f"{path.name}: {name}", str(text), frozenset({str(id_).removeprefix("sha256:")}))


def _wrong(id_: object, text: object) -> str | None:
    """Why an entry of a manifest cannot be taken. An id that looks like a SHA-256 must be that of the text; of others,
    such as Relay's MD5, the operator vouches for what they stand for.
    """
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID:
        return "It has no id."
    if not isinstance(text, str) or not text.strip():
        return "It has no text."
    found = _SHA256.fullmatch(id_)
    if found is not None and found[1] != digest(text):
        return "Its id is not the SHA-256 of its text."
    return None
