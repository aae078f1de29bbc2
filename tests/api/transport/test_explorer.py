"""GraphiQL for a browser, from our own files alone."""

import json
import re

import httpx
import pytest
from playwright.async_api import async_playwright

from tests.api.transport.serving import Server
from tests.browser import CHROMIUM, QUIET

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "sec-fetch-site": "none"}


async def test_a_browser_gets_the_page_with_the_examples(client: httpx.AsyncClient) -> None:
    page = await client.get("", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in re.sub(r'<script id="examples".*?</script>', "", page.text, flags=re.DOTALL)
    shown = re.search(r'<script id="examples" type="application/json">(.*?)</script>', page.text, re.DOTALL)
    assert shown is not None
    examples = json.loads(shown[1])
    assert examples[0]["query"] == 'query Hello { hello(name: "</script>") }'
    assert examples[1]["variables"] == {"first": 2}


async def test_the_files_are_ours_and_may_be_kept(client: httpx.AsyncClient, library: Server) -> None:
    page = await client.get("", headers=BROWSER)
    addresses = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(addresses) == 8
    for address in addresses:
        file = await client.get(library.url.removesuffix("/graphql") + address, headers={"accept": "*/*"})
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
    for missing in ("nothing.js", "../index.html", "%2e%2e/index.html", ""):
        assert (await client.get(f"{library.url}/static/{missing}", headers={"accept": "*/*"})).status_code != 200


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed (make system-deps)")
async def test_a_query_and_a_subscription_run_in_a_browser_that_asks_nobody_else(library: Server) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        page = await browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(library.url)
        for tab, expected in (("Books", '"Book 1"'), ("Count", "2")):
            await page.get_by_role("tab", name=tab).click()
            # GraphiQL learns of the other tab's operation a moment after showing it.
            await page.wait_for_timeout(500)
            await page.get_by_role("button", name="Execute query").click()
            await page.locator(".result-window").get_by_text(expected, exact=True).wait_for()
        await page.get_by_role("button", name="Show GraphiQL Explorer").click()
        await page.get_by_text("Add new").wait_for()
        await browser.close()
    assert complaints == []
    assert {"/".join(url.split("/")[:3]) for url in asked if not url.startswith("data:")} == {
        library.url.removesuffix("/graphql")
    }
