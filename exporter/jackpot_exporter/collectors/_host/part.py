"""What a part of the host collector is: it reads and parses, without schedule, timeout or logging.

Parsers take text and give items, so that the output of any kernel can be put to them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...config import TargetBase, section
from ...errors import MissingError
from ...model import Item, MetricSpec

Read = Callable[[], Iterator[Item]]


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the host's trees are mounted: /proc and / at home, /host/proc and /host in a container."""

    proc: str = "/proc"
    sys: str = "/sys"
    root: str = "/"

    @classmethod
    def of(cls, target: TargetBase) -> Roots:
        """The roots that a target's settings name under `host`; those of this machine without such a block."""
        host = section(target, ("host",))
        return cls(str(host.proc), str(host.sys), str(host.root)) if host is not None else cls()

    @property
    def net(self) -> str:
        """The network tables: of the host's first process where /proc is mounted from outside.

        `net` is a link to `self/net` and would show the network of the container.
        """
        elsewhere = f"{self.proc}/1/net"
        return elsewhere if self.proc != "/proc" and Path(elsewhere).is_dir() else f"{self.proc}/net"


@dataclass(frozen=True, slots=True)
class Part:
    """A corner of the host under node_exporter's name for it.

    `open` is called once and gives the function that reads: what never changes is read there, and what must
    be remembered between two readings is kept there.
    """

    name: str
    metrics: tuple[MetricSpec, ...]
    open: Callable[[Roots], Read]


def require_proc(path: str) -> None:
    """MissingError when this is not a /proc: a wrong setting must not look like an idle host."""
    if not Path(path, "self").exists():
        raise MissingError(f"{path} holds no self; host.proc must name a mounted /proc")


def read_text(path: str, errors: str = "backslashreplace") -> str:
    """The text of a file of /proc or /sys. Plain `open` costs three times as much, and there are many.

    Bytes that are not UTF-8 come as `\\xff`, fit for a label; `surrogateescape` keeps names fit for the kernel.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
        return b"".join(pieces).decode("utf-8", errors)
    finally:
        os.close(descriptor)


def read_number(path: str) -> int:
    """The single number of a file, decimal or 0x. ValueError when it holds something else."""
    return int(read_text(path), 0)
