"""The rules that the demo shop's content keeps: a function for each kind of record, saying what is wrong in words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, pairwise

import msgspec
from stdnum import ean
from stdnum.br import cpf

from seed.shapes import Content, DeliveryOption, PriceList, Product, Text, Variant

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SKU = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")
SCALE_CODE = re.compile(r"\d{5}")
PHONE = re.compile(r"\+55\d{10,11}")
EMAIL = re.compile(r"[a-z.]+@example\.com")
CENT = Decimal("0.01")


def problems(content: Content, media: set[str]) -> list[str]:
    """All that is wrong with `content`, a line each; `media` are the names of the picture files that exist."""
    return list(
        chain(
            _texts(content, "content"),
            _shop(content),
            _catalog(content),
            _codes_of_variants(content),
            chain.from_iterable(_product(content, product, media) for product in content.products),
            _people(content),
            _price_lists(content),
            chain.from_iterable(_delivery_option(content, option) for option in content.delivery_options),
        )
    )


def _texts(value: object, where: str) -> Iterator[str]:
    if isinstance(value, Text):
        if not all(text and text == " ".join(text.split()) for text in (value.pt, value.en)):
            yield f"{where}: a text is empty or has stray spaces"
    elif isinstance(value, msgspec.Struct):
        own = next((str(getattr(value, key)) for key in ("slug", "sku", "code", "email") if hasattr(value, key)), where)
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name), f"{own}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, where)


def _shop(content: Content) -> Iterator[str]:
    file = content.shop
    channels, locations = _kinds(content)
    yield from _unique("channel", (channel.code for channel in file.channels), SLUG)
    yield from _unique("order prefix", (channel.order_prefix for channel in file.channels))
    yield from _unique("location", (location.code for location in file.locations), SLUG)
    yield from _unique("register", (register.code for register in file.registers), SLUG)
    yield from _unique("tax class", (tax_class.code for tax_class in file.tax_classes), SLUG)
    yield from _known("shop", "channel", [file.shop.default_channel], channels)
    yield from _known("shop", "tax class", [file.shop.default_tax_class], _tax_classes(content))
    for channel in file.channels:
        yield from _known(channel.code, "location", channel.locations, locations)
        if channel.currency != file.shop.currency:
            yield f"{channel.code}: sells in {channel.currency}, prices are in {file.shop.currency}"
        if min(channel.hold_minutes, channel.price_promise_minutes) <= 0:
            yield f"{channel.code}: holds and promises must last"
    for register in file.registers:
        if locations.get(register.location) != "STORE" or channels.get(register.channel) != "POS":
            yield f"{register.code}: a register stands in a store and sells in a POS channel"
    rates = Counter((rate.tax_class, rate.country, rate.region) for rate in file.tax_rates)
    yield from (f"tax rate {key} is given twice" for key, count in rates.items() if count > 1)
    for rate in file.tax_rates:
        yield from _known("tax rate", "tax class", [rate.tax_class], _tax_classes(content))
        if not 0 <= rate.percent < 100:
            yield f"tax rate of {rate.percent} %"
    for code in _tax_classes(content):
        if (code, file.shop.country, None) not in rates:
            yield f"{code}: no rate for the whole country"


def _catalog(content: Content) -> Iterator[str]:
    catalog = content.catalog
    yield from _unique("category", (category.slug for category in catalog.categories), SLUG)
    yield from _unique("collection", (collection.slug for collection in catalog.collections), SLUG)
    yield from _unique("tag", (tag.slug for tag in catalog.tags), SLUG)
    yield from _unique("brand", catalog.brands)
    yield from _unique("option", (option.code for option in catalog.options), SLUG)
    for option in catalog.options:
        yield from _unique(f"value of {option.code}", (value.code for value in option.values), SLUG)
    above: set[str] = set()
    for category in catalog.categories:
        if category.parent is not None and category.parent not in above:
            yield f"{category.slug}: its parent {category.parent} does not come before it"
        above.add(category.slug)


def _codes_of_variants(content: Content) -> Iterator[str]:
    variants = [variant for product in content.products for variant in product.variants]
    yield from _unique("product", (product.slug for product in content.products), SLUG)
    yield from _unique("SKU", (variant.sku for variant in variants), SKU)
    yield from _unique("barcode", (variant.barcode for variant in variants if variant.barcode))
    yield from _unique("scale code", (variant.scale_code for variant in variants if variant.scale_code), SCALE_CODE)


def _product(content: Content, product: Product, media: set[str]) -> Iterator[str]:
    channels, _ = _kinds(content)
    catalog = content.catalog
    options = {option.code: {value.code for value in option.values} for option in catalog.options}
    slug, files = product.slug, [picture.file for picture in product.media]
    yield from _known(slug, "category", [product.category], {category.slug for category in catalog.categories})
    yield from _known(slug, "brand", [product.brand] if product.brand else [], catalog.brands)
    yield from _known(slug, "tax class", [product.tax_class], _tax_classes(content))
    yield from _known(slug, "channel", product.channels, channels)
    yield from _known(slug, "tag", product.tags, {tag.slug for tag in catalog.tags})
    yield from _known(slug, "collection", product.collections, {entry.slug for entry in catalog.collections})
    yield from _known(slug, "picture", files, media)
    yield from _known(slug, "option", product.options, options)
    if not product.variants or not files or not product.channels:
        yield f"{slug}: needs a variant, a picture and a channel"
    if product.quantity_step != (Decimal("0.001") if product.unit == "kg" else Decimal(1)):
        yield f"{slug}: {product.unit} in steps of {product.quantity_step}"
    chosen = Counter(tuple(variant.options.get(option) for option in product.options) for variant in product.variants)
    yield from (f"{slug}: two variants of {values}" for values, count in chosen.items() if count > 1)
    for variant in product.variants:
        if set(variant.options) != set(product.options):
            yield f"{variant.sku}: its options are not its product's"
        for option, value in variant.options.items():
            yield from _known(variant.sku, f"value of {option}", [value], options.get(option, ()))
        yield from _known(variant.sku, "picture", variant.media, files)
        yield from _variant(content, product, variant)


def _variant(content: Content, product: Product, variant: Variant) -> Iterator[str]:
    sku = variant.sku
    weighed = product.unit == "kg"
    if variant.barcode and not (ean.is_valid(variant.barcode) and re.fullmatch(r"789\d{10}", variant.barcode)):
        yield f"{sku}: {variant.barcode} is no EAN-13 of prefix 789"
    if weighed != (variant.scale_code is not None) or (weighed and variant.barcode):
        yield f"{sku}: a scale code is for what is weighed, a barcode for what is not"
    yield from _price(sku, variant.price)
    if variant.compare_at is not None:
        yield from _price(sku, variant.compare_at)
        if variant.compare_at <= variant.price:
            yield f"{sku}: compared with {variant.compare_at}, which is no higher"
    if (variant.weight_grams <= 0 and product.requires_shipping and variant.track_stock) or variant.weight_grams < 0:
        yield f"{sku}: weighs nothing"
    if weighed and variant.weight_grams != 1000:
        yield f"{sku}: a kilogram weighs {variant.weight_grams} g"
    yield from _levels(content, product, variant)


def _levels(content: Content, product: Product, variant: Variant) -> Iterator[str]:
    _, locations = _kinds(content)
    sku = variant.sku
    if set(variant.stock) != (set(locations) if variant.track_stock else set()):
        yield f"{sku}: stock must be given for all locations or, when it is not tracked, for none"
    for level in (variant.stock, variant.safety_stock, variant.backorder):
        yield from _known(sku, "location", level, variant.stock)
        for quantity in level.values():
            if quantity < 0 or quantity % product.quantity_step:
                yield f"{sku}: {quantity} is no quantity in steps of {product.quantity_step}"


def _people(content: Content) -> Iterator[str]:
    file = content.people
    _, locations = _kinds(content)
    groups = {group.code for group in file.customer_groups}
    yield from _unique("customer group", (group.code for group in file.customer_groups), SLUG)
    yield from _unique("customer", (customer.email for customer in file.customers), EMAIL)
    yield from _unique("phone", (customer.phone for customer in file.customers), PHONE)
    yield from _unique("tax id", (customer.tax_id for customer in file.customers))
    yield from _unique("staff", (staff.email for staff in file.staff), EMAIL)
    for customer in file.customers:
        yield from _known(customer.email, "customer group", customer.groups, groups)
        yield from _known(customer.email, "language", [customer.language], content.shop.shop.languages)
        if not (cpf.is_valid(customer.tax_id) and customer.tax_id.isdigit()):
            yield f"{customer.email}: {customer.tax_id} is no CPF"
    for staff in file.staff:
        yield from _known(staff.email, "location", staff.locations, locations)


def _price_lists(content: Content) -> Iterator[str]:
    lists = content.price_lists
    yield from _unique("price list", (entry.code for entry in lists), SLUG)
    yield from _unique("priority", (str(entry.priority) for entry in lists))
    if sum(entry.kind == "base" for entry in lists) != 1:
        yield "there must be one base price list"
    for entry in lists:
        yield from _price_list(content, entry)


def _price_list(content: Content, entry: PriceList) -> Iterator[str]:
    channels, locations = _kinds(content)
    products = {variant.sku: product for product in content.products for variant in product.variants}
    yield from _known(entry.code, "channel", entry.channels, channels)
    yield from _known(entry.code, "location", entry.locations, locations)
    yield from _known(entry.code, "customer group", entry.customer_groups, _groups(content))
    yield from _known(entry.code, "SKU", (row.sku for row in entry.prices), products)
    yield from _unique(f"row of {entry.code}", (f"{row.sku} from {row.min_quantity}" for row in entry.prices))
    if (entry.kind == "base") == bool(entry.prices):
        yield f"{entry.code}: rows are what an override list has and the base list has not"
    if entry.currency != content.shop.shop.currency:
        yield f"{entry.code}: is in {entry.currency}"
    if entry.window and not (1 <= entry.window.weekday <= 7 and 0 < entry.window.hours <= 168):
        yield f"{entry.code}: its window is no part of a week"
    for row in entry.prices:
        yield from _price(f"{entry.code}, {row.sku}", row.price)
        if row.sku in products and (row.min_quantity < 0 or row.min_quantity % products[row.sku].quantity_step):
            yield f"{entry.code}, {row.sku}: {row.min_quantity} is no quantity of it"


def _delivery_option(content: Content, option: DeliveryOption) -> Iterator[str]:
    yield from _known(option.code, "tax class", [option.tax_class], _tax_classes(content))
    if (option.method == "SHIP") != bool(option.countries):
        yield f"{option.code}: what is shipped goes to countries, what is picked up does not"
    if bool(option.by_weight) == bool(option.by_total):
        yield f"{option.code}: must cost by weight or by total"
    if not 0 <= option.min_days <= option.max_days:
        yield f"{option.code}: takes {option.min_days} to {option.max_days} days"
    limits = [Decimal(rate.from_grams) for rate in option.by_weight] or [rate.from_total for rate in option.by_total]
    if any(lower >= higher for lower, higher in pairwise(limits)):
        yield f"{option.code}: its rates do not rise"
    for price in [rate.price for rate in option.by_weight] + [rate.price for rate in option.by_total]:
        yield from _price(option.code, price, free=True)


def _kinds(content: Content) -> tuple[dict[str, str], dict[str, str]]:
    channels: dict[str, str] = {channel.code: channel.kind for channel in content.shop.channels}
    locations: dict[str, str] = {location.code: location.kind for location in content.shop.locations}
    return channels, locations


def _tax_classes(content: Content) -> set[str]:
    return {tax_class.code for tax_class in content.shop.tax_classes}


def _groups(content: Content) -> set[str]:
    return {group.code for group in content.people.customer_groups}


def _price(where: str, price: Decimal, *, free: bool = False) -> Iterator[str]:
    if price.as_tuple().exponent != CENT.as_tuple().exponent or price < (0 if free else CENT):
        yield f"{where}: {price} is no price in reais and cents"


def _unique(what: str, values: Iterable[str], form: re.Pattern[str] | None = None) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{what} {value} is given {count} times"
        if form and not form.fullmatch(value):
            yield f"{what} {value} has not the form {form.pattern}"


def _known(where: str, what: str, values: Iterable[str | None], known: Iterable[str]) -> Iterator[str]:
    there = set(known)
    yield from (f"{where}: no {what} {value}" for value in values if value not in there)
