"""`python -m jackpot_exporter.tools fetch NAME...`, for scripts that run before the dependencies are there."""

from __future__ import annotations

import sys

from ..errors import ToolError
from . import fetch


def _main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] != "fetch":
        sys.stderr.write("usage: python -m jackpot_exporter.tools fetch NAME...\n")
        return 2
    try:
        fetch(arguments[1:])
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
