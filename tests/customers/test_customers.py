"""Customers: how they are kept, one e-mail address one customer, every change told."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.customers import customers, groups
from app.customers.queries import addresses_of, customer_groups_by_ids, customers_by_ids, groups_of
from app.customers.tables import customer
from app.events.scopes import STAFF, customer_scope
from app.events.tables import outbox
from app.platform.errors import InvalidInput, NotFound, Refusal, Refusals, VersionConflict
from app.platform.ids import new_id
from tests.shop import Shop

HOME: dict[str, Any] = {"name": "Ana", "line1": "Rua A, 1", "city": "São Paulo", "region": "SP", "country": "BR"}


async def know(shop: Shop, *, group_ids: Any = (), **given: Any) -> UUID:
    fields: Any = given
    actor = shop.actor("cashier")
    return await shop.db.run(lambda tx: customers.create(tx, actor, fields, group_ids=group_ids))


async def change(shop: Shop, customer_id: UUID, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    actor = shop.actor("cashier")
    await shop.db.run(
        lambda tx: customers.update_customer(tx, actor, customer_id=customer_id, given=fields, expected_version=version)
    )


async def row_of(shop: Shop, customer_id: UUID) -> Any:
    return (await customers_by_ids(shop.db, [customer_id]))[customer_id]


async def test_a_customer_is_kept_in_one_form_and_told(shop: Shop) -> None:
    customer_id = await know(
        shop, first_name=" Ana ", email="Ana@Feira.example", phone="(11) 98765-4321", tax_id="529.982.247-25"
    )
    row = await row_of(shop, customer_id)
    assert (row.first_name, row.phone, row.tax_id) == ("Ana", "+5511987654321", "52998224725")
    assert row.search_key == "ana ana@feira.example +5511987654321 52998224725"
    await change(shop, customer_id, 1, last_name="Conceição", email=None)
    assert (await row_of(shop, customer_id)).search_key == "ana conceicao +5511987654321 52998224725"
    told = await shop.db.rows(select(outbox).order_by(outbox.c.id))
    assert [(one.topic, one.entity_id, one.version) for one in told] == [("CUSTOMER", customer_id, n) for n in (1, 2)]
    assert told[1].scopes_after == [STAFF, customer_scope(customer_id)]


async def test_an_email_address_is_one_customers_even_when_many_register_at_once(shop: Shop) -> None:
    addresses = ["ana@feira.example", "ANA@feira.example", "Ana@Feira.Example"]
    results = await asyncio.gather(*(know(shop, email=email) for email in addresses), return_exceptions=True)
    refused = [one for one in results if isinstance(one, InvalidInput)]
    assert [(one.code, one.path) for one in refused] == [("ALREADY_TAKEN", ("email",))] * 2
    assert await shop.db.value(select(func.count()).select_from(customer)) == 1
    other = await know(shop, email="bia@feira.example")
    with pytest.raises(InvalidInput):
        await change(shop, other, email="ANA@FEIRA.EXAMPLE")


async def test_edits_at_once_all_stay(shop: Shop) -> None:
    customer_id = await know(shop, first_name="Ana")
    edits: list[dict[str, Any]] = [{"phone": "+5511987654321"}, {"last_name": "Lima"}, {"email": "ana@feira.example"}]
    await asyncio.gather(*(change(shop, customer_id, **edit) for edit in edits * 4))
    row = await row_of(shop, customer_id)
    assert (row.version, row.phone, row.last_name) == (13, "+5511987654321", "Lima")
    assert row.search_key == "ana lima ana@feira.example +5511987654321"
    versions = [one.version for one in await shop.db.rows(select(outbox).order_by(outbox.c.id))]
    assert versions == list(range(1, 14))


WRONG: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({}, (), "REQUIRED"),
    ({"first_name": "  "}, (), "REQUIRED"),
    ({"email": "ana"}, ("email",), "INVALID_EMAIL"),
    ({"email": "a" * 250 + "@b.co"}, ("email",), "TOO_LONG"),
    ({"phone": "12"}, ("phone",), "INVALID_PHONE"),
    ({"tax_id": "529.982.247-26"}, ("taxId",), "INVALID_TAX_ID"),
    ({"tax_id": "00.000.000/0000-00"}, ("taxId",), "INVALID_TAX_ID"),
    ({"first_name": "a\ud800"}, ("firstName",), "INVALID_TEXT"),
    ({"first_name": "Ana", "addresses": [HOME, HOME | {"line1": ""}]}, ("addresses", "1", "line1"), "REQUIRED"),
    ({"first_name": "Ana", "addresses": [HOME] * 51}, ("addresses",), "TOO_MANY"),
]


async def test_what_a_customer_must_be(shop: Shop) -> None:
    for given, path, code in WRONG:
        with pytest.raises((Refusal, Refusals)) as refused:
            await know(shop, **given)
        wrong: Any = refused.value
        assert [(one.path, one.code) for one in wrong.refusals] == [(path, code)]
    assert await shop.db.value(select(func.count()).select_from(customer)) == 0
    assert await shop.db.value(select(func.count()).select_from(outbox)) == 0


async def test_addresses_are_replaced_whole_and_keep_their_order(shop: Shop) -> None:
    customer_id = await know(shop, first_name="Ana", addresses=[HOME | {"postalCode": "01000-000"}])
    await change(shop, customer_id, addresses=[HOME | {"line1": f"Rua {n}"} for n in range(5)])
    found = (await addresses_of(shop.db, [customer_id]))[customer_id]
    assert [row.line1 for row in found] == [f"Rua {n}" for n in range(5)]
    await change(shop, customer_id, note="VIP")
    assert len((await addresses_of(shop.db, [customer_id]))[customer_id]) == 5


async def test_groups_are_set_whole_and_count_as_a_write(shop: Shop) -> None:
    owner = shop.actor("owner")
    made = [
        await shop.db.run(partial(groups.create, actor=owner, code=code, name=code.title()))
        for code in ("atacado", "clube")
    ]
    customer_id = await know(shop, first_name="Ana", group_ids=made[:1])
    assert await groups_of(shop.db, [customer_id]) == {customer_id: frozenset(made[:1])}

    async def put(group_ids: list[UUID], version: int | None = None) -> None:
        await shop.db.run(
            lambda tx: customers.set_groups(
                tx, owner, customer_id=customer_id, group_ids=group_ids, expected_version=version
            )
        )

    await put(made[1:] * 2, 1)
    assert await groups_of(shop.db, [customer_id]) == {customer_id: frozenset(made[1:])}
    with pytest.raises(VersionConflict):
        await put([], 1)
    with pytest.raises(NotFound):
        await put([new_id()])
    assert await groups_of(shop.db, [customer_id]) == {customer_id: frozenset(made[1:])}
    with pytest.raises(NotFound):
        await shop.db.run(lambda tx: groups.rename(tx, owner, group_id=new_id(), name="X"))
    with pytest.raises(InvalidInput) as taken:
        await shop.db.run(lambda tx: groups.create(tx, owner, code="clube", name="Outro"))
    assert taken.value.code == "ALREADY_TAKEN"
    await shop.db.run(lambda tx: groups.rename(tx, owner, group_id=made[1], name="Sócios"))
    assert (await customer_groups_by_ids(shop.db, made))[made[1]].name == "Sócios"
