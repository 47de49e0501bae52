"""What dashboards are once they are read: frozen values that a compiler turns into Grafana's JSON.

Nothing here knows that JSON. A limit is the value of an alert, so a line on a panel moves with the alert.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

TARGET = 'service=~"$service",job=~"$job",instance=~"$instance"'
"""What `$target` stands for: the matchers that every selector of a dashboard has."""


class Kind(StrEnum):
    """How a panel draws; the words are Grafana's."""

    STAT = "stat"
    TIMESERIES = "timeseries"
    BARGAUGE = "bargauge"
    TABLE = "table"
    STATES = "state-timeline"
    HEATMAP = "heatmap"


class Colour(StrEnum):
    GREEN = "green"
    ORANGE = "orange"
    RED = "red"
    BLUE = "blue"
    GREY = "text"


def panel_id(title: str) -> int:
    """From the title, so that links to a panel outlive the panels added before it."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


@dataclass(frozen=True, slots=True)
class Limit:
    """A line on a panel. One that an alert stands behind has its name."""

    value: float
    colour: Colour
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """What is shown in place of a number."""

    text: str
    colour: Colour


Words = Mapping[str, Word]
"""By the number, or the text, that they stand for."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one value is written and coloured."""

    unit: str
    decimals: int | None = None
    words: Words | None = None
    limits: tuple[Limit, ...] = ()
    below: bool = False
    """Whether low values are the bad ones."""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a label, or the value of a query."""

    field: str
    title: str
    look: Look | None
    width: int | None
    is_value: bool


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `empty` is what it says when there is nothing to show."""

    title: str
    kind: Kind
    description: str
    queries: tuple[Query, ...]
    look: Look
    empty: str
    width: int
    height: int
    columns: tuple[Column, ...]
    links: tuple[Link, ...]
    is_trend: bool
    is_stacked: bool
    is_busy: bool
    """Whether the legend is a table beside the graph, because there may be many series."""
    sort_by: str
    is_rising: bool
    colours: Mapping[str, Colour]
    """Of series by name, where a name says whether it is good or bad."""

    @property
    def id(self) -> int:
        return panel_id(self.title)


@dataclass(frozen=True, slots=True)
class Row:
    """A headline over panels; without a title, the panels stand at the top."""

    title: str
    panels: tuple[Panel, ...]
    is_collapsed: bool

    @property
    def id(self) -> int:
        return panel_id(f"row {self.title}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the head of a dashboard, filled by the values of a label."""

    name: str
    title: str
    query: str
    regex: str = ""
    is_multi: bool = True
    all_value: str = ".+"
    """What stands for all; nothing: every value that was found, one by one."""
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    folder: str
    description: str
    refresh: str
    span: str
    """How much time it shows when it is opened, as `6h`."""
    tags: tuple[str, ...]
    variables: tuple[Variable, ...]
    links: tuple[Link, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True, slots=True)
class Dashboards:
    """Every dashboard, and where the runbook is published."""

    found: tuple[Dashboard, ...] = ()
    runbook_url: str = ""
