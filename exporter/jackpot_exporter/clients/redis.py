"""One kept Redis connection that collectors take turns on: no retries, bounded by a deadline, reopened when in doubt.

Answers come as they stand on the wire (RESP2, which every version speaks): redis-py's client would read INFO at three
times the cost (0.20 against 0.07 ms) and forget its sections. A command that the server refuses is an answer like any
other, so that a missing permission hurts one part and not the rest. Nothing is ever written and no database is
selected at connect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from redis import exceptions
from redis.asyncio.connection import AbstractConnection

from ..config import RedisSource
from ..errors import (
    AuthError,
    BadDataError,
    MissingError,
    PermissionDeniedError,
    RefusedError,
    SourceError,
    SourceTimeoutError,
)
from ..redaction import redact
from ._redis_address import Address, addresses, as_sentinel, master_name

Command = tuple[str | int | bytes, ...]
Answer = bytes | int | list[Any] | None
_MESSAGE_MAX = 200  # characters; what answers is not always a Redis


class RedisSession:
    """A connection that is opened at first use and kept."""

    def __init__(self, source: RedisSource, name: str, timeout_seconds: float) -> None:
        self._source = source
        self._name = name
        self._timeout = timeout_seconds * 0.9  # ends before its collector does, which can then still say so
        self._turn = asyncio.Lock()
        self._connection: AbstractConnection | None = None

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Server]:
        """The server, for commands one after another; all of them together have until the deadline.

        SourceError says which way it failed. The connection is closed when anything at all leaves the body: an
        answer that was not read would be taken for that of the next command.
        """
        try:
            async with asyncio.timeout(self._timeout), self._turn:
                try:
                    yield Server(await self._connected())
                except BaseException:
                    await self.close()
                    raise
        except TimeoutError:
            raise SourceTimeoutError(f"no answer within {self._timeout:g}s; connection dropped") from None

    async def close(self) -> None:
        """Close the connection at once; the next turn opens a new one. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # No public way closes at once: TLS would wait 30 s for the farewell of a mute server.
            if connection._writer is not None:
                connection._writer.transport.abort()
            with contextlib.suppress(exceptions.RedisError):
                await connection.disconnect(nowait=True)

    async def _connected(self) -> AbstractConnection:
        # can_read: the server has closed it meanwhile, or has sent what nobody asked for.
        if self._connection and self._connection.is_connected and not await self._connection.can_read():
            return self._connection
        await self.close()
        try:
            connection = await self._open_first(await self._servers())
        except (exceptions.RedisError, ValueError) as error:
            raise _translate(error) from None
        # Not every user may name the connection; nothing depends on it.
        await Server(connection).ask(("CLIENT", "SETNAME", f"jackpot-exporter/{self._name}"))
        return connection

    async def _servers(self) -> list[Address]:
        """The servers to try, in their order: those of the URL, or the master that a sentinel names."""
        found = addresses(self._source)
        name = master_name(self._source)
        if name is None:
            return found
        sentinel = await self._open_first([as_sentinel(address, self._source) for address in found])
        [answer] = await Server(sentinel).ask(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
        await self.close()
        if isinstance(answer, SourceError):
            raise answer
        if not isinstance(answer, list) or len(answer) != 2:
            raise MissingError(f"the sentinel knows no master {name!r}")
        host, port = answer
        return [found[0].at(host.decode(), int(port))]

    async def _open_first(self, servers: list[Address]) -> AbstractConnection:
        """The first that can be reached; the error of the last when none can."""
        for server in servers[:-1]:
            with contextlib.suppress(SourceTimeoutError, RefusedError):
                return await self._open(server)
        return await self._open(servers[-1])

    async def _open(self, server: Address) -> AbstractConnection:
        await self.close()
        self._connection = connection = server.connection()
        try:
            async with asyncio.timeout(self._source.connect_timeout):
                await connection.connect()  # type: ignore[no-untyped-call]  # in redis-py
        except TimeoutError:
            raise SourceTimeoutError(f"no connection to {server} within {self._source.connect_timeout:g}s") from None
        except (exceptions.RedisError, ValueError) as error:
            raise _translate(error) from None
        return connection


class Server:
    """What may be asked during one turn."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def ask(self, *commands: Command) -> list[Answer | SourceError]:
        """The answers to commands sent in one go; a refused command has the reason for its answer."""
        try:
            packed = self._connection.pack_commands(commands)
            await self._connection.send_packed_command(packed, check_health=False)
            return [await self._answer() for _ in commands]
        except (exceptions.RedisError, ValueError, RecursionError) as error:
            raise _translate(error) from None

    async def _answer(self) -> Answer | SourceError:
        try:
            answer: Answer = await self._connection.read_response(disconnect_on_error=False)
        except (exceptions.ResponseError, exceptions.BusyLoadingError) as error:
            return _translate(error)
        return answer


_CLASSES: tuple[tuple[type[Exception], type[SourceError]], ...] = (
    (exceptions.AuthenticationError, AuthError),
    (exceptions.NoPermissionError, PermissionDeniedError),
    (exceptions.AuthorizationError, PermissionDeniedError),
    (exceptions.TimeoutError, SourceTimeoutError),
    (exceptions.ConnectionError, RefusedError),  # after its subclasses; also LOADING and too many clients
)


def _translate(error: Exception) -> SourceError:
    if isinstance(error.__cause__, exceptions.RedisError):
        error = error.__cause__  # on a unix socket redis-py calls a refused login a lost connection
    message = redact(str(error))[:_MESSAGE_MAX] or type(error).__name__
    for kind, ours in _CLASSES:
        if isinstance(error, kind):
            return ours(message)
    if message.lower().startswith(("unknown command", "unknown subcommand")):
        return MissingError(message)
    if message.startswith("BUSY "):
        return SourceTimeoutError(message)  # a script holds the server, as a lock holds a table
    if message.startswith("DENIED"):
        return PermissionDeniedError(message)
    return BadDataError(message)
