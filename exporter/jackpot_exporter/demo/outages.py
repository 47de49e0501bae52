"""What happens to servers and files from outside, undone at the end of the block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from .postgres import PostgresServer
from .process import ServerProcess

_OLD_SECONDS = 27 * 3600


@contextmanager
def _between(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()


def stopped(server: ServerProcess) -> AbstractContextManager[None]:
    """Stopped as it stops by itself."""
    return _between(server.stop, server.start)


def lost(postgres: PostgresServer) -> AbstractContextManager[None]:
    """Gone at once, as after a crash."""
    return _between(lambda: postgres.shut_down("immediate"), postgres.start)


def silent(server: ServerProcess) -> AbstractContextManager[None]:
    """Connections are accepted, and nothing is ever answered."""
    return _between(server.pause, server.resume)


def outdated(backup: Path) -> AbstractContextManager[None]:
    """The only backup is from yesterday morning."""
    was = backup.stat().st_mtime
    return _between(lambda: os.utime(backup, (was, was - _OLD_SECONDS)), lambda: os.utime(backup))
