"""Variants: each refused or written by itself, with its product's version."""

import asyncio

import pytest

from app.catalog import queries
from app.catalog.drafts import VariantDraft
from app.catalog.variants import SavedVariant, VariantChange, archive_variant, save_variant, save_variants
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.catalog.drafting import camiseta, finds, option, plain, said, save_one, told, version_of
from tests.shop import Shop


async def change(shop: Shop, *changes: VariantChange) -> list[SavedVariant]:
    return await shop.db.run(lambda tx: save_variants(tx, shop.actor(), changes))


async def test_a_variant_joins_its_product(shop: Shop) -> None:
    saved = await save_one(shop, camiseta(options=[option("Tamanho", "P", "M", "G")]))
    draft = VariantDraft(mode="create", option_values={"Tamanho": "G"}, unit="un", weight_grams=200)
    (new,) = await change(shop, VariantChange(draft, product_id=saved.product_id))
    assert new.variant_id
    row = (await queries.variants_by_ids(shop.db, [new.variant_id]))[new.variant_id]
    assert (row.sku, row.option_values, row.position, row.weight_grams) == ("CAMISETA-G", ["G"], 3, 200)
    assert await version_of(shop, saved.product_id) == 2
    assert await finds(shop, "camiseta-g") == {saved.product_id}
    assert [one.version for one in await told(shop)] == [1, 2]


async def test_of_many_changes_the_wrong_ones_are_refused_alone(shop: Shop) -> None:
    saved = await save_one(shop, camiseta(options=[option("Tamanho", "P", "M", "G", "GG")]))
    other = await save_one(shop, plain("vaso"))
    small, _ = saved.variant_ids

    def create(**fields) -> VariantChange:
        return VariantChange(VariantDraft(mode="create", **fields), product_id=saved.product_id)

    results = await change(
        shop,
        create(option_values={"Tamanho": "G"}, sku="CAM-G"),
        create(option_values={"Tamanho": "GG"}, sku="VASO"),
        create(option_values={"Tamanho": "P"}, sku="CAM-P2"),
        create(option_values={"Cor": "Azul"}, sku="X"),
        create(option_values={"Tamanho": "XG"}, sku="Y"),
        VariantChange(VariantDraft(id=small, mode="update", weight_grams=-1)),
        VariantChange(VariantDraft(id=new_id(), mode="update", weight_grams=1)),
        VariantChange(VariantDraft(id=other.variant_ids[0], mode="update", barcode="96385074")),
        create(option_values={"Tamanho": "GG"}, sku="CAM-GG"),
        VariantChange(VariantDraft(mode="create", option_values=()), product_id=new_id()),
    )
    assert [said(one.refusals) for one in results] == [
        [],
        [("TAKEN", "sku")],
        [("TAKEN", "selectedOptions")],
        [("OPTIONS", "selectedOptions")],
        [("OPTIONS", "selectedOptions")],
        [("OUT_OF_RANGE", "weightGrams")],
        [("NOT_FOUND", "variantId")],
        [],
        [],
        [("NOT_FOUND", "productId")],
    ]
    rows = (await queries.variants_of_products(shop.db, [saved.product_id or new_id()])).popitem()[1]
    assert [row.sku for row in rows] == ["CAM-P", "CAM-M", "CAM-G", "CAM-GG"]


async def test_variants_added_at_once_all_stay(shop: Shop) -> None:
    values = [str(number) for number in range(8)]
    saved = await save_one(shop, camiseta(options=[option("Número", *values)], variants=[]))
    adds = [
        VariantChange(VariantDraft(mode="create", option_values=(one,)), product_id=saved.product_id) for one in values
    ]
    results = await asyncio.gather(*(change(shop, one) for one in adds))
    assert all(not one.refusals for (one,) in results)
    assert await version_of(shop, saved.product_id) == 9


async def test_an_archived_variant_keeps_its_sku_and_gives_up_its_values(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    small, _ = saved.variant_ids
    await shop.db.run(lambda tx: archive_variant(tx, shop.actor(), small, expected_version=1))
    again = VariantDraft(mode="create", option_values=("P",), sku="CAM-P")
    (taken,) = await change(shop, VariantChange(again, product_id=saved.product_id))
    assert said(taken.refusals) == [("TAKEN", "sku")]
    new = VariantDraft(mode="create", option_values=("P",), sku="CAM-P2")
    (created,) = await change(shop, VariantChange(new, product_id=saved.product_id))
    assert created.variant_id not in (None, small)
    with pytest.raises(InvalidInput, match="Two variants"):
        await shop.db.run(lambda tx: archive_variant(tx, shop.actor(), small, archived=False))


async def test_a_stale_variant_is_refused_with_what_is_there(shop: Shop) -> None:
    saved = await save_one(shop, camiseta())
    small, medium = saved.variant_ids
    one = VariantChange(VariantDraft(id=small, mode="update", weight_grams=100, expected_version=1))
    await shop.db.run(lambda tx: save_variant(tx, shop.actor(), one))
    with pytest.raises(VersionConflict) as stale:
        await shop.db.run(lambda tx: save_variant(tx, shop.actor(), one))
    assert (stale.value.current_version, stale.value.entity) == (2, ("Variant", small))
    assert stale.value.path == ("expectedVersion",)
    other = VariantChange(VariantDraft(id=medium, mode="update", weight_grams=100, expected_version=1))
    assert (await shop.db.run(lambda tx: save_variant(tx, shop.actor(), other))).variant_id == medium
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: archive_variant(tx, shop.actor(), new_id()))
