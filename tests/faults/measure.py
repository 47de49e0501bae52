"""Lets one fault happen and measures what comes of it: who notices when, who does not, and what is left behind."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass

from faults.matrix import Row
from faults.rig import INTERVAL, WITNESSES, Rig
from harness.exporter import Scraper
from harness.readings import Reading
from harness.waiting import eventually
from jackpot_exporter.model import Outcome

DEADLINE = 40 * INTERVAL
_FRESH_SECONDS = 10 * INTERVAL
_PACE = 0.5
"""Of the rounds that fit into the time, those which the others have to make however crowded the machine is."""
_FAILURES = 2
"""So that both are seen: how an open connection fails, and how a new one does."""
_ALSO = frozenset({Outcome.REFUSED, Outcome.TIMEOUT})
"""How a connection ends that a fault takes away before it shows what it is."""
_PAUSE_SECONDS = 0.02
_QUICK_SECONDS = 0.010
_NOISE = 3.0
"""A scrape takes longer than a request for nothing, and a crowded machine interrupts either."""


@dataclass(frozen=True)
class Measured:
    """What came of a row. Times in seconds; `scrapes` are those while it lasted, `idle` requests for nothing beside."""

    row: Row
    detected: float
    recovered: float
    scrapes: list[float]
    idle: list[float]

    def assert_quick(self) -> None:
        """No scrape waited for a source: nine of ten took no longer than a page takes to make and send."""
        limit = max(_QUICK_SECONDS, _NOISE * _nine_of_ten(self.idle))
        assert _nine_of_ten(self.scrapes) < limit, (sorted(self.scrapes)[-5:], sorted(self.idle)[-5:])


def behaviour(row: Row) -> str:
    """What the row shows, in words."""
    if row.source == "probe":
        return "`probe_success` 0, with the collector up: a probe that fails is a result"
    who = ", ".join(f"`{name}`" for name in sorted(row.only)) if row.only else "its collectors"
    witness = "" if row.answers else f", `{WITNESSES[row.source]}` 0"
    return f"{who} down with `{' or '.join(sorted(row.reasons))}`{witness}"


def _nine_of_ten(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.9)]


class Trial:
    """One row on the rig."""

    def __init__(self, rig: Rig, row: Row) -> None:
        self._rig = rig
        self._row = row
        self._before = self._read()
        self._hurt = row.only or rig.collectors(row.source) & self._before.collectors
        self._scraper = Scraper(rig.exporter)

    def run(self) -> Measured:
        """AssertionError when nobody notices, somebody else is hurt, or anything is left behind."""
        with closing(self._scraper), ExitStack() as whatever_happens:
            began, before = time.monotonic(), self._rig.read()
            whatever_happens.callback(self._row.end, self._rig)
            self._row.begin(self._rig)
            detected = self._wait(self._is_noticed) - began
            self._wait(self._is_lasting)
            self._judge_others(before, self._rig.read(), time.monotonic() - began)
            whatever_happens.close()
            ended = time.monotonic()
            recovered = self._wait(self._is_well) - ended
        eventually(self._rig.is_tidy, within=DEADLINE)
        return Measured(self._row, detected, recovered, self._scraper.scrapes, self._scraper.nothings)

    def _wait(self, is_so: Callable[[Reading], bool]) -> float:
        """The time at which it was so. All the while the others have to be fresh."""
        deadline = time.monotonic() + DEADLINE
        while not is_so(self._look()):
            assert time.monotonic() < deadline, f"not within {DEADLINE:g} s:\n{self._rig.exporter.log_text()[-2000:]}"
            time.sleep(_PAUSE_SECONDS)
        return time.monotonic()

    def _look(self) -> Reading:
        """What the scrape says that has the source; the others in it have to be well."""
        main = Reading(gzip.decompress(self._scraper.scrape()))
        stale = {name: age for name in self._others(main) if (age := main.age(name)) > _FRESH_SECONDS}
        assert not stale, f"the others are stale: {stale}"
        return self._rig.read(self._row.target) if self._row.target else main

    def _read(self) -> Reading:
        return self._rig.read(self._row.target)

    def _others(self, main: Reading) -> frozenset[str]:
        return main.collectors - (frozenset() if self._row.target else self._hurt)

    def _judge_others(self, before: Reading, after: Reading, seconds: float) -> None:
        least = int(seconds / INTERVAL * _PACE) - 1
        made = {name: after.rounds(name) - before.rounds(name) for name in self._others(after)}
        assert min(made.values()) >= least, f"in {seconds:.1f} s the others made {made} rounds"

    def _is_noticed(self, now: Reading) -> bool:
        """Everybody who is hurt says so, and why."""
        if self._witness_of(now) not in (0, None):
            return False
        if not self._hurt:
            return now.rounds("probes") > self._before.rounds("probes")
        return all(not now.is_up(name) and self._reasons(now, name) & self._row.reasons for name in self._hurt)

    def _is_lasting(self, now: Reading) -> bool:
        """It was met again, and taken for what it is."""
        for name in self._hurt:
            assert self._reasons(now, name) <= self._row.reasons | _ALSO, (name, self._failures(now, name))
        if not self._hurt:
            return now.rounds("probes") >= self._before.rounds("probes") + _FAILURES
        return all(sum(self._failures(now, name).values()) >= _FAILURES for name in self._hurt)

    def _is_well(self, now: Reading) -> bool:
        return all(now.is_up(name) for name in self._hurt) and self._witness_of(now) in (1, None)

    def _witness_of(self, now: Reading) -> float | None:
        """None when it has nothing to say."""
        if self._row.answers:
            return None
        labels = {"probe": "site"} if self._row.source == "probe" else {}
        value = now.value(WITNESSES[self._row.source], **labels)
        return -1 if value is None else value

    def _failures(self, now: Reading, name: str) -> dict[str, int]:
        """Those since the beginning, by reason."""
        before = self._before.failures(name)
        return {reason: count - before[reason] for reason, count in now.failures(name).items()}

    def _reasons(self, now: Reading, name: str) -> frozenset[Outcome]:
        return frozenset(Outcome(reason) for reason, count in self._failures(now, name).items() if count)
