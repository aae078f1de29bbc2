"""Customers are found by any part of what is known of them; pages neither skip nor repeat."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from app.customers.search import Place, count, search
from app.customers.tables import customer
from app.platform.ids import new_id
from app.platform.texts import key_of
from tests.shop import STAMPS, Shop

PEOPLE = {
    "joao": "João Conceição joao@feira.example +5511987654321 52998224725",
    "maria": "Maria Fernandes maria@mercado.example +5521912345678",
    "mariana": "Mariana da Silva",
    "ana": "Ana Fernandes",
    "percent": "100%_desconto Ltda",
}


@pytest.fixture
async def people(shop: Shop) -> dict[UUID, str]:
    """Names by id, in the order in which they became known."""
    known = {}
    async with shop.db.transaction() as tx:
        for name, words in PEOPLE.items():
            row: dict[str, Any] = {"id": new_id(), "search_key": key_of(words), **STAMPS}
            known[row["id"]] = name
            await tx.execute(insert(customer).values(**row))
    return known


async def found(shop: Shop, people: dict[UUID, str], text: str | None) -> list[str]:
    return [people[row.id] for row in await search(shop.db, text, size=100)]


async def test_any_part_finds_without_accents_case_or_punctuation(shop: Shop, people: dict[UUID, str]) -> None:
    for text in ("JOÃO", "joao", "conceicao joão", "feira.example", "(11) 98765-4321", "529.982.247-25", "98765"):
        assert await found(shop, people, text) == ["joao"], text
    assert await found(shop, people, "joao fernandes") == []
    assert await found(shop, people, "nobody@nowhere") == []


async def test_what_begins_a_word_comes_first_then_what_contains_then_what_resembles(
    shop: Shop, people: dict[UUID, str]
) -> None:
    assert await found(shop, people, "ana") == ["ana", "mariana"]
    assert sorted(await found(shop, people, "maria")) == ["maria", "mariana"]
    assert await found(shop, people, "fernandez") == ["ana", "maria"]


async def test_wildcards_are_letters_like_others(shop: Shop, people: dict[UUID, str]) -> None:
    assert await found(shop, people, "100%") == ["percent"]
    assert await found(shop, people, "%_d") == ["percent"]
    for text in ("%", "_"):
        assert await found(shop, people, text) == ["percent"]
    for text in ("\\", "\0", "' OR 1=1 --", "x" * 5_000, "\ud7ff"):
        assert set(await found(shop, people, text)) in (set(), set(PEOPLE))


async def test_without_a_search_the_newest_come_first(shop: Shop, people: dict[UUID, str]) -> None:
    assert await found(shop, people, None) == [people[key] for key in sorted(people, reverse=True)]


@pytest.mark.parametrize(("text", "wanted"), [("an", ["ana", "maria", "mariana"]), ("ana", ["ana", "mariana"])])
async def test_pages_neither_skip_nor_repeat_while_customers_come(
    shop: Shop, people: dict[UUID, str], text: str, wanted: list[str]
) -> None:
    seen: list[UUID] = []
    after: Place | None = None
    while page := await search(shop.db, text, size=1, after=after):
        seen.append(page[0].id)
        after = Place(page[0].rank, page[0].id)
        async with shop.db.transaction() as tx:
            await tx.execute(insert(customer).values(id=new_id(), search_key="ana newcomer", **STAMPS))
    assert sorted(people[key] for key in seen if key in people) == wanted
    assert len(set(seen)) == len(seen)


async def test_counting_stops_where_told(shop: Shop, people: dict[UUID, str]) -> None:
    assert await count(shop.db, "fernandes", most=10) == 2
    assert await count(shop.db, None, most=3) == 3
