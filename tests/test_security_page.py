"""SECURITY.md names tests and places that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
PACKAGE = ROOT / "exporter" / "jackpot_exporter"


def rows() -> list[list[str]]:
    """The cells of the table of defences."""
    table = TEXT.partition("## What is defended")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_defence_has_a_place_and_a_test_that_are_there() -> None:
    defences = rows()

    named = [(row[0], *re.findall(r"`([^`]+)`", cell)) for row in defences for cell in row[1:]]
    assert len(defences) >= 15
    assert [row for row in named if len(row) < 2] == []
    missing = [
        path for _, *paths in named for path in paths if not ((ROOT / path).exists() or (PACKAGE / path).exists())
    ]
    assert missing == []


def test_every_fuzz_test_is_named() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "fuzz").glob("test_*.py")}

    assert {path for path in files if path not in TEXT} == set()


def test_no_figure_is_left_open() -> None:
    figures = TEXT.partition("## Figures")[2].partition("\n## ")[0]

    assert re.findall(r"[A-Z]{4,}_[A-Z]+", figures) == []
