"""The tables of docs/migration.md: what differs from the field's exporters, as the tests know it.

    PYTHONPATH=tests python -m harness.migration_reference

writes them anew between their marks; the text around them is by hand.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "migration.md"

_TESTS = {"postgres_exporter": "postgres", "redis_exporter": "redis", "node_exporter": "host"}


def render(text: str) -> str:
    """The document with its tables as they ought to be."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- differences of {match[1]} -->\n{_table(match[1])}<!-- end -->"

    return re.sub(r"<!-- differences of (\w+) -->\n(?:.*?)<!-- end -->", table, text, flags=re.DOTALL)


def _table(peer: str) -> str:
    missing, different = _known(_TESTS[peer])
    reasons = yaml.safe_load((ROOT / "bench" / "compare" / "reasons.yaml").read_text())[peer]
    rows = [
        *(f"| `{name}` | not here | {why} |" for name, why in sorted(missing.items())),
        *(f"| `{name}` | another type | {why} |" for name, why in sorted(different.items())),
        *(f"| `{name}` | another value | {why} |" for name, why in sorted(reasons.items())),
    ]
    return "\n".join(["| family | difference | reason |", "|---|---|---|", *rows, ""])


def _known(source: str) -> tuple[dict[str, str], dict[str, str]]:
    """What the test of the names lists."""
    path = ROOT / "tests" / "collectors" / f"test_{source}_names.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MISSING, getattr(module, "DIFFERENT", {})


if __name__ == "__main__":
    FILE.write_text(render(FILE.read_text()))
