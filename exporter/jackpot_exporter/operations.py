"""What the log tail and the instrumentation say alike: operations, their outcomes, the buckets of their durations.

Standard library only: a service that instruments itself loads this.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"


OPERATIONS = ("contribution", "win", "pool_query")
"""Those of a jackpot service."""

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Seconds. Every threshold of a rule is one of them."""

LONGEST_SECONDS = 1e7
"""A longer duration is a mistake of the clock or of the unit."""


def failure_outcome(error_type: object) -> Outcome:
    """A type whose name ends in timeout is a time-out, every other one an error."""
    is_timeout = isinstance(error_type, str) and error_type.lower().endswith("timeout")
    return Outcome.TIMEOUT if is_timeout else Outcome.ERROR
