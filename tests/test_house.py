"""The rules of the house that no linter knows: sizes, first lines, words that say nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {
    *("utils", "util", "helpers", "helper", "managers", "manager"),
    *("services", "service", "misc", "common"),
}
DOMAINS = [
    "pos",
    "checkout",
    "browse",
    "fulfillment",
    "orders",
    "carts",
    "payments",
    "delivery",
    "pricing",
    "inventory",
    "catalog",
    "customers",
    "channels",
    "identity",
    "events",
    "platform",
]
# A table may be read by whoever stands above its owner; it is written by its owner alone.
SOURCES = [
    path
    for folder in ("app", "seed", "tests", "benchmarks", "migrations")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if "versions" not in path.parts:
        assert len(text.splitlines()) <= LONGEST_FILE
        long = [f"{f.name}: {length(f)}" for f in functions(tree) if length(f) > LONGEST_FUNCTION]
        assert not long
    assert text == "" or ast.get_docstring(tree), "its first lines must say what it owns"
    assert path.stem not in FORBIDDEN_NAMES


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_nothing_is_left_for_later(path: Path) -> None:
    if path != Path(__file__):
        words = path.read_text(encoding="utf-8").split()
        assert not {"TODO", "FIXME", "XXX", "TODO:", "FIXME:"} & set(words)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_says_what_it_owns(domain: str) -> None:
    tree = ast.parse((ROOT / "app" / domain / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1, "a domain's __init__ holds its docstring and nothing else"


def test_every_domain_is_one_that_the_design_knows() -> None:
    folders = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    assert folders == {*DOMAINS, "api", "cli"}


def writes(tree: ast.Module) -> Iterator[str]:
    """Names of tables that this module inserts into, updates or deletes from."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"insert", "update", "delete"}
        ):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Name):
                    yield argument.id


def owned(domain: str) -> set[str]:
    path = ROOT / "app" / domain / "tables.py"
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("domain", [*DOMAINS, "api"])
def test_a_domain_writes_its_own_tables_alone(domain: str) -> None:
    foreign = {table: other for other in DOMAINS if other != domain for table in owned(other)}
    own = owned(domain)
    for path in sorted((ROOT / "app" / domain).rglob("*.py")):
        for table in writes(ast.parse(path.read_text(encoding="utf-8"))):
            assert table in own or table not in foreign, f"{short(path)} writes {table} of {foreign.get(table)}"
