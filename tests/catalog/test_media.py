"""Media: described, put in order, shared, and products versioned when what they show changes."""

import pytest

from app.catalog import queries
from app.catalog.drafts import MediaDraft, ProductDraft, VariantDraft
from app.catalog.media import archive_media, create_media, set_product_media, set_variant_media, update_media
from app.platform.errors import InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from tests.catalog.drafting import camiseta, plain, said, save, save_one, version_of
from tests.shop import Shop

FRONT, BACK = "https://feira.test/frente.jpg", "https://feira.test/costas.jpg"


async def test_media_are_put_in_order_and_given_to_variants(shop: Shop) -> None:
    actor = shop.actor()
    saved = await save_one(shop, camiseta())
    key, (small, _) = saved.product_id, saved.variant_ids
    assert key is not None
    front = await shop.db.run(lambda tx: create_media(tx, actor, MediaDraft(url=FRONT, alt={"pt-BR": "Frente"})))
    back = await shop.db.run(lambda tx: create_media(tx, actor, MediaDraft(url=BACK, width=800, height=600)))
    await shop.db.run(lambda tx: set_product_media(tx, actor, key, [back, front]))
    assert [row.id for row in (await queries.media_of_products(shop.db, [key]))[key]] == [back, front]
    await shop.db.run(lambda tx: set_variant_media(tx, actor, small, [front]))
    assert [row.id for row in (await queries.media_of_variants(shop.db, [small]))[small]] == [front]
    assert await version_of(shop, key) == 3
    await shop.db.run(lambda tx: set_product_media(tx, actor, key, [back]))
    assert await queries.media_of_variants(shop.db, [small]) == {}
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: set_variant_media(tx, actor, small, [front]))
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: set_product_media(tx, actor, key, [new_id()]))


async def test_all_products_that_show_a_media_follow_its_changes(shop: Shop) -> None:
    actor = shop.actor()
    chart = await shop.db.run(lambda tx: create_media(tx, actor, MediaDraft(url="/media/medidas.png")))
    one, two = [await save_one(shop, plain(slug, media=[chart])) for slug in ("um", "dois")]
    await shop.db.run(lambda tx: update_media(tx, actor, chart, {"pt-BR": "Medidas"}, expected_version=1))
    await shop.db.run(lambda tx: update_media(tx, actor, chart, {"pt-BR": "Medidas"}))
    assert [await version_of(shop, saved.product_id) for saved in (one, two)] == [2, 2]
    await save_one(shop, plain("um", media=[MediaDraft(url="/media/medidas.png", alt={"pt-BR": "Tabela"})]))
    assert [await version_of(shop, saved.product_id) for saved in (one, two)] == [3, 3]
    await shop.db.run(lambda tx: archive_media(tx, actor, chart))
    assert await queries.media_of_products(shop.db, [one.product_id or chart]) == {}


async def test_media_of_a_draft_are_known_by_their_url(shop: Shop) -> None:
    variants = [
        VariantDraft(option_values=("P",), sku="P", media=[FRONT]),
        VariantDraft(option_values=("M",), sku="M", media=["https://feira.test/outra.jpg"]),
    ]
    refused = (await save(shop, camiseta(media=[MediaDraft(url=FRONT)], variants=variants)))[0].refusals
    assert said(refused) == [("NOT_FOUND", "variants.1.media.0")]
    saved = await save_one(shop, camiseta(media=[MediaDraft(url=FRONT)], variants=variants[:1]))
    more = ProductDraft(id=saved.product_id, media_added=[MediaDraft(url=BACK), MediaDraft(url=FRONT)])
    await save_one(shop, more)
    assert not (await save_one(shop, more)).changed
    key = saved.product_id
    assert key is not None
    assert [row.url for row in (await queries.media_of_products(shop.db, [key]))[key]] == [FRONT, BACK]


@pytest.mark.parametrize(
    "url", ["", "frente.jpg", "javascript:alert(1)", "//x.test/a", "https://", "https://a b", "http://[", "x" * 3000]
)
async def test_addresses_that_are_none_are_refused(shop: Shop, url: str) -> None:
    with pytest.raises((InvalidInput, Refusals)):
        await shop.db.run(lambda tx: create_media(tx, shop.actor(), MediaDraft(url=url)))
