"""A report as JSON: numbers as they are, in the unit that stands beside them; null where there is no data."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

from .model import Report


def report_document(report: Report) -> dict[str, Any]:
    """What JSON can hold of it."""
    found: dict[str, Any] = _plain(report)
    found["status"] = report.status.value
    found["findings"] = _plain(report.findings)
    found["is_complete"] = report.is_complete
    return found


def render_json(report: Report) -> bytes:
    return json.dumps(report_document(report), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
