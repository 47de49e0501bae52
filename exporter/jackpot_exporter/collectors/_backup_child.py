"""Runs an outside program that may hang, run wild or say too much: bounded in time, processor, memory and output."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..errors import MissingError, SourceTimeoutError

_OUTPUT_MAX_BYTES = 8 * 1024 * 1024
_MEMORY_MAX_BYTES = 4 * 1024**3
_NICENESS = 10
_LAST_WAIT_SECONDS = 1.0


class Ended(NamedTuple):
    """How a program ended; `complaint` is the last line of its standard error."""

    status: int
    output: bytes
    complaint: str


class Child:
    """One program at a time; as long as a killed one has not ended (a dead mount holds it), there is no next."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process_id(self) -> int | None:
        """The program that runs, or that was killed and has not ended yet."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def run(self, command: Sequence[str], within_seconds: float, *, keep_output: bool = True) -> Ended:
        """Run to the end. MissingError when there is no such program, SourceTimeoutError when it takes too long."""
        if self.process_id is not None:
            raise SourceTimeoutError(f"process {self.process_id} has been hanging since an earlier run")
        self._process = process = await _start(command, keep_output=keep_output)
        try:
            async with asyncio.timeout(within_seconds):
                output, complaint = await asyncio.gather(
                    _read(process.stdout, _OUTPUT_MAX_BYTES), _read(process.stderr, 64 * 1024)
                )
                status = await process.wait()
        except TimeoutError:
            raise SourceTimeoutError(f"{command[0]} took longer than {within_seconds:g}s") from None
        finally:
            await _end(process)
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        return Ended(status, output, lines[-1][:200] if lines else "")


async def _start(command: Sequence[str], *, keep_output: bool) -> asyncio.subprocess.Process:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if keep_output else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            process_group=0,  # Ctrl-C is for the exporter
        )
    except (FileNotFoundError, PermissionError):
        raise MissingError(f"the program {command[0]} is not there or may not be run") from None
    with suppress(OSError, ValueError):  # already ended, or held shorter than this by whoever started us
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))
    return process


def _environment() -> Mapping[str, str]:
    """English and UTC, as the output is read; nothing of ours that might be secret."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


async def _read(stream: asyncio.StreamReader | None, most: int) -> bytes:
    """All of it read, and no more than `most` kept: a program that cannot write would wait for ever."""
    parts: list[bytes] = []
    size = 0
    while stream is not None and (part := await stream.read(65536)):
        if size < most:
            parts.append(part[: most - size])
        size += len(part)
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WAIT_SECONDS):
            await process.wait()
