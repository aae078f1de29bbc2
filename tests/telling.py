"""What finds a write that was not told: triggers, in every database that tests are given, on every followed table.

When a transaction commits that changed a row of what others follow, and wrote no row into the outbox about that entity,
it fails. So every test that goes through the API, whatever it is about, also shows that its commands tell what they do.
Tests write rows of their own past the commands; a `Database` that they do so with is `unwatched`.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.event import listen

from app.platform.db import Database

ITS_OWN: Final = "($1->>'id')::uuid"


def of(name: str) -> str:
    """The entity that a column of the row names."""
    return f"($1->>'{name}')::uuid"


def through(found: str, table: str, key: str, own: str) -> str:
    """The entities `found` in another table, where its `key` is the row's `own` column."""
    return f"SELECT {found} FROM \"{table}\" WHERE {key} = ($1->>'{own}')::uuid"


PRODUCT, ORDER, CART = ("PRODUCT", of("product_id")), ("ORDER", of("order_id")), ("CART", of("cart_id"))

FOLLOWED: Final[dict[str, list[tuple[str, str]]]] = {
    "product": [("PRODUCT", ITS_OWN)],
    "product_text": [PRODUCT],
    "variant": [PRODUCT],
    "media": [("PRODUCT", through("product_id", "product_media", "media_id", "id"))],
    "product_media": [PRODUCT],
    "variant_media": [("PRODUCT", through("product_id", "variant", "id", "variant_id"))],
    "publication": [PRODUCT],
    "collection_product": [PRODUCT],
    "category": [("CATEGORY", ITS_OWN)],
    "collection": [("COLLECTION", ITS_OWN)],
    "price": [("PRICE", of("variant_id"))],
    "channel_price": [("PRICE", of("variant_id"))],
    "priced_variant": [("PRICE", of("variant_id"))],
    "price_list": [("SETTINGS", ITS_OWN)],
    "tax_class": [("SETTINGS", ITS_OWN)],
    "tax_rate": [("SETTINGS", of("tax_class_id"))],
    "location": [("SETTINGS", ITS_OWN)],
    "channel_location": [("SETTINGS", of("channel_id"))],
    "stock_level": [("STOCK", ITS_OWN), ("AVAILABILITY", of("variant_id"))],
    "cart": [("CART", ITS_OWN)],
    "cart_line": [CART],
    "cart_delivery": [CART],
    "cart_visit": [CART],
    "order": [("ORDER", ITS_OWN)],
    "order_line": [ORDER],
    "order_delivery": [ORDER],
    "order_event": [ORDER],
    "order_visit": [ORDER],
    "allocation": [ORDER],
    "payment": [ORDER],
    "refund": [ORDER],
    "fulfillment": [ORDER],
    "fulfillment_line": [("ORDER", through("order_id", "fulfillment", "id", "fulfillment_id"))],
    "register": [("REGISTER", ITS_OWN)],
    "customer": [("CUSTOMER", ITS_OWN)],
    "customer_address": [("CUSTOMER", of("customer_id"))],
    "customer_group_member": [("CUSTOMER", of("customer_id"))],
}
"""By table: the topics that a change of a row must be told under, and of which entity."""

NOT_FOLLOWED: Final[dict[str, str]] = {
    "channel": "settings, kept by version; what they change of prices and availability is told",
    "delivery_method": "settings, read at checkout",
    "customer_group": "settings",
    "hold": "counted in the level, which is told",
    "stock_movement": "the ledger under the level, which is told",
    "posting": "the ledger under payments and refunds, which are told",
    "staff": "who may", "device": "who may", "api_client": "who may", "token": "who may",
    "operation": "how a write is done once",
    "outbox": "the telling", "feed": "the telling", "feed_head": "the telling", "follower": "who hears it",
    "follower_digest": "whether its copy is right",
    "webhook": "who is told", "webhook_delivery": "what they were told", "webhook_attempt": "how it was tried",
    "priced_product": "a lock",
    "search_word": "what products are found by",
    "divergence": "what a sweep found", "divergence_sweep": "how far it is",
}  # fmt: skip
"""All other tables, and why nobody follows them."""

UNSEEN: Final[dict[str, str]] = {
    # What products are found by.
    "product_text": "search,search_words",
    # When the clock comes by; what file it was last found in.
    "product": "next_at,import_digest",
    "priced_variant": "next_at",
    # In which order they stand is the collection's, which is told.
    "collection_product": "position",
    # What lists are sorted by.
    "channel_price": "lowest",
    # Worked out from barcode.
    "variant": "barcode_key",
}
"""Columns of which nobody is told."""

FUNCTION: Final = """
CREATE FUNCTION must_be_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unseen text[] := string_to_array(TG_ARGV[2], ',');
    was jsonb := to_jsonb(OLD) - unseen;
    becomes jsonb := to_jsonb(NEW) - unseen;
    entities uuid[];
    entity uuid;
BEGIN
    IF TG_OP = 'UPDATE' AND was = becomes THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT array(%s)', TG_ARGV[1]) INTO entities USING coalesce(to_jsonb(NEW), to_jsonb(OLD));
    FOREACH entity IN ARRAY entities LOOP
        IF NOT EXISTS (
            SELECT FROM outbox
            WHERE xid = pg_current_xact_id() AND topic = TG_ARGV[0] AND entity_id = entity
        ) THEN
            RAISE EXCEPTION 'not told: % of %.% changed without a % in the outbox', TG_OP, TG_TABLE_NAME, entity,
                TG_ARGV[0];
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""


def statements() -> Iterator[str]:
    """The SQL that puts the triggers there."""
    yield FUNCTION
    for table, topics in FOLLOWED.items():
        # A price's row begins with the lock that is taken on it, before there is anything to tell.
        when = "UPDATE OR DELETE" if table == "priced_variant" else "INSERT OR UPDATE OR DELETE"
        for topic, entities in topics:
            query = entities if entities.startswith("SELECT") else f"SELECT {entities}"
            given = ", ".join("'" + each.replace("'", "''") + "'" for each in (topic, query, UNSEEN.get(table, "")))
            yield (
                f'CREATE CONSTRAINT TRIGGER must_tell_{topic.lower()} AFTER {when} ON "{table}" '
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
                "WHEN (current_setting('feira.unwatched', true) IS DISTINCT FROM 'yes') "
                f"EXECUTE FUNCTION must_be_told({given})"
            )


def unwatched(database: Database) -> Database:
    """The same database, in which a test may write rows as it likes."""
    for engine in (database.reads, database.writes):
        listen(engine.sync_engine, "connect", _let_be)
    return database


def _let_be(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT set_config('feira.unwatched', 'yes', false)")
    cursor.close()
    connection.commit()
