"""A TCP proxy that fails on demand: the faults between the exporter and its sources.

It runs in a thread of its own, so that tests of either kind can use it, and switches live: open
connections follow the new behaviour from their next chunk on. Only answers are hurt, never requests.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any, Protocol, Self

from jackpot_exporter.demo.servers import free_port

_CHUNK_BYTES = 65_536
_CALL_SECONDS = 10.0


class Fault(Enum):
    """What happens to what the target answers."""

    NONE = auto()
    REFUSE = auto()
    MUTE = auto()
    CUT = auto()
    DRIP = auto()
    GARBLE = auto()
    DELAY = auto()
    IMPERSONATE = auto()
    DEMAND = auto()


@dataclass(frozen=True, slots=True)
class _Behaviour:
    fault: Fault = Fault.NONE
    amount: float = 0.0
    words: bytes = b""
    answer: bytes = b""


class Place(Protocol):
    """Where a proxy listens."""

    @property
    def host(self) -> str: ...
    def listen(self, port: int) -> socket.socket: ...


class Loopback:
    """This machine, for this machine."""

    host = "127.0.0.1"

    def listen(self, port: int) -> socket.socket:
        return socket.create_server((self.host, port))


class FaultProxy:
    """Stands in front of a target on a port of its own; a context manager."""

    def __init__(self, target_port: int, target_host: str = "127.0.0.1", place: Place | None = None) -> None:
        self.place = place or Loopback()
        self.port = free_port()
        self.target = (target_host, target_port)
        self.accepted = 0
        self._behaviour = _Behaviour()
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._writers)

    def pass_through(self) -> None:
        """Do nothing bad."""
        self._switch(_Behaviour())

    def refuse(self) -> None:
        """Take no connection and reset those that are open."""
        self._switch(_Behaviour(Fault.REFUSE))

    def mute(self) -> None:
        """Take connections and say nothing on them."""
        self._switch(_Behaviour(Fault.MUTE))

    def cut(self, after_bytes: int) -> None:
        """Reset each connection when it has answered this much from now on."""
        self._switch(_Behaviour(Fault.CUT, after_bytes))

    def drip(self, bytes_per_second: float) -> None:
        """Answer slowly, a byte at a time."""
        self._switch(_Behaviour(Fault.DRIP, bytes_per_second))

    def garble(self) -> None:
        """Answer as much as the target does, in random bytes."""
        self._switch(_Behaviour(Fault.GARBLE))

    def delay(self, seconds: float) -> None:
        """Hold each chunk of the answer back."""
        self._switch(_Behaviour(Fault.DELAY, seconds))

    def impersonate(self, answer: bytes) -> None:
        """Be something else: whatever is asked, say this and close. Ends the connections that are open."""
        self._switch(_Behaviour(Fault.IMPERSONATE, answer=answer))

    def demand(self, words: bytes, refusal: bytes) -> None:
        """Let only those through whose first words hold these; say the refusal to all others."""
        self._switch(_Behaviour(Fault.DEMAND, words=words, answer=refusal))

    def sever(self) -> None:
        """Reset the open connections, and go on as before."""

        async def sever() -> None:
            self._reset_all()

        self._call(sever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()

    def _call(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(_CALL_SECONDS)

    def _switch(self, behaviour: _Behaviour) -> None:
        async def switch() -> None:
            self._behaviour = behaviour
            if behaviour.fault is Fault.MUTE:
                self._speaking.clear()
            else:
                self._speaking.set()
            if behaviour.fault in (Fault.REFUSE, Fault.IMPERSONATE, Fault.DEMAND):
                self._reset_all()
            if behaviour.fault is Fault.REFUSE:
                self._stop_listening()
            elif self._server is None:
                await self._listen()

        self._call(switch)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self.place.listen(self.port))

    def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _reset_all(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)

    async def _end(self) -> None:
        self._stop_listening()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Aborted transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            with suppress(OSError):
                first = await self._admitted(reader, writer)
                if first is not None:
                    await self._connect(first, reader, writer)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """What was read to find out who it is; None for who has had his answer."""
        behaviour = self._behaviour
        if behaviour.fault not in (Fault.IMPERSONATE, Fault.DEMAND):
            return b""
        first = await reader.read(_CHUNK_BYTES)
        if behaviour.fault is Fault.DEMAND and behaviour.words in first:
            return first
        writer.write(behaviour.answer)
        writer.close()
        await writer.wait_closed()
        return None

    async def _connect(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve until either side has ended; our clients never close one direction alone."""
        target_reader, target_writer = await asyncio.open_connection(*self.target)
        target_writer.write(first)
        ways = (
            asyncio.create_task(_forward(reader, target_writer)),
            asyncio.create_task(self._answer(target_reader, writer)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            target_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered, since = 0, self._behaviour
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._speaking.wait()
            if since is not self._behaviour:
                answered, since = 0, self._behaviour
            match since.fault, since.amount:
                case Fault.CUT, limit if answered + len(chunk) > limit:
                    writer.write(chunk[: max(0, int(limit) - answered)])
                    await writer.drain()
                    _reset(writer)
                    return
                case Fault.DRIP, rate:
                    await self._drip(chunk, writer, rate)
                case Fault.GARBLE, _:
                    writer.write(_noise(len(chunk)))
                case Fault.DELAY, seconds:
                    await asyncio.sleep(seconds)
                    writer.write(chunk)
                case _:
                    writer.write(chunk)
            await writer.drain()
            answered += len(chunk)
        writer.close()
        await writer.wait_closed()

    async def _drip(self, chunk: bytes, writer: asyncio.StreamWriter, rate: float) -> None:
        for at in range(len(chunk)):
            if self._behaviour.fault is not Fault.DRIP:
                writer.write(chunk[at:])
                return
            writer.write(chunk[at : at + 1])
            await writer.drain()
            await asyncio.sleep(1 / rate)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST rather than FIN, so that the client sees a failure and not an end."""
    with suppress(OSError):
        connection = writer.get_extra_info("socket")
        if connection is None:  # gone meanwhile
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _noise(size: int) -> bytes:
    """No protocol of ours begins an answer with such a byte: what waits for more would be another fault."""
    noise = bytearray(os.urandom(size))
    noise[0] |= 0x80
    return bytes(noise)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
