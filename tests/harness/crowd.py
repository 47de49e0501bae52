"""Thousands of clients at once, from several addresses of this machine."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from itertools import cycle

_SOURCES = tuple(f"127.0.0.{number}" for number in range(11, 19))


@contextlib.contextmanager
def many_descriptors(least: int) -> Iterator[None]:
    """Room for open files, here and in what is started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = before[1] if before[1] != resource.RLIM_INFINITY else max(before[0], least)
    assert most >= least, f"the hard limit of open files is {most}; {least} are needed: ulimit -Hn {least}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], least), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Crowd:
    """Clients that come, say something, and stay until the end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sources = cycle(_SOURCES)
        self._members: list[socket.socket] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.close()

    def __len__(self) -> int:
        return len(self._members)

    def come(self, number: int, saying: bytes = b"") -> None:
        """So many more; with something to say they wait for the answer to it."""
        for _ in range(number):
            made = socket.create_connection(("127.0.0.1", self._port), 20, (next(self._sources), 0))
            self._members.append(made)
            if saying:
                made.sendall(saying)
                assert made.recv(65536), "no answer"

    def staying(self) -> int:
        """How many have not been sent away."""
        return sum(map(_is_open, self._members))


def _is_open(member: socket.socket) -> bool:
    member.setblocking(False)
    try:
        return bool(member.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False
