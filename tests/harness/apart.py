"""A question answered by a process of its own, with the packages that only it should see.

What tests/deploy/kubernetes.lock names is kept out of the test run: a Go runtime, and a package that hooks into pytest.
`./run test` puts it beside the environment's own packages, in the folder `kubernetes`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "kubernetes"


class FailedError(Exception):
    """The other process ended badly; its words."""


def ask(program: str, question: Any) -> Any:
    """What the program, run with these packages, answers."""
    assert FOLDER.is_dir(), f"{FOLDER} is missing; `./run test` brings it"
    path = os.pathsep.join((str(FOLDER), str(Path(__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, program],
        input=json.dumps(question),
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise FailedError(done.stderr)
    return json.loads(done.stdout)


def answer(function: Callable[[Any], Any]) -> None:
    """For the program: read the question, write the answer."""
    sys.stdout.write(json.dumps(function(json.load(sys.stdin))))
