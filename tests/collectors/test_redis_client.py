"""The Redis session under faults: it ends in time, says why, and nothing is left over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from harness.proxy import FaultProxy
from harness.redis_collection import outcome, watching
from harness.waiting import eventually, eventually_async
from jackpot_exporter.clients.redis import RedisSession
from jackpot_exporter.config import RedisSource
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.errors import SourceTimeoutError
from jackpot_exporter.model import Outcome


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open one more


async def _no_connection(proxy: FaultProxy) -> bool:
    return proxy.open_connections == 0


async def test_a_server_that_is_not_there_is_refused() -> None:
    assert await outcome("redis://127.0.0.1:1") == (Outcome.REFUSED, 0)


async def test_a_name_that_does_not_resolve_is_refused() -> None:
    assert await outcome("redis://nowhere.invalid:6379") == (Outcome.REFUSED, 0)


async def test_a_mute_server_costs_a_deadline_and_leaves_nothing(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=2) as watch:
        assert (await watch.collect()).batch.outcome is Outcome.OK
        proxy.mute()
        tasks = len(asyncio.all_tasks())
        for _ in range(3):
            result = await watch.collect()
            assert result.batch.outcome is Outcome.TIMEOUT
            assert result.value("redis_up") == 0
            assert result.value("jackpot_dependency_up", dependency="cache") == 0
            assert result.batch.seconds < 5
        assert len(asyncio.all_tasks()) == tasks
        await eventually_async(lambda: _no_connection(proxy))
        proxy.pass_through()
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_stopped_process_is_a_timeout_and_comes_back(private_redis: RedisServer) -> None:
    async with watching(private_redis.url, timeout_seconds=0.5) as watch:
        private_redis.pause()
        stopped = await watch.collect()
        private_redis.resume()

        assert stopped.batch.outcome is Outcome.TIMEOUT
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_restarted_server_costs_no_collection(private_redis: RedisServer) -> None:
    async with watching(private_redis.url) as watch:
        outcomes = [(await watch.collect()).batch.outcome]
        await asyncio.to_thread(private_redis.restart)
        outcomes.append((await watch.collect()).batch.outcome)

    assert outcomes == [Outcome.OK, Outcome.OK]


@pytest.mark.parametrize("after", [0, 3, 1000, 5000])
async def test_an_answer_cut_short_is_refused_and_the_next_is_whole(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy], after: int
) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}") as watch:
        proxy.cut(after)
        assert (await watch.collect()).batch.outcome is Outcome.REFUSED
        proxy.pass_through()
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_slow_answer_is_read_whole(redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]) -> None:
    proxy = proxy_to(redis_server.port)
    proxy.delay(0.05)
    async with watching(f"redis://127.0.0.1:{proxy.port}") as watch:
        result = await watch.collect()

    assert result.batch.outcome is Outcome.OK
    assert (result.value("jackpot_cache_ping_seconds") or 0) >= 0.05


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no number": b":many\r\n",
    "deep": b"*1\r\n" * 5000,
    "long line": b"+" + b"x" * 200_000 + b"\r\n",
    "wrong types": b":1\r\n" * 50,
    "empty info": b"+PONG\r\n" + b"$0\r\n\r\n" * 50,
    "lists": b"*0\r\n" * 50,
    "nulls": b"$-1\r\n" * 50,
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_no_redis_is_bad_data(answer: bytes) -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        with suppress(OSError):
            await reader.read()
        writer.close()
        ended.put_nowait(None)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with watching(f"redis://127.0.0.1:{port}", timeout_seconds=2) as watch:
            result = await watch.collect()
            await asyncio.wait_for(ended.get(), 5)

    assert (result.batch.outcome, result.value("redis_up")) == (Outcome.BAD_DATA, 0)
    assert len(result.batch.message) < 300


async def test_noise_never_becomes_a_bug(redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=0.3) as watch:
        proxy.garble()
        outcomes = {(await watch.collect()).batch.outcome for _ in range(20)}

    assert outcomes <= {Outcome.BAD_DATA, Outcome.REFUSED, Outcome.TIMEOUT}


async def test_a_cancelled_turn_leaves_no_answer_to_the_next(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    async def wait_long() -> None:
        async with session.turn() as server:
            await server.ask(("BLPOP", "nothing", 3))

    for _ in range(3):
        task = asyncio.create_task(wait_long())
        await eventually_async(lambda: _is_blocked(redis_server))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with session.turn() as server:
            assert await server.ask(("ECHO", "mine")) == [b"mine"]
    await session.close()


async def _is_blocked(server: RedisServer) -> bool:
    def blocked() -> bool:
        with server.client() as client:
            return bool(client.info("clients")["blocked_clients"] == 1)

    return await asyncio.to_thread(blocked)


async def test_an_error_in_the_body_leaves_no_answer_to_the_next(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    with pytest.raises(ZeroDivisionError):
        async with session.turn():
            raise ZeroDivisionError
    async with session.turn() as server:
        assert await server.ask(("ECHO", "mine")) == [b"mine"]
    await session.close()


async def test_everyone_gets_his_own_answer(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    async def echo(word: str) -> object:
        async with session.turn() as server:
            return (await server.ask(("PING",), ("ECHO", word)))[1]

    words = [f"word {number}" for number in range(50)]
    answers = await asyncio.gather(*map(echo, words))
    await session.close()

    assert answers == [word.encode() for word in words]


async def test_waiting_for_a_turn_ends(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 0.3)

    async def block() -> None:
        async with session.turn() as server:
            await server.ask(("BLPOP", "nothing", 5))

    outcomes = await asyncio.gather(block(), block(), return_exceptions=True)
    await session.close()

    assert [type(outcome) for outcome in outcomes] == [SourceTimeoutError, SourceTimeoutError]


async def test_faults_leave_no_descriptor_and_no_task(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(redis_server.port)
    faults = (proxy.mute, proxy.refuse, proxy.garble, lambda: proxy.cut(500), proxy.pass_through)
    descriptors, tasks = _descriptors(), len(asyncio.all_tasks())

    for _ in range(5):
        for fault in faults:
            async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=0.1) as watch:
                fault()
                await watch.collect()

    await eventually_async(lambda: _no_connection(proxy))
    assert len(asyncio.all_tasks()) == tasks
    eventually(lambda: _descriptors() <= descriptors)


async def test_one_connection_is_kept_and_has_a_name(redis_server: RedisServer) -> None:
    async with watching(redis_server.url) as watch:
        with redis_server.client() as client:
            await watch.collect()
            before = client.info("stats")["total_connections_received"]
            for _ in range(10):
                await watch.collect()
            assert client.info("stats")["total_connections_received"] == before
            assert [c["name"] for c in client.client_list() if c["name"]] == ["jackpot-exporter/main"]
