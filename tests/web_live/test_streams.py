"""The streams behind the front door: what they say, who may watch, and that they end when they should."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import aiohttp
import psutil
import pytest

from harness.front_door import FrontDoorProcess, basic
from harness.live import exporting, not_reading, watching
from harness.waiting import eventually

HASH = "$2b$04$NKC1WKbC21vWfHoIGHZ1Bu6kPusTJDUBYBsiIhcXpVS9CkWs6xdgm"  # of the password "right"


@pytest.fixture(scope="module")
def exporter(thousand: str) -> Iterator[FrontDoorProcess]:
    """Shared: watch it, change nothing."""
    with exporting(thousand, targets={"brand-b": {"host": {}}}) as process:
        yield process


# What is sent


def test_events_say_what_is_known(exporter: FrontDoorProcess) -> None:
    with watching(exporter) as watcher:
        history, pools, state = watcher.until("history"), watcher.until("pools"), watcher.until("state")

    assert set(history) == {"times", "names", "amounts", "figures"}
    assert (pools["count"], len(pools["names"]), pools["names"][0]) == (1000, 500, "pool-1000")
    assert (pools["total"], pools["amounts"][0], pools["wins"][0]) == (500_500_000, 1_000_000, 6)
    assert {one["name"] for one in state["collectors"]} >= {"pools", "postgres"}
    assert state["alerts"] == {"isNamed": False, "incidents": None}
    assert state["targets"] == ["brand-b"]
    assert state["concerns"] == []


def test_news_keep_coming_and_say_only_what_is_new(exporter: FrontDoorProcess) -> None:
    with watching(exporter) as watcher:
        first = watcher.until("state")
        names: list[str] = []
        while (event := watcher.next()) and len(names) < 4:
            names.append(event[0])
            last = event[1]

    assert "history" not in names
    assert names.count("state") >= 2
    assert first["now"] < last.get("now", last.get("at"))


def test_another_target_has_a_stream_of_its_own(exporter: FrontDoorProcess) -> None:
    with watching(exporter, path="/live?target=brand-b") as watcher:
        state = watcher.until("state")

    assert state["target"] == "brand-b"
    names = {one["name"] for one in state["collectors"]}
    assert "host" in names
    assert "pools" not in names
    assert exporter.ask("/live?target=nobody").status == 404


def test_the_guides_message_comes_by_websocket_and_by_get(exporter: FrontDoorProcess) -> None:
    async def messages() -> list[Any]:
        address = f"{exporter.url}/dashboard/realtime"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as connection:
            await connection.send_str("subscribe")
            return [json.loads((await connection.receive(timeout=20)).data) for _ in range(2)]

    received = asyncio.run(messages())
    asked = json.loads(exporter.ask("/dashboard/realtime").body)
    whole = json.loads(exporter.ask("/dashboard").body)

    for message in (*received, asked):
        assert list(message) == ["type", "data", "timestamp"]
        assert message["type"] == "dashboard_update"
        assert message["data"].keys() == whole["data"].keys()
        assert message["data"]["business"]["totalJackpotAmount"] == 500_500_000
    assert received[0]["timestamp"] < received[1]["timestamp"]


# The page's files


def test_the_page_needs_nothing_from_elsewhere(exporter: FrontDoorProcess) -> None:
    page = exporter.ask("/")
    found = re.findall(r'(?:src|href)="(live/[^"]+)"', page.body.decode())
    files = {name: exporter.ask(f"/{name}") for name in [*found, "live/draw.js", "live/words.js"]}

    assert sorted(files) == ["live/draw.js", "live/icon.svg", "live/page.css", "live/page.js", "live/words.js"]
    assert [name for name, answer in files.items() if answer.status != 200] == []
    everything = page.body + b"".join(answer.body for answer in files.values())
    elsewhere = re.findall(rb"https?://[^\"'\s)]+", everything)
    assert set(elsewhere) == {b"http://www.w3.org/2000/svg"}  # a name, not an address
    assert b"innerHTML" not in everything
    assert re.findall(rb"<script(?! type=\"module\" src=)|\son\w+=|\sstyle=|<style", page.body) == []


def test_the_policy_allows_no_script_but_ours(exporter: FrontDoorProcess) -> None:
    policy = exporter.ask("/").headers["Content-Security-Policy"]

    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("name", ["", "live/page.js", "live/page.css"])
def test_files_are_kept_until_they_change(exporter: FrontDoorProcess, name: str) -> None:
    first = exporter.ask(f"/{name}", {"Accept-Encoding": "gzip"})
    again = exporter.ask(f"/{name}", {"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Encoding"] == "gzip"
    assert "no-cache" in first.headers["Cache-Control"]
    assert (again.status, again.body) == (304, b"")
    assert again.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "../page.py", "%2e%2e%2fstate.py", "index.html%00", "__init__.py"])
def test_no_other_file_is_given_out(exporter: FrontDoorProcess, name: str) -> None:
    assert exporter.ask(f"/live/{name}").status == 404


# Who may watch


def test_streams_are_limited_and_hold_up_no_request(thousand: str) -> None:
    with exporting(thousand, web={"max_viewers": 2, "max_requests": 1, "write_timeout": "1s"}) as process:
        with watching(process) as one, watching(process) as other:
            eventually(lambda: process.ask("/live").status == 503)
            assert process.ask("/metrics").status == 200
            assert [watcher.until("state") is not None for watcher in (one, other) for _ in range(2)] == [True] * 4

        eventually(lambda: process.ask("/live", method="HEAD").status == 200)


def test_streams_need_what_every_answer_needs(thousand: str) -> None:
    with exporting(thousand, web={"allowed_networks": ["127.0.0.1"]}) as process:
        for path in ("/", "/live", "/live/page.js", "/dashboard/realtime"):
            assert process.ask(path, source="127.0.0.2").status == 403
    with FrontDoorProcess({"basic_auth_users": {"viewer": HASH}}) as process:
        for path in ("/", "/live", "/live/page.js", "/dashboard/realtime"):
            assert process.ask(path).status == 401
            assert process.ask(path, basic("viewer", "wrong")).status == 401
        with watching(process, basic("viewer", "right")) as watcher:
            assert watcher.until("state")


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), ("null", 403), (None, 101)])
def test_pages_of_other_sites_may_not_watch(exporter: FrontDoorProcess, origin: str | None, status: int) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=20)
    connection.request("GET", "/dashboard/realtime", headers=upgrade | key | ({"Origin": origin} if origin else {}))

    assert connection.getresponse().status == status
    connection.close()


# How they end


def test_who_reads_nothing_is_let_go(exporter: FrontDoorProcess) -> None:
    before = viewers(exporter)
    with not_reading(exporter):
        eventually(lambda: viewers(exporter) == before + 1)

        eventually(lambda: viewers(exporter) == before, within=25)  # before the kernel would give it up


def viewers(process: FrontDoorProcess) -> int:
    """Connections that the process holds, this moment's own left out."""
    found = psutil.Process(process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == process.port for one in found)


@pytest.mark.parametrize("how", ["settings", "access", "end"])
def test_a_change_ends_streams_promptly(thousand: str, how: str) -> None:
    process = FrontDoorProcess({})
    process.settings = {"interval": "1s", "postgres": {"dsn": thousand}}
    with process, ExitStack() as stack:
        watcher = stack.enter_context(watching(process))
        watcher.until("state")
        started = time.monotonic()

        if how == "settings":
            psutil.Process(process.pid).send_signal(signal.SIGHUP)
        elif how == "access":
            process.configure({"http_server_config": {"headers": {"X-Frame-Options": "DENY"}}})
        else:
            psutil.Process(process.pid).terminate()

        assert watcher.has_ended()
        assert time.monotonic() - started < 10
        if how == "end":
            eventually(lambda: not process.is_running, within=10)
        else:
            with watching(process) as again:
                assert again.until("state")
    assert "Traceback" not in process.log_text()


def test_a_websocket_is_told_that_the_end_has_come(thousand: str) -> None:
    async def watch(process: FrontDoorProcess) -> int | None:
        address = f"{process.url}/dashboard/realtime"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as connection:
            await connection.receive(timeout=20)
            psutil.Process(process.pid).terminate()
            while (await connection.receive(timeout=20)).type is aiohttp.WSMsgType.TEXT:
                pass
            return connection.close_code

    with exporting(thousand) as process:
        assert asyncio.run(watch(process)) == aiohttp.WSCloseCode.SERVICE_RESTART
