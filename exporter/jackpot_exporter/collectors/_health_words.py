"""How services say that they are well: their words, the names of their checks, their numbers and times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Status(StrEnum):
    """What all words come down to, the better first."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Final = {status: rank for rank, status in enumerate(Status)}

_WORDS: Final[Mapping[Status, str]] = {
    Status.HEALTHY: "healthy up ok okay pass passing passed good green running alive live ready operational connected"
    " working available online success successful normal active serving true yes",
    Status.DEGRADED: "degraded warn warning yellow partial partially_degraded partial_outage impaired slow limited"
    " degraded_performance maintenance",
    Status.UNHEALTHY: "unhealthy down fail failed failing failure failures error errors critical red dead stopped"
    " outage major_outage disconnected timeout timed_out unavailable unreachable offline out_of_service not_serving"
    " not_ready not_operational broken bad false no",
}
_STATUS_OF: Final = {word: status for status, words in _WORDS.items() for word in words.split()}

_NAME_MAX: Final = 64
_ALIASES: Final = {
    "cache": "cache redis redis_cache caching memcached valkey cache_backend",
    "database": "database db postgres postgresql pg mysql mariadb sql sqlserver mssql rdbms datasource data_source "
    "database_backend primary_database database_connection",
}
_NAME_OF: Final = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
_ENDING: Final = re.compile(
    r"(?<=[a-z0-9])_(?:health_?check|health_?indicator|health|check|indicator|status|backend)\Z"
)

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(4096)
def snake(name: str) -> str:
    """A key in one spelling: `paymentGateway`, `payment-gateway` and `Payment Gateway` become `payment_gateway`."""
    return _NO_WORD.sub("_", _CAMEL.sub("_", name[:200]).lower()).strip("_")


def check_name(name: str) -> str:
    """The label value for a check: snake case, at most 64 characters, `database` and `cache` under those names."""
    plain = snake(name)
    plain = _ENDING.sub("", plain)
    return _NAME_OF.get(plain, plain)[:_NAME_MAX]


def status_of(value: object, words: Mapping[str, Status]) -> Status | None:
    """What this word, truth value or gRPC-like text means; None when it is no word known here."""
    if isinstance(value, bool):
        return Status.HEALTHY if value else Status.UNHEALTHY
    if not isinstance(value, str):
        return None
    word = snake(value)
    return words.get(word) or _STATUS_OF.get(word)


def worst(*statuses: Status | None) -> Status | None:
    """The worst of those that are known."""
    return max((s for s in statuses if s is not None), key=lambda s: s.rank, default=None)


def number_of(value: object) -> float | None:
    """A finite number, also when it is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:40] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_UNIT_SECONDS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
    "millis": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3, "in_ms": 1e-3, "in_millis": 1e-3,
    "micros": 1e-6, "microseconds": 1e-6, "nanos": 1e-9, "nanoseconds": 1e-9,
    "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "in_seconds": 1.0, "minutes": 60.0, "hours": 3600.0,
}  # fmt: skip
_TIMESPAN: Final = re.compile(r"(?:(\d{1,6})[.:])?(\d{1,4}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)\Z")
_WITH_UNITS: Final = re.compile(r"(?:(\d{1,15}(?:\.\d{1,12})?)\s*([a-zµμ]+)\s*)")


@lru_cache(4096)
def split_unit(key: str) -> tuple[str, float | None]:
    """`response_time_ms` as `response_time` and 0.001; None where the key names no unit."""
    for words in (2, 1):
        parts = key.rsplit("_", words)
        unit = "_".join(parts[1:])
        if len(parts) == words + 1 and unit in _UNIT_SECONDS:
            return parts[0], _UNIT_SECONDS[unit]
    return key, None


def unit_seconds(unit: object) -> float | None:
    """How many seconds this unit has."""
    return _UNIT_SECONDS.get(unit.strip().lower()) if isinstance(unit, str) else None


def seconds_of(value: object, unit: float) -> float | None:
    """A time in seconds: a number of `unit` seconds, `45ms`, `1h2m3.5s`, or a .NET time span `00:00:00.045`."""
    number = number_of(value)
    if number is not None:
        return number * unit if number >= 0 else None
    if not isinstance(value, str) or len(value) > 60:
        return None
    text = value.strip().lower()
    if span := _TIMESPAN.match(text):
        days, hours, minutes, seconds = (float(part or 0) for part in span.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + seconds
    parts = _WITH_UNITS.findall(text)
    if not parts or "".join(_WITH_UNITS.sub("", text).split()):
        return None
    units = [_UNIT_SECONDS.get(name) for _, name in parts]
    if None in units:
        return None
    return sum(float(amount) * (size or 0) for (amount, _), size in zip(parts, units, strict=True))


def ratio_of(value: object, *, is_percent: bool = False) -> float | None:
    """A share between 0 and 1; above 1, ending in %, or from a field called percent, it is taken for percent."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        value, is_percent = value.rstrip()[:-1], True
    number = number_of(value)
    if number is None or number < 0:
        return None
    number = number / 100 if is_percent or number > 1 else number
    return number if number <= 1 else None
