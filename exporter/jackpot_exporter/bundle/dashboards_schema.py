"""The format of dashboards.yaml: pydantic models at the edge, from which editors get a JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .dashboards import Colour, Kind
from .schema import AlertName, LabelName, RecordingEntry, Slug, Strict, ValueName

Span = Annotated[str, Field(pattern=r"^[0-9]+[smhd]$")]
WordPair = tuple[str, Colour]


class LookEntry(Strict):
    """How a value is written."""

    unit: str | None = Field(None, description="one of Grafana's units; whole numbers when left out")
    decimals: int | None = None
    money: bool = Field(False, description="the query gives cents; shown as currency, limits divided by 100 too")
    words: str | dict[str, WordPair] | None = Field(
        None, description="words for numbers: a name of `vocabularies`, or number -> [word, colour]"
    )
    limits: dict[AlertName, ValueName] = Field(
        default={}, description="lines at the values of alerts: alert -> name of its value"
    )
    marks: dict[Colour, float] = Field(default={}, description="further lines: colour -> value")
    below: bool = Field(False, description="low values are the bad ones")
    min: float | None = None
    max: float | None = None


class ColumnEntry(LookEntry):
    """A column of a table: the value of the query or label that its key names."""

    title: str
    width: int | None = None


class PanelEntry(LookEntry):
    """One panel."""

    title: str
    kind: Kind
    description: str = Field(description="what it shows, and what to make of it")
    query: str | None = Field(None, description="PromQL; $target stands for the matchers of the chosen targets")
    legend: str = Field("", description="for the only query, as {{pool}}")
    queries: dict[str, str] = Field(default={}, description="several: legend (in a table, field) -> PromQL")
    empty: str = Field("No data", description="what it says when there is nothing to show")
    size: tuple[int, int] = Field((8, 8), description="width of 24, and height")
    columns: dict[str, ColumnEntry] = Field(default={}, description="of a table, in order")
    trend: bool = Field(False, description="a stat with its course behind it")
    stack: bool = False
    colours: dict[str, Colour] = Field(default={}, description="of series, by the legend they end up with")
    busy: bool = Field(False, description="many series: the legend is a table beside the graph")
    sort_by: str = Field("", description="the column of a table that is sorted by")
    rising: bool = Field(False, description="sort from small to large")
    to: str | None = Field(None, description="where the details are: the uid of a dashboard, or uid/title of a panel")


class RowEntry(Strict):
    title: str = ""
    collapsed: bool = False
    panels: list[PanelEntry]


class VariableEntry(Strict):
    """A variable besides the usual ones."""

    name: LabelName
    title: str
    values: str = Field(description="label_values(...) or query_result(...), as Grafana asks for it")
    regex: str = ""
    multi: bool = True
    hidden: bool = Field(False, description="not chosen by anyone: always every value that was found")
    first: bool = Field(False, description="stands before the usual ones, which depend on it")


class DashboardEntry(Strict):
    uid: Slug
    title: str
    folder: Literal["Business", "Operations", "Development", "Infrastructure"]
    description: str
    anchor: str = Field(description="a series that every target of this dashboard has; fills the usual variables")
    refresh: Span = "30s"
    span: Span = "6h"
    tags: list[Slug] = Field(default=[], description="to find it by")
    variables: list[VariableEntry] = Field(default=[])
    links: list[Slug] = Field(default=[], description="uids of related dashboards")
    rows: list[RowEntry]


class DashboardsFile(Strict):
    recordings: list[RecordingEntry] = Field(default=[], description="what dashboards read and alerts do not")
    vocabularies: dict[str, dict[str, WordPair]] = Field(default={}, description="words for numbers, by name")
    dashboards: list[DashboardEntry]
