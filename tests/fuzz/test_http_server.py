"""Whatever is sent to the exporter's port: nothing makes it fail, and nothing of it is repeated."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.front_door import FrontDoorProcess, hashed, read_all
from harness.fuzzing import inputs

HOST = b"Host: localhost\r\n"
METRIC = b"jackpot_exporter_build_info"
PIECES = st.sampled_from([
    b"GET ", b"HEAD ", b"POST ", b"/metrics", b"/probe?target=", b"/-/reload", b"/-/healthy", b"/", b"/../", b"%2e%2e/",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"\r\n", b"\n", b"\r", HOST, b"Content-Length: ", b"1" * 30,
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Upgrade: websocket\r\n",
    b"Connection: upgrade\r\n", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    b"Expect: 100-continue\r\n", b"Authorization: Basic ", b"X-Forwarded-For: ", b"Accept: application/json\r\n",
    b"Accept-Encoding: gzip\r\n", b"0\r\n\r\n", b"5\r\n", b"%", b"%00", b"%ff", b"?", b"#", b"[", b"@", b":", b"\0",
    b"\xc3\xa9",
])  # fmt: skip


@pytest.fixture(scope="module")
def exporter() -> Iterator[FrontDoorProcess]:
    """Open to all: what gets past the door reaches the pages."""
    with FrontDoorProcess(web={"read_timeout": "1s"}) as process:
        yield process
        assert process.ask().status == 200
        assert "Traceback" not in process.log_text()


@pytest.fixture(scope="module")
def locked() -> Iterator[FrontDoorProcess]:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed("right", 4)}}, {"read_timeout": "1s"}) as process:
        yield process
        assert "Traceback" not in process.log_text()


def answer(process: FrontDoorProcess, sent: bytes) -> bytes:
    with process.socket() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


@inputs(250)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=30).map(b"".join))
@example(b"GET /metrics HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
def test_nothing_that_is_sent_makes_it_fail(exporter: FrontDoorProcess, sent: bytes) -> None:
    said = answer(exporter, sent)

    assert b"HTTP/1.1 5" not in said.replace(b"HTTP/1.1 503 ", b"")
    assert not any(word in said for word in (b"Traceback", b"aiohttp", b"Server: Python"))


@inputs(250)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=30).map(b"".join))
def test_nothing_that_is_sent_opens_the_door(locked: FrontDoorProcess, sent: bytes) -> None:
    assert METRIC not in answer(locked, sent)


PATHS = st.lists(
    st.sampled_from(["/", "metrics", "probe", "-", "reload", "..", ".", "%2f", "%2e", "%00", "%", ";", "?target=",
    "#", "//", "é"])
    | st.characters(codec="utf-8", exclude_characters=" \r\n"), max_size=12
).map(lambda pieces: "/" + "".join(pieces))  # fmt: skip


@inputs(250)
@given(PATHS)
def test_no_path_makes_it_fail_or_is_repeated(exporter: FrontDoorProcess, path: str) -> None:
    said = answer(exporter, b"GET " + path.encode() + b"x9x9 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")

    assert said.split()[1:2] in ([b"404"], [b"400"], [b"200"], [b"503"], [])
    assert b"x9x9" not in said
