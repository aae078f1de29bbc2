"""The demo shop's records are as their published schemas say, and canonical."""

import gzip
from io import BytesIO
from pathlib import Path

import jsonschema_rs
import msgspec

from app.api.records import SOURCES, schema_of
from app.api.snapshot import filling
from app.browse.records.record import canonical
from app.channels.queries import channels_by_codes
from app.identity.principal import system_actor
from app.platform import clock
from app.platform.config import Settings
from app.platform.db import Database
from seed import demo


async def test_every_record_of_the_demo_shop_is_as_its_schema_says(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await demo.load(database, Settings(database_url=database_url, data_dir=tmp_path), lambda *_: None)
    channel = (await channels_by_codes(database, ["pos"]))["pos"]
    owner = system_actor(channel.id, clock.now()).principal
    file = BytesIO()
    await filling(database, owner, channel.id, list(SOURCES))(file)
    schemas = {topic.value: jsonschema_rs.Draft202012Validator(schema_of(topic)) for topic in SOURCES}
    _, *lines, last = gzip.decompress(file.getvalue()).splitlines()
    for line in lines:
        record = msgspec.json.decode(line)
        schemas[record["topic"]].validate(record)
        assert canonical(record) == line
    counts = {topic: told["count"] for topic, told in msgspec.json.decode(last)["end"]["topics"].items()}
    assert min(counts[topic] for topic in ("PRODUCT", "PRICE", "AVAILABILITY", "STOCK", "CATEGORY", "REGISTER")) > 0
