"""What happens to the servers, files and processes around the platform, undone at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ....errors import ToolError
from ...insisting import insist
from ...system_stack import RunningSystem

BACKUP = Path("backups", "today", "poker.dump")


@contextmanager
def restarting(running: RunningSystem) -> Iterator[None]:
    """Killed as a crash would, started as a restart policy would, until it is over."""
    over = threading.Event()

    def suffer() -> None:
        while not over.wait(0.5):
            with suppress(ToolError):
                running.service.kill()
                running.service.start()

    thread = threading.Thread(target=suffer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if not running.service.is_running:
            running.service.start()


@contextmanager
def cache_not_saved(running: RunningSystem) -> Iterator[None]:
    """A folder stands where the snapshot belongs: whoever Redis runs as, it cannot be moved there."""
    in_the_way = running.redis.folder / "dump.rdb"
    in_the_way.unlink(missing_ok=True)
    in_the_way.mkdir()
    (in_the_way / "something").touch()
    _save(running)
    try:
        yield
    finally:
        (in_the_way / "something").unlink()
        in_the_way.rmdir()
        insist(lambda: _save(running))


def _save(running: RunningSystem) -> None:
    """OSError while it cannot be told to."""
    with running.redis.client() as client:
        client.execute_command("BGSAVE", "SCHEDULE")
