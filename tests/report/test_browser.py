"""The page in a real browser: on a phone, in the dark, on paper; it asks nobody for anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.browser import running_browser, visiting
from harness.made_day import HOSTILE
from jackpot_exporter.report.charts import draw_svg
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.model import Report
from jackpot_exporter.report.page import render_page

PHONE, A4 = 360, 718
"""Pixels; a sheet less its margins."""
WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest("svg") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`)"""
LETTERS = (
    "() => Math.min(...[...document.querySelectorAll('svg text')].map((one) => one.getBoundingClientRect().height))"
)
FAINT = """() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  const faint = [];
  const judge = (one, colour, least) => {
    const [a, b] = [light(colour), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least) faint.push(`${one.tagName} ${one.textContent.slice(0, 30)} ${colour}: ${ratio.toFixed(2)}`);
  };
  for (const one of document.querySelectorAll("body *")) {
    const said = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!one.checkVisibility() || one.closest("title, desc, style, defs")) continue;
    if (one.matches("svg text")) judge(one, getComputedStyle(one).fill, 4.5);
    else if (said) judge(one, getComputedStyle(one).color, 4.5);
    if (one.matches('svg [style*="stroke: var(--line"]')) judge(one, getComputedStyle(one).stroke, 3);
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def address(report_of: Callable[..., Report], tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("page") / "weekly.html"
    file.write_bytes(render_page(report_of(Kind.WEEKLY), draw_svg))
    return file.as_uri()


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.mark.parametrize("width", [PHONE, 768, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, address: str, width: int) -> None:
    with visiting(browser, address, width=width) as visit:
        assert visit.run("() => document.documentElement.scrollWidth") == width
        assert visit.run(WIDE) == []


def test_a_phone_shows_letters_that_can_be_read(browser: Browser, address: str) -> None:
    with visiting(browser, address, width=PHONE) as visit:
        assert visit.run(LETTERS) >= 9
        assert HOSTILE in visit.text("body")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 1280])
def test_everything_stands_out(browser: Browser, address: str, scheme: str, width: int) -> None:
    with visiting(browser, address, width=width, color_scheme=scheme) as visit:
        assert visit.run("() => document.querySelectorAll('svg').length") > 10
        assert visit.run(FAINT) == []


def test_it_is_alone_in_the_world(browser: Browser, address: str) -> None:
    with visiting(browser, address) as visit:
        asked, complaints = visit.asked, visit.complaints

    assert asked == [address]
    assert complaints == []


def test_paper_is_white_and_wide_enough(browser: Browser, address: str) -> None:
    """Also from a browser that is set to dark."""
    with visiting(browser, address, width=A4, color_scheme="dark") as visit:
        visit.page.emulate_media(media="print")
        assert visit.run("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.run("() => getComputedStyle(document.querySelector('nav')).display") == "none"
        assert visit.run("() => getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
        assert visit.run(WIDE) == []
        assert visit.run(FAINT) == []
        assert visit.page.pdf(format="A4").startswith(b"%PDF")
