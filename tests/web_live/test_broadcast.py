"""One maker for all who watch, only while somebody does; who is slow gets the newest and not a queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jackpot_exporter.web.live.broadcast import Broadcast, Viewer


class Maker:
    """Publishes what it is told to."""

    def __init__(self) -> None:
        self.starts = 0
        self.ends = 0
        self.orders: asyncio.Queue[list[tuple[str, str]] | Exception | None] = asyncio.Queue()
        self.broadcast = Broadcast(self.make)

    async def make(self, broadcast: Broadcast) -> None:
        self.starts += 1
        try:
            while (order := await self.orders.get()) is not None:
                if isinstance(order, Exception):
                    raise order
                for topic, message in order:
                    broadcast.publish(topic, message.encode(), is_beginning=topic == "history")
                broadcast.send()
        finally:
            self.ends += 1

    def say(self, **messages: str) -> None:
        self.orders.put_nowait(list(messages.items()))


@asynccontextmanager
async def watching(maker: Maker) -> AsyncIterator[Viewer]:
    viewer = maker.broadcast.join()
    try:
        yield viewer
    finally:
        maker.broadcast.leave(viewer)


async def soon(viewer: Viewer) -> bytes | None:
    async with asyncio.timeout(5):
        return await viewer.next()


async def test_all_get_the_same_bytes_of_one_maker() -> None:
    maker = Maker()
    async with watching(maker) as one, watching(maker) as other:
        maker.say(state="a")

        assert await soon(one) == await soon(other) == b"a"
    assert maker.starts == 1


async def test_it_runs_only_while_somebody_watches() -> None:
    maker = Maker()
    assert maker.starts == 0
    async with watching(maker) as viewer:
        maker.say(state="old")
        await soon(viewer)
    await asyncio.sleep(0)
    assert maker.ends == 1

    async with watching(maker) as viewer:
        maker.say(state="new")
        assert await soon(viewer) == b"new"
    assert maker.starts == 2


async def test_who_comes_later_gets_the_beginning_and_all_topics() -> None:
    maker = Maker()
    async with watching(maker) as first:
        maker.say(history="h1 ", pools="p ", state="s")
        assert await soon(first) == b"h1 p s"
        maker.say(history="h2 ", state="t")
        assert await soon(first) == b"t"

        async with watching(maker) as second:
            assert await soon(second) == b"h2 p t"


async def test_who_is_slow_misses_what_is_no_longer_new() -> None:
    maker = Maker()
    async with watching(maker) as quick, watching(maker) as slow:
        for message in ("1", "2", "3"):
            maker.say(state=message)
            assert await soon(quick) == message.encode()

        assert await soon(slow) == b"3"


@pytest.mark.parametrize("order", [None, ValueError("a bug")], ids=["gone", "bug"])
async def test_when_the_maker_ends_all_are_let_go(order: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    maker = Maker()
    async with watching(maker) as viewer:
        with caplog.at_level(logging.ERROR):
            maker.orders.put_nowait(order)

            assert await soon(viewer) is None
    assert [record.message for record in caplog.records] == (["live view failed"] if order else [])

    async with watching(maker) as viewer:
        maker.say(state="again")
        assert await soon(viewer) == b"again"
