"""Small scripts that run unpacked programs from where they lie, with the libraries unpacked beside them.

Writes into the folder that it is given and nowhere else.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from ..errors import ToolError

_PROGRAM_FOLDERS = (
    "usr/lib/postgresql/*/bin", "usr/lib/chromium", "usr/bin", "usr/sbin", "usr/libexec/docker/cli-plugins",
)  # fmt: skip
_LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/systemd", "lib/*-linux-gnu")
_ALERTMANAGER = "prometheus-alertmanager"

_WITH_ITS_TEMPLATES = """\
# Debian's build reads its default template at an absolute path; in a mount namespace it finds the one beside it.
shown={share}:/usr/share
inside='mount -t overlay -o lowerdir="$0" overlay /usr/share && exec "$@"'
[ "$(id -u)" = 0 ] && enter='unshare --mount' || enter='unshare --map-root-user --mount'
if $enter sh -c "$inside" "$shown" true 2>/dev/null; then
  exec $enter sh -c "$inside" "$shown" {program} "$@"
fi
template=/usr/share/prometheus/alertmanager/default.tmpl
if [ ! -e "$template" ]; then
  echo "alertmanager: $template is missing and mount namespaces are not allowed here; as root:" >&2
  echo "  mkdir -p ${{template%/*}} && cp {share}/prometheus/alertmanager/*.tmpl ${{template%/*}}/" >&2
  exit 1
fi
"""


def write(folder: Path, final: Path, programs: Iterable[str], *, through_loader: bool) -> None:
    """Write `bin/PROGRAM` for each program under `folder`/root; `final` is the folder's later name.

    `through_loader` is for programs that need a newer C library, which only its own loader can load.
    """
    (folder / "bin").mkdir()
    for program in programs:
        launcher = folder / "bin" / program
        found = _locate(folder / "root", program)
        if through_loader:
            _write(found, _through_loader(folder, final, _set_aside(found)))
            launcher.symlink_to(os.path.relpath(found, launcher.parent))
        else:
            _write(launcher, _direct(folder, final, found))


def _set_aside(found: Path) -> Path:
    """Make room for a launcher in the program's own place: initdb and pg_ctl run the postgres beside them."""
    return found.rename(found.with_name(f"{found.name}.real"))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _through_loader(folder: Path, final: Path, real: Path) -> str:
    loader = min((folder / "root").glob("usr/lib/*/ld-linux*.so.*"))
    at = shlex.quote(str(final / loader.relative_to(folder)))
    path = shlex.quote(str(final / real.relative_to(folder)))
    return f'#!/bin/sh\nexec {at} --library-path {_libraries(folder, final)} --argv0 "$0" {path} "$@"\n'


def _direct(folder: Path, final: Path, found: Path) -> str:
    path = shlex.quote(str(final / found.relative_to(folder)))
    lines = ["#!/bin/sh"]
    if libraries := _libraries(folder, final):
        lines.append(f"export LD_LIBRARY_PATH={libraries}")
    if found.name in (_ALERTMANAGER, "amtool"):
        share = shlex.quote(str(final / "root" / "usr" / "share"))
        lines.append(_WITH_ITS_TEMPLATES.format(share=share, program=path).rstrip())
    return "\n".join([*lines, f'exec {path} "$@"', ""])


def _locate(root: Path, program: str) -> Path:
    for name in (program, f"prometheus-{program}"):
        for place in _PROGRAM_FOLDERS:
            for path in sorted(root.glob(f"{place}/{name}")):
                return path
    raise ToolError(f"the package holds no program {program}")


def _libraries(folder: Path, final: Path) -> str:
    root = folder / "root"
    found = [path for place in _LIBRARY_FOLDERS for path in sorted(root.glob(place))]
    return shlex.quote(":".join(str(final / path.relative_to(folder)) for path in found)) if found else ""
