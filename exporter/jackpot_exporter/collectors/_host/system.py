"""Facts about the whole system: its name and release, open files, entropy, hung tasks, SELinux."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ...model import Item, Sample, counter, gauge
from .part import Part, Read, Roots, read_number, read_text

UNAME_INFO = gauge(
    "node_uname_info",
    "1, with what uname(2) says.",
    *("sysname", "release", "version", "machine", "nodename", "domainname"),
)
_OS_FIELDS = (
    *("build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name"),
    *("variant", "variant_id", "version", "version_codename", "version_id"),
)
OS_INFO = gauge("node_os_info", "1, with what os-release says.", *_OS_FIELDS)
OS_VERSION = gauge("node_os_version", "Major and minor version of the system.", "id", "id_like", "name")
ALLOCATED = gauge("node_filefd_allocated", "File handles in use on the whole host.")
MAXIMUM = gauge("node_filefd_maximum", "File handles the host may have.")
ENTROPY_AVAILABLE = gauge("node_entropy_available_bits", "Bits of entropy ready.")
ENTROPY_POOL = gauge("node_entropy_pool_size_bits", "Bits the entropy pool holds.")
SELINUX_ENABLED = gauge("node_selinux_enabled", "1 when SELinux is on.")
HUNG = counter("node_kernel_hung_tasks_total", "Tasks the kernel found hanging since it booted.")


def parse_os_release(text: str) -> Iterator[Item]:
    """https://www.freedesktop.org/software/systemd/man/os-release.html."""
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    found = {key.strip().lower(): " ".join(shlex.split(value)) for key, _, value in lines}
    yield OS_INFO.sample(1, *(found.get(field, "") for field in _OS_FIELDS))
    if version := re.match(r"\d+(\.\d+)?", found.get("version_id", "")):
        yield OS_VERSION.sample(float(version[0]), *(found.get(field, "") for field in ("id", "id_like", "name")))


def parse_file_nr(text: str) -> Iterator[Item]:
    """Allocated, free (always 0) and maximum."""
    allocated, _, maximum = text.split()
    yield Sample(ALLOCATED, (), int(allocated))
    yield Sample(MAXIMUM, (), int(maximum))


def _open_uname(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        name = os.uname()
        domain = read_text(f"{roots.proc}/sys/kernel/domainname").strip()
        yield UNAME_INFO.sample(1, name.sysname, name.release, name.version, name.machine, name.nodename, domain)

    return read


def _open_os(roots: Roots) -> Read:
    kept: list[Item] = []

    def read() -> Iterator[Item]:
        if not kept:
            paths = [Path(roots.root, "etc/os-release"), Path(roots.root, "usr/lib/os-release")]
            path = next((path for path in paths if path.exists()), paths[0])
            kept.extend(parse_os_release(read_text(str(path))))
        yield from kept

    return read


def _open_filefd(roots: Roots) -> Read:
    return lambda: parse_file_nr(read_text(f"{roots.proc}/sys/fs/file-nr"))


def _open_entropy(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        folder = f"{roots.proc}/sys/kernel/random"
        yield Sample(ENTROPY_AVAILABLE, (), read_number(f"{folder}/entropy_avail"))
        yield Sample(ENTROPY_POOL, (), read_number(f"{folder}/poolsize"))

    return read


def _open_selinux(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield Sample(SELINUX_ENABLED, (), int(Path(roots.sys, "fs/selinux/enforce").exists()))

    return read


def _open_hung_tasks(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield Sample(HUNG, (), read_number(f"{roots.proc}/sys/kernel/hung_task_detect_count"))

    return read


UNAME = Part("uname", (UNAME_INFO,), _open_uname)
OS = Part("os", (OS_INFO, OS_VERSION), _open_os)
FILEFD = Part("filefd", (ALLOCATED, MAXIMUM), _open_filefd)
ENTROPY = Part("entropy", (ENTROPY_AVAILABLE, ENTROPY_POOL), _open_entropy)
SELINUX = Part("selinux", (SELINUX_ENABLED,), _open_selinux)
HUNG_TASKS = Part("kernel_hung", (HUNG,), _open_hung_tasks)
