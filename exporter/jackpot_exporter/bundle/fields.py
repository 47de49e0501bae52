"""Kinds of fields that several files share, as pydantic reads them and as editors are told of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from .durations import Duration


def _duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration is text with a unit, like 30s, 5m or 7d")
    return Duration.parse(value)


DurationText = Annotated[
    Duration,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]+(y|w|d|h|m|s|ms))+$", "examples": ["5m"]}),
]
