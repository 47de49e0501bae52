"""What one scrape says of the collectors, read quickly: the fault suite reads hundreds."""

from __future__ import annotations

import re
from functools import cached_property

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COLLECTOR = "jackpot_exporter_collector_"


class Reading:
    """A page of metrics in one of the text formats."""

    def __init__(self, page: bytes) -> None:
        self._lines = page.decode().splitlines()

    @property
    def collectors(self) -> frozenset[str]:
        """All that there are, also those that have not finished once."""
        return frozenset(self._failures)

    def is_up(self, collector: str) -> bool:
        return self._ups.get(collector) == 1

    def age(self, collector: str) -> float:
        """Since its last success, in seconds; without end when there was none."""
        return self._ages.get(collector, float("inf"))

    def failures(self, collector: str) -> dict[str, int]:
        """How often it failed until now, by reason."""
        return self._failures.get(collector, {})

    def rounds(self, collector: str) -> int:
        """How many collections have ended, well or badly."""
        return self._rounds.get(collector, 0)

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample with exactly these labels, in their order."""
        wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
        start = f"{name}{{{wanted}}} " if wanted else f"{name} "
        return next((float(line.split()[-1]) for line in self._lines if line.startswith(start)), None)

    @cached_property
    def _ups(self) -> dict[str, float]:
        return {labels["collector"]: value for labels, value in self._of("up")}

    @cached_property
    def _ages(self) -> dict[str, float]:
        return {labels["collector"]: value for labels, value in self._of("age_seconds")}

    @cached_property
    def _failures(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for labels, value in self._of("failures_total"):
            found.setdefault(labels["collector"], {})[labels["reason"]] = int(value)
        return found

    @cached_property
    def _rounds(self) -> dict[str, int]:
        return {labels["collector"]: int(value) for labels, value in self._of("duration_seconds_count")}

    def _of(self, name: str) -> list[tuple[dict[str, str], float]]:
        start = f"{_COLLECTOR}{name}{{"
        lines = (line for line in self._lines if line.startswith(start))
        return [(dict(_LABEL.findall(line)), float(line.rpartition("} ")[2].split()[0])) for line in lines]
