"""Batch functions answer every kind of type: enums, lazy types, unions, and fields of generic types."""

import enum
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from app.api.engine.batch import Answers, Batch, batched
from app.api.engine.execute import Engine

T = TypeVar("T")
Lazy = strawberry.lazy("tests.api.engine.test_kinds")


@strawberry.enum
class Mood(enum.Enum):
    GOOD = 1


@strawberry.type
class Cat:
    id: int

    @batched
    @staticmethod
    async def mood(parents: Sequence["Cat"], batch: Batch) -> list[Mood | None]:
        return [Mood.GOOD for _ in parents]

    @batched
    @staticmethod
    async def friend(parents: Sequence["Cat"], batch: Batch) -> list[Annotated["Dog", Lazy] | None]:
        return [Dog(id=parent.id) for parent in parents]

    @batched(deprecation_reason="Cats have no owners.", metadata={"cost": 7})
    @staticmethod
    async def owner(
        parents: Sequence["Cat"], batch: Batch
    ) -> Answers[Annotated[Annotated["Dog", Lazy] | Annotated["Fish", Lazy], strawberry.union("Owner")] | None]:
        return [Fish(id=parent.id) for parent in parents]


@strawberry.type
class Dog:
    id: int


@strawberry.type
class Fish:
    id: int


@strawberry.type
class Page(Generic[T]):
    nodes: list[T]

    @batched
    @staticmethod
    async def total_count(parents: Sequence["Page[Any]"], batch: Batch) -> list[int | None]:
        return [len(parent.nodes) for parent in parents]


@strawberry.type
class Query:
    @strawberry.field
    def cats(self) -> Page[Cat]:
        return Page(nodes=[Cat(id=1), Cat(id=2)])

    @strawberry.field
    def dogs(self) -> Page[Dog]:
        return Page(nodes=[Dog(id=3)])


async def test_every_kind_of_type_can_be_answered() -> None:
    engine = Engine(strawberry.Schema(Query))
    text = "{ cats { nodes { mood friend { id } owner { ... on Fish { id } } } totalCount } dogs { totalCount } }"
    operation = engine.operation(text)
    result = await engine.execute(operation, {}, None)
    assert result.errors == []
    assert result.data == {
        "cats": {
            "nodes": [{"mood": "GOOD", "friend": {"id": n}, "owner": {"id": n}} for n in (1, 2)],
            "totalCount": 2,
        },
        "dogs": {"totalCount": 1},
    }
    # cats, ten cats with a friend and an owner who weighs 7, dogs.
    assert engine.cost(operation, {}) == 1 + 10 * (1 + 1 + 7) + 1


def test_the_schema_shows_them() -> None:
    sdl = strawberry.Schema(Query).as_str()
    assert "mood: Mood\n" in sdl
    assert "friend: Dog\n" in sdl
    assert 'owner: Owner @deprecated(reason: "Cats have no owners.")' in sdl
    assert "union Owner = Dog | Fish" in sdl
