"""A batch function sees what is selected below its field."""

import gc
import weakref

from tests.api.engine.asking import ask


async def test_fragments_and_directives_are_resolved() -> None:
    text = """
      query ($no: Boolean!, $yes: Boolean = true) {
        books(first: 1) {
          ...parts
          ... @include(if: $no) { caption }
          year @skip(if: $yes)
          author { name @include(if: $yes) id @skip(if: $no) }
        }
      }
      fragment parts on Book { title ... on Node { label } author { books(first: 7) { id } } }
    """
    _, reader = await ask(text, {"no": False})
    selection = reader.selections["Query.books"]
    assert [field.key for field in selection] == ["title", "label", "author"]
    assert selection.named("author")[0].selection.names == {"name", "id", "books"}
    assert "caption" not in selection
    assert "title" in selection


async def test_arguments_are_coerced_and_have_their_defaults() -> None:
    text = """
      query ($n: Int!) { nodes(ids: ["a1"]) { label ... on Author { a: books(first: $n) { id } b: books { id } } } }
    """
    _, reader = await ask("query ($n: Int!) { books(first: 2) { author { x: books(first: $n) { id } } } }", {"n": 3})
    (field,) = reader.selections["Book.author"].named("books")
    assert (field.name, field.key, field.on) == ("books", "x", "Author")
    assert field.arguments["first"] == 3
    assert field.arguments["sortBy"].value == "title"
    await ask(text, {"n": 1})


async def test_fields_of_several_types_stand_side_by_side() -> None:
    text = """
      { books(first: 1) { author { books { ... on Node { id ... on Author { name } ... on Book { title } } } } } }
    """
    _, reader = await ask(text)
    below = reader.selections["Author.books"]
    assert [(field.on, field.name) for field in below] == [("Book", "id"), ("Book", "title")]


async def test_a_path_gathers_what_several_fields_select() -> None:
    _, reader = await ask(
        "{ books(first: 1) { author { a: books { title } b: books { id author { name } } } __typename } }"
    )
    selection = reader.selections["Query.books"]
    assert selection.under("author", "books").names == {"title", "id", "author"}
    assert selection.under("author", "nothing").names == frozenset()
    assert not selection.under("title")


async def test_the_selection_of_a_leaf_is_empty() -> None:
    _, reader = await ask("{ books(first: 1) { label } }")
    assert len(reader.selections["Node.label"]) == 0


async def test_what_a_run_held_goes_with_it() -> None:
    """Without the collector of cycles, which would come seldom and find a great deal."""
    gc.collect()
    gc.disable()
    try:
        result, reader = await ask("{ books(first: 2) { author { books { title } } } }")
        assert "Author.books" in reader.selections
        reader.selections.clear()
        gone = weakref.ref(reader)
        del result, reader
        assert gone() is None
    finally:
        gc.enable()
