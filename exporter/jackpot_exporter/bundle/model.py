"""What packs are once they are read and judged: frozen values that compilers turn into files.

Nothing here is checked again after loading, and nothing here knows a file format. One `Alert` is one name:
one runbook section, one set of cases and, for an objective, one rule per severity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ..model import Kind, MetricSpec
from .dashboards import Dashboards
from .durations import ZERO, Duration
from .substitution import Scalar

if TYPE_CHECKING:  # routing is written in this module's words
    from .routing import Routing

Labels = Mapping[str, str]

TARGET_LABELS = ("job", "instance", "service")
"""Set by the scrape configuration on every series; no family declares them."""


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


class Priority(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Notify(StrEnum):
    IMMEDIATE = "immediate"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def period(self) -> Duration:
        """How long a digest collects; an alert that ended before is not in it."""
        return _DIGEST_PERIODS[self]


_DIGEST_PERIODS = {
    Notify.IMMEDIATE: ZERO,
    Notify.HOURLY: Duration.parse("1h"),
    Notify.DAILY: Duration.parse("24h"),
    Notify.WEEKLY: Duration.parse("7d"),
}


class Escalate(StrEnum):
    NONE = "none"
    MATRIX = "matrix"
    FAST = "fast"
    ERROR = "error"


class AlertKind(StrEnum):
    SYMPTOM = "symptom"
    CAUSE = "cause"
    BUSINESS = "business"
    SECURITY = "security"
    EVENT = "event"
    META = "meta"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family that something exports: what rules may read. `source` heads it in the reference."""

    name: str
    kind: Kind
    help: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    source: str = ""
    namespace: str = ""
    """Of a family that exists for every watched service: which one this is for."""

    @classmethod
    def from_spec(cls, spec: MetricSpec, namespace: str, source: str) -> Family:
        """The family that a collector declares, under the name it is exported with."""
        own = namespace if spec.own else ""
        return cls(spec.full_name(namespace), spec.kind, spec.help, spec.labels, spec.buckets, source, own)

    @property
    def bare_name(self) -> str:
        """Without the namespace."""
        return self.name.removeprefix(f"{self.namespace}_") if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that a case expects; `labels` are those of the series, and `severity` where two rules share a name."""

    labels: Labels
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A unit test written by hand: at `at`, given `series`, exactly `firing` fires."""

    name: str
    series: Labels
    every: Duration
    at: Duration
    firing: tuple[Firing, ...]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule of Prometheus."""

    expr: str
    hold: Duration
    keep: Duration
    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert name with everything that is generated from it."""

    name: str
    group: str
    rules: tuple[AlertRule, ...]
    values: Mapping[str, Scalar]
    runbook: str
    cases: tuple[Case, ...]
    objective: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    record: str
    expr: str
    labels: Labels = field(default_factory=dict)
    help: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rules, evaluated in this order at one interval: recordings first.

    Groups of one `file` stand in one rule file: promtool evaluates all rules of a file for every case in it, so
    the many recordings of the objectives keep to themselves.
    """

    name: str
    interval: Duration
    file: str
    recordings: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """Burning the budget `factor` times too fast over both windows."""

    factor: float
    long: Duration
    short: Duration
    pages: bool


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of good events that is promised; `bad` and `total` count events over `${window}`."""

    name: str
    title: str
    target: float
    bad: str
    total: str
    windows: tuple[BurnWindow, ...]

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target / 100, 12)


@dataclass(frozen=True, slots=True)
class Pack:
    name: str
    title: str
    description: str
    dashboard_uid: str
    groups: tuple[Group, ...]
    objectives: tuple[Objective, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for group in self.groups for alert in group.alerts)

    @property
    def files(self) -> dict[str, tuple[Group, ...]]:
        """The groups by the rule file that they stand in."""
        names = dict.fromkeys(group.file for group in self.groups)
        return {name: tuple(group for group in self.groups if group.file == name) for name in names}


@dataclass(frozen=True, slots=True)
class PackSet:
    """Every pack that is in force, the families they may read, who is told, and remarks that stop nothing."""

    packs: tuple[Pack, ...]
    families: Mapping[str, Family]
    routing: Routing
    remarks: tuple[str, ...] = ()
    dashboards: Dashboards = field(default_factory=Dashboards)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for pack in self.packs for alert in pack.alerts)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One generated file; `path` is relative to the root, with forward slashes."""

    path: str
    content: bytes


Compiler = Callable[[PackSet], Iterable[Artifact]]


@dataclass(frozen=True, slots=True)
class Drift:
    """How the files differ from what the packs compile to; `diff` shows the stale ones."""

    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    orphan: tuple[str, ...] = ()
    diff: str = ""

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.orphan)
