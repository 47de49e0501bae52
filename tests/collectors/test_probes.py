"""Probes measure real servers under blackbox_exporter's names, and fail when a user would."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from pydantic import ValidationError

from harness.answering import Handler, answering, endless, http
from harness.certificates import Authority
from harness.rounds import Round, Target
from jackpot_exporter.collectors import probes
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.model import Outcome


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def tried(*blocks: Mapping[str, Any], interval: float = 15) -> Round:
    settings = [{"name": f"p{i}", **block} for i, block in enumerate(blocks)]
    async with Target({"interval": interval, "probes": settings}, probes.TYPE) as target:
        return await target.collect("probes")


async def tried_on(answer: Handler | bytes, interval: float = 15, **more: Any) -> Round:
    async with answering(answer) as server:
        return await tried({"url": server.url, **more}, interval=interval)


def reason(found: Round) -> str:
    return " ".join(note.message for note in found.batch.notes)


async def test_an_http_probe_says_what_blackbox_exporter_says() -> None:
    modified = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"
    found = await tried_on(http(b"fine\n", 200, "text/plain", modified))

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    values = {
        "probe_success": 1,
        "probe_failed_due_to_regex": 0,
        "probe_http_status_code": 200,
        "probe_http_redirects": 0,
        "probe_http_ssl": 0,
        "probe_http_version": 1.1,
        "probe_http_content_length": 5,
        "probe_http_uncompressed_body_length": 5,
        "probe_http_last_modified_timestamp_seconds": 1445412480,
        "probe_ip_protocol": 4,
    }
    assert {name: found.value(name, probe="p0") for name in values} == values
    phases = found.by("probe_http_duration_seconds", "phase")
    assert set(phases) == {"resolve", "connect", "tls", "processing", "transfer"}
    assert phases["tls"] == 0
    assert phases["resolve"] == found.value("probe_dns_lookup_time_seconds")
    assert 0 < sum(phases.values()) <= (found.value("probe_duration_seconds") or 0)


BLACKBOX = """
dns_lookup_time_seconds duration_seconds failed_due_to_regex http_content_length http_duration_seconds{phase}
http_redirects http_ssl http_status_code http_uncompressed_body_length http_version ip_protocol
ssl_earliest_cert_expiry ssl_last_chain_expiry_timestamp_seconds success tls_version_info{version}
"""
"""What blackbox_exporter 0.23 says of an HTTPS server, but for ip_addr_hash and ssl_last_chain_info (fingerprints)."""


async def test_the_families_and_labels_are_those_of_blackbox_exporter(authority: Authority) -> None:
    async with answering(http(b"ok"), authority.server("peer")) as server:
        found = await tried({"url": server.url, "ca_file": str(authority.file)})

    labels = {name: sorted({label for label, _ in pairs} - {"probe"}) for name, pairs in found.series}
    said = {name.removeprefix("probe_") + (f"{{{names[0]}}}" if names else "") for name, names in labels.items()}
    assert said - {"tls_cipher_info{cipher}"} == set(BLACKBOX.split())


async def test_the_time_goes_to_the_phase_that_took_it() -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"x")

    found = await tried_on(slow)

    phases = found.by("probe_http_duration_seconds", "phase")
    assert phases["processing"] == pytest.approx(0.2, abs=0.08)
    assert phases["transfer"] == pytest.approx(0.1, abs=0.08)
    assert phases["connect"] < 0.1


async def test_https_shows_the_connection_and_when_the_chain_ends(authority: Authority) -> None:
    async with answering(http(b"ok"), authority.server("good", days=40)) as server:
        found = await tried({"url": server.url, "ca_file": str(authority.file)})

    assert found.value("probe_success") == 1, reason(found)
    assert found.value("probe_http_ssl") == 1
    assert found.value("probe_ssl_earliest_cert_expiry") == authority.expiry("good")
    assert found.value("probe_ssl_last_chain_expiry_timestamp_seconds") == authority.expiry("good")
    assert found.by("probe_tls_version_info", "version") == {"TLS 1.3": 1}
    assert len(found.by("probe_tls_cipher_info", "cipher")) == 1
    assert found.by("probe_http_duration_seconds", "phase")["tls"] > 0.0005


async def test_the_first_of_the_chain_to_expire_counts(tmp_path: Path) -> None:
    authority = Authority(tmp_path, days=10)
    async with answering(http(b"ok"), authority.server("leaf", days=100)) as server:
        found = await tried({"url": server.url, "ca_file": str(authority.file)})

    ends_in_days = ((found.value("probe_ssl_earliest_cert_expiry") or 0) - time.time()) / 86400
    assert ends_in_days == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("days", "host", "trusted", "words"),
    [
        (-1, "localhost", True, "expired"),
        (90, "elsewhere", True, "mismatch"),
        (90, "localhost", False, "certificate is not accepted"),
    ],
    ids=["expired", "other name", "unknown authority"],
)
@pytest.mark.parametrize("scheme", ["https", "tls", "wss"])
async def test_a_certificate_that_is_not_accepted_fails_and_still_shows_its_end(
    authority: Authority, scheme: str, days: int, host: str, trusted: bool, words: str
) -> None:
    async with answering(http(b"ok"), authority.server("bad", days, host)) as server:
        url = f"{scheme}://localhost:{server.port}"
        found = await tried({"url": url} | ({"ca_file": str(authority.file)} if trusted else {}))

    assert found.value("probe_success") == 0
    assert words in reason(found)
    assert found.value("probe_ssl_earliest_cert_expiry") == authority.expiry("bad")
    assert server.requests == []


async def test_any_certificate_is_accepted_when_the_settings_say_so(authority: Authority) -> None:
    async with answering(http(b"ok"), authority.server("old", -1)) as server:
        found = await tried({"url": server.url, "insecure_skip_verify": True})

    assert found.value("probe_success") == 1
    assert found.value("probe_ssl_earliest_cert_expiry") == authority.expiry("old")
    assert found.value("probe_ssl_last_chain_expiry_timestamp_seconds") is None


async def test_a_client_certificate_is_shown_and_renewed_without_a_restart(
    authority: Authority, tmp_path: Path
) -> None:
    context = authority.server("asking")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    mine = tmp_path / "mine.pem"
    mine.write_text(Authority(tmp_path).issue("foreign", 90).read_text())
    async with answering(http(b"ok"), context) as server:
        block = {"name": "p", "url": server.url, "ca_file": str(authority.file), "cert_file": str(mine)}
        async with Target({"probes": [block]}, probes.TYPE) as target:
            before = await target.collect("probes")
            mine.write_text(authority.issue("client", 90).read_text())
            after = await target.collect("probes")

    assert (before.value("probe_success"), after.value("probe_success")) == (0, 1), reason(after)


@pytest.mark.parametrize(
    ("status", "body", "expectation", "success", "by_regex"),
    [
        (404, b"", {}, 0, 0),
        (404, b"", {"valid_status": [404]}, 1, 0),
        (200, b"", {"valid_status": [204, 301]}, 0, 0),
        (200, b"a\nall systems go\n", {"body_matches": "^all .* go$"}, 1, 0),
        (200, b"nothing goes", {"body_matches": "^all .* go$"}, 0, 1),
        (200, b"fine\nFATAL: x", {"body_not_matches": "^FATAL"}, 0, 1),
        (200, b"x" * 500_000 + b"needle", {"body_contains": "needle"}, 1, 0),
        (200, b"hay", {"body_contains": "needle"}, 0, 1),
        (500, b"hay", {"body_contains": "needle"}, 0, 0),
        (302, b"", {"follow_redirects": False, "valid_status": [302]}, 1, 0),
    ],
)
async def test_status_and_body_are_as_expected_or_the_probe_fails(
    status: int, body: bytes, expectation: dict[str, Any], success: int, by_regex: int
) -> None:
    found = await tried_on(http(body, status, "text/plain", "Location: http://localhost:1/"), **expectation)

    assert found.value("probe_success") == success, reason(found)
    assert found.value("probe_failed_due_to_regex") == by_regex
    assert found.value("probe_http_status_code") == status


async def test_redirects_are_followed_and_counted(authority: Authority) -> None:
    async with answering(http(b"there"), authority.server("aim")) as aim:
        redirect = http(b"", 301, "text/plain", f"Location: {aim.url}")
        async with answering(redirect) as server:
            found = await tried({"url": server.url, "ca_file": str(authority.file)})

    assert found.value("probe_success") == 1, reason(found)
    assert (found.value("probe_http_redirects"), found.value("probe_http_ssl")) == (1, 1)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://169.254.169.254/", "ftp://localhost/"])
async def test_a_redirect_to_a_forbidden_place_fails(location: str) -> None:
    found = await tried_on(http(b"", 302, "text/plain", f"Location: {location}"))

    assert found.value("probe_success") == 0
    assert "redirected to" in reason(found) or "link-local" in reason(found)
    assert found.value("probe_http_status_code") == 302


async def test_tcp_tls_and_dns(authority: Authority) -> None:
    async with answering(b"", authority.server("plain")) as server:
        found = await tried(
            {"url": f"tcp://localhost:{server.port}"},
            {"url": f"tls://localhost:{server.port}", "ca_file": str(authority.file)},
            {"url": f"tcp://127.0.0.1:{free_port()}"},
            {"url": "dns://localhost"},
            {"url": "dns://no-such-name.invalid"},
            {"url": "tcp://no-such-name.invalid:80"},
        )

    assert found.by("probe_success", "probe") == {"p0": 1, "p1": 1, "p2": 0, "p3": 1, "p4": 0, "p5": 0}
    assert found.value("probe_ssl_earliest_cert_expiry", probe="p1") == authority.expiry("plain")
    assert (found.value("probe_dns_answer_rrs", probe="p3") or 0) >= 1
    assert reason(found).count("does not resolve") == 2
    assert found.value("probe_http_status_code") is None


@asynccontextmanager
async def websocket_server(tls: ssl.SSLContext | None = None, **behaviour: Any) -> AsyncIterator[str]:
    """A real WebSocket server; `chatty` sends before it answers, `mute` never answers a ping."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if "authorization" not in request.headers and behaviour.get("login"):
            raise web.HTTPUnauthorized
        connection = web.WebSocketResponse(autoping=not behaviour.get("mute"))
        await connection.prepare(request)
        for _ in range(behaviour.get("chatty", 0)):
            await connection.send_str("news")
        if behaviour.get("closing"):
            await connection.close()
        async for message in connection:
            if message.type is WSMsgType.ERROR:
                break
        return connection

    app = web.Application()
    app.router.add_get("/ws", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'wss' if tls else 'ws'}://localhost:{port}/ws"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_websocket_is_opened_and_answers_a_ping(authority: Authority, is_secure: bool) -> None:
    tls = authority.server("socket") if is_secure else None
    async with websocket_server(tls, chatty=20) as url:
        found = await tried({"url": url, "ca_file": str(authority.file)})

    assert found.value("probe_success") == 1, reason(found)
    assert found.value("probe_websocket_status_code") == 101
    assert found.value("probe_websocket_connection_upgraded") == 1
    assert 0 < (found.value("probe_websocket_ping_seconds") or 0) < 5
    assert found.value("probe_ssl_earliest_cert_expiry") == (authority.expiry("socket") if is_secure else None)


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        ({"mute": True}, 101, "no answer within"),
        ({"closing": True}, 101, "closed the WebSocket"),
        ({"chatty": 5000, "mute": True}, 101, "messages and no answer"),
        ({"login": True}, 401, "HTTP status 401"),
    ],
    ids=["mute", "closing", "chatty", "login"],
)
async def test_a_websocket_that_does_not_work_fails(behaviour: dict[str, Any], status: int, words: str) -> None:
    async with websocket_server(**behaviour) as url:
        found = await tried({"url": url, "within": "1s"})

    assert found.value("probe_success") == 0
    assert words in reason(found)
    assert found.value("probe_websocket_status_code") == status


async def test_an_http_server_is_no_websocket() -> None:
    async with answering(http(b"hello")) as server:
        found = await tried({"url": server.url.replace("http:", "ws:")})

    assert found.value("probe_success") == 0
    assert found.value("probe_websocket_connection_upgraded") == 0
    assert found.value("probe_websocket_status_code") == 200


async def test_no_secret_follows_a_redirect() -> None:
    async with answering(http(b"there")) as other:
        redirect = http(b"", 307, "text/plain", f"Location: {other.url}")
        async with answering(redirect) as server, answering(redirect) as socket:
            secret = {"headers": {"X-Key": "secret"}}
            found = await tried(
                {"url": server.url, "method": "POST", "body": "secret", **secret},
                {"url": socket.url.replace("http:", "ws:"), **secret},
            )

    assert found.by("probe_success", "probe") == {"p0": 1, "p1": 0}
    assert found.value("probe_websocket_status_code", probe="p1") == 307
    assert "secret" in server.requests[0]
    assert len(other.requests) == 1
    assert other.requests[0].startswith("GET ")
    assert "secret" not in other.requests[0]


HOSTILE: dict[str, Handler | bytes] = {
    "endless": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "slow": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ", 0.05),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "long": http(b"x" * 2_000_000),
    "bomb": http(gzip.compress(bytes(50_000_000)), 200, "text/plain", "Content-Encoding: gzip"),
    "no http": b"\x00" * 1000,
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_server_only_fails_its_own_probe(name: str) -> None:
    async with answering(HOSTILE[name]) as bad, answering(http(b"ok")) as good:
        started = time.monotonic()
        found = await tried({"url": bad.url, "within": 1, "body_not_matches": "never"}, {"url": good.url})

    assert found.outcome is Outcome.OK
    assert found.by("probe_success", "probe") == {"p0": 0, "p1": 1}
    assert time.monotonic() - started < 10


async def test_an_expression_on_one_endless_line_does_not_hold_up_the_loop() -> None:
    started = time.monotonic()
    found = await tried_on(http(b"a" * 1_000_000), body_matches="a.*b.*c")

    assert found.value("probe_failed_due_to_regex") == 1
    assert time.monotonic() - started < 10


async def test_probes_that_all_hang_are_all_failing_in_time() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with answering(mute) as server:
        started = time.monotonic()
        found = await tried(*({"url": server.url} for _ in range(600)), interval=8)

    assert found.outcome is Outcome.OK
    assert time.monotonic() - started < 8
    assert set(found.by("probe_success", "probe").values()) == {0}
    assert len(found.by("probe_success", "probe")) == 600


async def test_five_hundred_probes_are_little_work_for_one_core() -> None:
    async with answering(http(b"ok")) as server:
        blocks = [{"name": f"p{i}", "url": server.url} for i in range(500)]
        async with Target({"interval": 15, "probes": blocks}, probes.TYPE) as target:
            started = time.process_time()
            found = await target.collect("probes")
            seconds = time.process_time() - started

    assert set(found.by("probe_success", "probe").values()) == {1}
    assert len(server.requests) == 500
    assert seconds < 15 / 4  # of which the test's own server takes its part


@pytest.mark.parametrize("count", [1, 7, 256, 257, 500, 2000])
def test_the_pace_fits_the_time(count: int) -> None:
    gap, each = probes.pace(count, 9.0)

    waves = -(-count // 256)
    assert gap * (count - 1) + waves * each <= 9.0
    assert each > 0.7


@pytest.mark.parametrize(
    "block",
    [
        {"url": "file:///etc/passwd"},
        {"url": "tcp://host"},
        {"url": "https://"},
        {"url": "http://host:99999/"},
        {"url": "http://x/", "body_matches": "("},
        {"url": "tcp://x:1", "body_contains": "a"},
        {"url": "http://x/", "valid_status": [99]},
        {"url": "http://x/", "name": "a b"},
        {"url": "http://x/", "username": "u"},
    ],
)
def test_settings_that_make_no_sense_are_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Target({"probes": [{"name": "p", **block}]}, probes.TYPE)


async def test_a_name_that_stands_twice_is_said() -> None:
    async with answering(http(b"ok")) as server:
        found = await tried({"name": "x", "url": "tcp://127.0.0.1:1"}, {"name": "x", "url": server.url})

    assert found.by("probe_success", "probe") == {"x": 1}
    assert found.notes == {"x again": Outcome.BAD_DATA}
