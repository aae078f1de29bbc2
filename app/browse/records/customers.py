"""Records of customers, with their addresses and the groups they are in."""

from typing import Final

from app.browse.records.pieces import Piece, each, flag, members, moment, ref, string
from app.browse.records.record import Source, source
from app.customers.tables import customer, customer_address, customer_group_member
from app.events.outbox import Topic

_address = customer_address.c
_member = customer_group_member.c
CUSTOMER: Final[dict[str, Piece]] = {
    "email": string(customer.c.email),
    "firstName": string(customer.c.first_name),
    "lastName": string(customer.c.last_name),
    "phone": string(customer.c.phone),
    "taxId": string(customer.c.tax_id),
    "note": string(customer.c.note, "What staff should know."),
    "active": flag(customer.c.active),
    "addresses": each(
        members(
            {
                "name": string(_address.name),
                "line1": string(_address.line1),
                "line2": string(_address.line2),
                "city": string(_address.city),
                "region": string(_address.region),
                "postalCode": string(_address.postal_code),
                "country": string(_address.country),
                "phone": string(_address.phone),
            }
        ),
        customer_address,
        _address.customer_id == customer.c.id,
        order=[_address.position, _address.id],
        about="The first is used unless told otherwise.",
    ),
    "groupIds": each(
        ref("CustomerGroup", _member.customer_group_id),
        customer_group_member,
        _member.customer_id == customer.c.id,
        order=[_member.customer_group_id],
    ),
    "createdAt": moment(customer.c.created_at),
    "updatedAt": moment(customer.c.updated_at),
}
CUSTOMERS: Final[Source] = source(
    Topic.CUSTOMER,
    "Customer",
    key=customer.c.id,
    version=customer.c.version,
    fields=CUSTOMER,
    about="Somebody who buys.",
    origin=customer,
)
