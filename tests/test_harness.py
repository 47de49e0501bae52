"""The harness itself: a fault that does not happen would make every test behind it worthless."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from harness.proxy import FaultProxy
from harness.waiting import eventually, eventually_async
from jackpot_exporter.demo.servers import RedisServer


@pytest.fixture
def proxy(redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    return proxy_to(redis_server.port)


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Redis]:
    with connected(proxy, patience_seconds=10) as client:
        yield client


def connected(proxy: FaultProxy, patience_seconds: float) -> Redis:
    return Redis(port=proxy.port, socket_timeout=patience_seconds, retry=Retry(NoBackoff(), 0))


def test_proxy_passes_both_ways(client: Redis) -> None:
    client.set("key", b"x" * 300_000)

    assert client.get("key") == b"x" * 300_000


def test_refusing_proxy_takes_no_connection(proxy: FaultProxy) -> None:
    proxy.refuse()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=1)


def test_refusing_proxy_resets_open_connections_and_recovers(proxy: FaultProxy, client: Redis) -> None:
    client.ping()

    proxy.refuse()
    with pytest.raises(RedisConnectionError):
        client.ping()
    proxy.pass_through()

    assert client.ping()


def test_mute_proxy_accepts_and_answers_later(proxy: FaultProxy) -> None:
    proxy.mute()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.1) as connection:
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(100)

        proxy.pass_through()
        connection.settimeout(30)

        assert connection.recv(100) == b"+PONG\r\n"


def test_cut_proxy_ends_in_the_middle_of_an_answer(proxy: FaultProxy) -> None:
    proxy.cut(after_bytes=3)

    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PO"
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


def test_garbling_proxy_breaks_the_protocol(proxy: FaultProxy) -> None:
    proxy.garble()

    with (
        connected(proxy, patience_seconds=0.3) as client,
        pytest.raises((InvalidResponse, RedisError, UnicodeDecodeError)),
    ):
        client.ping()


def test_dripping_proxy_keeps_its_rate(proxy: FaultProxy) -> None:
    proxy.drip(bytes_per_second=100)
    started = time.monotonic()

    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as connection:
        connection.sendall(b"ECHO abcdefghij\r\n")
        answer = b"".join(connection.recv(100) for _ in range(len(b"$10\r\nabcdefghij\r\n")))

    assert answer == b"$10\r\nabcdefghij\r\n"
    assert time.monotonic() - started > 0.15


def test_delaying_proxy_is_late(proxy: FaultProxy) -> None:
    proxy.delay(seconds=1)

    with connected(proxy, patience_seconds=0.3) as client, pytest.raises(RedisTimeoutError):
        client.ping()


def test_proxy_counts_connections(proxy: FaultProxy, client: Redis) -> None:
    client.ping()

    assert proxy.accepted == 1
    assert proxy.open_connections == 1
    client.connection_pool.disconnect()
    eventually(lambda: proxy.open_connections == 0)


def test_mute_proxy_sees_clients_leave(proxy: FaultProxy) -> None:
    proxy.mute()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        eventually(lambda: proxy.open_connections == 1)

    eventually(lambda: proxy.open_connections == 0)


def test_eventually_returns_the_value() -> None:
    values = iter([0, 0, 3])

    assert eventually(lambda: next(values)) == 3


def test_eventually_fails_with_the_last_exception() -> None:
    def probe() -> bool:
        raise KeyError("absent")

    with pytest.raises(AssertionError, match="absent"):
        eventually(probe, within=0.05)


async def test_eventually_async_ends_a_probe_that_hangs() -> None:
    with pytest.raises(AssertionError, match="TimeoutError"):
        await eventually_async(asyncio.Event().wait, within=0.05)
