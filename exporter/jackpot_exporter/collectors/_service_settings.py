"""How the watched services are reached, and how what they say is read."""

from __future__ import annotations

from pydantic import Field, field_validator

from ..clients.http_options import HttpOptions, HttpUrl
from ..config import Schedule, Source
from ._health_document import FIELDS, Reading
from ._health_words import Status, snake


class HealthReading(HttpOptions):
    """A service's health endpoint: how to reach it, and what its words mean where they are not the usual ones."""

    fields: dict[str, str] = Field(
        default_factory=dict,
        description=f"where a field stands, as uptime: process.up_ms; fields: {', '.join(FIELDS)}",
    )
    words: dict[str, Status] = Field(
        default_factory=dict, description="what its words for states mean, as sleepy: degraded"
    )
    dependencies: dict[str, str] = Field(
        default_factory=dict, description="other names for its checks, as main_pg: database"
    )
    time_unit: str = Field("ms", pattern="^(ms|s)$", description="unit of response times whose name does not tell it")

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(value.keys() - FIELDS.keys()):
            raise ValueError(f"{', '.join(unknown)} is not a field; fields are {', '.join(FIELDS)}")
        return value

    def reading(self) -> Reading:
        return Reading(
            {snake(word): status for word, status in self.words.items()},
            self.fields,
            {snake(name): snake(label) for name, label in self.dependencies.items()},
            0.001 if self.time_unit == "ms" else 1.0,
        )


class ServiceSettings(HealthReading, Source, Schedule):
    """The watched service, by what it says of itself."""

    health_url: HttpUrl | None = Field(None, description="its health endpoint, in any of the usual forms")
    database_health_url: HttpUrl | None = Field(
        None, description="a further endpoint that tells of its database connections"
    )
    metrics_url: HttpUrl | None = Field(None, description="its own metrics as JSON, see `reported`")
    max_dependencies: int = Field(50, ge=1, le=1000, description="checks beyond are left out and counted")
