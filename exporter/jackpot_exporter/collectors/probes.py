"""Probes: addresses tried from outside, as their users do, under blackbox_exporter's names.

All probes of a round begin spread over a part of the time and not at once: five hundred handshakes at the same
moment would measure each other. The number of connections is bounded, and each probe has so much time that even when
nothing answers at all, every one has been tried and found failing before the round ends.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..clients import Clients
from ..config import CollectorSection
from ..model import Collector, Column, Frame, Item, Note, Outcome
from . import _probe_families as families
from ._base import CollectorType
from ._probe_run import Finding, run
from ._probe_settings import ProbeSettings

if TYPE_CHECKING:
    from ..clients.http import HttpClient

_AT_ONCE = 256
_GAP_SECONDS = 0.006
_SPREAD_SHARE = 0.3
_FRAME_ROWS = 100  # rendered in one go, about a millisecond and a half


class Pace(NamedTuple):
    """Seconds between two starts, and the most that one probe may take."""

    gap: float
    each: float


def pace(probes: int, within_seconds: float) -> Pace:
    """A pace at which all probes end within this time, also when all of them hang."""
    spread = min(probes * _GAP_SECONDS, within_seconds * _SPREAD_SHARE)
    return Pace(spread / probes, (within_seconds - spread) / math.ceil(probes / _AT_ONCE))


class ProbesCollector:
    """Tries every probe once a collection."""

    def __init__(self, probes: Sequence[ProbeSettings], client: HttpClient, within_seconds: float) -> None:
        self._probes = {probe.name: probe for probe in probes}
        self._repeated = [name for name, times in Counter(p.name for p in probes).items() if times > 1]
        self._client = client
        self._pace = pace(len(self._probes), within_seconds)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def collect(self) -> AsyncGenerator[Item, None]:
        turns = (self._turn(place, probe) for place, probe in enumerate(self._probes.values()))
        found = dict(zip(self._probes, await asyncio.gather(*turns), strict=True))
        names = list(found)
        for start in range(0, len(names), _FRAME_ROWS):
            for frame in _frames({name: found[name] for name in names[start : start + _FRAME_ROWS]}):
                yield frame
        for name, finding in found.items():
            if finding.failure:
                yield Note(name, f"{name}: {finding.failure}")
        for name in self._repeated:
            yield Note(f"{name} again", f"{name} stands twice in `probes`; the last one counts", Outcome.BAD_DATA)

    async def _turn(self, place: int, probe: ProbeSettings) -> Finding:
        await asyncio.sleep(place * self._pace.gap)
        async with self._places:
            return await run(probe, self._client, self._pace.each)


def _frames(found: dict[str, Finding]) -> Iterator[Frame]:
    rows = [(name,) for name in found]
    values = [finding.values for finding in found.values()]
    used = {name for each in values for name in each}
    columns = (Column(spec, [v.get(name) for v in values]) for name, spec in families.SINGLE.items() if name in used)
    yield Frame(rows, tuple(columns))
    phases = [(name, phase, s) for name, finding in found.items() for phase, s in (finding.phases or {}).items()]
    if phases:
        yield Frame([row[:2] for row in phases], (Column(families.PHASES, [row[2] for row in phases]),))
    for spec, field in ((families.TLS_VERSION, "tls_version"), (families.TLS_CIPHER, "tls_cipher")):
        infos = [(name, value) for name, finding in found.items() if (value := getattr(finding, field))]
        if infos:
            yield Frame(infos, (Column(spec, [1] * len(infos)),))


def _build(settings: tuple[ProbeSettings, ...], timeout_seconds: float, clients: Clients) -> Collector | None:
    probes = [probe for probe in settings if probe.enabled]
    return ProbesCollector(probes, clients.http, timeout_seconds * 0.9) if probes else None


TYPE = CollectorType(
    name="probes",
    help="addresses tried from outside: HTTP, TCP, TLS, WebSocket, DNS",
    section=CollectorSection(("probes",), ProbeSettings, many=True),
    metrics=families.METRICS,
    build=_build,
)
