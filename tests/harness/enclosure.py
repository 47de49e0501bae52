"""An exporter with an /etc/hosts and a small disk of its own, in a mount namespace that ends with it.

So a name can stop resolving and a disk can be full for this one process. Its `state_dir` is on that disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.exporter import ExporterProcess

_DISK_BYTES = 256 * 1024
_BEGIN = """
mount --bind "$1" /etc/hosts && mount -t tmpfs -o size="$3",mode=0700 tmpfs "$2" || exit 1
shift 3
exec "$@"
"""


class EnclosedExporter(ExporterProcess):
    """`names` are the hosts that it knows, with their addresses."""

    def __init__(self, settings: Mapping[str, Any], names: Mapping[str, str], *arguments: str) -> None:
        super().__init__(settings, *arguments)
        self._names = {"localhost": "127.0.0.1", **names}
        self._hosts = self.folder / "hosts"
        self._disk = self.folder / "disk"
        self.settings = {**settings, "state_dir": str(self._disk)}

    @property
    def disk(self) -> Path:
        """Its small disk, as seen from here."""
        return Path(f"/proc/{self.pid}/root{self._disk}")

    def prepare(self) -> None:
        super().prepare()
        self._disk.mkdir(exist_ok=True)
        self._hosts.write_text("".join(f"{address} {name}\n" for name, address in self._names.items()))

    def command(self) -> list[str]:
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        enter = ["unshare", "--mount", "--propagation", "private", *as_root, "sh", "-c", _BEGIN, "sh"]
        return [*enter, str(self._hosts), str(self._disk), str(_DISK_BYTES), *super().command()]

    def forget(self, name: str) -> None:
        """The name resolves no more."""
        self._write_first_letter(name, "-")

    def learn(self, name: str) -> None:
        """It resolves again."""
        self._write_first_letter(name, name[0])

    def fill_disk(self) -> None:
        """Not a byte is left on its disk."""
        with (self.disk / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(64 * 1024)):
                    pass
            except OSError:
                return

    def free_disk(self) -> None:
        (self.disk / "filler").unlink()

    def _write_first_letter(self, name: str, letter: str) -> None:
        """One byte, in place: who reads the file meanwhile finds every other name."""
        at = "".join(f"{address} {known}\n" for known, address in self._names.items()).index(f" {name}\n") + 1
        with self._hosts.open("r+b", buffering=0) as file:
            file.seek(at)
            file.write(letter.encode())
