"""What a change of stock tells, and whom."""

from sqlalchemy import select

from app.events.scopes import STAFF, place_scopes, sight_scopes
from app.events.tables import outbox
from tests.inventory.stock import UNIT, hold_some
from tests.shop import Shop


async def test_levels_are_told_to_their_location_and_availability_to_all_who_see_the_variant(shop: Shop):
    shown = await shop.variant("CANECA", stock={"centro": UNIT})
    hidden = await shop.variant("SEGREDO", stock={"centro": UNIT}, channels=())
    archived = await shop.variant("VELHO", stock={"centro": UNIT}, archived=True)
    for sku in ("CANECA", "SEGREDO", "VELHO"):
        await hold_some(shop, sku, 1)
    rows = await shop.db.rows(select(outbox).order_by(outbox.c.id))
    centro = place_scopes(shop.locations["centro"])
    assert [row.scopes_after for row in rows if row.topic == "STOCK"] == [centro] * 3
    scopes = {row.entity_id: row.scopes_after for row in rows if row.topic == "AVAILABILITY"}
    assert scopes == {shown: sight_scopes(shop.channels.values()), hidden: [STAFF], archived: [STAFF]}
