"""Scrapes as Prometheus does them, over connections that are kept open; knows nothing of who answers.

A client of its own, because http.client takes longer for an answer than the exporter for making it.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_TIMEOUT_SECONDS = 60.0


class ScrapeError(Exception):
    """The answer was not a scrape."""


class Connection:
    """One kept connection to an exporter."""

    def __init__(self, port: int, *, gzipped: bool, path: str = "/metrics") -> None:
        encoding = "gzip" if gzipped else "identity"
        headers = f"Host: 127.0.0.1:{port}\r\nAccept: {_ACCEPT}\r\nAccept-Encoding: {encoding}\r\n"
        self._request = f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode()
        self._port = port
        self._buffer = bytearray(1 << 20)
        self._answer = _Answer()
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def ask(self) -> None:
        """Send the request."""
        self._answer = _Answer()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Take in what has come; True when the answer is complete. ScrapeError when it is not 200."""
        size = self.socket.recv_into(self._buffer)
        if not size:
            raise ScrapeError("the connection was closed in the middle of an answer")
        return self._answer.take(memoryview(self._buffer)[:size])

    def scrape(self) -> float:
        """One scrape, in seconds; opens the connection anew where the server closed it in between."""
        started = time.perf_counter()
        try:
            self.ask()
            done = self.receive()
        except (OSError, ScrapeError):
            self.socket.close()
            self.socket = self._connect()
            self.ask()
            done = self.receive()
        while not done:
            done = self.receive()
        return time.perf_counter() - started

    @property
    def size(self) -> int:
        """Bytes of the last answer, with its head."""
        return self._answer.size

    def close(self) -> None:
        self.socket.close()


@dataclass(slots=True)
class _Answer:
    """An HTTP answer as it comes in; its body is counted and not kept."""

    head: bytes = b""
    left: int | None = None
    end: bytes = b""
    size: int = 0
    is_begun: bool = False

    def take(self, data: memoryview) -> bool:
        self.size += len(data)
        if not self.is_begun:
            self.head += bytes(data)
            at = self.head.find(b"\r\n\r\n")
            if at < 0:
                return False
            self._begin(self.head[: at + 4])
            data = memoryview(self.head)[at + 4 :]
        if self.left is not None:
            self.left -= len(data)
            return self.left <= 0
        self.end = (self.end + bytes(data[-len(_LAST_CHUNK) :]))[-len(_LAST_CHUNK) :]
        return self.end == _LAST_CHUNK

    def _begin(self, head: bytes) -> None:
        self.is_begun = True
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ScrapeError(head.partition(b"\r\n")[0].decode(errors="replace"))
        length = _LENGTH.search(head)
        self.left = int(length[1]) if length else None


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of each scrape, by exporter, and the size of the last answer."""

    seconds: Mapping[str, list[float]]
    sizes: Mapping[str, int]


def take_turns(
    ports: Mapping[str, int], *, rounds: int, gzipped: bool, warm_up: int = 3, pause: float = 0.0
) -> Latencies:
    """Scrape each exporter once, then each again, `rounds` times, with a pause between two rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in ports}
    with ExitStack() as stack:
        kept = {name: stack.enter_context(closing(Connection(port, gzipped=gzipped))) for name, port in ports.items()}
        for turn in range(-warm_up, rounds):
            for name, connection in kept.items():
                took = connection.scrape()
                if turn >= 0:
                    seconds[name].append(took)
            time.sleep(pause)
        return Latencies(seconds, {name: connection.size for name, connection in kept.items()})


def scrape_for(port: int, seconds: float, *, gzipped: bool, pause: float = 0.0) -> list[float]:
    """Scrape one after another for a time, in seconds each."""
    took = []
    with closing(Connection(port, gzipped=gzipped)) as connection:
        connection.scrape()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            took.append(connection.scrape())
            time.sleep(pause)
    return took


@dataclass(slots=True)
class Crowd:
    """What many scrapers at once got."""

    scrapes: int = 0
    errors: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.scrapes / self.seconds


def crowd(port: int, *, scrapers: int, seconds: float) -> Crowd:
    """Scrape over many kept connections at once, each as soon as its last answer is complete."""
    got = Crowd()
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        asked: dict[int, float] = {}
        for _ in range(scrapers):
            connection = stack.enter_context(closing(Connection(port, gzipped=True)))
            waiting.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
            asked[connection.socket.fileno()] = time.perf_counter()
        started = time.perf_counter()
        while time.perf_counter() - started < seconds and waiting.get_map():
            for key, _ in waiting.select(timeout=1.0):
                _serve(key, got, asked, waiting)
        got.seconds = time.perf_counter() - started
    return got


def _serve(key: selectors.SelectorKey, got: Crowd, asked: dict[int, float], waiting: selectors.BaseSelector) -> None:
    connection: Connection = key.data
    try:
        if connection.receive():
            now = time.perf_counter()
            got.scrapes += 1
            got.waits.append(now - asked[key.fd])
            connection.ask()
            asked[key.fd] = now
    except (OSError, ScrapeError):
        got.errors += 1
        waiting.unregister(connection.socket)
