"""Clients that mean harm, or know no better, against the real process: none disturbs a scrape, all are let go."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import bcrypt
import psutil
import pytest

from harness.certificates import Authority
from harness.front_door import FrontDoorProcess, is_closed_within, trusting
from harness.waiting import eventually

HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n"
METRIC = b"jackpot_exporter_build_info"

IMPATIENT = {"read_timeout": "1s", "write_timeout": "2s", "max_connections": 300}


@pytest.fixture(scope="module")
def exporter() -> Iterator[FrontDoorProcess]:
    """Short of patience and of room; without credentials."""
    with FrontDoorProcess(web=IMPATIENT) as process:
        yield process
        assert "Traceback" not in process.log_text()


@pytest.fixture(scope="module")
def locked() -> Iterator[FrontDoorProcess]:
    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    with FrontDoorProcess({"basic_auth_users": {"prometheus": stored}}) as process:
        yield process
        assert "Traceback" not in process.log_text()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[FrontDoorProcess]:
    chain = str(authority.issue("server", 60))
    with FrontDoorProcess({"tls_server_config": {"cert_file": chain, "key_file": chain}}, IMPATIENT) as process:
        yield process
        assert "Traceback" not in process.log_text()


def established(process: FrontDoorProcess) -> int:
    """Connections that the server holds."""
    return sum(c.status == psutil.CONN_ESTABLISHED for c in psutil.Process(process.pid).net_connections("tcp"))


def ask_for_ever(connection: socket.socket) -> None:
    """Ask and read nothing, until the server closes."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")


def usual_scrape(process: FrontDoorProcess, tls: ssl.SSLContext, times: int = 30) -> float:
    """Seconds of the middle one, each on a connection of its own, as the worst of scrapers does; all succeed."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        assert process.ask(tls=tls).status == 200
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[times // 2]


# Slow and silent clients


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"", b"G", id="request line"),
        pytest.param(b"GET /metrics HTTP/1.1\r\n" + HOST, b"a", id="header"),
        pytest.param(b"GET /metrics HTTP/1.1\r\n" + HOST, b"X-A: b\r\n", id="headers"),
        pytest.param(b"POST /-/reload HTTP/1.1\r\n" + HOST + b"Content-Length: 999999\r\n\r\n", b"a", id="body"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", id="chunks"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"\r\nGET / HT", b"T", id="second request"),
    ],
)
def test_slow_clients_are_let_go(exporter: FrontDoorProcess, start: bytes, drip: bytes) -> None:
    with exporter.socket() as connection:
        connection.sendall(start)

        assert is_closed_within(connection, 30, drip)


def test_idle_clients_are_let_go() -> None:
    with FrontDoorProcess(web={"idle_timeout": "500ms"}) as process, process.socket() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")

        assert is_closed_within(connection, 30)


@pytest.mark.parametrize(
    "start", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"], ids=["", "cut", "plain"]
)
def test_handshakes_that_never_end_are_let_go(secure: FrontDoorProcess, start: bytes) -> None:
    with secure.socket() as connection:
        connection.sendall(start)

        assert is_closed_within(connection, 30)


def test_who_does_not_read_is_let_go(exporter: FrontDoorProcess) -> None:
    before = established(exporter)
    memory = psutil.Process(exporter.pid).memory_info().rss
    with exporter.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        ask_for_ever(connection)
        assert established(exporter) == before + 1
        assert psutil.Process(exporter.pid).memory_info().rss - memory < 10 * 2**20

        eventually(lambda: established(exporter) <= before)


def test_answers_that_nobody_reads_give_way_to_a_scrape() -> None:
    with ExitStack() as stack, FrontDoorProcess(web={"max_requests": 1}) as process:
        connection = stack.enter_context(process.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(None)
        asking = threading.Thread(target=ask_for_ever, args=(connection,))
        asking.start()

        eventually(lambda: process.ask().status == 503)
        assert process.ask("/-/healthy").status == 200
        eventually(lambda: process.ask().status == 200)
        assert (process.value("jackpot_exporter_web_refusals_total", reason="busy") or 0) > 0
        asking.join(15)
        assert not asking.is_alive(), "it was let go"


# Many clients


def test_a_thousand_connections_without_handshake_do_not_disturb_a_scrape(
    secure: FrontDoorProcess, authority: Authority
) -> None:
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(socket.create_connection(("127.0.0.1", secure.port), timeout=5))

        eventually(lambda: established(secure) <= 301)
        assert usual_scrape(secure, trusting(authority.file)) < 0.5
    eventually(lambda: established(secure) < 5)


def test_clients_who_asked_once_and_stay_do_not_keep_others_out(exporter: FrontDoorProcess) -> None:
    with ExitStack() as stack:
        for _ in range(310):
            connection = stack.enter_context(exporter.socket())
            connection.sendall(b"GET /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n")
            connection.recv(4096)

        assert exporter.ask().status == 200


def test_pipelined_requests_are_all_answered_in_order(exporter: FrontDoorProcess) -> None:
    one = b"GET /-/healthy HTTP/1.1\r\n" + HOST + b"\r\nGET /nonsense HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /-/healthy HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"

    said = exporter.say(one * 500 + last)

    found = re.findall(rb"HTTP/1\.1 (\d+) ", said)
    assert found == [b"200", b"404"] * 500 + [b"200"]


# What cannot be understood


OVERSIZE = b"a" * 20_000


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET /" + OVERSIZE + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="long line"),
        pytest.param(b"GET /" + b"a" * 500_000, id="line without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + OVERSIZE + b"\r\n\r\n", id="long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + OVERSIZE + b": a\r\n\r\n", id="long header name"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 1000 + b"\r\n", id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X-A: \0\r\n\r\n", id="NUL"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X-A\r\n\r\n", id="no colon"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X-A : b\r\n\r\n", id="space before colon"),
        pytest.param(b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", id="version"),
        pytest.param(b"G\xc3\xa9T / HTTP/1.1\r\n" + HOST + b"\r\n", id="method of no ASCII"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\n" + HOST + b"\r\n", id="unknown method"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"\0" * 1000, id="NULs"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", id="lengths"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     id="length and chunks"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", id="unknown coding"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_without_a_word(exporter: FrontDoorProcess, request_bytes: bytes) -> None:
    said = exporter.say(request_bytes)

    head, _, body = said.partition(b"\r\n\r\n")
    assert head.split()[1:2] in ([b"400"], [])
    assert METRIC not in said
    assert not any(word in said for word in (b"Traceback", b"aiohttp", b"Python", b"aaaa", b"NONSENSE"))
    assert len(body) < 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST"])
def test_nothing_but_reading(exporter: FrontDoorProcess, method: str) -> None:
    said = exporter.say(f"{method} /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    assert said.split()[1] in (b"405", b"400")
    assert METRIC not in said


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Content-Length: 999999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n" + b"fff0\r\n" + b"\0" * 0xFFF0,
    ],
    ids=["short", "endless", "chunked", "endless chunk", "no gzip"],
)
def test_bodies_are_refused(exporter: FrontDoorProcess, body: bytes) -> None:
    said = exporter.say(b"GET /metrics HTTP/1.1\r\n" + HOST + body)

    assert said.split()[1] == b"413"
    assert said.count(b"HTTP/1.1 ") == 1


TRICKS = [
    b"//metrics",
    b"/./metrics",
    b"/../metrics",
    b"/-/../metrics",
    b"/-/healthy/../../metrics",
    b"/-/healthy/..%2f..%2fmetrics",
    b"/-/healthy%2f..%2f..%2fmetrics",
    b"/-/healthy;/metrics",
    b"/-/healthy%00/metrics",
    b"/-/healthy%0d%0aX-A:b",
    b"/%2e%2e/metrics",
    b"/metrics/",
    b"/metrics%2f",
    b"/metrics%00",
    b"/metrics%20",
    b"\\metrics",
    b"metrics",
    b"/Metrics",
    b"/m\xe9trics",
    b"/\xff\xfe",
    b"/%ff%fe",
    b"/%zz",
    b"/%",
    b"/-/healthy/",
    b"/-//healthy",
    b"*",
    b"file:///etc/passwd",
    b"/etc/passwd",
    b"/..%c0%af..%c0%afetc/passwd",
    b"http://[::1/metrics",
    b"http://",
    b"/probe?target=%00",
    b"/probe?target=..%2f..%2fetc%2fpasswd",
    b"/metrics?collect[]=%ff%00%0d%0a",
    b"/metrics?" + b"collect[]=a&" * 600,
]


@pytest.mark.parametrize("target", TRICKS, ids=repr)
def test_no_path_leads_around_the_credentials(locked: FrontDoorProcess, target: bytes) -> None:
    said = locked.say(b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")

    assert said.split()[1:2] in ([b"401"], [b"400"], [])
    assert METRIC not in said


@pytest.mark.parametrize("target", TRICKS, ids=repr)
def test_no_path_leads_anywhere_else(exporter: FrontDoorProcess, target: bytes) -> None:
    said = exporter.say(b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")

    assert said.split()[1:2] in ([b"404"], [b"400"], [])
    assert not any(word in said for word in (b"Traceback", b"aiohttp", b"Python/", b"root:"))


@pytest.mark.parametrize("target", [b"/%6detrics", b"/%6d%65trics", b"http://elsewhere/metrics"])
def test_other_ways_to_write_a_path_are_the_same_path(
    locked: FrontDoorProcess, exporter: FrontDoorProcess, target: bytes
) -> None:
    request = b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"

    assert locked.say(request).split()[1] == b"401"
    assert METRIC in exporter.say(request)


@pytest.mark.parametrize(
    "header",
    [b"Authorization: Basic \xff\xfe", b"Authorization: Basic =", b"Authorization: Bearer \xff", b"Authorization: \xe9",
     b"X-Forwarded-For: \xff, 10.0.0.1", b"Accept: \xff;q=\xff", b"Accept-Encoding: gzip;q=nan, \xff", b"Cookie: \xff",
     b"Expect: 100-continue", b"Expect: nonsense", b"Upgrade: websocket\r\nConnection: Upgrade", b"Range: bytes=0-1"],
    ids=repr,
)  # fmt: skip
def test_odd_headers_make_nothing_fail(locked: FrontDoorProcess, exporter: FrontDoorProcess, header: bytes) -> None:
    request = b"GET /metrics HTTP/1.1\r\n" + HOST + header + b"\r\n" + CLOSE + b"\r\n"

    assert locked.say(request).split()[-1:] != [b"500"]
    for process, wanted in ((locked, {b"401", b"400", b"100", b"417"}), (exporter, {b"200", b"400", b"100", b"417"})):
        assert process.say(request).split()[1] in wanted
