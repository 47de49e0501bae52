"""The page in a real browser: what it shows, in trouble too, to everybody, and that it trusts no name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from conftest import Database
from harness.browser import Visit, running_browser, visiting
from harness.front_door import FrontDoorProcess
from harness.live import FILL, exporting, watching
from harness.pool_table import TABLE
from harness.waiting import eventually
from jackpot_exporter.demo.servers import AlertmanagerServer, PostgresServer

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "__proto__",
    "constructor",
    "{{7*7}}",
    "a\u202eb",
    "W" * 200,
)
CONTRAST = """() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".unseen, svg, .skip, option")) continue;
    const [a, b] = [parse(getComputedStyle(element).color).slice(0, 3), ground(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""
NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, section, nav")].filter((element) => {
  const labelled = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id));
  const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? labelled[0]?.textContent;
  return !(name ?? element.textContent).trim();
}).map((element) => element.outerHTML)"""


NEWS = """() => new Promise((resolve) => {
  let left = 3;
  const source = new EventSource("live");
  source.addEventListener("state", () => --left || (source.close(), resolve()));
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture(scope="module")
def exporter(thousand: str) -> Iterator[FrontDoorProcess]:
    with exporting(thousand) as process:
        yield process


@pytest.fixture
def visit(browser: Browser, exporter: FrontDoorProcess) -> Iterator[Visit]:
    with visiting(browser, f"{exporter.url}/") as found:
        found.waits_for("#pool-rows th", "pool-1000")
        yield found


def rows(visit: Visit) -> int:
    return visit.page.locator("#pool-rows tr").count()


# What it shows


def test_it_shows_what_there_is_and_asks_nobody_else(visit: Visit, exporter: FrontDoorProcess) -> None:
    visit.waits_for("#headline", "All is well")
    visit.waits_for("#figures", "$5,005,000.00")
    visit.waits_for("#collector-rows", "postgres")
    visit.waits_for("#connection", "Live ")

    assert visit.text("#no-incidents").startswith("Not known: no Alertmanager")
    assert [url for url in visit.asked if not url.startswith(f"{exporter.url}/")] == []
    assert visit.complaints == []


def test_a_thousand_pools_are_found_and_not_drawn_at_once(visit: Visit) -> None:
    assert visit.text("#pools-sum") == "1,000, $5,005,000.00 in all"
    assert rows(visit) == 50

    visit.page.click("#more")
    assert rows(visit) == 100

    visit.page.fill("#find", "POOL-0042")
    assert visit.text("#pool-rows tr").split("\t")[:2] == ["pool-0042", "$420.00"]
    assert (rows(visit), visit.text("#shown"), visit.text("#said")) == (1, "1 of 1 shown", "1 pools")

    visit.page.fill("#find", "")
    visit.page.select_option("#sort", "name")
    assert visit.text("#pool-rows tr:first-child th") == "pool-0001"


def test_drawing_a_thousand_pools_takes_little(visit: Visit) -> None:
    """The processor time of the page for two times all news, every row shown."""
    while visit.page.locator("#more").is_visible():
        visit.page.click("#more")
    assert rows(visit) == 1000
    session = visit.page.context.new_cdp_session(visit.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    before = busy()
    heard = visit.text("#connection")
    eventually(lambda: visit.text("#connection") != heard, within=20)
    heard = visit.text("#connection")
    eventually(lambda: visit.text("#connection") != heard, within=20)

    used = busy() - before
    assert used < 3.0


def test_hostile_names_are_only_text(browser: Browser, database: Database) -> None:
    database.execute(TABLE)
    for number, name in enumerate(HOSTILE):
        database.execute("insert into jackpots values (%s, %s, 0, 0, null, null, 1, now(), now())", (name, number - 1))

    with exporting(database.dsn) as process, visiting(browser, f"{process.url}/", 360) as visit:
        visit.waits_for("#headline", "One thing needs a human now")
        visit.waits_for("#concerns", "1 pool stands below zero.")

        shown = visit.run("() => [...document.querySelectorAll('#pool-rows bdi')].map((one) => one.textContent)")
        assert sorted(shown) == sorted(HOSTILE)
        assert visit.run("document.querySelectorAll('img, #pool-rows script, [onload], [onerror]').length") == 0
        assert visit.run("document.documentElement.scrollWidth") <= 360
        assert visit.complaints == []


# In trouble


def test_a_dead_exporter_is_told_and_comes_back(browser: Browser, thousand: str) -> None:
    with exporting(thousand) as process, visiting(browser, f"{process.url}/") as visit:
        visit.waits_for("#pool-rows th", "pool-1000")

        process.kill()

        visit.waits_for("#lost", "No connection since ")
        visit.waits_for("#connection", "Lost for ")
        assert "What is below is from then." in visit.text("#lost")
        assert visit.page.title().startswith("No connection")
        assert rows(visit) == 50  # what was known stays, and is told to be old

        process.start()

        visit.waits_for("#connection", "Live ")
        assert visit.text("#lost") == ""
        visit.waits_for("#said", "")


def test_an_exporter_that_says_nothing_is_told_too(browser: Browser, thousand: str) -> None:
    with exporting(thousand) as process, visiting(browser, f"{process.url}/") as visit:
        visit.waits_for("#pool-rows th", "pool-1000")

        process.pause()
        try:
            visit.waits_for("#lost", "No connection since ")
        finally:
            process.resume()

        visit.waits_for("#connection", "Live ")


def test_a_dead_database_is_told(browser: Browser, postgres_server: PostgresServer) -> None:
    postgres_server.execute(TABLE)
    postgres_server.execute(FILL)
    with exporting(postgres_server.dsn) as process, visiting(browser, f"{process.url}/") as visit:
        visit.waits_for("#pool-rows th", "pool-1000")

        postgres_server.shut_down()

        visit.waits_for("#concerns", "collectors fail: refused.")
        visit.waits_for("#concerns", "The database is down")
        visit.waits_for("#headline", "human now")
        visit.waits_for("#no-pools", "Not known now: collector pools fails (refused).")
        assert visit.complaints == []


def firing(name: str, severity: str, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "incident": name, "service": "demo", "severity": severity, **labels},
        "annotations": {"summary": f"<b>{name}</b> fires.", "runbook_url": "javascript:alert(1)"},
        "startsAt": (datetime.now(UTC) - timedelta(minutes=7)).isoformat(),
    }


def test_alerts_have_level_and_acknowledgement_and_are_announced(browser: Browser, thousand: str) -> None:
    with ExitStack() as stack:
        config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
        alertmanager = stack.enter_context(AlertmanagerServer(config))
        process = stack.enter_context(exporting(thousand, web={"alertmanager_url": alertmanager.url}))
        visit = stack.enter_context(visiting(browser, f"{process.url}/"))
        visit.waits_for("#no-incidents", "Nothing fires.")

        alertmanager.post_alerts([firing("ServiceDown", "critical", priority="P1"), firing("Old", "warning")])
        alertmanager.post_alerts([firing("Escalation", "critical", incident="ServiceDown", escalation_level="3")])

        visit.waits_for("#incidents", "level 3")
        visit.waits_for("#incidents", "Old on demo")
        visit.waits_for("#said", "1 critical incident has not been taken.")
        first = visit.text("#incidents li:first-child")
        assert "critical P1" in first
        assert "for 7 min" in first
        assert "<b>ServiceDown</b> fires." in first
        assert "Not acknowledged" in first
        assert visit.page.locator("#incidents a:visible").count() == 0  # what is no web address is no link

        silence(alertmanager, "ServiceDown")

        visit.waits_for("#incidents", "Acknowledged by Ann until")
        visit.waits_for("#headline", "One thing to look at")
        assert visit.complaints == []


def silence(alertmanager: AlertmanagerServer, incident: str) -> None:
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in {"incident": incident, "service": "demo"}.items()
    ]
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    start = datetime.now(UTC).isoformat()
    body = {"matchers": matchers, "startsAt": start, "endsAt": until, "createdBy": "Ann", "comment": "on it"}
    alertmanager.call("/api/v2/silences", method="POST", body=body)


# To everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, exporter: FrontDoorProcess, scheme: str) -> None:
    with visiting(browser, f"{exporter.url}/", color_scheme=scheme) as visit:
        visit.waits_for("#pool-rows th", "pool-1000")

        assert visit.run(CONTRAST) == []
        ground = visit.run("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(244, 245, 247)") == (scheme == "light")


@pytest.mark.parametrize("width", [360, 480, 720, 1180, 1920])
def test_nothing_runs_over_the_edge(browser: Browser, exporter: FrontDoorProcess, width: int) -> None:
    with visiting(browser, f"{exporter.url}/", width) as visit:
        visit.waits_for("#pool-rows th", "pool-1000")

        assert visit.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 720, 1180, 1280])
def test_the_largest_of_all_fit(browser: Browser, exporter: FrontDoorProcess, width: int) -> None:
    """Values and names as long as they get, in a stream made up for the page."""
    long = {"name": "N" * 80, "service": "s" * 40, "severity": "critical", "priority": "P1", "state": "firing"}
    incident = {**long, "level": 4, "since": 0, "summary": "w" * 300, "description": "", "runbook": "", "taken": None}
    latency = {"limit": 0.15, "p50": 99.9, "p95": 4.393, "p99": 12_345.0, "perSecond": 9e6, "isReported": False}
    failing = {"outcome": "permission", "isGood": False, "lastSuccess": 0, "series": 1e9, "failures": 1e9, "dropped": 0}
    connections = {"active": 1000, "waiting": 1000, "max": 1000}
    with watching(exporter) as watcher:
        pools, state = watcher.until("pools"), watcher.until("state")
    state["service"].update({"up": 1, "perSecond": 9.9e6, "errorRatio": 1, "activeUsers": 1e9, "uptime": 1e9})
    state["dependencies"] = [{"name": "payment_gateway" * 2, "up": True, "seconds": 9.9, "connections": connections}]
    state["latencies"] = [{"operation": name, **latency} for name in ("contribution", "pool_query")]
    state["collectors"] = [{"name": "postgres_replication_and_more", **failing}]
    state["alerts"] = {"isNamed": True, "incidents": [incident]}
    pools["amounts"] = [9e14] * len(pools["names"])
    stream = "".join(
        f"event: {name}\ndata: {json.dumps(one)}\n\n" for name, one in (("pools", pools), ("state", state))
    )

    def answer(route: Route) -> None:
        route.fulfill(body=stream, content_type="text/event-stream")

    with visiting(browser, "about:blank", width) as visit:
        visit.page.route("**/live", answer)
        visit.page.goto(f"{exporter.url}/")
        visit.waits_for("#pool-rows", "$9,000,000,000,000.00")

        assert visit.run("document.documentElement.scrollWidth") <= width


def test_it_is_worked_by_keyboard_alone(visit: Visit) -> None:
    def press_until(focused: str) -> None:
        for _ in range(20):
            visit.page.keyboard.press("Tab")
            if visit.run(f"document.activeElement?.matches({focused!r})"):
                assert visit.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"{focused} is not reached")

    press_until(".skip")
    press_until("#pause")
    visit.page.keyboard.press("Space")
    assert visit.page.get_attribute("#pause", "aria-pressed") == "true"
    assert visit.text("#connection").startswith("Paused at ")
    press_until("#find")
    visit.page.keyboard.type("0999")
    assert rows(visit) == 1
    press_until("#sort")


def test_it_can_be_read_aloud(visit: Visit) -> None:
    assert visit.run(NAMELESS) == []
    assert visit.page.get_attribute("#said", "role") == "status"
    assert visit.page.get_attribute("#lost", "role") == "alert"
    assert visit.run("[...document.querySelectorAll('svg')].every((one) => one.getAttribute('aria-hidden'))")
    assert visit.run("[...document.querySelectorAll('.state > .mark + span')].every((one) => one.textContent)")
    assert visit.run("document.querySelectorAll('h1').length") == 1
    assert visit.run("document.documentElement.lang") == "en"


def test_paused_it_keeps_still(visit: Visit) -> None:
    visit.page.click("#pause")
    before = visit.text("main")

    visit.run(NEWS)
    assert visit.text("main") == before

    visit.page.click("#pause")
    assert visit.text("#connection").startswith("Live ")


def test_without_javascript_it_says_where_else_to_look(browser: Browser, exporter: FrontDoorProcess) -> None:
    with visiting(browser, f"{exporter.url}/", java_script_enabled=False) as visit:
        assert "This page needs JavaScript" in visit.text("noscript")
