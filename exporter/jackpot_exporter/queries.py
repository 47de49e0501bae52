"""SQL queries as settings: what a query asks, how often, and which families its columns fill.

Packs and settings files write the same blocks, the exporter runs them (collectors/query.py) and the bundle lets rules
read their families. Nothing is asked of a database here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .config import Schedule, Seconds, Section
from .model import Kind, MetricSpec

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_QUERY = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL)
_MAX_ALWAYS = 1000


def _check_name(text: str) -> str:
    if not _NAME.match(text):
        raise ValueError(f'"{text}" may hold letters, digits and _, and does not begin with a digit')
    return text


Name = Annotated[str, AfterValidator(_check_name)]


class FamilySettings(Section):
    """A family that a query fills: one series for each row."""

    type: Literal["gauge", "counter", "histogram"] = Field("gauge", description="type of the family")
    help: str = Field(description="what it means, one sentence")
    labels: tuple[Name, ...] = Field((), description="columns of these names become labels")
    value: str | None = Field(
        None,
        description="column of the value; default: the family's name without its first word. A histogram x reads"
        " x_bucket (an array, cumulative, one element for each of `buckets`), x_sum and x_count",
    )
    buckets: tuple[float, ...] = Field((), description="bounds of a histogram, ascending, without +Inf")
    always: dict[Name, tuple[str, ...]] = Field(
        {}, description="values of every label that are shown as 0 when no row has them: increase() needs the 0"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.type == "histogram") != bool(self.buckets):
            raise ValueError("a histogram, and nothing else, has buckets")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError("buckets must ascend")
        if self.always and set(self.always) != set(self.labels):
            raise ValueError("always names either every label or none")
        if len(self.labels) != len(set(self.labels)):
            raise ValueError("a label stands twice")
        count = 1
        for values in self.always.values():
            count *= len(values)
        if count > _MAX_ALWAYS:
            raise ValueError(f"always makes {count} series; {_MAX_ALWAYS} is the limit")
        return self

    def zeros(self) -> Iterator[tuple[str, ...]]:
        """The label sets that are always there."""
        return product(*(self.always[label] for label in self.labels)) if self.always else iter(())

    def column(self, name: str) -> str:
        """The column that holds the value of the family `name`, or begins those of a histogram."""
        return self.value or name.partition("_")[2] or name

    def spec(self, name: str) -> MetricSpec:
        return MetricSpec(name, Kind(self.type), self.help, self.labels, buckets=self.buckets)


class QuerySettings(Schedule):
    """A query: its SQL runs in a read-only transaction, and its rows become series."""

    sql: str = Field(description="one SELECT, WITH, VALUES or TABLE; or name a `file`")
    file: Path | None = Field(None, description="file that holds the SQL, beside the file that names it")
    interval: Seconds | None = Field(60.0, description="time between two runs")
    max_rows: int = Field(
        1000, ge=1, le=100_000, description="rows it may return; with more, its families are left out"
    )
    metrics: dict[Name, FamilySettings] = Field(description="the families that its columns fill, by their full names")

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or not isinstance(value.get("file"), str | Path):
            return value
        if "sql" in value:
            raise ValueError("sql and file exclude each other")
        try:
            return {**value, "sql": Path(value["file"]).read_text(encoding="utf-8")}
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read {value['file']}: {error}") from None

    @model_validator(mode="after")
    def _only_reads(self) -> Self:
        if not _QUERY.match(self.sql):
            raise ValueError("the SQL of a query only reads: it begins with SELECT, WITH, VALUES or TABLE")
        if not self.metrics:
            raise ValueError("a query fills at least one family")
        return self

    def specs(self) -> dict[str, MetricSpec]:
        """The families by their names."""
        return {name: family.spec(name) for name, family in self.metrics.items()}
