"""What happens to servers and files from outside, undone at the end of the block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgres import PostgresServer
from .process import ServerProcess

_OLD_SECONDS = 27 * 3600


@contextmanager
def stopped(server: ServerProcess) -> Iterator[None]:
    """Stopped as it stops by itself."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def lost(postgres: PostgresServer) -> Iterator[None]:
    """Gone at once, as after a crash."""
    postgres.shut_down("immediate")
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def silent(server: ServerProcess) -> Iterator[None]:
    """Connections are accepted, and nothing is ever answered."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def outdated(backup: Path) -> Iterator[None]:
    """The only backup is from yesterday morning."""
    was = backup.stat().st_mtime
    os.utime(backup, (was, was - _OLD_SECONDS))
    try:
        yield
    finally:
        os.utime(backup)
