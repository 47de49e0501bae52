"""/proc/PID/mountinfo: which file systems are mounted where, and which of them are worth watching."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import BadDataError

_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount; `point` as the host sees it, not as a container does. Names may hold escaped bytes (PEP 383)."""

    device: str
    point: str
    fstype: str
    major: str
    minor: str
    is_readonly: bool


def parse(text: str) -> list[Mount]:
    """The mounts in the order of the file; what lies hidden under a later mount on the same point is left out.

    BadDataError names a line that is not one of a mount.
    """
    # Not splitlines: a mount point may hold what Unicode takes for the end of a line.
    mounts = [_parse_line(line) for line in text.split("\n") if line]
    return list({mount.point: mount for mount in mounts}.values())


def watched(mounts: Iterable[Mount], points: re.Pattern[str], fstypes: re.Pattern[str]) -> list[Mount]:
    """Those whose mount point and type match neither pattern."""
    return [mount for mount in mounts if not points.search(mount.point) and not fstypes.search(mount.fstype)]


def _parse_line(line: str) -> Mount:
    """Fields: https://docs.kernel.org/filesystems/proc.html, 3.5."""
    try:
        ahead, behind = line.split(" - ")
        _, _, number, _, point, options, *_ = ahead.split(" ")
        fstype, device, super_options = behind.split(" ")
        major, minor = number.split(":")
    except ValueError:
        raise BadDataError(f"{line!r} is not a line of mountinfo") from None
    is_readonly = "ro" in options.split(",") or "ro" in super_options.split(",")
    return Mount(_unescape(device), _unescape(point), fstype, major, minor, is_readonly)


def _unescape(text: str) -> str:
    r"""Blanks, tabs, newlines and backslashes come as \040, \011, \012 and \134."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
