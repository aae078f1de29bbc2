"""Loads the demo shop's people: staff, customer groups, customers; and the tills' devices and the channels' clients.

Each function is a transaction of its own; who is there already, by e-mail address or code, is left as they are.
"""

from typing import Final

from sqlalchemy import Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.channels.queries import channels_by_codes, locations_by_codes
from app.customers import customers, groups
from app.customers.queries import all_customer_groups
from app.customers.tables import customer
from app.identity import staff
from app.identity.bearers import client_bearer, device_bearer
from app.identity.principal import Actor
from app.identity.tables import staff as staff_table
from app.identity.tokens import Bearer
from app.platform.db import Tx
from app.pos.queries import registers_by_codes
from seed.load_settings import address
from seed.shapes import Content

_EMAILS: Final = any_(bindparam("emails", type_=ARRAY(Text)))
STAFF: Final = select(func.lower(staff_table.c.email).label("email"), staff_table.c.id, staff_table.c.active).where(
    func.lower(staff_table.c.email) == _EMAILS
)
CUSTOMERS: Final = select(func.lower(customer.c.email).label("email")).where(func.lower(customer.c.email) == _EMAILS)


async def people(tx: Tx, actor: Actor, content: Content) -> None:
    """Staff, groups and customers."""
    await _staff(tx, actor, content)
    known = {row.code: row.id for row in await all_customer_groups(tx)}
    for group in content.people.customer_groups:
        if group.code not in known:
            known[group.code] = await groups.create(tx, actor, code=group.code, name=group.name.pt)
    emails = [each.email for each in content.people.customers]
    there = {row.email for row in await tx.rows(CUSTOMERS, {"emails": emails})}
    for each in content.people.customers:
        if each.email not in there:
            given: customers.CustomerFields = {
                "email": each.email, "first_name": each.first_name, "last_name": each.last_name, "phone": each.phone,
                "tax_id": each.tax_id, "addresses": [address(one) for one in each.addresses],
            }  # fmt: skip
            await customers.create(tx, actor, given, group_ids=[known[code] for code in each.groups])


async def _staff(tx: Tx, actor: Actor, content: Content) -> None:
    places = await locations_by_codes(tx, [each.code for each in content.shop.locations])
    emails = [each.email for each in content.people.staff]
    there = {row.email for row in await tx.rows(STAFF, {"emails": emails})}
    for each in content.people.staff:
        if each.email not in there:
            given: staff.StaffFields = {
                "name": each.name, "email": each.email, "role": each.role, "channel_ids": None,
                "location_ids": [places[code].id for code in each.locations] or None,
            }  # fmt: skip
            await staff.create(tx, actor, given)


async def bearers(tx: Tx, actor: Actor, content: Content) -> dict[str, Bearer]:
    """Whom the demo shop has tokens for: the first of each role, a till in each store, the site and the app.

    Who is gone or inactive is left out; devices and clients are made.
    """
    found: dict[str, Bearer] = {}
    emails = [each.email for each in content.people.staff]
    active = {row.email: row.id for row in await tx.rows(STAFF, {"emails": emails}) if row.active}
    for each in content.people.staff:
        if each.email in active:
            found.setdefault(each.role, Bearer("staff", active[each.email]))
    registers = await registers_by_codes(tx, [each.code for each in content.shop.registers])
    stores: set[str] = set()
    for register in content.shop.registers:
        if register.location not in stores and registers[register.code].active:
            stores.add(register.location)
            found[f"till {register.code}"] = await device_bearer(tx, actor, register_code=register.code)
    channels = await channels_by_codes(tx, [each.code for each in content.shop.channels])
    for channel in content.shop.channels:
        if channel.kind != "POS" and channels[channel.code].active:
            found[f"{channel.code} client"] = await client_bearer(tx, actor, channel_code=channel.code)
    return found
