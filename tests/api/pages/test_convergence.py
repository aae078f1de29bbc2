"""The page at `/convergence`, in a real browser: what an operator is shown, and what cannot be done to them."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import Page, expect
from sqlalchemy import delete, insert, update

from app.browse.convergence import sweep
from app.browse.tables import divergence, divergence_sweep
from app.events.tables import follower
from app.platform import clock
from app.pricing.listing import refresh
from app.pricing.tables import channel_price
from tests.api.market import Market, open_market
from tests.browser import Window, needs_chromium, window
from tests.databases import Servers
from tests.events.telling import change, number, tell

MARKUP = "<img src=x onerror='window.pwned=1'>"
ACKNOWLEDGED = "follower { id }"


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await market.shop.variant("CANECA", price=4990, name=f"Caneca {MARKUP}")
            await market.shop.db.run(lambda tx: refresh(tx, None, None, clock.now()))
            yield market


@pytest_asyncio.fixture
async def nobody(market: Market) -> Market:
    """Nobody follows, and nothing is at odds."""
    db = market.shop.db
    for table in (follower, divergence, divergence_sweep):
        await db.run(lambda tx, statement=delete(table): tx.execute(statement))  # type: ignore[misc]
    return market


async def acknowledge(market: Market, position: int, name: str = "till", who: str = "device", **more: Any) -> None:
    given = {"name": name, "position": str(position), **more}
    await market.done("followerAcknowledge", given, who, ACKNOWLEDGED)


async def enter(shown: Window, market: Market, who: str = "readonly") -> Page:
    page = shown.page
    await page.goto(f"{market.url}/convergence")
    await page.get_by_label("Token of staff").fill(market.tokens.get(who, who))
    await page.keyboard.press("Enter")
    return page


async def test_the_page_and_its_files_are_ours_alone(market: Market) -> None:
    page = await market.client.get("/convergence")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    addresses = re.findall(r'(?:src|href)="([^"#][^"]*)"', page.text)
    assert [each for each in addresses if not each.startswith(("/convergence/", "data:image/svg+xml,"))] == []
    for address in [each for each in addresses if each.startswith("/")]:
        file = await market.client.get(address)
        kind = "text/css" if address.endswith(".css") else "text/javascript"
        assert (file.status_code, file.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        older = await market.client.get(re.sub(r"/convergence/\w+/", "/convergence/older/", address))
        assert (older.content, older.headers["cache-control"]) == (file.content, "no-cache")
    for missing in (
        "/convergence/x/convergence.html",
        "/convergence/x/..%2fconvergence.py",
        "/convergence/x/nothing.js",
    ):
        assert (await market.client.get(missing)).status_code == 404


async def test_an_operator_has_it_in_production_too(postgres_servers: Servers) -> None:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url, env="production") as market, httpx.AsyncClient(base_url=market.url) as client:
            assert (await client.get("/convergence")).status_code == 200


@needs_chromium
async def test_who_may_not_see_it_is_told_why(market: Market) -> None:
    async with window() as shown:
        page = await enter(shown, market, "fst_of_nobody")
        reason = page.get_by_role("alert")
        await expect(reason).to_have_text("This token is unknown, expired or revoked.")
        for given, told in (("cashier", "needs the permission 'feed.read'"), ("ação", "That is no token")):
            await page.get_by_label("Token of staff").fill(market.tokens.get(given, given))
            await page.get_by_role("button", name="Open").click()
            await expect(reason).to_contain_text(told)
        assert await page.evaluate("sessionStorage.length") == 0
        await page.get_by_label("Token of staff").fill(f"Authorization: Bearer {market.tokens['readonly']} ")
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("heading", name="Followers")).to_be_visible()
        await expect(reason).to_be_hidden()


@needs_chromium
async def test_a_market_without_followers_says_what_would_appear(nobody: Market) -> None:
    async with window() as shown:
        page = await enter(shown, nobody)
        await expect(page.get_by_text("Nobody follows the feed under a name.")).to_be_visible()
        await expect(page.get_by_text("The first comparison of all channels is not over yet")).to_be_visible()
        await sweep(nobody.shop.db, rests=0)
        await expect(page.get_by_text("The channels agree")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Everybody has what there is.")
        # The token stays in the tab, and nowhere once it is signed out of.
        await page.reload()
        await expect(page.get_by_text("The channels agree")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await page.reload()
        await expect(page.get_by_label("Token of staff")).to_be_focused()
        assert await page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
        assert shown.complaints == []
        assert shown.hosts - {"data:image"} <= {nobody.url}


@needs_chromium
async def test_who_lags_appears_while_one_looks_and_no_name_is_more_than_text(nobody: Market) -> None:
    db = nobody.shop.db
    await tell(db, *(change() for _ in range(3)))
    head = await number(db)
    await acknowledge(nobody, head)
    async with window() as shown:
        page = await enter(shown, nobody)
        rows = page.get_by_role("table").first.get_by_role("row")
        await expect(rows.filter(has_text="Till")).to_contain_text(["Following"])
        await acknowledge(nobody, head, MARKUP, "client", digests=[{"topic": "PRICE", "digest": "0" * 32}])
        wrong = rows.filter(has=page.get_by_role("rowheader", name=MARKUP))
        await expect(wrong.get_by_role("cell").nth(4)).to_contain_text("PRICE")
        await acknowledge(nobody, head - 3, MARKUP, "client")
        await expect(wrong.get_by_role("cell").nth(2)).to_contain_text(re.compile(r"^3"))
        await expect(rows.nth(1)).to_contain_text(MARKUP)
        await expect(page.get_by_role("heading", level=1)).to_have_text("1 copy is wrong.")
        await expect(wrong.get_by_role("img")).to_have_attribute("aria-label", re.compile("Lag in positions: .* 3 now"))
        await db.run(lambda tx: tx.execute(update(follower).where(follower.c.name == "till").values(epoch="before")))
        await expect(rows.filter(has_text="Till")).to_contain_text(["Needs a snapshot"])
        await expect(page.locator("#told")).to_have_text("till: Needs a snapshot.")
        assert await page.evaluate("window.pwned") is None
        assert shown.complaints == []


@needs_chromium
async def test_a_divergence_appears_with_its_values_and_goes_when_put_right(nobody: Market) -> None:
    shop = nobody.shop
    app = channel_price.c.channel_id == shop.channels["app"]
    await shop.db.run(lambda tx: tx.execute(update(channel_price).where(app).values(amount=1)))
    await sweep(shop.db, rests=0)
    async with window() as shown:
        page = await enter(shown, nobody)
        row = page.get_by_role("table").last.get_by_role("row").nth(1)
        await expect(row.get_by_role("rowheader")).to_contain_text(f"Caneca {MARKUP}")
        await expect(row).to_contain_text("Price listed")
        await expect(row).to_contain_text("No price list that names one of these channels prices the variant.")
        await expect(row.locator(".odd")).to_have_text(re.compile(r"^app0\.01 BRL"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("Channels are at odds in 1 place.")
        await shop.db.run(lambda tx: refresh(tx, None, None, clock.now()))
        await sweep(shop.db, rests=0)
        await expect(page.get_by_text("The channels agree")).to_be_visible()
        assert await page.evaluate("window.pwned") is None
        assert shown.complaints == []


@needs_chromium
async def test_divergences_come_in_pages(nobody: Market) -> None:
    db, variant_id = nobody.shop.db, nobody.shop.variants["CANECA"]
    found = [{"variant_id": variant_id, "what": f"No. {each:02}", "channels": ["app", "web"]} for each in range(23)]
    await db.run(lambda tx: tx.many(insert(divergence), found))
    swept = {"id": 1, "checked_at": clock.now(), "variants": 1, "divergent": 23}
    await db.run(lambda tx: tx.execute(insert(divergence_sweep), swept))
    async with window() as shown:
        page = await enter(shown, nobody)
        rows, pages = page.get_by_role("table").last.get_by_role("row"), page.get_by_role("navigation")
        for button, first, told, count in (
            (None, "No. 00", "1 to 10 of 23", 10),
            ("Next", "No. 10", "11 to 20 of 23", 10),
            ("Next", "No. 20", "21 to 23 of 23", 3),
            ("Previous", "No. 10", "11 to 20 of 23", 10),
        ):
            if button:
                await pages.get_by_role("button", name=button).press("Enter")
            await expect(rows.nth(1)).to_contain_text(first)
            await expect(pages).to_contain_text(told)
            await expect(rows).to_have_count(count + 1)
        # What was looked at is put right: nobody is left on a page that is not there.
        await db.run(lambda tx: tx.execute(delete(divergence).where(divergence.c.what > "No. 05")))
        await expect(rows.nth(1)).to_contain_text("No. 00")


@needs_chromium
async def test_a_shop_that_cannot_be_reached_is_told_and_looked_for(nobody: Market) -> None:
    await acknowledge(nobody, 0)
    async with window() as shown:
        page = await enter(shown, nobody)
        await expect(page.get_by_role("rowheader", name="till")).to_be_visible()
        await page.context.set_offline(True)
        trouble = page.locator("#trouble")
        await expect(trouble).to_contain_text("The shop cannot be reached.")
        await expect(page.get_by_role("rowheader", name="till")).to_be_visible()
        await page.context.set_offline(False)
        await expect(trouble).to_be_hidden()
        await page.get_by_role("button", name="Pause").click()
        await nobody.shop.db.run(lambda tx: tx.execute(delete(follower)))
        await page.wait_for_timeout(2_500)
        await expect(page.get_by_role("rowheader", name="till")).to_be_visible()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("rowheader", name="till")).to_be_hidden()


@needs_chromium
async def test_it_fits_a_phone_and_is_a_table_there_too(nobody: Market) -> None:
    await acknowledge(nobody, 0, "a-name-without-any-place-to-break-it-" * 2)
    async with window(viewport={"width": 360, "height": 740}, color_scheme="dark") as shown:
        page = await enter(shown, nobody)
        await expect(page.get_by_role("rowheader")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        row = page.get_by_role("table").first.get_by_role("row").nth(1)
        assert await row.get_by_role("cell").count() == 6
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", dark))) < 100
