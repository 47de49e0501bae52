"""The exporter as those see it who watch: its streams, read event by event."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from .front_door import FrontDoorProcess
from .waiting import eventually

FILL = """
insert into jackpots
select 'pool-' || lpad(n::text, 4, '0'), n * 1000, n * 1500, n % 7, null, null, 1, now(), now()
from generate_series(1, 1000) as n
"""


@contextmanager
def exporting(dsn: str, interval: str = "1s", **more: Any) -> Iterator[FrontDoorProcess]:
    """The exporter, when its pools are known."""
    web = more.pop("web", {})
    process = FrontDoorProcess(more.pop("config", None), web)
    process.settings = {"interval": interval, "postgres": {"dsn": dsn}, "web": web, **more}
    with process:
        eventually(lambda: process.ask("/-/ready").status == 200, within=20)
        yield process
        assert "Traceback" not in process.log_text()


class Watcher:
    """Reads the events of one stream."""

    def __init__(self, process: FrontDoorProcess, headers: Mapping[str, str], path: str, source: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=20, source_address=(source, 0))
        self.connection.request("GET", path, headers=dict(headers))
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def next(self) -> tuple[str, Any] | None:
        """The next event and what it says; None when the stream has ended."""
        name = ""
        while line := self.answer.readline():
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        return None

    def until(self, wanted: str) -> Any:
        """What the next event of this name says."""
        while (event := self.next()) is not None:
            if event[0] == wanted:
                return event[1]
        raise AssertionError(f"ended before {wanted}")

    def has_ended(self) -> bool:
        """Whether it ends before its time-out."""
        try:
            while self.next():
                pass
        except (http.client.IncompleteRead, ConnectionError):
            return True
        except TimeoutError:
            return False
        return True


@contextmanager
def watching(
    process: FrontDoorProcess, headers: Mapping[str, str] | None = None, path: str = "/live", source: str = "127.0.0.1"
) -> Iterator[Watcher]:
    """One viewer of the live page."""
    watcher = Watcher(process, headers or {}, path, source)
    with closing(watcher.connection):
        yield watcher


@contextmanager
def not_reading(process: FrontDoorProcess, path: str = "/live") -> Iterator[socket.socket]:
    """One that asks to watch and then reads nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", process.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield connection
