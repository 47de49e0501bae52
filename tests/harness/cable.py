"""A network cable that can be pulled out: the far end of a veth pair, in a network namespace that only we see.

A socket belongs to the namespace in which it was made. So a proxy of this process listens at the far end, whoever
connects goes through the cable, and what is sent after `cut` is lost without a word, as when a switch has died: no
side is told, and connections are left half open. Needs root; nothing stays behind when this process is killed.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from jackpot_exporter.errors import ToolError

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, see unshare(2)
_ADDRESSES = "198.18"  # set aside for tests of networks by RFC 2544


class Cable:
    """Open while the block runs; `host` is the address of the far end."""

    def __init__(self) -> None:
        net = f"{_ADDRESSES}.{secrets.randbelow(256)}"
        first = 4 * secrets.randbelow(64)
        self.host = f"{net}.{first + 2}"
        self._near = f"{net}.{first + 1}"
        self._name = f"cable{secrets.token_hex(4)}"
        # A namespace of a thread's own: whatever this thread makes or runs is at the far end.
        self._far_end = ThreadPoolExecutor(1, "cable")

    def listen(self, port: int) -> socket.socket:
        """A socket at the far end that accepts connections."""
        return self._far_end.submit(socket.create_server, (self.host, port)).result()

    def cut(self) -> None:
        """From now on nothing arrives, in either direction, and nobody is told."""
        self._at_far_end("ip", "link", "set", "far", "down")

    def mend(self) -> None:
        self._at_far_end("ip", "link", "set", "far", "up")

    def __enter__(self) -> Self:
        self._far_end.submit(_leave_the_network).result()
        here = str(os.getpid())
        self._at_far_end("ip", "link", "add", "far", "type", "veth", "peer", "name", self._name, "netns", here)
        self._at_far_end("ip", "address", "add", f"{self.host}/30", "dev", "far")
        self._at_far_end("ip", "link", "set", "far", "up")
        _run("ip", "address", "add", f"{self._near}/30", "dev", self._name)
        _run("ip", "link", "set", self._name, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._at_far_end("ip", "link", "delete", "far")
        self._far_end.shutdown()

    def _at_far_end(self, *command: str) -> None:
        self._far_end.submit(_run, *command).result()


def _leave_the_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise ToolError(f"no network namespace: {os.strerror(ctypes.get_errno())}")


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    if ended.returncode:
        raise ToolError(f"{' '.join(command)}: {ended.stderr.strip()}")
