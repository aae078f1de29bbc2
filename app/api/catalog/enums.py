"""The catalog's enums."""

from enum import Enum

import strawberry


@strawberry.enum(description="What a media is.")
class MediaKind(Enum):
    IMAGE = strawberry.enum_value("IMAGE", description="A picture.")
    VIDEO = strawberry.enum_value("VIDEO", description="A video.")
    FILE = strawberry.enum_value("FILE", description="Any other file: a manual, a table of sizes.")


@strawberry.enum(description="Whether a product may be sold.")
class ProductStatus(Enum):
    DRAFT = strawberry.enum_value("DRAFT", description="Not ready: no channel sells it.")
    ACTIVE = strawberry.enum_value("ACTIVE", description="Sold by the channels that it is published in.")
    ARCHIVED = strawberry.enum_value("ARCHIVED", description="Out of sale, kept for its orders.")
