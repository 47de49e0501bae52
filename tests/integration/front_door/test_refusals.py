"""Whom the front door turns away, and why, is counted."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.front_door import PASSWORD, RIGHT, FrontDoorProcess, basic, hashed, is_closed_within, tls_config, trusting
from harness.waiting import eventually
from jackpot_exporter.telemetry import Refusal

FAMILY = "jackpot_exporter_web_refusals_total"
LIMITS = {"read_timeout": "2s", "write_timeout": "1s", "max_requests": 1, "max_connections": 30}
NETWORKS = {"allowed_networks": ["127.0.0.1/32", "127.0.0.2/32"]}


@pytest.fixture(scope="module")
def strict() -> Iterator[FrontDoorProcess]:
    """With one user, two networks, and little patience."""
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD, 4)}}, LIMITS | NETWORKS) as process:
        yield process


def counted(process: FrontDoorProcess, tls: ssl.SSLContext | None = None) -> dict[str, float]:
    answer = process.ask(headers=RIGHT, tls=tls)
    assert answer.status == 200, answer
    lines = answer.body.decode().splitlines()
    values = (line.split('"') for line in lines if line.startswith(FAMILY))
    return {parts[1]: float(parts[2].removeprefix("} ")) for parts in values}


def test_every_reason_is_there_from_the_beginning() -> None:
    with FrontDoorProcess() as process:
        assert counted(process) == dict.fromkeys((reason.value for reason in Refusal), 0)


def wrong_logins_at_once(process: FrontDoorProcess) -> None:
    def attack(number: int) -> None:
        process.ask(headers=basic("prometheus", f"guess {number}"))

    attackers = [threading.Thread(target=attack, args=(number,)) for number in range(12)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join()


def a_slow_request(process: FrontDoorProcess) -> None:
    with process.socket() as connection:
        assert is_closed_within(connection, 15)


def many_connections(process: FrontDoorProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(process.socket())


def an_unread_answer(process: FrontDoorProcess) -> None:
    """Keeps others from an answer besides, for there is one at a time."""
    authorization = f"Authorization: {RIGHT['Authorization']}\r\n"
    request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n".encode()
    with process.socket() as connection, contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while True:
            connection.sendall(request)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        pytest.param("method", lambda process: process.ask(method="PUT"), id="method"),
        pytest.param("body", lambda process: process.ask(headers=RIGHT | {"Content-Length": "5"}), id="body"),
        pytest.param("network", lambda process: process.ask(source="127.0.0.9"), id="network"),
        pytest.param("credentials", lambda process: process.ask(), id="credentials"),
        pytest.param("malformed", lambda process: process.say(b"nonsense\r\n\r\n"), id="malformed"),
        pytest.param("slow", a_slow_request, id="slow"),
        pytest.param("crowd", many_connections, id="crowd"),
        pytest.param("unread", an_unread_answer, id="unread"),
    ],
)
def test_a_refusal_is_counted(
    strict: FrontDoorProcess, reason: str, cause: Callable[[FrontDoorProcess], object]
) -> None:
    before = eventually(lambda: counted(strict), within=15)

    def is_counted() -> bool:
        """A client may be gone again before anybody has looked at it: the next one is seen."""
        cause(strict)
        return counted(strict)[reason] > before[reason]

    eventually(is_counted, within=60)


def test_a_flood_of_logins_is_counted(tmp_path: Path) -> None:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD, 10)}}) as process:
        wrong_logins_at_once(process)

        found = counted(process)
        assert found["logins"] > 0
        assert found["credentials"] > 0


def test_a_failed_handshake_is_counted(authority: Authority, chain: Path) -> None:
    with FrontDoorProcess(tls_config(chain)) as process:
        process.say(b"GET / HTTP/1.1\r\n\r\n")

        eventually(lambda: counted(process, trusting(authority.file))["handshake"] == 1, within=15)
