"""GraphiQL for a browser, from our own files alone."""

import json
import re

import httpx

from tests.api.transport.serving import Server

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
