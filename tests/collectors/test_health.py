"""The health collector understands the usual forms of a health endpoint, and none can hurt it."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from harness.answering import Handler, answering, endless, http, saying
from harness.exporter import ExporterProcess
from harness.rounds import Round, Target
from harness.waiting import eventually_async
from jackpot_exporter.collectors import health
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.demo.programs import ServiceProcess
from jackpot_exporter.demo.servers import PostgresServer, RedisServer
from jackpot_exporter.model import Outcome

SHAPES = sorted((Path(__file__).parents[1] / "golden/health").glob("*.json"))


async def visited(url: str, **settings: Any) -> Round:
    async with Target({"service": {"health_url": url, **settings}}, health.TYPE) as target:
        return await target.collect("health")


async def answered(answer: Handler | bytes, **settings: Any) -> Round:
    async with answering(answer) as server:
        return await visited(server.url, **settings)


def states(found: Round) -> dict[str, float]:
    return found.by("jackpot_health_status", "status")


UNHEALTHY = {"healthy": 0, "degraded": 0, "unhealthy": 1}


def series(line: str) -> frozenset[str]:
    """Name and labels of a series, in no order."""
    return frozenset(line.rstrip("}").replace("{", ",").split(","))


@pytest.mark.parametrize("shape", [json.loads(path.read_text()) for path in SHAPES], ids=[p.stem for p in SHAPES])
async def test_a_form_of_health_document_is_understood(shape: Mapping[str, Any]) -> None:
    body = shape["body"] if isinstance(shape["body"], str) else json.dumps(shape["body"])

    found = await answered(http(body.encode(), shape["status"], shape["type"]), **shape.get("settings", {}))

    expected = {series(line): value for line, value in shape["expect"].items() if line != "outcome"}
    lines = [line.rsplit(" ", 1) for line in found.text.splitlines() if not line.startswith("#")]
    shown = {series(line): float(value) for line, value in lines}
    assert {key: shown.get(key) for key in expected} == pytest.approx(expected)
    assert found.outcome.value == shape["expect"].get("outcome", "ok"), found.batch.message


async def test_the_simulated_service_is_read_without_a_note(
    postgres: PostgresServer, database: Any, redis_server: RedisServer
) -> None:
    with ServiceProcess(database.dsn, redis_server.url) as service:
        found = await visited(
            f"{service.health_url}/health", database_health_url=f"{service.health_url}/health/database"
        )

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    assert found.value("jackpot_up") == 1
    assert set(found.by("jackpot_dependency_up", "dependency").values()) == {1}
    assert set(found.by("jackpot_dependency_up", "dependency")) == {
        "database", "cache", "jackpot_service", "payment_gateway", "user_service", "game_engine",
    }  # fmt: skip
    assert set(found.by("jackpot_database_pool_connections", "state")) == {"active", "idle", "waiting"}
    assert (found.value("jackpot_database_pool_connections_max") or 0) > 0
    assert 0 < (found.value("jackpot_health_response_seconds") or 0) < 10


async def test_a_service_that_is_gone_is_down_and_says_nothing_of_its_dependencies() -> None:
    document = json.dumps({"status": "ok", "checks": {"database": "up"}}).encode()
    async with answering(http(document)) as server:
        url = server.url
    settings = {"service": {"health_url": url}}
    async with Target(settings, health.TYPE) as target:
        found = await target.collect("health")

    assert found.outcome is Outcome.REFUSED
    assert found.value("jackpot_up") == 0
    assert states(found) == UNHEALTHY
    # Present and empty: what was said before does not stay.
    assert found.names >= {"jackpot_dependency_up", "jackpot_dependency_response_seconds"}
    assert found.by("jackpot_dependency_up", "dependency") == {}


async def test_a_mute_service_is_down_before_the_deadline() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    found = await answered(mute, interval=3, timeout=2)

    assert found.outcome is Outcome.TIMEOUT
    assert found.value("jackpot_up") == 0
    assert states(found) == UNHEALTHY


async def test_secrets_go_to_their_own_server_and_no_other(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret\n")
    async with answering(http(b'{"status":"ok"}')) as other:
        redirect = http(b"", 302, "text/plain", f"Location: {other.url}")
        async with answering(redirect) as server:
            found = await visited(server.url, bearer_token_file=str(token), headers={"X-Key": "also-secret"})

    assert found.value("jackpot_up") == 1
    assert "Authorization: Bearer very-secret" in server.requests[0]
    assert "X-Key: also-secret" in server.requests[0]
    assert "secret" not in other.requests[0]


async def test_an_unreadable_token_is_our_fault_and_not_the_services(tmp_path: Path) -> None:
    async with answering(http(b'{"status":"ok"}')) as server:
        found = await visited(server.url, bearer_token_file=str(tmp_path / "none"))

    assert found.outcome is Outcome.AUTH
    assert found.value("jackpot_up") is None
    assert server.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "gopher://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://[fd00:ec2::254]/",
        "//169.254.169.254/",
        "http://[bad/",
    ],
)
async def test_a_redirect_to_a_forbidden_place_is_not_followed(location: str) -> None:
    found = await answered(http(b"", 302, "text/plain", f"Location: {location}"))

    assert re.search("redirected to|link-local|not a URL", found.batch.message)
    assert found.value("jackpot_up") == 0


async def test_link_local_addresses_are_reached_only_when_allowed() -> None:
    url = f"http://169.254.169.254:{free_port()}/health"

    refused = await visited(url, interval=2, timeout=1)
    allowed = await visited(url, interval=2, timeout=1, allow_link_local=True)

    assert "allow_link_local" in refused.batch.message
    assert "allow_link_local" not in allowed.batch.message


async def test_redirects_in_a_circle_end() -> None:
    async with answering(http(b"")) as server:
        server.say(http(b"", 302, "text/plain", f"Location: {server.url}"))
        found = await visited(server.url)

    assert found.outcome is Outcome.BAD_DATA
    assert len(server.requests) == 6


BOMB = gzip.compress(bytes(200 * 1024 * 1024), 9)
HOSTILE: dict[str, Handler | bytes] = {
    "deep": http(b"[" * 500_000),
    "deep objects": http(b'{"checks":' * 100_000),
    "endless": endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"[" * 65536),
    "endless chunks": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"
    ),
    "endless header": endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 65536),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "endless status line": endless(b"HTTP/1.1 ", b"2" * 65536),
    "slow body": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ", 0.05),
    "slow headers": endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"x", 0.05),
    "bomb": http(BOMB, 200, "application/json", "Content-Encoding: gzip"),
    "deflate bomb": http(BOMB[10:-8], 200, "application/json", "Content-Encoding: deflate"),
    "brotli": http(b"{}", 200, "application/json", "Content-Encoding: br"),
    "cut gzip": http(gzip.compress(b'{"status":"ok"}' * 10)[:-12], 200, "application/json", "Content-Encoding: gzip"),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "huge integer": http(b'{"uptime":' + b"9" * 100_000 + b"}"),
    "not utf-8": http(b'{"status":"\xff\xfe"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_answer_costs_little_and_is_counted(name: str) -> None:
    async with answering(HOSTILE[name]) as server:
        tracemalloc.start()
        started = time.monotonic()
        found = await visited(server.url, interval=2, timeout=1)
        seconds = time.monotonic() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert not found.outcome.is_success
    assert found.outcome is not Outcome.BUG, found.batch.message
    assert seconds < 10
    assert peak < 32 * 1024 * 1024
    assert "\n" not in found.batch.message


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b'{"status":"ok","uptime":NaN}', "NaN"),
        (b'{"status":"ok","uptime":1e999}', "too large"),
        (b'{"status":"ok","uptime":5,"uptime":-Infinity}', "twice"),
        (b'{"status":"ok","uptime":' + b"9" * 4000 + b"}", ""),
        (b'{"status":"so-so","uptime":null}', "so-so"),
        (b'{"status":"ok","checks":{"db":{"status":"hm"}}}', "hm"),
    ],
)
async def test_odd_values_give_no_sample_and_a_note(body: bytes, note: str) -> None:
    found = await answered(http(body))

    assert found.outcome is Outcome.OK
    assert found.value("jackpot_uptime_seconds") is None
    assert any(note in message.message for message in found.batch.notes) or not note
    assert all(n.outcome is Outcome.BAD_DATA for n in found.batch.notes)


async def test_checks_beyond_the_cap_are_counted_and_the_database_is_never_among_them() -> None:
    checks = {f"part{i}": "up" for i in range(300)} | {"database": "up"}

    found = await answered(http(json.dumps({"status": "ok", "checks": checks}).encode()), max_dependencies=20)

    shown = found.by("jackpot_dependency_up", "dependency")
    assert len(shown) == 20
    assert "database" in shown
    assert sum(note.dropped for note in found.batch.notes) == 281


async def test_a_service_answering_again_is_seen_at_once() -> None:
    async with answering(saying(http(b"busy", 503, "text/plain"))) as server:
        settings = {"service": {"health_url": server.url}}
        async with Target(settings, health.TYPE) as target:
            before = await target.collect("health")
            server.say(http(b'{"status":"UP"}'))
            after = await target.collect("health")

    assert (before.value("jackpot_up"), after.value("jackpot_up")) == (0, 1)
    assert states(after)["healthy"] == 1


async def test_the_services_word_comes_before_our_own_and_ends_with_it(
    exporter: Callable[..., ExporterProcess], postgres: PostgresServer, database: Any
) -> None:
    """What metrics.md asks for: the health document, or our own ping where the service says nothing."""
    said = http(b'{"status":"degraded","checks":{"database":{"status":"down"}}}')
    async with answering(said) as server:
        settings = {
            "interval": "500ms",
            "postgres": {"dsn": database.dsn},
            "service": {"health_url": server.url},
        }
        running = await asyncio.to_thread(exporter, settings)

        async def shows(state: int) -> bool:
            is_ours_up = await asyncio.to_thread(running.is_up, "postgres")
            word = await asyncio.to_thread(running.value, "jackpot_dependency_up", dependency="database")
            return is_ours_up and word == state

        await eventually_async(lambda: shows(0), within=30)
        server.handler = saying(b"")
        await eventually_async(lambda: shows(1), within=30)


_KEYS = (
    "status checks components details services dependencies data database cache name id responseTime latency_ms uptime"
    " version metrics pool connectionPool active idle hitRate errorRate info error failures entries externalServices x"
    " a:b observedValue observedUnit"
)
_ANY_KEY = strategies.sampled_from(_KEYS.split()) | strategies.text(max_size=8)
_ANY_VALUE = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=12)
    | strategies.sampled_from(["up", "down", "ok", "5ms", "00:00:01", "9" * 50, "1e999"])
)
_ANY_DOCUMENT = strategies.recursive(
    _ANY_VALUE,
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(_ANY_KEY, inner, max_size=6),
    max_leaves=40,
)


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(document=_ANY_DOCUMENT)
async def test_no_document_at_all_is_a_bug(document: object) -> None:
    found = await answered(http(json.dumps(document).encode()))

    assert found.outcome is not Outcome.BUG, found.batch.message
    assert found.value("jackpot_up") == 1
    assert all(seconds >= 0 for seconds in found.values("jackpot_dependency_response_seconds"))
