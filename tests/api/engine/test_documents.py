"""The cache of documents is bounded, and what is in use stays in it."""

import gc
from typing import Any

from graphql import Token
from graphql.language import Node
from structlog.testing import capture_logs

from app.api.engine.columns import Column
from app.api.engine.documents import Documents
from app.api.engine.execute import Engine
from app.api.engine.kept import Lasting
from app.api.engine.limits import Limits
from app.api.engine.objects import Rows
from app.api.transport.parameters import encode_json
from tests.api.engine.library import Reader, make_schema
from tests.api.engine.test_agreement import DOCUMENTS

SCHEMA = make_schema()._schema


def cache(**limits: Any) -> Documents:
    return Documents(SCHEMA, Limits(**limits), production=False)


def text(number: int) -> str:
    return f"query Q{number} {{ hello }}"


def test_a_text_is_made_into_a_document_once() -> None:
    documents = cache()
    assert documents.get(text(1)) is documents.get(text(1)) is documents.get(text(1))


def test_many_distinct_documents_do_not_drive_out_those_in_use() -> None:
    documents = cache(cached_documents=50)
    kept = [documents.get(text(n)) for n in range(5)]
    assert [documents.get(text(n)) for n in range(5)] == kept
    for number in range(1000, 2000):
        documents.get(text(number))
    assert [documents.get(text(n)) for n in range(5)] == kept
    assert len(documents) <= 50


def test_the_cache_is_bounded_in_bytes() -> None:
    documents = cache(cached_bytes=400_000)
    for number in range(300):
        documents.get(text(number))
        documents.get(text(number))
    assert documents.weight <= 400_000
    assert 1 < len(documents) < 60


def test_what_is_kept_for_good_stays_within_bounds_of_its_own() -> None:
    documents = cache(cached_documents=10, cached_bytes=200_000)
    kept = {text(n): documents.keep(text(n)) for n in range(100)}
    assert documents.keep(text(0)) is kept[text(0)]
    assert documents.weight <= 300_000
    assert documents.keep("{ nothing }").errors is not None
    for number in range(1000, 1200):
        documents.get(text(number))
    stayed = [query for query, document in kept.items() if documents.get(query) is document]
    assert 3 < len(stayed) < 40
    assert stayed == [text(n) for n in range(len(stayed))]
    assert documents.weight <= 300_000


def test_refusals_are_remembered_and_hold_no_syntax_tree() -> None:
    documents = cache()
    document = documents.get("{ nothing }")
    assert documents.get("{ nothing }") is document
    assert document.errors is not None
    assert document.operations == {}


def test_a_document_larger_than_the_cache_is_not_kept() -> None:
    documents = cache(cached_bytes=1_000)
    documents.get(text(1))
    assert len(documents) == 0
    assert documents.weight == 0


def test_a_document_weighs_more_with_each_plan_and_drives_out_others() -> None:
    documents = cache(cached_bytes=400_000)
    for number in (1, 1, 2, 2):
        document = documents.get(text(number))
    before = documents.weight
    document.planned()
    documents.get(text(2))
    assert documents.weight > before
    for _ in range(1_000):
        document.planned()
    documents.get(text(2))
    assert documents.weight <= 400_000
    assert len(documents) < 2


def _alive() -> int:
    return sum(issubclass(type(each), Node | Token | Column | Rows) for each in gc.get_objects())


async def test_documents_that_are_not_kept_are_gone_at_once() -> None:
    """Without the collector of cycles, which would come after tens of thousands of them."""
    engine = Engine(make_schema(), limits=Limits(cached_bytes=1), lasting=Lasting(lambda _: ((), None), encode_json))
    gc.collect()
    before, operations = _alive(), []
    with capture_logs():
        for query, variables in DOCUMENTS:
            operations.append(engine.operation(query))
            result = await engine.execute(operations[-1], variables, Reader(), to_encode=True)
            assert result.planned
    # Validation and what failed leave rings of their own, which come and go young.
    gc.collect()
    gc.disable()
    try:
        assert _alive() > before
        operations.clear()
        assert _alive() == before
    finally:
        gc.enable()
