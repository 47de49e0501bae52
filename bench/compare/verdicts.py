"""Which of a peer's families we have, with the same values; knows nothing of servers.

A series agrees when our value lies between the peer's before and after, give or take as much as it moved there. What
is restless gets several readings: a value that agrees once is measured in the same way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

Series = tuple[str, frozenset[tuple[str, str]]]
_ROUNDING = 1e-6
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_COUNTER = re.compile(r"^(# TYPE \S+) counter$", re.MULTILINE)


class State(StrEnum):
    """What becomes of one family of a peer."""

    SAME = "same name and value"
    OTHER_VALUE = "same name, other value"
    OTHER_SERIES = "same name, other series"
    OTHER_TYPE = "same name, other type"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape: the type of each family, and the value of each series."""

    kinds: Mapping[str, str]
    values: Mapping[str, Mapping[Series, float]]

    @classmethod
    def of(cls, text: str) -> Reading:
        # The parser renames counters that lack `_total`; with another type, names stay as they are written.
        families = text_string_to_metric_families(_COUNTER.sub(r"\1 untyped", text))
        values = {family.name: {_series(sample): sample.value for sample in family.samples} for family in families}
        return cls(dict(_TYPE.findall(text)), values)


def _series(sample: Sample) -> Series:
    """With boundaries as numbers: 2 and 2.0 are the same bucket, and Prometheus makes them the same."""
    labels = {name: str(float(value)) if name == "le" else value for name, value in sample.labels.items()}
    return sample.name, frozenset(labels.items())


@dataclass(frozen=True, slots=True)
class Finding:
    """One family of a peer; `detail` shows the first series that differs."""

    family: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sandwich:
    """Our reading between two of the peer."""

    before: Reading
    ours: Reading
    after: Reading


def find(sandwiches: Sequence[Sandwich]) -> list[Finding]:
    """What becomes of each family that the peer had in every reading, by name."""
    names = set.intersection(*(set(s.before.kinds) & set(s.after.kinds) for s in sandwiches))
    return [_finding(name, sandwiches) for name in sorted(names)]


def _finding(name: str, sandwiches: Sequence[Sandwich]) -> Finding:
    last = sandwiches[-1]
    if name not in last.ours.kinds:
        return Finding(name, State.MISSING)
    theirs, ours = (reading.kinds[name] for reading in (last.before, last.ours))
    if theirs != ours:
        return Finding(name, State.OTHER_TYPE, f"{theirs}, ours {ours}")
    series = set.intersection(*(_lasting(name, sandwich) for sandwich in sandwiches))
    absent = [one for one in series if all(one not in s.ours.values[name] for s in sandwiches)]
    if absent:
        return Finding(name, State.OTHER_SERIES, f"{len(absent)} of {len(series)}: {_text(min(absent, key=_text))}")
    wrong = [one for one in series if not any(_agrees(name, one, sandwich) for sandwich in sandwiches)]
    if wrong:
        return Finding(name, State.OTHER_VALUE, _difference(name, min(wrong, key=_text), last))
    return Finding(name, State.SAME)


def _lasting(name: str, sandwich: Sandwich) -> set[Series]:
    return sandwich.before.values[name].keys() & sandwich.after.values[name].keys()


def _agrees(name: str, one: Series, sandwich: Sandwich) -> bool:
    value = sandwich.ours.values.get(name, {}).get(one)
    if value is None:
        return False
    around = (sandwich.before.values[name][one], sandwich.after.values[name][one])
    if any(map(math.isnan, around)):
        return math.isnan(value)
    low, high = min(around), max(around)
    slack = high - low + _ROUNDING * max(abs(low), abs(high)) if high > low else _ROUNDING * abs(low)
    return low - slack <= value <= high + slack


def _difference(name: str, one: Series, sandwich: Sandwich) -> str:
    before, after = (reading.values[name][one] for reading in (sandwich.before, sandwich.after))
    theirs = f"{before:g}" if before == after else f"{before:g} to {after:g}"
    return f"{_text(one)} {theirs}, ours {sandwich.ours.values.get(name, {}).get(one, math.nan):g}"


def _text(one: Series) -> str:
    name, labels = one
    return name + ("{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels)) + "}" if labels else "")


def share(findings: Iterable[Finding], *, explained: Iterable[str] = ()) -> float:
    """The share of families that are the same, or that are in `explained`."""
    known = set(explained)
    counted = list(findings)
    good = [finding for finding in counted if finding.state is State.SAME or finding.family in known]
    return len(good) / len(counted)
