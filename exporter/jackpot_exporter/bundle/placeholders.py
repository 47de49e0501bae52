"""Grafana's variables replaced by sample values, so that a dashboard's PromQL can be judged without Grafana."""

from __future__ import annotations

import re

SAMPLES = {"__rate_interval": "5m", "__interval": "1m", "__range": "1d", "__range_s": "86400", "system": "jackpot"}

_REFERENCE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


def expand(expr: str) -> str:
    """`expr` as Prometheus could get it. A variable that only stands in a matcher stays: any text is right there."""
    return _REFERENCE.sub(lambda match: SAMPLES.get(match[1] or match[2], match[0]), expr)
