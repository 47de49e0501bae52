"""What the PostgreSQL collectors share: their source's settings, their sessions, and collections made of parts.

Statements stand beside the families they fill, not in files of their own: their column lists follow the server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..config import PostgresSource, Schedule
from ..errors import MissingError, PermissionDeniedError, SourceTimeoutError
from ..model import Item, Note

if TYPE_CHECKING:
    from ..clients.postgres import PostgresSession, Reader

STATS = "stats"
"""The session of everything that is quick."""

SLOW = "slow"
"""The session of what walks files, waits for locks or reads thousands of rows."""


class PostgresSettings(PostgresSource, Schedule):
    """The server, and whether it answers."""

    databases: tuple[str, ...] = Field(
        (), description="databases to report on; default: all of the server, its own of a target that shares one"
    )
    max_databases: int = Field(100, ge=1, description="databases to report on when none are named")


@dataclass(frozen=True, slots=True)
class Access:
    """How a collector reaches its server, and which databases it reports on: the parameters of CHOSEN."""

    session: PostgresSession
    chosen: tuple[list[str] | None, int]


def access(clients: Clients, session: str, timeout_seconds: float) -> Access | None:
    """None when no PostgreSQL is configured."""
    source = clients.postgres_source
    if source is None:
        return None
    if not isinstance(source, PostgresSettings):
        raise TypeError(f"the settings of PostgreSQL are {type(source).__name__}")
    return Access(clients.postgres(session, timeout_seconds), (list(source.databases) or None, source.max_databases))


@dataclass(frozen=True, slots=True)
class Part:
    """Something that can be had or not by itself."""

    name: str
    read: Callable[[Reader], Awaitable[Sequence[Item]]]


class PartsCollector:
    """Reads its parts in one transaction; what cannot be had becomes a note, and the rest begins another one."""

    def __init__(self, session: PostgresSession, *parts: Part) -> None:
        self._session = session
        self._parts = parts

    async def collect(self) -> AsyncGenerator[Item, None]:
        left = deque(self._parts)
        while left:
            for item in await self._read(left):
                yield item

    async def _read(self, left: deque[Part]) -> list[Item]:
        """As many parts as one transaction gives; takes them from `left`."""
        items: list[Item] = []
        is_reached = False
        try:
            async with self._session.read() as reader:
                is_reached = True
                while left:
                    items += await left[0].read(reader)
                    left.popleft()
        except (PermissionDeniedError, MissingError, SourceTimeoutError) as error:
            if not is_reached or not left:
                raise
            remedy = f"; run: {grant(self._session)}" if isinstance(error, PermissionDeniedError) else ""
            items.append(Note(left.popleft().name, f"{error}{remedy}", error.outcome))
        return items


def grant(session: PostgresSession) -> str:
    """The one grant that all statistics need."""
    return f"grant pg_monitor to {session.user}"
