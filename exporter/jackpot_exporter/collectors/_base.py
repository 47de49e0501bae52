"""What a collector is: an async generator of items, and the record that describes it to the rest.

A collector has no timeout, no retry and no logging: the runner does these. What it yields before it fails is
shown (`redis_up 0`); what it did not get to yield keeps its last value until that is stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..clients import Clients
from ..config import CollectorSection
from ..model import Collector, MetricSpec


@dataclass(frozen=True, slots=True)
class CollectorType:
    """Describes one kind of collector; each module in this folder has one, called TYPE.

    `build` gets the collector's settings, its timeout in seconds and the target's clients, and returns None
    when the source it reads is not configured.
    """

    name: str
    help: str
    section: CollectorSection
    metrics: tuple[MetricSpec, ...]
    build: Callable[[Any, float, Clients], Collector | None]
    rank: int = 50
    """Of two collectors that give the same series, the lower is believed; equals go by name."""
