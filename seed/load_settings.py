"""Loads what the demo shop is before it sells anything: places, tills, taxes, price lists, delivery.

Each function is a transaction of its own; what is there already, by its code, is left as it is.
"""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from app.channels import channels, locations
from app.channels.queries import channels_by_codes, locations_by_codes
from app.customers.queries import all_customer_groups
from app.delivery import methods
from app.delivery.queries import methods_by_codes
from app.delivery.rates import ShipTier
from app.identity.principal import Actor
from app.platform.db import Reader, Tx
from app.platform.money import to_minor
from app.pos import registers
from app.pos.queries import registers_by_codes
from app.pricing import price_lists, taxes
from app.pricing.queries import all_tax_classes, price_lists_by_codes, tax_classes_by_codes
from seed.shapes import Address, Content, DeliveryOption, PriceList, Text


def texts(text: Text) -> dict[str, str]:
    """A text as the shop keeps it: by language tag."""
    return {"pt-BR": text.pt, "en": text.en}


def address(given: Address) -> dict[str, Any]:
    """An address under the contract's names."""
    return {
        "name": given.name, "line1": given.line1, "line2": given.line2, "city": given.city, "region": given.region,
        "postalCode": given.postal_code, "country": given.country, "phone": given.phone,
    }  # fmt: skip


async def places(tx: Tx, actor: Actor, content: Content) -> None:
    """Locations, channels with the locations that they sell from, and registers."""
    shop = content.shop
    known = await locations_by_codes(tx, [each.code for each in shop.locations])
    for location in shop.locations:
        if location.code not in known:
            given: locations.LocationFields = {
                "name": location.name.pt, "kind": location.kind, "offers_pickup": location.offers_pickup,
                "country": location.address.country, "region": location.address.region,
                "address": address(location.address),
            }  # fmt: skip
            await locations.create(tx, actor, code=location.code, given=given)
    await _channels(tx, actor, content)
    place_ids = await _ids(locations_by_codes, tx, [each.code for each in shop.locations])
    channel_ids = await _ids(channels_by_codes, tx, [each.code for each in shop.channels])
    there = await registers_by_codes(tx, [each.code for each in shop.registers])
    for register in shop.registers:
        if register.code not in there:
            await registers.create(
                tx,
                actor,
                code=register.code,
                name=register.name,
                location_id=place_ids[register.location],
                channel_id=channel_ids[register.channel],
            )


async def _channels(tx: Tx, actor: Actor, content: Content) -> None:
    shop = content.shop
    place_ids = await _ids(locations_by_codes, tx, [each.code for each in shop.locations])
    known = await channels_by_codes(tx, [each.code for each in shop.channels])
    for channel in shop.channels:
        if channel.code in known:
            continue
        given: channels.ChannelFields = {
            "name": channel.name.pt, "kind": channel.kind, "country": channel.country,
            "prices_include_tax": channel.prices_include_tax, "order_prefix": channel.order_prefix,
            "hold_minutes": channel.hold_minutes, "price_promise_minutes": channel.price_promise_minutes,
            "ignores_safety_stock": channel.ignores_safety_stock,
            "is_default": channel.code == shop.shop.default_channel,
        }  # fmt: skip
        channel_id = await channels.create(tx, actor, code=channel.code, currency=channel.currency, given=given)
        ids = [place_ids[code] for code in channel.locations]
        await channels.set_locations(tx, actor, channel_id=channel_id, location_ids=ids)


async def tax_rules(tx: Tx, actor: Actor, content: Content) -> None:
    """Tax classes, each with its rates."""
    shop = content.shop
    known = {row.code for row in await all_tax_classes(tx)}
    for tax_class in shop.tax_classes:
        if tax_class.code in known:
            continue
        given: taxes.TaxClassFields = {
            "name": texts(tax_class.name), "is_default": tax_class.code == shop.shop.default_tax_class,
        }  # fmt: skip
        class_id = await taxes.create_tax_class(tx, actor, code=tax_class.code, given=given)
        for rate in shop.tax_rates:
            if rate.tax_class == tax_class.code:
                change = taxes.RateChange(
                    tax_class_id=class_id,
                    country=rate.country,
                    region=rate.region,
                    name=texts(rate.name),
                    rate_ppm=int(rate.percent * 10_000),
                    replaces_country=rate.replaces_country,
                )
                await taxes.set_tax_rate(tx, actor, change)


async def lists(tx: Tx, actor: Actor, content: Content) -> None:
    """Price lists, still empty. One of a weekly window is for the window that is open now, else for the next."""
    known = await price_lists_by_codes(tx, [each.code for each in content.price_lists])
    channel_ids = await _ids(channels_by_codes, tx, [each.code for each in content.shop.channels])
    place_ids = await _ids(locations_by_codes, tx, [each.code for each in content.shop.locations])
    group_ids = {row.code: row.id for row in await all_customer_groups(tx)}
    for each in content.price_lists:
        if each.code in known:
            continue
        starts_at, ends_at = _bounds(each, actor.now)
        given: price_lists.PriceListFields = {
            "name": texts(each.name), "priority": each.priority,
            "channel_ids": [channel_ids[code] for code in each.channels] or None,
            "location_ids": [place_ids[code] for code in each.locations] or None,
            "customer_group_ids": [group_ids[code] for code in each.customer_groups] or None,
            "starts_at": starts_at, "ends_at": ends_at,
        }  # fmt: skip
        await price_lists.create_price_list(
            tx,
            actor,
            code=each.code,
            currency=each.currency,
            includes_tax=True,
            given=given,
            is_base=each.kind == "base",
        )


def _bounds(each: PriceList, now: datetime) -> tuple[datetime | None, datetime | None]:
    return (None, None) if each.window is None else each.window.bounds(now)


async def delivery(tx: Tx, actor: Actor, content: Content) -> None:
    """Delivery methods, in the order of the file."""
    known = await methods_by_codes(tx, [each.code for each in content.delivery_options])
    classes = await _ids(tax_classes_by_codes, tx, [each.code for each in content.shop.tax_classes])
    currency = content.shop.shop.currency
    for position, option in enumerate(content.delivery_options, start=1):
        if option.code not in known:
            given = _method(option, currency) | {"tax_class_id": classes[option.tax_class], "position": position}
            await methods.create_method(
                tx,
                actor,
                code=option.code,
                method=option.method,
                currency=currency,
                given=cast(methods.DeliveryMethodFields, given),
            )


def _method(option: DeliveryOption, currency: str) -> dict[str, Any]:
    by_weight = [ShipTier(rate.from_grams, to_minor(rate.price, currency)) for rate in option.by_weight]
    by_total = [
        ShipTier(to_minor(rate.from_total, currency), to_minor(rate.price, currency)) for rate in option.by_total
    ]
    return {
        "name": texts(option.name),
        "countries": option.countries or None,
        "rated_by": "WEIGHT" if by_weight else "TOTAL",
        "tiers": by_weight or by_total,
        "max_weight_grams": option.max_weight_grams,
        "min_days": option.min_days,
        "max_days": option.max_days,
    }


async def _ids(by_codes: Any, db: Reader, codes: list[str]) -> dict[str, UUID]:
    return {code: row.id for code, row in (await by_codes(db, codes)).items()}
