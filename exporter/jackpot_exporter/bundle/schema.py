"""The format of pack files: pydantic models at the edge, from which editors get a JSON Schema.

Only the shape of one file is judged here; what needs several files (names, families, cases) is judged by
`checks`. Field descriptions are what an editor shows, so they are written for whoever edits a pack.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from ..model import Kind
from .durations import ZERO, Duration
from .fields import DurationText
from .model import AlertKind, Escalate, Notify, Priority, Severity
from .routing import Routing

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_ALERT = re.compile(r"[A-Z][A-Za-z0-9]*\Z")
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(f'"{text}" is not {what}')
        return text

    return AfterValidator(check)


def _text_value(value: object) -> object:
    if isinstance(value, str):
        Duration.parse(value)
    if isinstance(value, bool):
        raise ValueError("a value is a number or a duration")
    return value


AlertName = Annotated[str, _matching(_ALERT, "an alert name; write it like JackpotPoolNegative")]
MetricName = Annotated[str, _matching(_METRIC, "a metric name")]
LabelName = Annotated[str, _matching(_LABEL, "a label name")]
Slug = Annotated[str, _matching(_SLUG, "a name in lower case with hyphens")]
ValueName = Annotated[str, _matching(_LABEL, "a name for a value; letters, digits and _")]
Value = Annotated[int | float | str, BeforeValidator(_text_value)]
Percent = Annotated[float, Field(gt=0, lt=100)]
WindowName = Literal["1h", "6h", "1d", "3d"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class FiringEntry(Strict):
    labels: dict[LabelName, str] = Field(default={}, description="the labels of the series that fires")
    value: int | float | str | None = Field(
        None, description="what the description shows as $value; ${...} may calculate"
    )


class CaseEntry(Strict):
    """A unit test: at `at`, given `series`, exactly `firing` fires."""

    name: str = Field(description="the fact that it proves")
    series: dict[str, str] = Field(
        description="series -> values in promtool's notation (0+5x10, not 0x10, a number to YAML); {} is no data at all"
    )
    every: DurationText = Field(Duration.parse("1m"), description="time between values and between evaluations")
    at: DurationText
    firing: list[FiringEntry] = Field(description="[] when silent")


class AlertEntry(Strict):
    """One alert: its rule, its tests, its runbook section."""

    alert: AlertName
    group: Slug | None = Field(None, description="a group of pack.yaml; the group named like the pack when left out")
    expr: str = Field(description="PromQL; ${name} stands for one of the values")
    values: dict[ValueName, Value] = Field(default={}, description="thresholds and windows that users may override")
    for_: DurationText = Field(ZERO, alias="for", description="how long it must hold before it fires")
    keep_firing_for: DurationText = Field(ZERO, description="the cooldown: how long it goes on after it has ended")
    severity: Severity
    priority: Priority
    notify: Notify = Notify.IMMEDIATE
    channels: list[str] = Field(default=[], description="names of routing.yaml")
    escalate: Escalate = Escalate.NONE
    kind: AlertKind
    during_maintenance: Literal["notify"] | None = Field(None, description="exempt from the maintenance window")
    incident: AlertName | None = Field(None, description="shared by alerts that mean one incident; else from the name")
    labels: dict[LabelName, str] = {}
    inherit: list[LabelName] = Field(default=[], description="standard labels that the expression brings itself")
    summary: str
    description: str = Field(description="may show {{ $labels.x }} and {{ $value | humanize }}")
    runbook: str = Field(description="Markdown: what it means, how to confirm, what to do, whom to call")
    cases: list[CaseEntry]


class AlertsFile(Strict):
    alerts: list[AlertEntry]


class RecordingEntry(Strict):
    record: MetricName
    expr: str
    labels: dict[LabelName, str] = {}
    help: str


class GroupEntry(Strict):
    interval: DurationText
    recordings: list[RecordingEntry] = []


class MetricEntry(Strict):
    """A family, for the reference and for judging expressions."""

    type: Kind
    help: str = ""
    labels: list[LabelName] = []
    buckets: list[float] = []


class PackFile(Strict):
    name: Slug
    title: str
    description: str
    namespace: LabelName | None = Field(
        None, description="first word of the exporter's families about the watched service: poker makes poker_up"
    )
    dashboard_uid: Slug
    response_times: dict[Priority, DurationText] = Field(description="how soon someone answers, by priority")
    groups: dict[Slug, GroupEntry]
    metrics: dict[MetricName, MetricEntry] = Field(
        default={}, description="read by the rules, exported by the service itself at its own Prometheus endpoint"
    )


class ObjectiveEntry(Strict):
    """A promised share of good events; burning its budget too fast alerts."""

    objective: Slug
    title: str = Field(description="completes the sentence: the error budget of ...")
    target: Percent = Field(description="percent of events that must be good")
    bad: str = Field(description="PromQL counting bad events by service over ${window}")
    total: str = Field(description="PromQL counting all events by service over ${window}")
    windows: list[WindowName] | None = Field(
        None, description="long windows that alert; all that can fire when left out"
    )
    values: dict[ValueName, Value] = {}
    channels: list[str] = Field(default=["email", "pagerduty", "slack"], description="of the page; tickets do not page")
    runbook: str
    cases: list[CaseEntry]


class ObjectivesFile(Strict):
    objectives: list[ObjectiveEntry]


class AlertOverride(Strict):
    disabled: bool = False
    values: dict[ValueName, Value] = {}
    for_: DurationText | None = Field(None, alias="for")
    keep_firing_for: DurationText | None = None
    severity: Severity | None = None
    priority: Priority | None = None
    notify: Notify | None = None
    channels: list[str] | None = None
    escalate: Escalate | None = None


class ObjectiveOverride(Strict):
    disabled: bool = False
    target: Percent | None = None
    windows: list[WindowName] | None = None
    values: dict[ValueName, Value] = {}
    channels: list[str] | None = None


class GroupOverride(Strict):
    interval: DurationText


class PackOverride(Strict):
    disabled: bool = False


class ValuesFile(Strict):
    """What a site changes: nothing here adds an alert."""

    runbook_url: str | None = Field(None, description="where RUNBOOK.md is published; alerts link into it")
    dashboard_url: str | None = Field(None, description="Grafana's address up to and without /d/UID")
    retention: DurationText | None = Field(None, description="how long Prometheus keeps data")
    folders: list[Path] = Field(default=[], description="further packs: their folders, beginning at this file's")
    packs: dict[Slug, PackOverride] = {}
    groups: dict[Slug, GroupOverride] = {}
    alerts: dict[AlertName, AlertOverride] = {}
    objectives: dict[Slug, ObjectiveOverride] = {}
    routing: Routing = Field(Routing(), description="who is told, where, how soon and how often")
