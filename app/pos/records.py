"""Records of registers, as the feed tells of them."""

from typing import Final

from app.browse.records.pieces import Piece, flag, moment, ref, string, whole
from app.browse.records.record import Source, source
from app.browse.records.view import at_reach
from app.events.outbox import Topic
from app.pos.tables import register

REGISTER: Final[dict[str, Piece]] = {
    "code": string(register.c.code),
    "name": string(register.c.name),
    "locationId": ref("Location", register.c.location_id),
    "channelId": ref("Channel", register.c.channel_id),
    "lastSequence": whole(register.c.last_sequence, "The highest sequence that a till of it has synced."),
    "active": flag(register.c.active),
    "createdAt": moment(register.c.created_at),
    "updatedAt": moment(register.c.updated_at),
}
REGISTERS: Final[Source] = source(
    Topic.REGISTER,
    "Register",
    key=register.c.id,
    version=register.c.version,
    fields=REGISTER,
    about="A till's place: in a channel, at a location.",
    origin=register,
    seen=[at_reach(register.c.location_id)],
)
