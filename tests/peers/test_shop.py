"""Other people's tools against the shop itself: GraphQL over HTTP to the letter, and a schema that Relay takes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import (
    FragmentDefinitionNode,
    FragmentSpreadNode,
    NameNode,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from app.platform.migrate import ROOT
from tests.api.market import open_market
from tests.peers.npm import INSTALLED, node, run

CLIENTS = ("storefront", "pos", "mobile")
CONFIG = (
    '{"src": "./src", "schema": "./schema.graphql", "language": "javascript", "artifactDirectory": "./made", '
    '"eagerEsModules": true}'
)


async def test_all_audits_of_graphql_over_http_pass(database_url: str) -> None:
    async with open_market(database_url) as market:
        assert await node("audit.mjs", f"{market.url}/graphql") == {"total": 61, "failed": []}


class _Renamed(Visitor):
    """Relay wants operations and fragments named for their module."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def leave(self, node: object, *_: object) -> object:
        if isinstance(node, FragmentSpreadNode | FragmentDefinitionNode) and node.name.value in self.names:
            return replace(node, name=NameNode(value=self.names[node.name.value]))
        if isinstance(node, OperationDefinitionNode) and node.name is not None:
            return replace(node, name=NameNode(value=f"{node.name.value}{node.operation.value.title()}"))
        return None


def modules(folder: Path) -> Iterator[tuple[str, str]]:
    """The documents of a client as modules: each one's name, and its text as JavaScript."""
    documents = {path.stem[0].upper() + path.stem[1:]: parse(path.read_text()) for path in folder.glob("*.graphql")}
    names = {
        part.name.value: f"{module}_{part.name.value}"
        for module, document in documents.items()
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    for document in documents.values():
        for part in visit(document, _Renamed(names)).definitions:
            module = re.sub("(Query|Mutation|Subscription)$|_.*", "", part.name.value)
            yield module, f"graphql`{print_ast(part)}`;\n"


def project(folder: Path, parts: Iterator[tuple[str, str]]) -> Path:
    """A project for the compiler in this folder."""
    for name in ("src", "made"):
        (folder / name).mkdir(parents=True)
    (folder / "relay.config.json").write_text(CONFIG)
    (folder / "schema.graphql").write_text((ROOT / "graphql" / "schema.graphql").read_text())
    for module, text in parts:
        with (folder / "src" / f"{module}.js").open("a") as file:
            file.write(text)
    return folder


async def compile_in(folder: Path) -> tuple[int, str]:
    code, out, err = await run(str(INSTALLED / "relay-compiler" / "cli.js"), "relay.config.json", cwd=folder)
    return code, out + err


@pytest.mark.parametrize("client", CLIENTS)
async def test_relay_compiles_the_clients_documents(tmp_path: Path, client: str) -> None:
    folder = project(tmp_path / client, modules(ROOT / "graphql" / client))
    code, told = await compile_in(folder)
    assert code == 0, told
    operations = sum(
        isinstance(part, OperationDefinitionNode)
        for path in (ROOT / "graphql" / client).glob("*.graphql")
        for part in parse(path.read_text()).definitions
    )
    made = [path.name for path in (folder / "made").iterdir()]
    assert operations > 0
    assert sum(bool(re.search(r"(Query|Mutation|Subscription)\.graphql\.js$", name)) for name in made) == operations


async def test_relay_pages_and_refetches_what_has_an_id(tmp_path: Path) -> None:
    """Its directives hold a schema to what Relay asks of servers: `node(id)`, connections, cursors."""
    parts = {
        "Shelf": """graphql`query ShelfQuery { ...Shelf_products }`;
          graphql`fragment Shelf_products on Query
            @argumentDefinitions(count: {type: "Int", defaultValue: 20}, cursor: {type: "String"})
            @refetchable(queryName: "ShelfPageQuery") {
              products(first: $count, after: $cursor) @connection(key: "Shelf_products") {
                edges { node { id ...Card_product } } } }`;""",
        "Card": """graphql`fragment Card_product on Product @refetchable(queryName: "CardQuery") { name }`;""",
    }
    code, told = await compile_in(project(tmp_path / "relay", iter(parts.items())))
    assert code == 0, told


async def test_relay_refuses_what_the_schema_does_not_have(tmp_path: Path) -> None:
    parts = iter([("Wrong", "graphql`query WrongQuery { products(first: 1) { nodes { warranty } } }`;")])
    code, told = await compile_in(project(tmp_path / "wrong", parts))
    assert code != 0
    assert "warranty" in told
