"""Secrets of a running exporter: on no page, in no log, and followed when they are rotated."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import Database
from harness.answering import answering
from harness.answering import http as answer
from harness.exporter import ExporterProcess
from harness.waiting import eventually, eventually_async

SECRETS = ("Pg5ecret/ü", "Rd5ecret+x", "Tk5ecret=y", "Hd5ecret z", "Nw5ecret&w")
PAGES = (
    "/", "/metrics", "/probe?target=b", "/sd", "/health", "/health/database", "/health/jackpot", "/status", "/alerts",
    "/dashboard", "/-/ready", "/-/healthy", "/nothing",
)  # fmt: skip


def settings(database: Database) -> dict[str, object]:
    """Every source refuses what it is given, and has something to say about it."""
    host = f"127.0.0.1:{database.server.port}/{database.name}"
    return {
        "interval": "1s",
        "postgres": {"dsn": f"postgresql://nobody:Pg5ecret%2F%C3%BC@{host}"},
        "redis": {"url": "redis://:Rd5ecret%2Bx@127.0.0.1:1"},
        "service": {"health_url": "http://me:Tk5ecret%3Dy@127.0.0.1:1/health?token=Tk5ecret%3Dy"},
        "probes": [{"name": "p", "url": "http://127.0.0.1:1/", "headers": {"X-Api-Key": "Hd5ecret z"}}],
        "targets": {"b": {"postgres": {"dsn": f"host=127.0.0.1 port=1 password='{SECRETS[0]}'"}}},
        "web": {"enable_reload": True, "prometheus_url": "http://me:Tk5ecret%3Dy@127.0.0.1:1"},
    }


def said(exporter: ExporterProcess, method: str, path: str) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=20)) as connection:
        connection.request(method, path)
        return connection.getresponse().read().decode()


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret[:8] in text]


def test_no_page_and_no_line_of_the_log_holds_one(exporter: Callable[..., ExporterProcess], database: Database) -> None:
    right = settings(database)
    running = exporter(right)
    eventually(lambda: "ready" in said(running, "GET", "/-/ready"), within=20)
    wrong = {
        **right,
        "postgres": {"dsn": "mysql://me:Nw5ecret%26w@db/x"},
        "redis": {"url": "redis://x", "password": "Nw5ecret&w"},
    }
    running.settings_path.write_text(yaml.safe_dump(wrong))

    refused = said(running, "POST", "/-/reload")

    assert "redis.password: not a known setting" in refused
    assert [path for path in PAGES if leaks(said(running, "GET", path))] == []
    assert leaks(refused) == []
    assert "reload failed" in running.log_text()
    assert "collection failed" in running.log_text()
    assert leaks(running.log_text()) == []


@pytest.mark.parametrize("way", ["main", "thread", "callback"])
def test_a_crash_holds_none(way: str) -> None:
    program = f"""
import asyncio, threading
from jackpot_exporter import logs
from jackpot_exporter.redaction import redact
logs.tell_crashes()
logs.configure("info", "json")
redact.add("Pg5ecret/x")
def fail():
    raise RuntimeError("postgresql://me:Pg5ecret%2Fx@db and Pg5ecret/x and http://a:Other5ecret@b")
if {way!r} == "thread":
    thread = threading.Thread(target=fail); thread.start(); thread.join()
elif {way!r} == "callback":
    loop = asyncio.new_event_loop(); loop.call_soon(fail); loop.call_later(0.01, loop.stop); loop.run_forever()
else:
    fail()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert "5ecret" not in ended.stderr
    assert len(events) == 1
    assert events[0]["exception"].endswith("RuntimeError: postgresql://me:***@db and *** and http://a:***@b")
    assert (ended.returncode != 0) == (way == "main")


def test_a_rotated_password_of_the_database_needs_no_restart(
    exporter: Callable[..., ExporterProcess], database: Database, tmp_path: Path
) -> None:
    server, role = database.server, f"rotating_{database.name}"
    server.create_role(role, "first-5ecret")
    password = tmp_path / "password"
    password.write_text("first-5ecret\n")
    dsn = f"postgresql://{role}@127.0.0.1:{server.port}/{database.name}"
    running = exporter({"interval": "500ms", "postgres": {"dsn": dsn, "password_file": str(password)}})
    eventually(lambda: running.is_up("postgres"), within=20)

    server.execute(f"alter role {role} password 'second-5ecret'")
    server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'")
    eventually(lambda: running.failures("postgres", "auth") > 0, within=20)
    password.write_text("second-5ecret\n")

    eventually(lambda: running.is_up("postgres"), within=20)
    assert "5ecret" not in running.log_text()
    running.stop()
    server.execute(f"drop role {role}")


async def test_a_rotated_token_of_the_service_needs_no_restart(
    exporter: Callable[..., ExporterProcess], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first-5ecret\n")
    async with answering(answer(b'{"status": "healthy"}')) as service:
        options = {"health_url": service.url, "bearer_token_file": str(token), "interval": "500ms"}
        running = await asyncio.to_thread(exporter, {"service": options})
        await eventually_async(lambda: shown(service.requests, "Bearer first-5ecret"), within=20)

        token.write_text("second-5ecret\n")

        await eventually_async(lambda: shown(service.requests, "Bearer second-5ecret"), within=20)
        assert "5ecret" not in running.log_text()


async def shown(requests: list[str], words: str) -> bool:
    return any(words in request for request in requests)
