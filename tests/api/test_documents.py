"""What the shop trusts: its own clients' documents, and those that an operator brings in the forms that tools make."""

import json
import re
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.api.documents import DOCUMENTS, document, trusted_documents
from app.api.engine.documents import Documents
from app.api.engine.limits import Limits
from app.api.schema import schema
from app.api.transport.trusted import Trusted
from app.platform.config import ConfigError, Settings

WHO = "query Who { viewer { permissions } }"
CARD = "fragment Card on Product { id ...Name }"
NAME = "fragment Name on Product { name }"
LIST = "query List { products(first: 1) { nodes { ...Card } } }\n"


def hex_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def documents() -> Documents:
    return Documents(schema._schema, Limits(), production=True)


def own() -> int:
    return len(trusted_documents())


def apollo(*operations: Any, **more: Any) -> str:
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": list(operations)}
    return json.dumps(manifest | more)


def entry(text: str, id_: str | None = None) -> dict[str, str]:
    return {"id": hex_of(text) if id_ is None else id_, "name": "Who", "type": "query", "body": text}


async def test_every_document_of_our_clients_is_trusted_and_fits_the_schema() -> None:
    trusted, known = trusted_documents(), documents()
    count = len(trusted)
    with capture_logs() as told:
        await trusted.settle(known.keep)
    assert [line for line in told if line["log_level"] == "warning"] == []
    assert len(trusted) == count
    operations = re.compile(r"^(query|mutation|subscription) ", re.MULTILINE)
    paths = list(DOCUMENTS.glob("*/*.graphql"))
    assert len(paths) > 30
    for path in paths:
        text = document(path.parent.name, path.stem)
        found = trusted.by_id(hex_of(text))
        assert found == (text if operations.search(path.read_text()) else None), path


def test_a_file_is_sent_as_it_stands_or_with_the_fragments_of_its_folder(tmp_path: Path) -> None:
    for name, text in {"who": WHO, "card": CARD, "name": NAME, "list": LIST}.items():
        (tmp_path / f"{name}.graphql").write_text(text)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.gql").write_text(WHO + "\n")
    (tmp_path / "schema.graphql").write_text("type Query { a: Int }")
    (tmp_path / "package.json").write_text('{"name": "app"}')
    trusted = trusted_documents([tmp_path])
    assert len(trusted) == own() + 2
    # They differ in blanks at the end alone, and are one under two ids.
    assert str(trusted.by_id(hex_of(WHO))).strip() == WHO
    assert trusted.by_id(hex_of(WHO + "\n")) is trusted.by_id(hex_of(WHO))
    assert trusted.by_text(f"\n {WHO} ") is trusted.by_id(hex_of(WHO))
    assert trusted.by_text(WHO.replace(" ", "  ")) is None
    whole = f"{LIST.rstrip()}\n{CARD}\n{NAME}\n"
    assert trusted.by_id(hex_of(whole)) == whole
    assert {each.name for _, each in trusted.ids()} > {"list"}


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("persisted-query-manifest.json", apollo(entry(WHO)), [hex_of(WHO)]),
        ("persisted-query-manifest.json", apollo(entry(WHO, "app-Who_1")), [hex_of(WHO), "app-Who_1"]),
        ("persisted_queries.json", json.dumps({md5(WHO.encode()).hexdigest(): WHO}), [md5(WHO.encode()).hexdigest()]),
        ("persisted-documents.json", json.dumps({hex_of(WHO): WHO}), [hex_of(WHO)]),
        ("persisted-documents.json", json.dumps({f"sha256:{hex_of(WHO)}": WHO}), [hex_of(WHO)]),
    ],
)
def test_manifests_of_apollo_relay_and_codegen_are_read(tmp_path: Path, name: str, text: str, ids: list[str]) -> None:
    (tmp_path / name).write_text(text)
    for place in (tmp_path, tmp_path / name):
        trusted = trusted_documents([place])
        assert len(trusted) == own() + 1
        assert [trusted.by_id(id_) for id_ in ids] == [WHO] * len(ids)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({hex_of("something else"): WHO}, "Its id is not the SHA-256 of its text."),
        ({hex_of(WHO).upper(): WHO}, "Its id is not the SHA-256 of its text."),
        ({f"sha256:{hex_of('other')}": WHO}, "Its id is not the SHA-256 of its text."),
        ({"": WHO}, "It has no id."),
        ({"a" * 1_000: WHO}, "It has no id."),
        ({"a": " "}, "It has no text."),
        ({"a": None}, "It has no text."),
        ({"a": {"text": WHO}}, "It has no text."),
    ],
)
def test_an_entry_that_cannot_be_is_told_and_left_out(tmp_path: Path, entries: dict[str, Any], reason: str) -> None:
    (tmp_path / "persisted.json").write_text(json.dumps({hex_of(LIST): LIST, **entries}))
    with capture_logs() as told:
        trusted = trusted_documents([tmp_path])
    assert len(trusted) == own() + 1
    assert [(line["event"], line["reason"]) for line in told] == [("document.left_out", reason)]


async def test_documents_that_are_no_graphql_or_no_longer_fit_are_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.graphql").write_text("query {")
    (tmp_path / "gone.graphql").write_text("query Gone { warranty }")
    (tmp_path / "fine.graphql").write_text(WHO)
    (tmp_path / "persisted.json").write_text(apollo(entry("query {"), entry("fragment A on Product { id }"), 5))
    with capture_logs() as told:
        trusted = trusted_documents([tmp_path])
        await trusted.settle(documents().keep)
    left_out = [line["document"] for line in told if line["event"] == "document.left_out"]
    assert len(left_out) == 5
    assert {"broken", "gone"} < set(left_out)
    assert len(trusted) == own() + 1
    assert trusted.by_id(hex_of(WHO)) == WHO


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '"x"', "", "\udcff", apollo(format="other"), apollo(version=2), '{"operations": []}', "[" * 100_000],
)
def test_a_file_that_is_no_manifest_is_the_operators_to_mend(tmp_path: Path, text: str) -> None:
    file = tmp_path / "documents.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"FEIRA_DOCUMENTS: .*documents\.json is no"):
        trusted_documents([file])


def test_a_file_that_is_not_in_utf8_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "who.graphql").write_bytes(b"query Who { viewer { permissions } } # \xff")
    with pytest.raises(ConfigError, match="not in UTF-8"):
        trusted_documents([tmp_path])


def test_the_settings_name_places_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b.json").write_text("{}")
    given = Settings.from_environment({"FEIRA_DOCUMENTS": f"{tmp_path}/a: :{tmp_path}/b.json:"})
    assert given.documents == (tmp_path / "a", tmp_path / "b.json")
    assert Settings.from_environment({}).documents == ()
    with pytest.raises(ConfigError, match="FEIRA_DOCUMENTS: there is no"):
        Settings.from_environment({"FEIRA_DOCUMENTS": str(tmp_path / "c")})


def test_the_other_settings_of_trust_and_keeping() -> None:
    assert Settings.from_environment({}).trusted_documents == "allow"
    assert Settings.from_environment({"FEIRA_TRUSTED_DOCUMENTS": "only"}).trusted_documents == "only"
    assert Settings.from_environment({"FEIRA_CACHE_SECONDS": "0"}).cache_seconds == 0
    for name, value in (("FEIRA_TRUSTED_DOCUMENTS", "no"), ("FEIRA_CACHE_SECONDS", "-1")):
        with pytest.raises(ConfigError, match=name):
            Settings.from_environment({name: value})


async def test_nothing_is_trusted_where_nothing_was_given() -> None:
    trusted = Trusted()
    await trusted.settle(documents().keep)
    assert (len(trusted), trusted.by_id(hex_of(WHO)), trusted.by_text(WHO)) == (0, None, None)
