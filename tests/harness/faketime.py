"""A wall clock that a test sets, for one process: libfaketime between it and the C library.

The monotonic clock goes on as it is, as it does when somebody sets a machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jackpot_exporter.errors import ToolError
from jackpot_exporter.tools import find, packages

_LIBRARY = "lib/*/faketime/libfaketime.so.1"


class SteppedClock:
    """`environment` is for the process; `step` sets its clock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: int) -> None:
        """How far from the true time it stands, from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        new.replace(self._file)


def _library() -> Path:
    find("faketime")
    for found in _libraries():
        return found
    raise ToolError("faketime is installed without its library")


def _libraries() -> Iterator[Path]:
    yield from Path("/usr").glob(_LIBRARY)
    yield from packages.cache_folder().glob(f"faketime/root/usr/{_LIBRARY}")
