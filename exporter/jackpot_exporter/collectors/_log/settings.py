"""What an operator, or a pack, can say about a log: where it is, which field is what, and what counts as what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ...config import Schedule, Seconds, Section
from ...operations import OPERATIONS, Outcome

_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


def _check_word(value: str) -> str:
    if not _WORD.match(value):
        raise ValueError("use lower-case letters, digits and _, 40 at most")
    return value


def _check_way(value: str | tuple[str, ...]) -> tuple[str, ...]:
    way = tuple(value.split(".")) if isinstance(value, str) else value
    if not all(way):
        raise ValueError("write a field as name or outer.inner, or as a list of names when one has a dot in it")
    return way


Word = Annotated[str, AfterValidator(_check_word)]
Way = Annotated[str | tuple[str, ...], AfterValidator(_check_way)]


class LogFields(Section):
    """Where in an entry each thing stands; those that a log lacks are simply never found."""

    operation: Way = Field("operation", description="what was done", validate_default=True)
    stage: Way = Field("metadata.action", description="begun, done or failed", validate_default=True)
    success: Way = Field("metadata.success", description="true or false", validate_default=True)
    error_type: Way = Field("metadata.errorType", description="kind of the error", validate_default=True)
    duration: Way = Field("duration", description="how long it took", validate_default=True)
    level: Way = Field("level", description="severity of the entry", validate_default=True)
    timestamp: Way = Field(
        "timestamp", description="when, as RFC 3339 or Unix seconds or milliseconds", validate_default=True
    )
    correlation_id: Way = Field("correlationId", description="becomes an exemplar", validate_default=True)
    personal: tuple[Way, ...] = Field(
        ("userId",), description="fields whose values are never shown, wherever they turn up", validate_default=True
    )

    def ways(self) -> dict[str, tuple[str, ...]]:
        """Every field by its name here."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name != "personal"}
        return {**found, **{f"personal{i}": tuple(way) for i, way in enumerate(self.personal)}}

    @model_validator(mode="after")
    def _no_way_through_another(self) -> Self:
        ways = set(self.ways().values())
        for way in ways:
            if any(way[:length] in ways for length in range(1, len(way))):
                raise ValueError(f"{'.'.join(way)} lies inside another field that is read as a value")
        return self


class DatabaseWork(Section):
    """Which operations always ask the database, and which of their errors mean that it failed.

    Success is taken for the database's success; an error of another type says nothing about it and is not counted.
    """

    operations: tuple[Word, ...] = Field(("contribution", "win"), description="operations that never end without it")
    error_types: tuple[str, ...] = Field(
        ("database", "database_error", "database_timeout", "pool_timeout", "deadlock", "DatabaseError"),
        description="types of errors that are the database's",
    )


class LogSettings(Schedule):
    """One log of JSON lines; the defaults are the entries of the monitoring guide."""

    path: str = Field(description="the file, or a pattern with * and ? for several", min_length=1)
    name: str | None = Field(None, description="value of the label `log`; default: the path")
    archives: tuple[str, ...] = Field(
        (), description="patterns of the rotated files; default: by name, in the same folder"
    )
    start: Literal["end", "beginning"] = Field(
        "end", description="where to begin in a file that is there when nothing is known yet"
    )
    linger: Seconds = Field(60.0, description="how long a rotated file must be quiet before it counts as finished")
    max_files: int = Field(100, ge=1, le=1000, description="files of a pattern that are followed, the newest first")
    max_line_bytes: int = Field(256 * 1024, ge=4096, le=2**20, description="longer lines are skipped and counted")

    fields: LogFields = Field(LogFields(), description="which field is what")
    duration_unit: Literal["s", "ms", "us", "ns"] = Field("ms", description="unit of the durations")
    operations: dict[str, Word] = Field(
        {f"jackpot_{name}": name for name in OPERATIONS},
        description="the entry's word for an operation, and the value of the label; other entries are no operations",
    )
    not_finished: tuple[str, ...] = Field(("START",), description="stages that are not the end of an operation")
    outcomes: dict[str, Outcome] = Field(
        {"SUCCESS": Outcome.SUCCESS, "ERROR": Outcome.ERROR, "TIMEOUT": Outcome.TIMEOUT},
        description="what a stage says about the outcome",
    )
    config_changes: tuple[str, ...] = Field(("config_change",), description="operations that are changes of settings")
    error_types: tuple[str, ...] = Field((), description="types of errors that are known in advance, of any shape")
    max_error_types: int = Field(
        50, ge=0, le=500, description="further types that become label values; the rest is other"
    )
    database: DatabaseWork = Field(DatabaseWork(), description="what says something about the database")

    @property
    def label(self) -> str:
        return self.name or self.path

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        if not Path(self.path).is_absolute():
            raise ValueError("path must be absolute")
        if self.path.endswith((".gz", ".bz2", ".xz", ".zst")):
            raise ValueError("path must name the log itself, not its compressed files")
        return self
