"""Debian's Chromium, driven by Playwright; what a page asks for and complains of is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from jackpot_exporter import tools

# Without these it looks for updates, and without a sandbox because root may have none.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that is open, the addresses that it asked for, and what the browser complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def run(self, script: str) -> Any:
        """What a script gives that runs beside the page."""
        return self.page.evaluate(script)

    def waits_for(self, selector: str, text: str, seconds: float = 30) -> None:
        """Until the element holds this text."""
        self.page.locator(selector).filter(has_text=text).first.wait_for(timeout=seconds * 1000)


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(tools.find("chromium")), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, address: str, width: int = 1280, height: int = 900, **options: Any) -> Iterator[Visit]:
    """The page in a window of its own, with nothing kept from before."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    visit = Visit(page)
    page.on("request", lambda request: visit.asked.append(request.url))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
    page.on("console", lambda message: visit.hear(message))  # noqa: PLW0108 - it keeps a note on what it is given
    page.goto(address)
    try:
        yield visit
    finally:
        context.close()
