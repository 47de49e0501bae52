"""The document tells of every fault that is tried, with figures of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faults.ledger import DOCUMENT, replace_part
from faults.matrix import rows


def test_every_fault_is_in_the_document() -> None:
    told = set(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", DOCUMENT.read_text(), re.MULTILINE))

    assert {(row.source, row.fault) for row in rows()} <= told
    assert {source for source, _ in told} >= {"all", "exporter"}


@pytest.mark.parametrize(
    "figure",
    [
        r"^- faults survived: (\d+)$",
        r"^- scrapes answered meanwhile: (\d+) of \1,",
        r"^- memory of the exporter: ",
        r"^- rounds: 10000 in \d+ s",
        r"^- flat: yes",
    ],
)
def test_the_figures_of_both_runs_are_in_the_document(figure: str) -> None:
    assert re.search(figure, DOCUMENT.read_text(), re.MULTILINE)


def test_a_part_is_replaced_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n")

    replace_part(page, "a", "new")

    assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- end of a -->\nafter\n"
    with pytest.raises(LookupError, match="no part 'b'"):
        replace_part(page, "b", "new")
