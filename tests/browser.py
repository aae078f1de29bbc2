"""A real browser, as a person meets a page of ours: Debian's Chromium, that talks to nobody but the page's own host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed (make system-deps)")


@dataclass
class Window:
    """A page; what it complained of, policies that it broke included; and the hosts that it asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@asynccontextmanager
async def window(**settings: Any) -> AsyncIterator[Window]:
    """A new window with these settings of Playwright's (`viewport`, `color_scheme`, …)."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        page = await (await browser.new_context(**settings)).new_page()
        page.set_default_timeout(15_000)
        opened = Window(page)
        page.on("console", lambda said: opened.complaints.append(said.text) if said.type != "log" else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("request", lambda request: opened.hosts.add("/".join(request.url.split("/")[:3])))
        yield opened
        await browser.close()
