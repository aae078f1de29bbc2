"""Products: created, updated, refused each by itself, versioned, told, found."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select
from sqlalchemy.event import listen

from app.catalog import products, queries
from app.catalog.drafts import (
    MediaDraft,
    OptionDraft,
    OptionValueDraft,
    ProductDraft,
    PublicationDraft,
    Saved,
    TextDraft,
    VariantDraft,
)
from app.catalog.products import archive_product, unarchive_product
from app.catalog.tables import product, variant
from app.catalog.whole import lock_products
from app.events.scopes import sight_scopes
from app.platform.db import Tx
from app.platform.errors import NotFound, VersionConflict
from app.platform.ids import new_id
from tests.catalog.drafting import camiseta, finds, option, plain, said, save, save_one, told, version_of
from tests.shop import Shop


@pytest.mark.postgres15
async def test_a_product_is_created_whole(shop: Shop) -> None:
    saved = await save_one(
        shop,
        camiseta(
            brand="Feira",
            tags=["verão", " verão ", "algodão"],
            media=[MediaDraft(url="https://feira.test/a.jpg", alt={"pt-BR": "Frente"})],
            publish=[PublicationDraft(channel_id=shop.channels["web"])],
        ),
    )
    assert saved.created
    assert saved.changed
    key = saved.product_id
    assert key is not None
    row = (await queries.products_by_ids(shop.db, [key]))[key]
    assert (row.slug, row.status, row.brand, row.tags, row.version) == (
        "camiseta", "ACTIVE", "Feira", ["verão", "algodão"], 1,
    )  # fmt: skip
    assert row.options == [{"name": {"pt-BR": "Tamanho"}, "values": [{"pt-BR": "P"}, {"pt-BR": "M"}]}]
    variants = (await queries.variants_of_products(shop.db, [key]))[key]
    assert [(one.sku, one.option_values, one.position) for one in variants] == [
        ("CAM-P", ["P"], 1),
        ("CAM-M", ["M"], 2),
    ]
    assert tuple(one.id for one in variants) == saved.variant_ids
    texts = (await queries.texts(shop.db, [key]))[key]
    assert texts["pt-BR"].name_key == "camiseta feira"
    assert texts["en"].description == "<p>Soft cotton</p>"
    assert [one.url for one in (await queries.media_of_products(shop.db, [key]))[key]] == ["https://feira.test/a.jpg"]
    assert set((await queries.publications(shop.db, [key]))[key]) == {shop.channels["web"]}
    (change,) = await told(shop)
    assert (change.entity_id, change.version, change.scopes_after) == (key, 1, sight_scopes([shop.channels["web"]]))


async def test_saving_the_same_again_changes_and_tells_nothing(shop: Shop) -> None:
    draft = camiseta(
        media=[MediaDraft(url="https://feira.test/a.jpg", alt={"pt-BR": "Frente"})],
        publish=[PublicationDraft(channel_id=shop.channels["web"])],
        extra={"Vendor": "Feira"},
    )
    first = await save_one(shop, draft)
    second = await save_one(shop, draft)
    assert (second.product_id, second.variant_ids) == (first.product_id, first.variant_ids)
    assert (second.created, second.changed, second.version) == (False, False, 1)
    assert len(await told(shop)) == 1


async def test_what_is_left_out_stays(shop: Shop) -> None:
    first = await save_one(shop, camiseta(brand="Feira", tags=["a"]))
    changed = await save_one(
        shop,
        ProductDraft(id=first.product_id, mode="update", texts=[TextDraft(locale="en", name="Shirt")], brand=None),
    )
    assert changed.version == 2
    key = first.product_id
    assert key is not None
    texts = (await queries.texts(shop.db, [key]))[key]
    assert (texts["en"].name, texts["en"].description) == ("Shirt", "<p>Soft cotton</p>")
    assert texts["pt-BR"].name == "Camiseta Feira"
    row = (await queries.products_by_ids(shop.db, [key]))[key]
    assert (row.brand, row.tags, row.status) == (None, ["a"], "ACTIVE")
    variants = (await queries.variants_of_products(shop.db, [key]))[key]
    assert [one.version for one in variants] == [1, 1]


async def test_each_draft_is_refused_by_itself_and_says_where(shop: Shop) -> None:
    many = [
        plain("um"),
        plain("um-2", "UM"),
        plain("dois /", "DOIS"),
        ProductDraft(slug="tres"),
        camiseta(variants=[VariantDraft(option_values=("GG",), sku="GG"), VariantDraft(option_values=(), sku="NADA")]),
        plain("quatro", variants=[VariantDraft(option_values=(), barcode="7891234567890", scale_code="12")]),
        plain("cinco", tags=["x"] * 251),
        plain("seis", texts=[TextDraft(locale="fr", name="Six"), TextDraft(locale="en", name="a\0b")]),
        plain("sete", category_id=new_id(), publish=[PublicationDraft(channel_id=new_id())]),
        plain("oito"),
    ]
    saved = await save(shop, *many)
    assert [said(one.refusals) for one in saved] == [
        [],
        [("TAKEN", "variants.0.sku")],
        [("INVALID_INPUT", "slug")],
        [("REQUIRED", "texts")],
        [("OPTIONS", "variants.1.selectedOptions")],
        [("INVALID_CHECK_DIGIT", "variants.0.barcode"), ("INVALID_INPUT", "variants.0.scaleCode")],
        [("TOO_MANY", "tags")],
        [("UNKNOWN_LOCALE", "texts.0.locale"), ("INVALID_INPUT", "texts.1.name")],
        [("NOT_FOUND", "categoryId"), ("NOT_FOUND", "publish.0.channelId")],
        [],
    ]
    assert {row.slug for row in await shop.db.rows(select(product.c.slug))} == {"um", "oito"}


async def test_names_are_unique_over_all_products(shop: Shop) -> None:
    await save_one(shop, camiseta())
    saved = await save(
        shop,
        plain("a", "CAM-P"),
        plain("b", variants=[VariantDraft(option_values=(), sku="B", barcode="07891234567895")]),
        plain("camiseta", "NOVA", mode="create"),
        plain("c", variants=[VariantDraft(option_values=(), sku="C", scale_code="00001")]),
        plain("d", variants=[VariantDraft(option_values=(), sku="D", scale_code="00001")]),
    )
    assert [said(one.refusals) for one in saved] == [
        [("TAKEN", "variants.0.sku")],
        [("TAKEN", "variants.0.barcode")],
        [("TAKEN", "slug")],
        [],
        [("TAKEN", "variants.0.scaleCode")],
    ]


@pytest.mark.postgres15
async def test_of_many_who_take_a_sku_at_once_one_wins(shop: Shop) -> None:
    async def take(number: int):
        return await save(shop, plain(f"produto-{number}", "UNICO"), plain(f"outro-{number}"))

    results = await asyncio.gather(*(take(number) for number in range(8)))
    winners = [first for first, _ in results if not first.refusals]
    assert len(winners) == 1
    assert {code for first, _ in results for code, _ in said(first.refusals)} == {"TAKEN"}
    assert all(second.created for _, second in results)
    assert len(await shop.db.rows(select(variant).where(variant.c.sku == "UNICO"))) == 1


async def test_of_many_who_take_a_slug_at_once_one_creates(shop: Shop) -> None:
    saved = await asyncio.gather(*(save(shop, plain("igual", f"S{number}")) for number in range(6)))
    assert sorted(one.created for (one,) in saved) == [False] * 5 + [True]
    assert len({one.product_id for (one,) in saved}) == 1


async def test_a_product_that_came_to_be_after_it_was_looked_for_is_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = lock_products

    async def look_then_let_another_in(tx: Tx, **wanted: Any) -> list[Row[Any]]:
        found = await looked(tx, **wanted)
        monkeypatch.undo()
        first.append(await save_one(shop, plain("igual", "S1")))
        return found

    first: list[Saved] = []
    monkeypatch.setattr(products, "lock_products", look_then_let_another_in)
    (late,) = await save(shop, plain("igual", "S2"))
    assert (late.refusals, late.created) == ((), False)
    assert (late.product_id, late.version) == (first[0].product_id, 2)


async def test_names_that_we_make_find_a_free_one(shop: Shop) -> None:
    text = [TextDraft(locale="pt-BR", name="Pão de Queijo")]
    variants = [VariantDraft(option_values=())]
    saved = await asyncio.gather(
        *(save(shop, ProductDraft(mode="create", texts=text, variants=variants)) for _ in "abc")
    )
    rows = await shop.db.rows(select(product.c.slug).order_by(product.c.slug))
    assert [row.slug for row in rows] == ["pao-de-queijo", "pao-de-queijo-2", "pao-de-queijo-3"]
    skus = {row.sku for row in await shop.db.rows(select(variant.c.sku))}
    assert len(skus) == 3
    assert "PAO-DE-QUEIJO" in skus
    assert all(not one.refusals for (one,) in saved)


async def test_a_made_sku_is_kept_for_ever(shop: Shop) -> None:
    made = VariantDraft(option_values=(), sku="FEITO", sku_made=True)
    await save_one(shop, plain("a", variants=[made]))
    again = await save_one(shop, plain("a", variants=[replace(made, sku="OUTRO")]))
    assert not again.changed
    other = await save_one(shop, plain("b", variants=[made]))
    rows = await queries.variants_by_ids(shop.db, other.variant_ids)
    assert rows[other.variant_ids[0]].sku == "B"


async def test_a_stale_version_is_refused_with_what_is_there(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    change = ProductDraft(id=saved.product_id, mode="update", brand="X", expected_version=1)
    assert (await save_one(shop, change)).version == 2
    (stale,) = (await save(shop, replace(change, brand="Y")))[0].refusals
    assert isinstance(stale, VersionConflict)
    assert (stale.current_version, stale.entity) == (2, ("Product", saved.product_id))
    assert await version_of(shop, saved.product_id) == 2


async def test_writers_of_one_product_take_turns(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    await asyncio.gather(
        *(save_one(shop, ProductDraft(id=saved.product_id, mode="update", brand=f"Marca {n}")) for n in range(6))
    )
    assert await version_of(shop, saved.product_id) == 7
    assert [change.version for change in await told(shop)] == [1, 2, 3, 4, 5, 6, 7]


async def test_options_that_change_their_names_take_the_variants_along(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    size = OptionDraft(
        was="Tamanho",
        texts={"pt-BR": "Medida", "en": "Size"},
        values=[
            OptionValueDraft(was="P", texts={"pt-BR": "M"}),
            OptionValueDraft(was="M", texts={"pt-BR": "P", "en": "S"}),
        ],
    )
    await save_one(shop, ProductDraft(id=saved.product_id, mode="update", options=[size]))
    rows = await queries.variants_by_ids(shop.db, saved.variant_ids)
    assert [rows[key].option_values for key in saved.variant_ids] == [["M"], ["P"]]
    assert [rows[key].version for key in saved.variant_ids] == [2, 2]


async def test_variants_exchange_skus_and_values_in_one_call(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    first, second = saved.variant_ids
    swap = [
        VariantDraft(id=first, sku="CAM-M", option_values=("M",)),
        VariantDraft(id=second, sku="CAM-P", option_values=("P",)),
    ]
    await save_one(shop, ProductDraft(id=saved.product_id, mode="update", variants=swap))
    rows = await queries.variants_by_ids(shop.db, saved.variant_ids)
    assert [(rows[key].sku, rows[key].option_values) for key in saved.variant_ids] == [
        ("CAM-M", ["M"]),
        ("CAM-P", ["P"]),
    ]


async def test_options_that_leave_a_variant_out_are_refused(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    drop = ProductDraft(id=saved.product_id, mode="update", options=[option("Tamanho", "P")])
    assert said((await save(shop, drop))[0].refusals) == [("OPTIONS", "options")]
    none = ProductDraft(id=saved.product_id, mode="update", options=[])
    assert said((await save(shop, none))[0].refusals) == [("TAKEN", "options")]
    six = ProductDraft(id=saved.product_id, mode="update", options=[option(str(n), "x") for n in range(6)])
    assert said((await save(shop, six))[0].refusals) == [("TOO_MANY", "options")]


async def test_options_that_follow_take_new_values_and_archive_what_does_not_fit(shop: Shop) -> None:
    first = await save_one(shop, plain("vaso"))
    sizes = ProductDraft(
        slug="vaso",
        options=[option("Tamanho")],
        options_follow=True,
        variants=[VariantDraft(option_values=("Grande",), sku="G"), VariantDraft(option_values=("Médio",), sku="M")],
    )
    second = await save_one(shop, sizes)
    rows = await queries.variants_by_ids(shop.db, [*first.variant_ids, *second.variant_ids])
    assert [row.archived for row in rows.values()].count(True) == 1
    assert rows[first.variant_ids[0]].archived
    more = await save_one(
        shop,
        ProductDraft(slug="vaso", options_follow=True, variants=[VariantDraft(option_values=("Mini",), sku="MINI")]),
    )
    key = more.product_id
    assert key is not None
    row = (await queries.products_by_ids(shop.db, [key]))[key]
    assert [value["pt-BR"] for value in row.options[0]["values"]] == ["Grande", "Médio", "Mini"]
    again = await save_one(shop, sizes)
    assert not again.changed


async def test_it_is_told_to_the_channels_that_sell_it(shop: Shop) -> None:
    draft = await save_one(shop, camiseta(status="DRAFT", publish=[PublicationDraft(channel_id=shop.channels["web"])]))
    key = draft.product_id
    assert key is not None
    await save_one(shop, ProductDraft(id=key, status="ACTIVE"))
    await save_one(shop, ProductDraft(id=key, brand="Feira"))
    soon = shop.actor().now + timedelta(days=1)
    later = PublicationDraft(channel_id=shop.channels["web"], starts_at=soon)
    await save_one(shop, ProductDraft(id=key, publish=[later]))
    sold = sight_scopes([shop.channels["web"]])
    assert [(row.scopes_before, row.scopes_after) for row in await told(shop)] == [
        ([], ["staff"]),
        (["staff"], sold),
        (sold, sold),
        (sold, ["staff"]),
    ]


async def test_an_archived_product_comes_back_as_a_draft(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    key = saved.product_id
    assert key is not None
    actor = shop.actor()
    archived = await shop.db.run(lambda tx: archive_product(tx, actor, key, expected_version=1))
    assert archived.version == 2
    assert not (await shop.db.run(lambda tx: archive_product(tx, actor, key))).changed
    await shop.db.run(lambda tx: unarchive_product(tx, actor, key))
    assert (await queries.products_by_ids(shop.db, [key]))[key].status == "DRAFT"
    unchanged = await shop.db.run(lambda tx: unarchive_product(tx, actor, key))
    assert unchanged.version == 3
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: archive_product(tx, actor, new_id()))


@pytest.mark.postgres15
async def test_products_are_found_by_all_their_words_without_accents(shop: Shop) -> None:
    saved = await save_one(shop, camiseta(brand="Três Corações", tags=["promoção"], product_type="Vestuário"))
    found = {saved.product_id}
    for words in ("camisetas", "feira", "tres coracoes", "promocao", "vestuario", "cam-p", "7891234567895", "algodao"):
        assert await finds(shop, words) == found, words
    assert await finds(shop, "soft shirts", "en") == found
    assert await finds(shop, "sapato") == set()
    await save_one(shop, ProductDraft(id=saved.product_id, brand="Outra"))
    assert await finds(shop, "coracoes") == set()
    assert await finds(shop, "outra", "en") == found


async def test_a_thousand_products_are_written_in_few_statements(shop: Shop) -> None:
    drafts = [plain(f"produto-{number}", tags=["x"]) for number in range(1000)]
    statements: list[str] = []
    listen(shop.db.writes.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    saved = await save(shop, *drafts)
    assert all(one.created for one in saved)
    assert len(statements) <= 20
