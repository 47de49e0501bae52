"""What the faults of a run came to: kept while it lasts, shown at its end, written into the document when asked."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "faults.md"
_COLUMNS: Final = ("source", "fault", "what it does", "noticed after", "recovered after")


@dataclass(frozen=True)
class Entry:
    """One survived fault. Times in seconds; None where there is nothing to notice or to recover from."""

    source: str
    fault: str
    behaviour: str
    noticed: float | None
    recovered: float | None


@dataclass
class Ledger:
    """All that was measured in one run."""

    interval: float
    entries: list[Entry] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    memory: tuple[int, int] | None = None
    """Bytes before the first fault and after the last."""

    def table(self) -> str:
        """In Markdown, in the order of the rows."""
        entries = sorted(self.entries, key=lambda entry: (entry.source, entry.fault))
        rows = [(e.source, e.fault, e.behaviour, _seconds(e.noticed), _seconds(e.recovered)) for e in entries]
        lines = [_COLUMNS, ("---", "---", "---", "---:", "---:"), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def summary(self) -> Iterator[str]:
        """A line for each figure."""
        noticed = [e.noticed for e in self.entries if e.noticed is not None]
        recovered = [e.recovered for e in self.entries if e.recovered is not None]
        yield f"faults survived: {len(self.entries)}"
        yield f"time between two collections: {self.interval:g} s"
        if noticed:
            yield f"noticed after: median {median(noticed):.2f} s, at most {max(noticed):.2f} s"
        if recovered:
            yield f"recovered after: median {median(recovered):.2f} s, at most {max(recovered):.2f} s"
        if self.scrapes:
            yield (
                f"scrapes answered meanwhile: {len(self.scrapes)} of {len(self.scrapes)}, "
                f"{_spread(self.scrapes)}; requests for nothing beside them: {_spread(self.idle)}"
            )
        if self.memory is not None:
            before, after = self.memory
            yield f"memory of the exporter: {before / 1e6:.1f} MB before the faults, {after / 1e6:.1f} MB after them"
        yield f"on Python {platform.python_version()}"


def _spread(seconds: list[float]) -> str:
    return f"median {median(seconds) * 1000:.1f} ms, p99 {quantiles(seconds, n=100)[-1] * 1000:.1f} ms"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def replace_part(document: Path, name: str, text: str) -> None:
    """Put the text between the marks of this name. LookupError when there are none."""
    found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    old = document.read_text()
    if not found.search(old):
        raise LookupError(f"{document} has no part {name!r}")
    document.write_text(found.sub(lambda marks: f"{marks[1]}\n{text.strip()}\n\n{marks[2]}", old))
